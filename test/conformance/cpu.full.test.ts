// The CPU backend on every level that this machine can run, and with odd numbers of threads.
import { cpuBackendOf } from '../../src/backends/cpu/cpu.ts'
import { nativeLibrary, openNativeLibrary, usualPlaces } from '../../src/ffi/library.ts'
import { largeCases, unitCases } from './cases/all.ts'
import { type NaiveOptions, naive } from './naive.ts'
import { conformance, type Oracle } from './suite.ts'

const oracle =
  (options: NaiveOptions = {}): Oracle =>
  async c =>
    naive(c, options)
const quantizedOracle = oracle({ quantizeActivations: true })
const { runnable } = await nativeLibrary()
const places = await usualPlaces()

for (const level of runnable) {
  const library = await openNativeLibrary({ ...places, env: { ...places.env, TORCHLESS_CPU: level } })
  const options = { cases: unitCases, quantizedOracle }
  conformance(`cpu, ${level}`, () => cpuBackendOf(library), oracle(), options)
}

const best = await nativeLibrary()
conformance('cpu, 1 thread', () => cpuBackendOf(best, 1), oracle(), { cases: unitCases, quantizedOracle })
conformance('cpu, 5 threads, large', () => cpuBackendOf(best, 5), oracle(), {
  cases: largeCases,
  quantizedOracle,
})
