import { defineConfig } from 'vitest/config'

// "unit" and "arithmetic" are what `npm run check` runs: quick, no model files, no child processes. "arithmetic" is what hangs on
// no version of Node. "commands" starts torchless as users do, mostly to wait for it. "single" works on one thread. "full" is the rest.
const full = ['test/**/*.full.test.ts']
const commands = ['test/cli/*.full.test.ts']
const single = [
  'test/{formats,grammar,hub,quant,tokenizer}/*.full.test.ts',
  'test/conformance/reference.full.test.ts',
  'test/oracle/{templates,tokenizers}.full.test.ts',
]
const arithmetic = ['test/conformance/{reference,cases,cpu}.test.ts', 'test/backends/cpu/lazy.test.ts']

// Generous: other work on the machine must not fail a test.
const quick = { testTimeout: 90_000, maxWorkers: '100%', sequence: { groupOrder: 0 } }
// One at a time: they start processes of several threads, and watch memory.
const slow = { testTimeout: 300_000, hookTimeout: 300_000, maxWorkers: 1, sequence: { groupOrder: 2 } }
const waiting = { ...slow, maxWorkers: '100%', sequence: { groupOrder: 1 } }

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...full, ...arithmetic], ...quick } },
      { test: { name: 'arithmetic', include: arithmetic, ...quick } },
      { test: { name: 'commands', include: commands, ...waiting } },
      { test: { name: 'single', include: single, ...waiting } },
      { test: { name: 'full', include: full, exclude: [...commands, ...single], ...slow } },
    ],
  },
})
