// The CPU backend against the naive evaluator, at the level that TORCHLESS_CPU names or else the best one.
import { cpuBackend } from '../../src/backends/cpu/cpu.ts'
import { unitCases } from './cases/all.ts'
import { naive } from './naive.ts'
import { conformance } from './suite.ts'

conformance('cpu', cpuBackend, async c => naive(c), {
  cases: unitCases,
  quantizedOracle: async c => naive(c, { quantizeActivations: true }),
})
