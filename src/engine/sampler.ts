// From logits to the next token: penalties, temperature, top-k, softmax, top-p, min-p, draw, in this order.
import type { Logits, Want } from '../backends/backend.ts'
import { bestIndices } from '../backends/logits.ts'
import { ComputationError, InvalidOptionError } from '../errors.ts'

export interface SamplerOptions {
  /** Divides the logits; 0 takes the best token always. Default 0.7. */
  readonly temperature?: number | undefined
  /** Keep the k best tokens. Default 0: all. */
  readonly topK?: number | undefined
  /** Keep the best tokens whose probabilities reach this sum. Default 1: all. */
  readonly topP?: number | undefined
  /** Drop tokens less probable than this share of the best one's probability. Default 0: none. */
  readonly minP?: number | undefined
  /** Divides positive and multiplies negative logits of tokens seen of late (arXiv:1909.05858). Default 1: off. */
  readonly repeatPenalty?: number | undefined
  /** Taken from the logit of each token seen of late. Default 0. */
  readonly presencePenalty?: number | undefined
  /** Taken from the logit of a token for each time it was seen of late. Default 0. */
  readonly frequencyPenalty?: number | undefined
  /** How many tokens back penalties look; -1 is all. Default 64. */
  readonly repeatLastN?: number | undefined
  /** The same seed draws the same numbers. Default: a random one. */
  readonly seed?: number | undefined
}

/** Which token ids may come next: bit `id & 31` of word `id >> 5`. */
export type TokenMask = Uint32Array

/** Tokens that may come next. */
export interface Candidates {
  readonly ids: Int32Array
  /** In the order of `ids`; they sum to 1. */
  readonly probabilities: Float64Array
}

export interface Sampler {
  /** How much of a row of logits `distribution` needs. */
  readonly want: Want
  /** Whether the same logits are drawn from alike every time: the best, or by a seed. */
  readonly repeatable?: boolean
  /** What may follow `history`, given one row of logits. */
  distribution(logits: Logits, history: readonly number[], mask?: TokenMask): Candidates
  draw(candidates: Candidates): number
}

export function createSampler(options: SamplerOptions = {}): Sampler {
  const o = withDefaults(options)
  check('temperature', o.temperature, 0, Number.MAX_VALUE)
  check('topK', o.topK, 0, 2 ** 31 - 1)
  check('topP', o.topP, 0, 1)
  check('minP', o.minP, 0, 1)
  check('repeatPenalty', o.repeatPenalty, Number.MIN_VALUE, Number.MAX_VALUE)
  check('presencePenalty', o.presencePenalty, -Number.MAX_VALUE, Number.MAX_VALUE)
  check('frequencyPenalty', o.frequencyPenalty, -Number.MAX_VALUE, Number.MAX_VALUE)
  check('repeatLastN', o.repeatLastN, -1, Number.MAX_SAFE_INTEGER)
  for (const name of ['topK', 'repeatLastN', 'seed'] as const)
    if (o[name] !== undefined && !Number.isInteger(o[name]))
      throw new InvalidOptionError(`${name}: expected a whole number, found ${o[name]}`)
  const penalized = o.repeatPenalty !== 1 || o.presencePenalty !== 0 || o.frequencyPenalty !== 0
  const random = randomNumbers(o.seed ?? Math.floor(Math.random() * 2 ** 32))

  return {
    repeatable: o.temperature === 0 || o.seed !== undefined,
    want: penalized ? 'full' : o.temperature === 0 ? 'argmax' : o.topK > 0 ? { top: o.topK } : 'full',

    distribution(logits, history, mask) {
      if (logits.rows !== 1)
        throw new InvalidOptionError(`sampler: expected one row of logits, found ${logits.rows}`)
      if (mask && o.temperature === 0 && !penalized && !logits.ids)
        return { ids: Int32Array.of(bestAllowed(logits.values, mask)), probabilities: Float64Array.of(1) }
      let { ids, values } = mask
        ? masked(logits, mask)
        : { ids: logits.ids ?? range(logits.width), values: logits.values }
      if (penalized) values = penalize(ids, values, history, o)
      if (o.temperature === 0) {
        const best = pick(ids, values, bestIndices(values, 1))
        if (Number.isNaN(best.values[0])) throw new ComputationError()
        return { ids: best.ids, probabilities: Float64Array.of(1) }
      }
      if (o.topK > 0 && o.topK < values.length)
        ({ ids, values } = pick(ids, values, bestIndices(values, o.topK)))
      let candidates = softmax(ids, values, o.temperature)
      if (o.topP < 1) candidates = keepTopP(candidates, o.topP)
      if (o.minP > 0) candidates = keepMinP(candidates, o.minP)
      return candidates
    },

    draw({ ids, probabilities }) {
      let left = random()
      for (let i = 0; i < ids.length; i++) {
        left -= probabilities[i]!
        if (left < 0) return ids[i]!
      }
      // Rounding may leave a crumb: it belongs to the last candidate that can be drawn at all.
      return ids[probabilities.findLastIndex(p => p > 0)]!
    },
  }
}

function withDefaults({
  temperature = 0.7,
  topK = 0,
  topP = 1,
  minP = 0,
  repeatPenalty = 1,
  presencePenalty = 0,
  frequencyPenalty = 0,
  repeatLastN = 64,
  seed,
}: SamplerOptions) {
  return {
    temperature,
    topK,
    topP,
    minP,
    repeatPenalty,
    presencePenalty,
    frequencyPenalty,
    repeatLastN,
    seed,
  }
}

function check(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most))
    throw new InvalidOptionError(`${name}: expected a number from ${least} to ${most}, found ${value}`)
}

function range(length: number): Int32Array {
  const ids = new Int32Array(length)
  for (let i = 0; i < length; i++) ids[i] = i
  return ids
}

