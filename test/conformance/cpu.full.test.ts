// The CPU backend on every level that this machine can run but the best, which cpu.test.ts has, and with odd numbers of threads.
import { cpuBackendOf } from '../../src/backends/cpu/cpu.ts'
import { nativeLibrary, openNativeLibrary, usualPlaces } from '../../src/ffi/library.ts'
import { largeCases, unitCases } from './cases/all.ts'
import { cpuRounding } from './cpu.ts'
import { naive } from './naive.ts'
import { conformance, remembered } from './suite.ts'

const oracle = remembered(async c => naive(c))
const best = await nativeLibrary()
const places = await usualPlaces()

for (const level of best.runnable.filter(level => level !== best.level)) {
  const library = await openNativeLibrary({ ...places, env: { ...places.env, TORCHLESS_CPU: level } })
  const options = { cases: unitCases, rounded: cpuRounding(level) }
  conformance(`cpu, ${level}`, () => cpuBackendOf(library), oracle, options)
}

const rounded = cpuRounding(best.level)
/** How work is shared hangs little on what it is. */
const some = unitCases.filter((_, i) => i % 3 === 0)
conformance('cpu, 1 thread', () => cpuBackendOf(best, { threads: 1 }), oracle, { cases: some, rounded })
conformance('cpu, 5 threads, large', () => cpuBackendOf(best, { threads: 5 }), oracle, {
  cases: largeCases,
  rounded,
})
