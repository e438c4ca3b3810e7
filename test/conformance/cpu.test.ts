// The CPU backend against the naive evaluator, at the level that TORCHLESS_CPU names or else the best one.
import { cpuBackend } from '../../src/backends/cpu/cpu.ts'
import { nativeLibrary } from '../../src/ffi/library.ts'
import { unitCases } from './cases/all.ts'
import { cpuRounding } from './cpu.ts'
import { naive } from './naive.ts'
import { conformance } from './suite.ts'

const { level } = await nativeLibrary()
conformance('cpu', cpuBackend, async c => naive(c), { cases: unitCases, rounded: cpuRounding(level) })
