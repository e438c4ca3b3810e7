// Weights, and random programs, for tests of what is done with programs.
import { Graph } from '../../src/graph/graph.ts'
import { columns, type Program, type RopeParams, type Tensor, type Weight } from '../../src/graph/ops.ts'
import { Random } from '../conformance/random.ts'

export function weight(name: string, ...shape: number[]): Weight {
  return { name, type: 'F32', shape }
}

export function rotation(headDim: number): RopeParams {
  const frequencies = Array.from({ length: headDim / 2 }, (_, i) => 1 / (i + 1))
  return { headDim, layout: 'adjacent', frequencies, magnitude: 1 }
}

const HEAD = 4
const WIDTHS = [1, 2, 5].map(heads => heads * HEAD)

/** All operations, each over any earlier results that fit: some are read often, some never. */
export function randomProgram(seed: string, operations = 30): Program {
  const random = new Random(seed)
  const g = new Graph()
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)]!
  const rotations = [rotation(HEAD), { ...rotation(HEAD), magnitude: 2 }]
  let weights = 0
  const next = (...shape: number[]) => weight(`w${weights++}`, ...shape)
  const tokens: Tensor[] = WIDTHS.map(width => g.embed(next(50, width)))
  const rows: Tensor[] = [g.rows(tokens[0]!)]

  const kinds = {
    embed: () => g.embed(next(50, pick(WIDTHS))),
    rows: () => g.rows(pick(tokens)),
    matmul: (x: Tensor) => {
      const outer = pick(WIDTHS)
      return g.matmul(x, next(outer, columns(x)), random.below(2) ? next(outer) : undefined)
    },
    rmsNorm: (x: Tensor) => g.rmsNorm(x, next(pick([HEAD, columns(x)])), 1e-5),
    add: (x: Tensor, alike: readonly Tensor[]) => g.add(x, pick(alike)),
    gate: (x: Tensor, alike: readonly Tensor[]) => g.gate(x, pick(alike), 'silu'),
    layerNorm: (x: Tensor) => g.layerNorm(x, next(columns(x)), undefined, { eps: 1e-5, centered: true }),
    halves: (x: Tensor) =>
      g.concat(g.slice(x, columns(x), 0, columns(x) / 2), g.slice(x, columns(x), columns(x) / 2, columns(x))),
    heads: () => {
      const x = pick(tokens)
      const stride = pick(WIDTHS)
      const params = { heads: columns(x) / HEAD, stride, first: 0, rows: stride, transposed: false }
      const made = g.matmulHeads(x, next(params.heads * stride, HEAD), params)
      return g.matmul(made, next(HEAD, columns(made)))
    },
    activate: (x: Tensor) => g.softcap(g.activate(x, 'gelu'), 30),
    experts: () => {
      const x = pick(tokens)
      const used = 2
      const routed = g.route(g.matmul(x, next(4, columns(x))), {
        scores: 'softmax',
        used,
        normalize: true,
        scale: 1,
      })
      const into = () => g.matmulExperts(x, routed, next(4, HEAD, columns(x)), { used, sum: false })
      const inner = g.gate(into(), into(), 'silu')
      return g.matmulExperts(inner, routed, next(4, pick(WIDTHS), HEAD), { used, sum: true })
    },
    rope: () => g.rope(pick(tokens), pick(rotations)),
    attention: () => {
      const [q, k] = [pick(tokens), g.rope(pick(tokens), rotations[0]!)]
      const kvHeads = columns(k) / HEAD
      const heads = Math.ceil(columns(q) / columns(k)) * kvHeads
      const size = { kvHeads, keyDim: HEAD, valueDim: HEAD }
      const cache = g.cache(pick([{ kind: 'full' }, { kind: 'window', window: 9 }] as const), size)
      const query = heads * HEAD === columns(q) ? q : g.matmul(q, next(heads * HEAD, columns(q)))
      const v = pick(tokens.filter(x => columns(x) === columns(k)))
      const params = { cache, heads, scale: 0.5 }
      return g.attention(g.rope(query, pick(rotations)), g.cacheWrite(k, v, cache), params)
    },
  }
  for (let i = 0; i < operations; i++) {
    g.layer = Math.floor(i / 10)
    const x = pick([...tokens, ...rows])
    const alike = (x.shape[0] === 'T' ? tokens : rows).filter(y => columns(y) === columns(x))
    const made = pick(Object.values(kinds))(x, alike)
    ;(made.shape[0] === 'T' ? tokens : rows).push(made)
  }
  return g.finish(pick(rows))
}
