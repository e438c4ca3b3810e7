// The reference backend against the naive evaluator: what all other backends are compared with is right itself.
import { referenceBackend } from '../../src/backends/reference/reference.ts'
import { unitCases } from './cases/all.ts'
import { naive } from './naive.ts'
import { conformance } from './suite.ts'

conformance('reference', referenceBackend, async c => naive(c), { cases: unitCases })
