// What one token's step reads: its speed follows from that.
import type { Op, Program, Weight } from '../graph/ops.ts'
import { type WeightType, weightBytes } from '../quant/packed.ts'

/** The share of a weight that an operation reads for one token: of experts those that are chosen, of a table single rows. */
export function shareRead(op: Op, weight: Weight): number {
  if (op.kind === 'embed') return 0
  return op.kind === 'matmulExperts' ? op.params.used / weight.shape[0]! : 1
}

export function weightElements({ shape }: Weight): number {
  return shape.reduce((product, dim) => product * dim, 1)
}

/** Bytes of weights that a step of one token reads. */
export function weightBytesRead(program: Program): number {
  const bytes = new Map<string, number>()
  for (const op of program.ops)
    for (const weight of op.weights) {
      const read = weightBytes(weight.type as WeightType, weight.shape) * shareRead(op, weight)
      bytes.set(weight.name, Math.max(read, bytes.get(weight.name) ?? 0))
    }
  return [...bytes.values()].reduce((sum, size) => sum + size, 0)
}
