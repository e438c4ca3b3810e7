// What recording promises: the shape of each result, and errors that name the operation and the operand.
import { describe, expect, test } from 'vitest'
import { Graph } from '../../src/graph/graph.ts'
import type { Dim, OpKind, OpParams, RouteParams, Tensor, Weight } from '../../src/graph/ops.ts'
import { rotation, weight } from './make.ts'

const heads = (changes: Partial<OpParams['matmulHeads']>) => ({
  ...{ heads: 2, stride: 5, first: 0, rows: 5, transposed: false },
  ...changes,
})
const routing = (changes: Partial<RouteParams>): RouteParams => ({
  ...{ scores: 'softmax', used: 3, normalize: false, scale: 1 },
  ...changes,
})

/** A graph with `[T, 8]` and more, and a cache of 2 heads, keys of 4 and values of 3, written once. */
function start() {
  const g = new Graph()
  const x = g.embed(weight('table', 50, 8))
  const cache = g.cache({ kind: 'full' }, { kvHeads: 2, keyDim: 4, valueDim: 3 })
  const values = g.matmul(x, weight('v.weight', 6, 8))
  const written = g.cacheWrite(x, values, cache)
  const [x12, x16] = [12, 16].map(width => g.embed(weight('table', 50, width))) as [Tensor, Tensor]
  const latent = g.cache({ kind: 'latent' }, { kvHeads: 1, keyDim: 8, valueDim: 6 })
  const routed = g.route(x16, routing({ used: 2 }))
  return { g, x, x12, x16, r: g.rows(x), values, cache, latent, routed, written, ropes: rotation(4) }
}

type RecordOne = (s: ReturnType<typeof start>) => Tensor

const w = (...shape: number[]): Weight => weight('w', ...shape)
const b = (...shape: number[]): Weight => weight('b', ...shape)

interface Case {
  readonly right: readonly (readonly [shape: readonly Dim[], record: RecordOne])[]
  readonly wrong: readonly (readonly [message: string, record: RecordOne])[]
}

