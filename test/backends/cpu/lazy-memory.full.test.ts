// Memory as Linux counts it: a model of 400 MB in 48 MB, and what inspect says before.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { inspectModel } from '../../../src/index.ts'
import { temporaryFolder } from '../../support/fixture-file.ts'
import { writeLongModel } from './long-step.ts'

const folder = temporaryFolder()
const path = join(folder, 'large.gguf')
const CONTEXT = 600
const MIB = 2 ** 20

describe.runIf(process.platform === 'linux')('a model of 400 MB', () => {
  beforeAll(() =>
    writeLongModel(path, {
      ...{ layers: 12, dim: 1024, hidden: 4096, heads: 16, kvHeads: 4 },
      ...{ context: CONTEXT, type: 'F16' },
    }),
  )

  test('runs in 48 MB and its cache', async () => {
    const { growth, cache } = await run({ lazyMemory: 48 * MIB, prompt: 5, decoded: 8 })
    expect(growth).toBeLessThan(48 * MIB + 32 * cache)
  })

  test.each([
    { mode: 'eager', lazyMemory: undefined },
    { mode: 'lazy', lazyMemory: 128 * MIB },
  ] as const)('$mode, takes what inspect says', async ({ mode, lazyMemory }) => {
    const { memory } = await inspectModel(path, { lazyMemory })
    const { growth } = await run({ lazyMemory, prompt: CONTEXT - 1, decoded: 1 })
    expect(Math.abs(memory![mode] / growth - 1), `${memory![mode]} and ${growth}`).toBeLessThan(0.05)
  })
})

interface Run {
  readonly lazyMemory: number | undefined
  readonly prompt: number
  readonly decoded: number
}

async function run({
  lazyMemory = '',
  prompt,
  decoded,
}: Omit<Run, 'lazyMemory'> & { lazyMemory?: number | '' | undefined }) {
  const script = join(import.meta.dirname, 'memory.child.ts')
  // A small nursery: JavaScript's young objects are not what is measured.
  const args = [
    '--expose-gc',
    '--max-semi-space-size=2',
    '--import',
    'tsx',
    script,
    path,
    ...[lazyMemory, prompt, decoded].map(String),
  ]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as { growth: number; seconds: number; cache: number }
}