/** The only id that a mask allows; undefined where it allows several, or none. */
export function onlyAllowed(mask: TokenMask): number | undefined {
  let only: number | undefined
  for (let at = 0; at < mask.length; at++) {
    const word = mask[at]!
    if (word === 0) continue
    if (only !== undefined || (word & (word - 1)) !== 0) return undefined
    only = 32 * at + lowestBit(word)
  }
  return only
}

/** The best allowed id, the lowest of equals: as sorting would tell, without any array. */
function bestAllowed(values: Float32Array, mask: TokenMask): number {
  let [best, greatest, any] = [-1, -Infinity, false]
  for (let at = 0; at < mask.length && 32 * at < values.length; at++)
    for (let word = mask[at]!; word !== 0; word &= word - 1) {
      const id = 32 * at + lowestBit(word)
      if (id >= values.length) break
      any = true
      const value = values[id]!
      if (value > greatest || (best < 0 && value === greatest)) [best, greatest] = [id, value]
    }
  if (!any) throw nothingAllowed()
  if (best < 0) throw new ComputationError()
  return best
}

/** What a mask leaves of a row. */
function masked({ ids, values }: Logits, mask: TokenMask): { ids: Int32Array; values: Float32Array } {
  const kept = ids ? ids.filter(id => (mask[id >> 5]! >>> (id & 31)) & 1) : allowedIds(mask, values.length)
  if (kept.length === 0) throw nothingAllowed()
  const left = new Float32Array(kept.length)
  if (ids) {
    let count = 0
    for (let i = 0; count < kept.length; i++) if (ids[i] === kept[count]) left[count++] = values[i]!
  } else for (let i = 0; i < kept.length; i++) left[i] = values[kept[i]!]!
  return { ids: kept, values: left }
}

/** Ids below `end`, in ascending order. */
function allowedIds(mask: TokenMask, end: number): Int32Array {
  const ids = new Int32Array(end)
  let count = 0
  for (let at = 0; at < mask.length && 32 * at < end; at++)
    for (let word = mask[at]!; word !== 0; word &= word - 1) {
      const id = 32 * at + lowestBit(word)
      if (id < end) ids[count++] = id
    }
  return ids.subarray(0, count)
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

function nothingAllowed(): InvalidOptionError {
  return new InvalidOptionError('sampler: the mask allows no token')
}

function pick(ids: Int32Array, values: Float32Array, indices: Int32Array) {
  return { ids: indices.map(i => ids[i]!), values: Float32Array.from(indices, i => values[i]!) }
}

function penalize(
  ids: Int32Array,
  values: Float32Array,
  history: readonly number[],
  { repeatLastN, repeatPenalty, presencePenalty, frequencyPenalty }: ReturnType<typeof withDefaults>,
): Float32Array {
  const counts = new Map<number, number>()
  const first = repeatLastN < 0 ? 0 : Math.max(0, history.length - repeatLastN)
  for (let i = first; i < history.length; i++) counts.set(history[i]!, (counts.get(history[i]!) ?? 0) + 1)
  return values.map((value, i) => {
    const count = counts.get(ids[i]!)
    if (!count) return value
    const scaled = value <= 0 ? value * repeatPenalty : value / repeatPenalty
    return scaled - count * frequencyPenalty - presencePenalty
  })
}

function softmax(ids: Int32Array, values: Float32Array, temperature: number): Candidates {
  let greatest = -Infinity
  for (let i = 0; i < values.length; i++) if (values[i]! > greatest) greatest = values[i]!
  if (greatest === -Infinity) throw new ComputationError()
  const weights = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value === greatest) weights[i] = 1
    // What is not a number is no candidate.
    else if (value < greatest) weights[i] = Math.exp((value - greatest) / temperature)
  }
  return normalized(ids, weights)
}

/** The fewest best candidates whose probabilities reach `p` (arXiv:1904.09751). */
function keepTopP({ ids, probabilities }: Candidates, p: number): Candidates {
  const values = Float32Array.from(probabilities)
  for (let count = 64; ; count *= 8) {
    // Sorting a whole vocabulary costs more than the step's arithmetic: look at the best few first.
    const best = bestIndices(values, Math.min(count, values.length))
    let sum = 0
    for (let i = 0; i < best.length; i++) {
      sum += probabilities[best[i]!]!
      if (sum >= p || i + 1 === values.length) return keep({ ids, probabilities }, best.subarray(0, i + 1))
    }
  }
}

function keepMinP(candidates: Candidates, p: number): Candidates {
  const { probabilities } = candidates
  let greatest = 0
  for (let i = 0; i < probabilities.length; i++) greatest = Math.max(greatest, probabilities[i]!)
  const kept = new Int32Array(probabilities.length)
  let count = 0
  for (let i = 0; i < probabilities.length; i++) if (probabilities[i]! >= p * greatest) kept[count++] = i
  return keep(candidates, kept.subarray(0, count))
}

function keep({ ids, probabilities }: Candidates, indices: Int32Array): Candidates {
  return normalized(
    indices.map(i => ids[i]!),
    Float64Array.from(indices, i => probabilities[i]!),
  )
}

/** Takes the weights for its own. */
function normalized(ids: Int32Array, weights: Float64Array): Candidates {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i]!
  for (let i = 0; i < weights.length; i++) weights[i] = weights[i]! / sum
  return { ids, probabilities: weights }
}

/** Uniform numbers in [0, 1): sfc32 (Chris Doty-Humphrey's small fast chaotic generator), seeded by one number. */
function randomNumbers(seed: number): () => number {
  let [a, b, c, counter] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, 0x9e3779b9 | 0, 1]
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 15; i++) next()
  return () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53
}
