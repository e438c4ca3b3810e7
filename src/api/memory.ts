// Whether a model fits into memory, said before it is loaded, with what would fit.
import type { KvDType, MemoryNeeds } from '../backends/backend.ts'
import { InsufficientMemoryError } from '../errors.ts'
import type { Program } from '../graph/ops.ts'
import { cacheBytes } from './traffic.ts'

/** Weights in memory in lazy mode unless told otherwise: 1.5 GiB. */
export const DEFAULT_LAZY_MEMORY = 1.5 * 2 ** 30

export interface Fit {
  /** The file's name. */
  readonly name: string
  readonly program: Program
  readonly memory: MemoryNeeds
  readonly kvDType: KvDType
  /** Tokens of context that were asked for: their cache is to fit, too. Undefined where nobody asked. */
  readonly maxSeqLen: number | undefined
}

/** Throws InsufficientMemoryError if the model, with the context that was asked for, does not fit. */
export function checkFit(fit: Fit): void {
  const { name, program, memory, kvDType, maxSeqLen = 0 } = fit
  const { leastLazy, available } = memory
  const cacheOf = (tokens: number) => cacheBytes(program, tokens, kvDType)
  const fixed = memory.weights + memory.results
  const needed = fixed + cacheOf(maxSeqLen)
  if (needed <= available) return
  const left = available - memory.results - cacheOf(maxSeqLen)
  const advice = [
    fixed < available &&
      maxSeqLen > 1 &&
      `a context of ${largest(maxSeqLen, n => fixed + cacheOf(n) <= available)} tokens`,
    leastLazy !== undefined &&
      left >= leastLazy &&
      `lazy mode with ${mebibytes(Math.min(left, DEFAULT_LAZY_MEMORY))} for weights`,
    leastLazy === undefined && left > 2 ** 20 && `less memory for weights: at most ${mebibytes(left)}`,
  ].filter(line => line !== false)
  throw new InsufficientMemoryError(
    `${name}: needs ${mebibytes(needed)} of memory (weights ${mebibytes(memory.weights)}, results ${mebibytes(memory.results)}, ` +
      `context ${mebibytes(cacheOf(maxSeqLen))}), but ${mebibytes(available)} are available; ` +
      (advice.length > 0 ? `what would fit: ${advice.join(', or ')}` : 'no setting would make it fit'),
    needed,
    available,
  )
}

/** The largest number below `limit` that fits; fitting ones are those up to it. */
function largest(limit: number, fits: (n: number) => boolean): number {
  let [low, high] = [0, limit]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (fits(middle)) low = middle
    else high = middle
  }
  return low
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`
}
