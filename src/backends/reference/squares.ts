// Sums of squares of what matrices are multiplied with, by column: what importance matrices are made of.
import { columns, matmulOperands, type Op } from '../../graph/ops.ts'
import type { InputSquares } from '../backend.ts'
import { emptySquares } from '../squares.ts'
import { type Kernel, type Memory, readVector, rowCount } from './memory.ts'
import { normalize } from './norms.ts'

/** What adds an operation's input before the operation runs; undefined if it multiplies with no matrix by rows. */
export function squareAdder(
  op: Op,
  memory: Memory,
): { readonly squares: InputSquares; readonly add: Kernel } | undefined {
  const squares = emptySquares(op)
  if (!squares) return undefined
  const { sums, counts } = squares
  const width = sums.length / counts.length
  const input = op.inputs[0]!
  const x = memory.tensor(input)
  const add = (from: Float32Array, at: number, matrix: number) => {
    for (let i = 0; i < width; i++) sums[matrix * width + i]! += from[at + i]! ** 2
    counts[matrix]!++
  }
  if (op.kind === 'matmulExperts') {
    const { used, sum } = op.params
    const routed = memory.tensor(op.inputs[1]!)
    return {
      squares,
      add(batch) {
        for (let t = 0; t < rowCount(input, batch); t++)
          for (let u = 0; u < used; u++)
            add(x, t * columns(input) + (sum ? u * width : 0), routed[2 * used * t + u]!)
      },
    }
  }
  const { norm } = matmulOperands(op as Op<'matmul'>)
  const gain = norm && readVector(norm.gain, memory)
  const normed = norm && new Float32Array(x.length)
  return {
    squares,
    add(batch) {
      const rows = rowCount(input, batch)
      if (norm) normalize(x, normed!, gain!, norm.eps, rows * width)
      for (let r = 0; r < rows; r++) add(normed ?? x, r * width, 0)
    },
  }
}
