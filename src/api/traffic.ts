// How many bytes a program reads and leaves behind, and what it multiplies: what speed and memory follow from.
import type { KvDType } from '../backends/backend.ts'
import { shareRead, weightBytesRead, weightElements } from '../backends/traffic.ts'
import { cacheRowBytes, type Program, programWeights } from '../graph/ops.ts'

export interface Cost {
  /** Bytes of weights that a step of one token reads. */
  readonly weightBytes: number
  /** Bytes of cache that a token leaves behind. */
  readonly kvBytesPerToken: number
  /** Weights that a token of a prompt is multiplied with: all but the output matrix, which only rows with logits meet. */
  readonly multiplications: number
}

export function costOf(program: Program, kvDType: KvDType): Cost {
  let multiplications = 0
  for (const op of program.ops) {
    const multiplies = op.kind === 'matmul' || op.kind === 'matmulExperts' || op.kind === 'matmulHeads'
    if (!multiplies || op.outputs[0]!.shape[0] !== 'T') continue
    for (const weight of op.weights) multiplications += weightElements(weight) * shareRead(op, weight)
  }
  return {
    weightBytes: weightBytesRead(program),
    kvBytesPerToken: kvBytesPerToken(program, kvDType),
    multiplications,
  }
}

/** Number of weights, each counted once. */
export function parametersOf(program: Program): number {
  return programWeights(program).reduce((sum, weight) => sum + weightElements(weight), 0)
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
