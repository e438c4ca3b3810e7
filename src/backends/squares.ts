// What backends share that add up the squares of what matrices are multiplied with: how many there are.
import { columns, matmulOperands, type Op } from '../graph/ops.ts'
import type { InputSquares } from './backend.ts'

/** Zeros for the sums of an operation; undefined if it multiplies with no matrix by rows. */
export function emptySquares(op: Op): InputSquares | undefined {
  if (op.kind === 'matmul') {
    const { x, parts } = matmulOperands(op)
    return zeros(
      parts.map(({ weight }) => weight.name),
      1,
      columns(x),
    )
  }
  if (op.kind !== 'matmulExperts') return undefined
  const [experts, , width] = op.weights[0]!.shape
  return zeros(
    op.weights.map(({ name }) => name),
    experts!,
    width!,
  )
}

function zeros(weights: readonly string[], matrices: number, width: number): InputSquares {
  return { weights, sums: new Float64Array(matrices * width), counts: new Float64Array(matrices) }
}
