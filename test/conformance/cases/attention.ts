// Attention over block tables: lengths round the block size, head sizes, shared heads, windows, several sequences
// in a step, shared and copied blocks, stale rows, rewinds.
import { BLOCK_SIZE, type KvDType } from '../../../src/backends/backend.ts'
import type { CacheGroup, Tensor } from '../../../src/graph/ops.ts'
import { type CaseMaker, type CaseOptions, define, type Recorder, TOKEN_COUNTS } from '../case.ts'
import { range } from '../random.ts'
import type { Sequences } from '../sequences.ts'

interface Shape {
  readonly kvHeads: number
  /** Query heads a KV head. */
  readonly shared: number
  readonly keyDim: number
  readonly valueDim?: number
  readonly window?: number
  /** Values are the first `valueDim` elements of keys. */
  readonly latent?: boolean
  readonly softcap?: number
  /** Greatest element of a query: great ones make the softmax a choice of one. */
  readonly queries?: number
}

/** Queries, keys and values straight from tables. */
function attend(r: Recorder, shape: Shape): Tensor {
  const { kvHeads, shared, keyDim, valueDim = keyDim, window, latent, softcap, queries } = shape
  const heads = kvHeads * shared
  const unlimited: CacheGroup = { kind: latent ? 'latent' : 'full' }
  const group: CacheGroup = window === undefined ? unlimited : { kind: 'window', window }
  const cache = r.g.cache(group, { kvHeads, keyDim, valueDim })
  const written = r.g.cacheWrite(
    r.input(kvHeads * keyDim),
    latent ? undefined : r.input(kvHeads * valueDim),
    cache,
  )
  const params = { cache, heads, scale: keyDim ** -0.5, ...(softcap && { softcap }) }
  return r.g.attention(r.input(heads * keyDim, queries), written, params)
}

function attentionCase(
  name: string,
  shape: Shape,
  options: CaseOptions,
  play: (s: Sequences) => void,
): CaseMaker {
  return define(`attention: ${name}, ${options.kvDType ?? 'f32'} cache`, options, r => attend(r, shape), play)
}

/** Lengths before a step, and from each of them steps of every size. */
function lengthsCase(kvDType: KvDType, window?: number): CaseMaker {
  const name = window === undefined ? 'lengths round a block' : `lengths round a block, window ${window}`
  const shape = { kvHeads: 2, shared: 2, keyDim: 64, ...(window === undefined ? {} : { window }) }
  return attentionCase(name, shape, { kvDType }, s => {
    for (const length of [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1]) {
      const prefix = s.create()
      if (length > 0) s.step([[prefix, length]])
      for (const count of TOKEN_COUNTS) {
        const branch = s.fork(prefix)
        s.step([[branch, count]])
        s.drop(branch)
      }
      s.drop(prefix)
    }
  })
}

function longCase(kvDType: KvDType, shape: Shape): CaseMaker {
  const { keyDim, window, latent, softcap } = shape
  const seen = `${window === undefined ? '' : `, window ${window}`}${latent ? ', latent' : ''}${softcap ? `, softcap ${softcap}` : ''}`
  const options = { kvDType, maxTokens: 256, maxBlocks: 34, poolBlocks: 40 }
  return attentionCase(`1,000 positions, heads of ${keyDim}${seen}`, shape, options, s => {
    const sequence = s.create()
    for (let i = 0; i < 4; i++) s.step([[sequence, 250]], { rows: i < 3 ? [] : range(3, 247) })
    for (const count of TOKEN_COUNTS) s.step([[sequence, count]])
  })
}

function headsCase(shape: Shape, kvDType: KvDType = 'f32'): CaseMaker {
  const { kvHeads, shared, keyDim, valueDim = keyDim, latent, softcap } = shape
  const dims = keyDim === valueDim ? `${keyDim}` : `${keyDim} and ${valueDim}`
  const special = `${latent ? ', latent' : ''}${softcap ? `, softcap ${softcap}` : ''}`
  const name = `heads of ${dims}, ${kvHeads} KV heads, ${shared} query heads each${special}`
  return attentionCase(name, shape, { kvDType, vocabulary: 67 }, s => {
    const sequence = s.create()
    for (const count of TOKEN_COUNTS) s.step([[sequence, count]])
  })
}

