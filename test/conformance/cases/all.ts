// Every case, in two lists: those of seconds, for each run of the unit tests, and the rest.
import type { CaseMaker } from '../case.ts'
import { attentionCases, largeAttentionCases } from './attention.ts'
import { elementwiseCases } from './elementwise.ts'
import { expertCases } from './experts.ts'
import { logitsCases } from './logits.ts'
import { largeMatmulCases, matmulCases } from './matmul.ts'
import { smallModelCases } from './model.ts'
import { ropeCases } from './rope.ts'

export const unitCases: readonly CaseMaker[] = [
  ...elementwiseCases,
  ...matmulCases,
  ...ropeCases,
  ...attentionCases,
  ...logitsCases,
  ...expertCases,
  ...smallModelCases,
]

const unitNames = new Set(unitCases.map(({ name }) => name))

/** Without the combinations that the first list has too. */
export const largeCases: readonly CaseMaker[] = [...largeMatmulCases, ...largeAttentionCases].filter(
  ({ name }) => !unitNames.has(name),
)