const cases: { readonly [K in OpKind]: Case } = {
  embed: {
    right: [[['T', 5], ({ g }) => g.embed(w(50, 5))]],
    wrong: [
      ['w: expected a matrix, found [50]', ({ g }) => g.embed(w(50))],
      ['w: expected a matrix, found [2, 50, 8]', ({ g }) => g.embed(w(2, 50, 8))],
      ['w: expected a matrix, found [0, 8]', ({ g }) => g.embed(w(0, 8))],
      ['w: expected a matrix, found [50, 0]', ({ g }) => g.embed(w(50, 0))],
    ],
  },
  rows: {
    right: [[['R', 8], ({ g, x }) => g.rows(x)]],
    wrong: [
      ['rows.-1: expected a first dimension of T, found [R, 8]', ({ g, r }) => g.rows(r)],
      ['cacheWrite.-1: expected a first dimension of T, found []', ({ g, written }) => g.rows(written)],
    ],
  },
  matmul: {
    right: [
      [['T', 5], ({ g, x }) => g.matmul(x, w(5, 8))],
      [['R', 5], ({ g, r }) => g.matmul(r, w(5, 8), b(5))],
    ],
    wrong: [
      ['w: expected 8 columns as in embed.-1, found 5', ({ g, x }) => g.matmul(x, w(8, 5))],
      ['w: expected a matrix, found [8]', ({ g, x }) => g.matmul(x, w(8))],
      ['w: expected a matrix, found [0, 8]', ({ g, x }) => g.matmul(x, w(0, 8))],
      ['b: expected shape [5], found [8]', ({ g, x }) => g.matmul(x, w(5, 8), b(8))],
      ['b: expected shape [5], found [1, 5]', ({ g, x }) => g.matmul(x, w(5, 8), b(1, 5))],
    ],
  },
  rmsNorm: {
    right: [
      [['T', 8], ({ g, x }) => g.rmsNorm(x, w(8), 1e-5)],
      [['R', 8], ({ g, r }) => g.rmsNorm(r, w(4), 1e-5)],
    ],
    wrong: [
      ['w: expected a length that divides 8, found 5', ({ g, x }) => g.rmsNorm(x, w(5), 1e-5)],
      ['w: expected a length that divides 8, found 16', ({ g, x }) => g.rmsNorm(x, w(16), 1e-5)],
      ['w: expected a length that divides 8, found 0', ({ g, x }) => g.rmsNorm(x, w(0), 1e-5)],
      ['w: expected shape [8], found [8, 8]', ({ g, x }) => g.rmsNorm(x, w(8, 8), 1e-5)],
    ],
  },
  add: {
    right: [
      [['T', 8], ({ g, x }) => g.add(x, x)],
      [['R', 8], ({ g, r }) => g.add(r, r)],
    ],
    wrong: [
      ['v: expected shape [T, 8] as embed.-1, found [T, 6]', ({ g, x, values }) => g.add(x, values)],
      ['rows.-1: expected shape [T, 8] as embed.-1, found [R, 8]', ({ g, x, r }) => g.add(x, r)],
    ],
  },
  rope: {
    right: [
      [['T', 8], ({ g, x, ropes }) => g.rope(x, ropes, w(2))],
      [['T', 8], ({ g, x, ropes }) => g.rope(x, { ...ropes, frequencies: [1] }, w(1))],
    ],
    wrong: [
      [
        'embed.-1: expected columns that are a multiple of the head size 6, found 8',
        ({ g, x }) => g.rope(x, rotation(6)),
      ],
      [
        'embed.-1: expected at most 2 pairs a head, found 3 frequencies',
        ({ g, x, ropes }) => g.rope(x, { ...ropes, frequencies: [1, 1, 1] }),
      ],
      ['w: expected shape [2], found [4]', ({ g, x, ropes }) => g.rope(x, ropes, w(4))],
    ],
  },
  cacheWrite: {
    right: [[[], ({ g, x, values, cache }) => g.cacheWrite(x, values, cache)]],
    wrong: [
      [
        'v: expected shape [T, 8], found [T, 6]',
        ({ g, values, cache }) => g.cacheWrite(values, values, cache),
      ],
      ['embed.-1: expected shape [T, 6], found [T, 8]', ({ g, x, cache }) => g.cacheWrite(x, x, cache)],
      [
        'rows.-1: expected shape [T, 8], found [R, 8]',
        ({ g, r, values, cache }) => g.cacheWrite(r, values, cache),
      ],
      ['embed.-1: expected values, found none', ({ g, x, cache }) => g.cacheWrite(x, undefined, cache)],
      [
        'embed.-1: expected no values in a latent group, found v',
        ({ g, x, values, latent }) => g.cacheWrite(x, values, latent),
      ],
      ['cache: expected an index below 2, found 2', ({ g, x, values }) => g.cacheWrite(x, values, 2)],
      ['cache: expected an index below 2, found -1', ({ g, x, values }) => g.cacheWrite(x, values, -1)],
    ],
  },
  attention: {
    right: [
      [['T', 6], ({ g, x, written, cache }) => g.attention(x, written, { cache, heads: 2, scale: 1 })],
      [['T', 12], ({ g, x16, written, cache }) => g.attention(x16, written, { cache, heads: 4, scale: 1 })],
    ],
    wrong: [
      [
        'cache: expected an index below 2, found 7',
        ({ g, x, written }) => g.attention(x, written, { cache: 7, heads: 2, scale: 1 }),
      ],
      [
        'embed.-1: expected a written cache, found f32',
        ({ g, x, cache }) => g.attention(x, x, { cache, heads: 2, scale: 1 }),
      ],
      [
        'embed.-1: expected heads that are a multiple of 2 KV heads, found 3',
        ({ g, x12, written, cache }) => g.attention(x12, written, { cache, heads: 3, scale: 1 }),
      ],
      [
        'embed.-1: expected shape [T, 16], found [T, 8]',
        ({ g, x, written, cache }) => g.attention(x, written, { cache, heads: 4, scale: 1 }),
      ],
      [
        'rows.-1: expected shape [T, 8], found [R, 8]',
        ({ g, r, written, cache }) => g.attention(r, written, { cache, heads: 2, scale: 1 }),
      ],
    ],
  },
  layerNorm: {
    right: [
      [['T', 8], ({ g, x }) => g.layerNorm(x, w(8), b(8), { eps: 1e-5, centered: true })],
      [['R', 8], ({ g, r }) => g.layerNorm(r, w(8), undefined, { eps: 1e-5, centered: false })],
    ],
    wrong: [
      [
        'w: expected shape [8], found [4]',
        ({ g, x }) => g.layerNorm(x, w(4), undefined, { eps: 1e-5, centered: true }),
      ],
      [
        'b: expected shape [8], found [4]',
        ({ g, x }) => g.layerNorm(x, w(8), b(4), { eps: 1e-5, centered: true }),
      ],
    ],
  },
  slice: {
    right: [
      [['T', 3], ({ g, x }) => g.slice(x, 8, 5, 8)],
      [['R', 2], ({ g, r }) => g.slice(r, 4, 0, 1)],
    ],
    wrong: [
      ['embed.-1: expected columns that are a multiple of 3, found 8', ({ g, x }) => g.slice(x, 3, 0, 1)],
      ['embed.-1: expected a part of 4, found 2 to 5', ({ g, x }) => g.slice(x, 4, 2, 5)],
      ['embed.-1: expected a part of 4, found 2 to 2', ({ g, x }) => g.slice(x, 4, 2, 2)],
      ['embed.-1: expected a part of 4, found -1 to 2', ({ g, x }) => g.slice(x, 4, -1, 2)],
    ],
  },
  concat: {
    right: [
      [['T', 14], ({ g, x, values }) => g.concat(x, values)],
      [['R', 16], ({ g, r }) => g.concat(r, r, 4)],
    ],
    wrong: [
      ['rows.-1: expected as many rows as embed.-1, found [R, 8]', ({ g, x, r }) => g.concat(x, r)],
      ['v: expected columns in 4 runs, found 6', ({ g, x, values }) => g.concat(x, values, 4)],
    ],
  },
  activate: { right: [[['R', 8], ({ g, r }) => g.activate(r, 'gelu')]], wrong: [] },
  softcap: { right: [[['R', 8], ({ g, r }) => g.softcap(r, 30)]], wrong: [] },
  matmulHeads: {
    right: [
      [['T', 6], ({ g, x }) => g.matmulHeads(x, w(10, 4), heads({ first: 2, rows: 3 }))],
      [['T', 10], ({ g, x }) => g.matmulHeads(x, w(2, 5, 4), heads({}))],
      [['T', 14], ({ g, x }) => g.matmulHeads(x, w(10, 7), heads({ rows: 4, transposed: true }))],
    ],
    wrong: [
      ['w: expected 10 rows, found [9, 4]', ({ g, x }) => g.matmulHeads(x, w(9, 4), heads({}))],
      ['w: expected 10 rows, found [10]', ({ g, x }) => g.matmulHeads(x, w(10), heads({}))],
      [
        'w: expected a part of 5 rows, found 3 to 6',
        ({ g, x }) => g.matmulHeads(x, w(10, 4), heads({ first: 3, rows: 3 })),
      ],
      ['embed.-1: expected shape [T, 6], found [T, 8]', ({ g, x }) => g.matmulHeads(x, w(10, 3), heads({}))],
    ],
  },
  route: {
    right: [
      [['T', 6], ({ g, x }) => g.route(x, routing({}))],
      [
        ['T', 2],
        ({ g, x }) => g.route(x, routing({ used: 1, groups: { count: 4, used: 2, by: 'best' } }), w(8)),
      ],
    ],
    wrong: [
      ['embed.-1: expected 1 to 8 experts used, found 9', ({ g, x }) => g.route(x, routing({ used: 9 }))],
      [
        'embed.-1: expected groups of 8 experts, found 2 of 3',
        ({ g, x }) => g.route(x, routing({ groups: { count: 3, used: 2, by: 'best' } })),
      ],
      [
        'embed.-1: expected no more experts than the groups have, found 3',
        ({ g, x }) => g.route(x, routing({ groups: { count: 4, used: 1, by: 'best' } })),
      ],
      ['w: expected shape [8], found [7]', ({ g, x }) => g.route(x, routing({}), w(7))],
    ],
  },
  matmulExperts: {
    right: [
      [['T', 6], ({ g, x, routed }) => g.matmulExperts(x, routed, w(16, 3, 8), { used: 2, sum: false })],
      [['T', 3], ({ g, x, routed }) => g.matmulExperts(x, routed, w(16, 3, 4), { used: 2, sum: true })],
    ],
    wrong: [
      [
        'w: expected three dimensions, found [3, 8]',
        ({ g, x, routed }) => g.matmulExperts(x, routed, w(3, 8), { used: 2, sum: false }),
      ],
      [
        'embed.-1: expected shape [T, 5], found [T, 8]',
        ({ g, x, routed }) => g.matmulExperts(x, routed, w(16, 3, 5), { used: 2, sum: false }),
      ],
      [
        'route.-1: expected shape [T, 6], found [T, 4]',
        ({ g, x, routed }) => g.matmulExperts(x, routed, w(16, 3, 8), { used: 3, sum: false }),
      ],
    ],
  },
  gate: {
    right: [
      [['T', 8], ({ g, x }) => g.gate(g.slice(x, 8, 0, 1), x, 'sigmoid')],
      [['T', 8], ({ g, x }) => g.gate(x, x, 'silu')],
      [['R', 8], ({ g, r }) => g.gate(r, r, 'silu')],
    ],
    wrong: [
      ['v: expected shape [T, 8] as embed.-1, found [T, 6]', ({ g, x, values }) => g.gate(x, values, 'silu')],
      ['embed.-1: expected shape [R, 8] as rows.-1, found [T, 8]', ({ g, x, r }) => g.gate(r, x, 'silu')],
    ],
  },
}