/** Steps in which sequences of many lengths take part, each with its own number of tokens; some share a prefix. */
function batchCase(kvDType: KvDType, window?: number): CaseMaker {
  const name = window === undefined ? 'many sequences' : `many sequences, window ${window}`
  const shape = { kvHeads: 2, shared: 2, keyDim: 64, ...(window === undefined ? {} : { window }) }
  const options = { kvDType, maxTokens: 80, maxRows: 80, maxSequences: 7 }
  return attentionCase(name, shape, options, s => {
    const [a, b, c, d] = [s.create(), s.create(), s.create(), s.create()]
    s.step([
      [c, 31],
      [a, 1],
      [d, 33],
    ])
    s.step([
      [b, 70],
      [a, 2],
    ])
    // Whole blocks of b are shared as they are, its partial last one has to be copied by all but one.
    const [e, f] = [s.fork(b, 2 * BLOCK_SIZE), s.fork(b)]
    s.step([
      [f, 7],
      [d, 1],
      [b, 2],
      [e, 33],
      [a, 1],
      [c, 3],
    ])
    s.forget(b)
    s.forget(e)
    s.forget(f)
    s.drop(c)
    const g = s.create()
    s.step(
      [
        [g, 33],
        [f, 1],
        [e, 1],
        [b, 1],
        [d, 2],
        [a, 30],
      ],
      { rows: [0, 32, 33, 34, 35, 37, 67] },
    )
  })
}

/** Forks in mid-block: the first branch to write copies the block, the last one keeps it. */
function forkCase(kvDType: KvDType): CaseMaker {
  const shape = { kvHeads: 1, shared: 2, keyDim: 80 }
  return attentionCase('forks in mid-block, all branches written', shape, { kvDType }, s => {
    const a = s.create()
    s.step([[a, 37]])
    const [b, c] = [s.fork(a), s.fork(a)]
    s.step([
      [b, 2],
      [a, 7],
      [c, 1],
    ])
    const d = s.fork(a, 35)
    s.step([[d, 1]])
    s.step([
      [c, 33],
      [d, 2],
      [a, 1],
      [b, 1],
    ])
    const e = s.fork(c, BLOCK_SIZE)
    s.step([
      [e, 1],
      [c, 1],
    ])
  })
}

/** A generation that gives blocks back as they leave the window, which another sequence then takes. */
function givenBackCase(window: number): CaseMaker {
  const shape = { kvHeads: 1, shared: 2, keyDim: 64, window }
  return attentionCase(`given-back blocks, window ${window}`, shape, { poolBlocks: 8 }, s => {
    const [a, b] = [s.create(), s.create()]
    for (const count of [33, 33, 7, 1, 33, 2, 30]) {
      s.step([[a, count]])
      s.forget(a)
      s.step([
        [b, 5],
        [a, 1],
      ])
    }
  })
}

export const forkedCase = forkCase('f32')
export const longWindowCase = longCase('f32', { kvHeads: 1, shared: 2, keyDim: 64, window: 500 })

export const attentionCases: readonly CaseMaker[] = [
  lengthsCase('f32'),
  lengthsCase('f16'),
  lengthsCase('f32', 33),
  longCase('f32', { kvHeads: 1, shared: 2, keyDim: 64 }),
  longCase('f16', { kvHeads: 1, shared: 1, keyDim: 64 }),
  longWindowCase,
  // As many tokens at once as take the kernels for prompts, on whose way pieces of the cache begin and end.
  longCase('f16', { kvHeads: 2, shared: 3, keyDim: 96, window: 150 }),
  longCase('f16', { kvHeads: 1, shared: 8, keyDim: 64, valueDim: 48, softcap: 20, queries: 20 }),
  ...[64, 80, 96, 128, 256].flatMap((keyDim, i) => [
    headsCase({ kvHeads: 1 + (i % 3), shared: [1, 2, 5, 8, 2][i]!, keyDim }),
    headsCase({ kvHeads: 1 + ((i + 1) % 3), shared: [8, 1, 2, 5, 1][i]!, keyDim }, 'f16'),
  ]),
  headsCase({ kvHeads: 2, shared: 5, keyDim: 64 }),
  headsCase({ kvHeads: 2, shared: 2, keyDim: 96, valueDim: 64 }),
  headsCase({ kvHeads: 2, shared: 2, keyDim: 64, valueDim: 128 }, 'f16'),
  headsCase({ kvHeads: 1, shared: 8, keyDim: 192, valueDim: 128 }),
  ...(['f32', 'f16'] as const).flatMap(kvDType => [
    headsCase({ kvHeads: 1, shared: 4, keyDim: 80, valueDim: 64, latent: true }, kvDType),
    headsCase({ kvHeads: 1, shared: 17, keyDim: 48, valueDim: 32, latent: true }, kvDType),
    headsCase({ kvHeads: 2, shared: 2, keyDim: 64, latent: true }, kvDType),
    headsCase({ kvHeads: 2, shared: 2, keyDim: 64, softcap: 5, queries: 20 }, kvDType),
    longCase(kvDType, { kvHeads: 1, shared: 9, keyDim: 80, valueDim: 64, latent: true }),
  ]),
  batchCase('f32'),
  batchCase('f16'),
  batchCase('f32', 40),
  batchCase('f16', 5),
  forkedCase,
  forkCase('f16'),
  ...[1, 2, 31, 32, 33, 40].map(givenBackCase),
  attentionCase(
    'a window longer than the cache',
    { kvHeads: 1, shared: 2, keyDim: 64, window: 500 },
    {},
    s => {
      const sequence = s.create()
      for (const count of TOKEN_COUNTS) s.step([[sequence, count]])
    },
  ),
  ...(['f32', 'f16'] as const).map(kvDType =>
    attentionCase('great scores', { kvHeads: 2, shared: 2, keyDim: 64, queries: 200 }, { kvDType }, s => {
      const sequence = s.create()
      for (const count of TOKEN_COUNTS) s.step([[sequence, count]])
    }),
  ),
  ...(['f32', 'f16'] as const).map(kvDType =>
    attentionCase('rewinds', { kvHeads: 2, shared: 2, keyDim: 64 }, { kvDType }, s => {
      const sequence = s.create()
      s.step([[sequence, 40]])
      for (const [length, count] of [
        [39, 1],
        [20, 15],
        [32, 2],
        [3, 33],
        [0, 7],
      ] as const) {
        s.rewind(sequence, length)
        s.step([[sequence, count]])
      }
    }),
  ),
  ...(['f32', 'f16'] as const).map(staleCase),
  ...(['f32', 'f16'] as const).map(groupsCase),
]

