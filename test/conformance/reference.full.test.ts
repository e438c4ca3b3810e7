// The reference backend against the naive evaluator, on larger shapes and all combinations.
import { referenceBackend } from '../../src/backends/reference/reference.ts'
import { largeCases } from './cases/all.ts'
import { naive } from './naive.ts'
import { conformance } from './suite.ts'

conformance('reference, large', referenceBackend, async c => naive(c), { cases: largeCases })