function shapeError(message: string) {
  return expect.objectContaining({ name: 'ShapeError', message })
}

describe.each(Object.entries(cases))('%s', (kind, { right, wrong }) => {
  test.each(right)('answers %j', (shape, record) => {
    const s = start()
    const result = record(s)
    expect(result.shape).toEqual(shape)
    expect(s.g.finish(s.r).ops.at(-1)).toMatchObject({ kind, outputs: [result] })
  })

  test.each(wrong)('refuses: %s', (message, record) => {
    const s = start()
    const before = structuredClone(s.g.finish(s.r))
    expect(() => record(s)).toThrow(shapeError(`${kind}: ${message}`))
    expect(s.g.finish(s.r)).toEqual(before)
  })
})

// None of these can run.
describe('also refuses', () => {
  const unchecked: Record<string, RecordOne> = {
    'rope of the rows that want logits: their positions are not those of the step': ({ g, r, ropes }) =>
      g.rope(r, ropes),
    'add of caches, which hold no numbers': ({ g, written }) => g.add(written, written),
    'gate of caches': ({ g, written }) => g.gate(written, written, 'silu'),
    'matmul of a cache': ({ g, written }) => g.matmul(written, w(3, 1)),
    'rmsNorm of a cache': ({ g, written }) => g.rmsNorm(written, w(1), 1e-5),
    'attention over a cache other than the one that was written': ({ g, x, written }) => {
      const cache = g.cache({ kind: 'full' }, { kvHeads: 2, keyDim: 4, valueDim: 3 })
      return g.attention(x, written, { cache, heads: 2, scale: 1 })
    },
    'add of a tensor of another graph': ({ g, x }) => g.add(x, start().x),
  }
  test.each(Object.entries(unchecked))('%s', (_, record) => {
    expect(() => record(start())).toThrow(shapeError(expect.any(String)))
  })
})

