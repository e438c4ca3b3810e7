// Compares a model's logits with those that another engine computed, fed in every way a session can be fed.
import { expect } from 'vitest'
import { type LoadOptions, loadModel, type Model } from '../../src/index.ts'
import { best, nmse } from './numbers.ts'

export interface GoldenLogits {
  readonly tokens: readonly number[]
  /** Indices into `tokens` of the rows in `logits`. */
  readonly positions: readonly number[]
  readonly logits: readonly (readonly number[])[]
  /** Best id after each token. */
  readonly argmax: readonly number[]
  /** The context that the answer was computed for. */
  readonly max_seq_len?: number
}

/** Ways to come to logits of all tokens, one row a token; all must agree. */
const feeding: Record<string, (model: Model, tokens: readonly number[]) => Promise<Float32Array[]>> = {
  'in one step': async (model, tokens) => {
    const session = model.session()
    return rows(await session.feed(tokens, { rows: 'all' }))
  },
  'token by token': (model, tokens) => inSteps(model, tokens, 1),
  'in steps of 7': (model, tokens) => inSteps(model, tokens, 7),
  'after a rewind': async (model, tokens) => {
    const session = model.session()
    await session.feed([...tokens.slice(0, 11), ...[...tokens].reverse()])
    session.rewind(9)
    const before = rows(await model.logits(tokens.slice(0, 9), { rows: 'all' }))
    return [...before, ...rows(await session.feed(tokens.slice(9), { rows: 'all' }))]
  },
}

/**
 * Loads the model and expects an NMSE of at most `limit` and equal best ids where the lead is clear. Answers the
 * greatest NMSE.
 */
export async function expectGolden(
  path: string,
  golden: GoldenLogits,
  limit: number,
  options: LoadOptions,
): Promise<number> {
  const model = await loadModel(path, { kvDType: 'f32', maxSeqLen: golden.max_seq_len, ...options })
  try {
    let greatest = 0
    for (const [way, feed] of Object.entries(feeding)) {
      const found = await feed(model, golden.tokens)
      const compared = golden.positions.flatMap(position => [...found[position]!])
      const error = nmse(compared, golden.logits.flat())
      expect(error, way).toBeLessThanOrEqual(limit)
      greatest = Math.max(greatest, error)
      // What a difference of this size may turn round tells nothing.
      const doubt = Math.max(1e-3, 10 * Math.sqrt(error))
      const clear = found.map(best).flatMap(({ index, lead }, i) => (lead > doubt ? [[i, index]] : []))
      expect(clear, way).toEqual(clear.map(([i]) => [i, golden.argmax[i!]]))
    }
    return greatest
  } finally {
    await model.dispose()
  }
}

async function inSteps(model: Model, tokens: readonly number[], size: number): Promise<Float32Array[]> {
  const session = model.session()
  const all: Float32Array[] = []
  for (let i = 0; i < tokens.length; i += size)
    all.push(...rows(await session.feed(tokens.slice(i, i + size), { rows: 'all' })))
  return all
}

function rows({
  values,
  width,
  rows,
}: {
  values: Float32Array
  width: number
  rows: number
}): Float32Array[] {
  return Array.from({ length: rows }, (_, i) => values.subarray(i * width, (i + 1) * width))
}
