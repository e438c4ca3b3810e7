// How many bytes a program reads and leaves behind, and what it multiplies: what speed and memory follow from.
import type { KvDType } from '../backends/backend.ts'
import { cacheRowBytes, type Program, type Weight } from '../graph/ops.ts'
import { bytesFor, type QuantName } from '../quant/quants.ts'

export interface Cost {
  /** Bytes of weights that a step of one token reads. */
  readonly weightBytes: number
  /** Bytes of cache that a token leaves behind. */
  readonly kvBytesPerToken: number
  /** Weights that a token of a prompt is multiplied with: all but the output matrix, which only rows with logits meet. */
  readonly multiplications: number
}

export function costOf(program: Program, kvDType: KvDType): Cost {
  const bytes = new Map<string, number>()
  let multiplications = 0
  for (const op of program.ops) {
    // Of a table single rows are taken.
    if (op.kind === 'embed') continue
    // Of experts only those that were chosen: for one token.
    const share = (weight: Weight) => (op.kind === 'matmulExperts' ? op.params.used / weight.shape[0]! : 1)
    const multiplies = op.kind === 'matmul' || op.kind === 'matmulExperts' || op.kind === 'matmulHeads'
    for (const weight of op.weights) {
      bytes.set(weight.name, bytesFor(weight.type as QuantName, elements(weight)) * share(weight))
      if (multiplies && op.outputs[0]!.shape[0] === 'T') multiplications += elements(weight) * share(weight)
    }
  }
  return {
    weightBytes: [...bytes.values()].reduce((sum, size) => sum + size, 0),
    kvBytesPerToken: kvBytesPerToken(program, kvDType),
    multiplications,
  }
}

function elements({ shape }: Weight): number {
  return shape.reduce((product, dim) => product * dim, 1)
}

/** Bytes of cache that a token leaves behind. */
export function kvBytesPerToken(program: Program, kvDType: KvDType): number {
  const elementBytes = kvDType === 'f16' ? 2 : 4
  return program.caches.reduce((sum, cache) => sum + cacheRowBytes(program, cache, elementBytes), 0)
}

/** Bytes of cache for `tokens` of context; windowed layers keep no more than their window. */
export function cacheBytes(program: Program, tokens: number, kvDType: KvDType): number {
  return program.caches.reduce((sum, cache) => {
    const group = program.groups[cache.group]!
    const positions = group.kind === 'window' ? Math.min(group.window, tokens) : tokens
    return sum + positions * cacheRowBytes(program, cache, kvDType === 'f16' ? 2 : 4)
  }, 0)
}