describe('a recording', () => {
  test('names tensors after their weight, or else after their operation and layer', () => {
    const { g, x } = start()
    g.layer = 3
    const names = [
      g.matmul(x, weight('blk.3.attn_q.weight', 8, 8)),
      g.matmul(x, weight('weight.of', 8, 8)),
      g.add(x, x),
    ].map(({ name }) => name)
    expect(names).toEqual(['blk.3.attn_q', 'weight.of', 'add.3'])
  })

  test('has all operations in order, each with its layer, and tensors numbered from 0', () => {
    const g = new Graph()
    let x = g.embed(weight('table', 50, 8))
    for (g.layer = 0; g.layer < 2; g.layer++) x = g.rmsNorm(x, w(8), 1e-5)
    const logits = g.rows(x)
    const program = g.finish(logits)
    expect(program.ops.map(({ kind, layer }) => [kind, layer])).toEqual([
      ['embed', -1],
      ['rmsNorm', 0],
      ['rmsNorm', 1],
      ['rows', 2],
    ])
    expect(program.ops.flatMap(({ outputs }) => outputs.map(({ id }) => id))).toEqual([0, 1, 2, 3])
    expect(program).toMatchObject({ tensorCount: 4, logits })
  })

  test('says which parts of a matmul have a bias', () => {
    const { g, x, r } = start()
    g.matmul(x, w(5, 8))
    g.matmul(x, w(5, 8), b(5))
    expect(g.finish(r).ops.slice(-2)).toMatchObject([
      { params: { biases: [false], residual: false }, weights: [w(5, 8)] },
      { params: { biases: [true], residual: false }, weights: [w(5, 8), b(5)] },
    ])
  })

  test('puts caches that live and die together into one group', () => {
    const g = new Graph()
    const size = { kvHeads: 1, keyDim: 8, valueDim: 8 }
    const kinds = [{ kind: 'window', window: 4 }, { kind: 'full' }, { kind: 'window', window: 5 }] as const
    const indices = kinds.flatMap((group, layer) => {
      g.layer = layer
      return [g.cache(group, size), g.cache({ ...group }, size)]
    })
    expect(indices).toEqual([0, 1, 2, 3, 4, 5])
    const { groups, caches } = g.finish(g.rows(g.embed(w(50, 8))))
    expect(groups).toEqual(kinds)
    expect(caches.map(({ group, layer }) => [group, layer])).toEqual([
      [0, 0],
      [0, 0],
      [1, 1],
      [1, 1],
      [2, 2],
      [2, 2],
    ])
    expect(caches.at(-1)).toMatchObject(size)
  })

  test.each([
    ['embed.-1: expected a first dimension of R, found [T, 8]', ({ g, x }) => g.finish(x)],
    ['cacheWrite.-1: expected a first dimension of R, found []', ({ g, written }) => g.finish(written)],
  ] as [string, (s: ReturnType<typeof start>) => unknown][])('does not end in %s', (message, finish) => {
    expect(() => finish(start())).toThrow(shapeError(`finish: ${message}`))
  })
})
