// A small llama, recorded, as it is and optimised, fed in every way: everything together must agree.
import type { CacheGroup, RopeParams, Tensor } from '../../../src/graph/ops.ts'
import { optimize } from '../../../src/graph/optimize.ts'
import type { QuantName } from '../../../src/quant/quants.ts'
import { blockTypes } from '../bytes.ts'
import { type CaseMaker, type CaseOptions, define, type Recorder } from '../case.ts'
import { range } from '../random.ts'
import type { Sequences } from '../sequences.ts'

interface Model {
  readonly name: string
  readonly dim: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly hidden: number
  readonly layers: number
  /** Of the matrices, in turn. */
  readonly types: readonly QuantName[]
  /** Biases on q, k and v, norms of each head of q and k, as some families have. */
  readonly extras: boolean
  /** By layer, in turn. */
  readonly groups: readonly CacheGroup[]
  readonly layout: RopeParams['layout']
}

const VOCABULARY = 97

/** `[R, vocabulary]` logits. */
function llama(r: Recorder, model: Model): Tensor {
  const { g } = r
  const { dim, heads, kvHeads, headDim, hidden, layers, extras, layout } = model
  let matrices = 0
  const linear = (x: Tensor, rows: number, columns: number, biased = false) => {
    const weight = r.weight(model.types[matrices++ % model.types.length]!, [rows, columns])
    return g.matmul(x, weight, biased ? r.weight('F32', [rows]) : undefined)
  }
  const frequencies = range(headDim / 2).map(i => 10_000 ** ((-2 * i) / headDim))
  const divisors = r.values(
    [frequencies.length],
    frequencies.map(() => r.random.between(1, 8)),
  )
  const rotate = (x: Tensor) => g.rope(x, { headDim, layout, frequencies, magnitude: 1 }, divisors)
  const headNorm = (x: Tensor) => (extras ? g.rmsNorm(x, r.gain(headDim), 1e-6) : x)

  const table = r.weight(model.types[0]!, [VOCABULARY, dim])
  let x = g.embed(table)
  for (let layer = 0; layer < layers; layer++) {
    g.layer = layer
    const cache = g.cache(model.groups[layer % model.groups.length]!, {
      kvHeads,
      keyDim: headDim,
      valueDim: headDim,
    })
    // Small gains, for attention that looks at more than one position.
    const normed = g.rmsNorm(x, r.gain(dim, 0.1), 1e-5)
    const q = rotate(headNorm(linear(normed, heads * headDim, dim, extras)))
    const k = rotate(headNorm(linear(normed, kvHeads * headDim, dim, extras)))
    const v = linear(normed, kvHeads * headDim, dim, extras)
    const seen = g.attention(q, g.cacheWrite(k, v, cache), { cache, heads, scale: headDim ** -0.5 })
    x = g.add(x, linear(seen, dim, heads * headDim))
    const inner = g.rmsNorm(x, r.gain(dim, 0.1), 1e-5)
    const gated = g.gate(linear(inner, hidden, dim), linear(inner, hidden, dim), 'silu')
    x = g.add(x, linear(gated, dim, hidden))
  }
  g.layer = layers
  return g.matmul(g.rmsNorm(g.rows(x), r.gain(dim), 1e-5), table)
}

/** The same 43 tokens in steps of `size`. */
function inSteps(size: number): (s: Sequences) => void {
  return s => {
    const tokens = range(43).map(() => s.random.below(VOCABULARY))
    const sequence = s.create()
    for (let i = 0; i < tokens.length; i += size) s.step([[sequence, tokens.slice(i, i + size)]])
  }
}

/** Prompts of different lengths, forks, generation in company, a rewind, only last rows wanted. */
function inCompany(s: Sequences): void {
  const [a, b] = [s.create(), s.create()]
  s.step(
    [
      [a, 34],
      [b, 7],
    ],
    { rows: [33, 40] },
  )
  const c = s.fork(a)
  for (let i = 0; i < 3; i++) {
    for (const sequence of [a, b, c]) s.forget(sequence)
    s.step([
      [b, 1],
      [c, 2],
      [a, 1],
    ])
  }
  s.rewind(a, 33)
  const d = s.create()
  s.step(
    [
      [d, 33],
      [a, 5],
      [c, 1],
    ],
    { rows: [32, 37, 38] },
  )
}