/** Blocks whose last owner left great values in them: a masked row must not weigh, not even times zero point. */
function staleCase(kvDType: KvDType): CaseMaker {
  const [width, vocabulary] = [64, 20]
  return define(
    `attention: stale rows of great values, ${kvDType} cache`,
    { kvDType, vocabulary, poolBlocks: 3 },
    r => {
      // The last token's keys and values are far from all others.
      const table = () => {
        const values = range(vocabulary * width).map(i =>
          i < (vocabulary - 1) * width ? r.random.between(-1, 1) : r.random.sign() * 60_000,
        )
        return r.g.embed(r.values([vocabulary, width], values))
      }
      const cache = r.g.cache({ kind: 'full' }, { kvHeads: 1, keyDim: width, valueDim: width })
      const written = r.g.cacheWrite(table(), table(), cache)
      return r.g.attention(r.input(2 * width), written, { cache, heads: 2, scale: width ** -0.5 })
    },
    s => {
      const great = s.create()
      for (let i = 0; i < 3; i++) s.step([[great, range(BLOCK_SIZE).map(() => vocabulary - 1)]])
      s.drop(great)
      const sequence = s.create()
      const next = (count: number) => range(count).map(() => s.random.below(vocabulary - 1))
      for (const count of [1, 2, 7, 21, 1, 1, 33]) s.step([[sequence, next(count)]])
    },
  )
}

/** Layers of unlike shape, some full and some windowed: each group has its own pool, slots and tables. */
function groupsCase(kvDType: KvDType): CaseMaker {
  return define(
    `attention: several caches in several groups, ${kvDType} cache`,
    { kvDType, vocabulary: 67 },
    r =>
      r.join(
        [
          { kvHeads: 1, shared: 2, keyDim: 64, window: 9 },
          { kvHeads: 2, shared: 1, keyDim: 64 },
          { kvHeads: 1, shared: 1, keyDim: 80, valueDim: 96 },
          { kvHeads: 2, shared: 2, keyDim: 80, window: 9 },
          { kvHeads: 1, shared: 5, keyDim: 64, window: 40 },
        ].map((shape, layer) => {
          r.g.layer = layer
          return attend(r, shape)
        }),
      ),
    s => {
      const [a, b] = [s.create(), s.create()]
      s.step([
        [a, 7],
        [b, 33],
      ])
      const c = s.fork(b)
      for (let i = 0; i < 4; i++) {
        s.step([
          [b, 2],
          [c, 20],
          [a, 1],
        ])
        for (const sequence of [a, b, c]) s.forget(sequence)
      }
    },
  )
}

/** Every head size with every number of shared heads, and longer everything. */
export const largeAttentionCases: readonly CaseMaker[] = (['f32', 'f16'] as const).flatMap(kvDType => [
  ...[64, 80, 96, 128, 256].flatMap(keyDim =>
    [1, 2, 5, 8].flatMap(shared => [1, 3].map(kvHeads => headsCase({ kvHeads, shared, keyDim }, kvDType))),
  ),
  ...[64, 80, 96, 128, 256].map((keyDim, i) =>
    longCase(kvDType, { kvHeads: 2, shared: [5, 2, 1, 2, 1][i]!, keyDim }),
  ),
  ...[1, 33, 500, 2000].map(window => longCase(kvDType, { kvHeads: 2, shared: 2, keyDim: 80, window })),
  ...[1, 5, 31, 32, 33, 64, 500].flatMap(window => [
    batchCase(kvDType, window),
    lengthsCase(kvDType, window),
  ]),
])
