// Levels that this machine may not have, under an emulator: what they compute, and that each processor is given the
// level that it can run.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { unitCases } from '../conformance/cases/all.ts'
import { buildDriver, has, run } from './driver.ts'
import { exportCases } from './export.ts'

/** Every so manieth case: emulators are slow, and take minutes for each of those of a thousand positions. */
const EVERY = 7
const emulated = unitCases
  .filter(({ name }) => !/1,000 positions/.test(name))
  .filter((_, i) => i % EVERY === 0)
const THREADS = '2'

const machines = [
  {
    arch: 'x64',
    compiler: 'g++',
    emulator: 'qemu-x86_64',
    processors: { portable: 'Nehalem', avx2: 'Haswell' },
    /** Nehalem has SSE4.2, and AVX is not all of Haswell's level. */
    best: { Nehalem: 'portable', SandyBridge: 'portable', Haswell: 'avx2' },
  },
  {
    arch: 'arm64',
    compiler: 'aarch64-linux-gnu-g++',
    emulator: 'qemu-aarch64',
    processors: { portable: 'cortex-a72', neon: 'neoverse-n1', 'neon-i8mm': 'max' },
    best: { 'cortex-a72': 'portable', 'neoverse-n1': 'neon', max: 'neon-i8mm' },
  },
] as const

let folder: string
let cases: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-replay-'))
  cases = join(folder, 'cases')
  await exportCases(
    cases,
    emulated.map(({ make }) => make()),
  )
}, 60_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

for (const { arch, compiler, emulator, processors, best } of machines) {
  const missing = [(await has(compiler)) ? '' : compiler, (await has(emulator)) ? '' : emulator].filter(
    Boolean,
  )
  const title = missing.length > 0 ? `${arch} (needs ${missing.join(' and ')})` : arch

  describe.skipIf(missing.length > 0)(title, () => {
    const driver = (level: string) => join(folder, `${arch}-${level}`)
    beforeAll(async () => {
      // As a static program, so that no library of the other architecture need be there, and without the masked loads of -O3, which
      // QEMU 7 lets fail where the mask is empty and the address is none.
      await Promise.all(
        Object.keys(processors).map(level =>
          buildDriver(driver(level), { compiler, arch, level, flags: ['-static', '-O2'] }),
        ),
      )
    }, 300_000)

    test.each(Object.entries(processors))('%s on %s', { timeout: 300_000 }, async (level, processor) => {
      const { stdout } = await run(emulator, ['-cpu', processor, driver(level), cases, THREADS])
      expect(stdout).toBe(`${level}: replayed ${emulated.length} cases, 0 failed\n`)
    })

    test.each(Object.entries(best))('%s can run no more than %s', async (processor, level) => {
      const { stdout } = await run(emulator, ['-cpu', processor, driver('portable'), '--detect'])
      expect(stdout.split('\n')[0]).toBe(`best ${level}`)
      const runnable = stdout.split('\n').filter(line => line.endsWith(' 1'))
      expect(runnable.at(-1)).toBe(`${level} 1`)
    })
  })
}
