// How many bytes a program reads and leaves behind, and what it multiplies: what speed and memory follow from.
import type { KvDType } from '../backends/backend.ts'
import { cacheRowBytes, type Program, type Weight } from '../graph/ops.ts'
import { bytesFor, type QuantName } from '../quant/quants.ts'

export interface Cost {
  /** Bytes of weights that every step reads, however few its tokens. */
  readonly weightBytes: number
  /** Bytes of cache that a token leaves behind. */
  readonly kvBytesPerToken: number
  /** Weights that a token of a prompt is multiplied with: all but the output matrix, which only rows with logits meet. */
  readonly multiplications: number
}

export function costOf(program: Program, kvDType: KvDType): Cost {
  const all = new Map<string, Weight>()
  let multiplications = 0
  for (const op of program.ops) {
    // Of a table single rows are taken.
    if (op.kind === 'embed') continue
    for (const weight of op.weights) {
      all.set(weight.name, weight)
      if (op.kind === 'matmul' && op.outputs[0]!.shape[0] === 'T') multiplications += elements(weight)
    }
  }
  const bytes = (weight: Weight) => bytesFor(weight.type as QuantName, elements(weight))
  return {
    weightBytes: [...all.values()].reduce((sum, weight) => sum + bytes(weight), 0),
    kvBytesPerToken: kvBytesPerToken(program, kvDType),
    multiplications,
  }
}

function elements({ shape }: Weight): number {
  return shape.reduce((product, dim) => product * dim, 1)
}

/** Bytes of cache that a token leaves behind. */
export function kvBytesPerToken({ caches }: Program, kvDType: KvDType): number {
  return caches.reduce((sum, cache) => sum + cacheRowBytes(cache, kvDType === 'f16' ? 2 : 4), 0)
}
