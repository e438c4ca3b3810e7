// Runs the conformance cases under AddressSanitizer with UndefinedBehaviorSanitizer, then under ThreadSanitizer.
//
//   npx tsx scripts/sanitize.ts [portable avx2 ...]        levels of this machine; default: portable and avx2
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unitCases } from '../test/conformance/cases/all.ts'
import { cpuRounding } from '../test/conformance/cpu.ts'
import { buildDriver, run } from '../test/native/driver.ts'
import { exportCases } from '../test/native/export.ts'

const sanitizers = {
  'address and undefined behaviour': ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'],
  threads: ['-fsanitize=thread'],
}
const THREADS = '3'

const arch = process.arch === 'arm64' ? 'arm64' : 'x64'
const usual = arch === 'arm64' ? ['portable', 'neon'] : ['portable', 'avx2']
const levels = process.argv.length > 2 ? process.argv.slice(2) : usual
const folder = await mkdtemp(join(tmpdir(), 'torchless-sanitize-'))
try {
  const cases = join(folder, 'cases')
  for (const level of levels) {
    await exportCases(
      cases,
      unitCases.map(({ make }) => make()),
      cpuRounding(level).rounding,
    )
    for (const [name, flags] of Object.entries(sanitizers)) {
      const driver = join(folder, 'driver')
      await buildDriver(driver, {
        compiler: process.env.CXX ?? 'g++',
        arch,
        level,
        flags: [...flags, '-O1', '-g'],
      })
      const { stdout, stderr } = await run(driver, [cases, THREADS], { maxBuffer: 2 ** 26 }).catch(error => {
        process.exitCode = 1
        return error as { stdout: string; stderr: string }
      })
      console.log(`${name}: ${stdout}${stderr}`)
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