function modelCases(model: Model, options: CaseOptions): CaseMaker[] {
  const one = (what: string, extra: CaseOptions, play: (s: Sequences) => void) =>
    define(
      `model: ${model.name}, ${what}`,
      { vocabulary: VOCABULARY, maxTokens: 48, maxRows: 48, ...options, seed: model.name, ...extra },
      r => llama(r, model),
      play,
    )
  const alike = { outcome: model.name }
  const company = { outcome: `${model.name} in company` }
  const passes = [optimize]
  const optimised = { ...alike, passes }
  // Without guards, tensors that are not needed at one time share a place.
  return [
    one('as recorded, in one step', alike, inSteps(43)),
    one('optimised, in one step', optimised, inSteps(43)),
    one('optimised and unguarded, in one step', { ...optimised, guard: false }, inSteps(43)),
    one('optimised, token by token', optimised, inSteps(1)),
    one('optimised, in steps of 7', optimised, inSteps(7)),
    one('as recorded and unguarded, sequences in company', { ...company, guard: false }, inCompany),
    one('optimised and unguarded, sequences in company', { ...company, guard: false, passes }, inCompany),
  ]
}

const plain: Model = {
  name: 'F32',
  dim: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  hidden: 96,
  layers: 2,
  types: ['F32'],
  extras: false,
  groups: [{ kind: 'full' }],
  layout: 'adjacent',
}

const quantized: Model = {
  ...plain,
  name: 'every block format, a windowed layer, biases and head norms',
  dim: 256,
  kvHeads: 1,
  hidden: 256,
  // Seven matrices each, so that every format has one.
  layers: Math.ceil(blockTypes.length / 7),
  types: blockTypes,
  extras: true,
  groups: [{ kind: 'full' }, { kind: 'window', window: 10 }],
  layout: 'halves',
}

/** Nearly what the optimiser fuses: results read twice or out of order, norms of runs, rotations that differ. */
function unfusable(r: Recorder): Tensor {
  const { g } = r
  const square = () => r.weight('F32', [64, 64])
  const params: RopeParams = { headDim: 64, layout: 'halves', frequencies: [0.9, 0.1, 0.03], magnitude: 1 }
  const x = r.input(64)
  const normed = g.rmsNorm(x, r.gain(64, 0.2), 1e-5)
  const sum = g.add(normed, g.matmul(normed, square()))
  const product = g.matmul(g.rmsNorm(sum, r.gain(16, 0.2), 1e-5), square())
  const doubled = g.add(product, product)
  const late = g.matmul(doubled, square(), r.weight('F32', [64]))
  const q = g.rope(doubled, params)
  const k = g.rope(late, { ...params, layout: 'adjacent' })
  const newCache = () => g.cache({ kind: 'full' }, { kvHeads: 1, keyDim: 64, valueDim: 64 })
  const [cache, other] = [newCache(), newCache()]
  const seen = g.attention(q, g.cacheWrite(k, k, cache), { cache, heads: 1, scale: 0.125 })
  const again = g.attention(g.rope(seen, params), g.cacheWrite(q, seen, other), {
    cache: other,
    heads: 1,
    scale: 0.1,
  })
  const second = g.add(g.add(late, seen), g.add(again, k))
  const [a, b] = [g.matmul(second, square()), g.matmul(second, square())]
  return g.add(g.add(second, a), g.matmul(g.add(b, q), square()))
}

const unfusableCases = [false, true].map(optimised =>
  define(
    `model: what must not be fused, ${optimised ? 'optimised' : 'as recorded'}`,
    {
      seed: 'unfusable',
      outcome: 'unfusable',
      guard: false,
      passes: optimised ? [optimize] : [],
    },
    unfusable,
    s => {
      const sequence = s.create()
      for (const count of [7, 1, 33]) s.step([[sequence, count]])
    },
  ),
)

export const smallModelCases: readonly CaseMaker[] = [
  ...modelCases(plain, {}),
  ...modelCases(quantized, { kvDType: 'f16' }),
  ...unfusableCases,
]
