import { defineConfig } from 'vitest/config'

// "unit" is what `npm run check` runs: quick, no model files, no child processes. "full" is the rest.
const full = ['test/**/*.full.test.ts']

export default defineConfig({
  test: {
    projects: [
      // Generous: other work on the machine must not fail a test.
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: full,
          testTimeout: 90_000,
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      // One at a time: they start processes of several threads, and watch memory.
      {
        test: {
          name: 'full',
          include: full,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
