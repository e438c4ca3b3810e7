// The reference backend against the naive evaluator, on larger shapes and all combinations.
import { referenceBackend } from '../../src/backends/reference/reference.ts'
import { largeCases } from './cases/all.ts'
import { naive } from './naive.ts'
import { conformance } from './suite.ts'

/** Every so manieth case: plain JavaScript is slow. The CPU backend is held to all of them (cpu.full.test.ts). */
const EVERY = 3
const cases = largeCases.filter((_, i) => i % EVERY === 0)
conformance('reference, large', referenceBackend, async c => naive(c), { cases })
