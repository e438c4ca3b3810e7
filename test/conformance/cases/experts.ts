// Mixtures of experts and products by heads: every way to choose, experts that many tokens choose and experts that none
// does, every format.

import type { RouteParams, Tensor } from '../../../src/graph/ops.ts'
import { mergeExperts } from '../../../src/graph/optimize.ts'
import type { WeightType } from '../../../src/quant/packed.ts'
import { blockColumns, blockTypes, packedTypes, plainTypes, possibleRows } from '../bytes.ts'
import { type CaseMaker, define, eachTokenCount, type Recorder } from '../case.ts'
import { range } from '../random.ts'

const plain: RouteParams = { scores: 'softmax', used: 3, normalize: false, scale: 1 }

function routeCase(name: string, experts: number, params: RouteParams, biased = false): CaseMaker {
  return define(
    `route: ${name}`,
    {},
    r => {
      const bias = r.values(
        [experts],
        range(experts).map(() => r.random.between(-1, 1)),
      )
      return r.g.route(r.input(experts, 4), params, biased ? bias : undefined)
    },
    eachTokenCount,
  )
}

interface Shape {
  readonly experts: number
  readonly used: number
  readonly inner: number
  readonly outer: number
}

/** A choice that the inputs alone decide. `spread` of 0 sends every token to the same experts. */
function choose(r: Recorder, { experts, used }: Shape, spread = 4): Tensor {
  const logits =
    spread === 0
      ? r.g.embed(r.values([r.vocabulary, experts], ladder(r.vocabulary, experts)))
      : r.input(experts, spread)
  return r.g.route(logits, { ...plain, used, normalize: true })
}

/** Rows that all rise to the last. */
function ladder(rows: number, columns: number): number[] {
  return range(rows * columns).map(i => (i % columns) / columns)
}

function spreadCase(name: string, type: WeightType, shape: Shape, spread?: number): CaseMaker {
  const { experts, used, inner, outer } = shape
  return define(
    `matmulExperts: ${name}, ${type}`,
    { passes: [mergeExperts] },
    r => {
      const routed = choose(r, shape, spread)
      const x = r.input(inner)
      const parts = [1, 2].map(misalign =>
        r.g.matmulExperts(x, routed, r.weight(type, [experts, outer, inner], misalign), { used, sum: false }),
      )
      return r.g.concat(parts[0]!, parts[1]!)
    },
    eachTokenCount,
  )
}

function sumCase(name: string, type: WeightType, shape: Shape, spread?: number): CaseMaker {
  const { experts, used, inner, outer } = shape
  return define(
    `matmulExperts: summed, ${name}, ${type}`,
    {},
    r => {
      const weight = r.weight(type, [experts, outer, inner], 1)
      return r.g.matmulExperts(r.input(used * inner), choose(r, shape, spread), weight, { used, sum: true })
    },
    eachTokenCount,
  )
}

/** Every head its own rows, perhaps not all of them. */
function headsCase(type: WeightType, transposed: boolean, inner: number): CaseMaker {
  const [heads, stride, first, rows] = [3, 40, 5, 33]
  return define(
    `matmulHeads: ${type}${transposed ? ', transposed' : ''}, ${inner} columns`,
    {},
    r => {
      const weight = r.weight(type, [heads * stride, inner], 1)
      const x = r.input(heads * (transposed ? rows : inner))
      return r.g.matmulHeads(x, weight, { heads, stride, first, rows, transposed })
    },
    eachTokenCount,
  )
}

const few = { experts: 8, used: 2, inner: 256, outer: 17 }
const many = { experts: 64, used: 8, inner: 64, outer: 33 }
const one = { experts: 1, used: 1, inner: 67, outer: 5 }

export const expertCases: readonly CaseMaker[] = [
  routeCase('softmax', 8, plain),
  routeCase('softmax, normalized', 64, { ...plain, used: 8, normalize: true }),
  routeCase('softmax, scaled', 8, { ...plain, scale: 16 }),
  routeCase('sigmoid', 8, { ...plain, scores: 'sigmoid' }),
  routeCase(
    'sigmoid, normalized and scaled, with a bias',
    16,
    { ...plain, scores: 'sigmoid', normalize: true, scale: 2.5 },
    true,
  ),
  routeCase('softmax, with a bias', 16, plain, true),
  routeCase('all experts', 5, { ...plain, used: 5 }),
  routeCase('one expert', 1, { ...plain, used: 1 }),
  ...(['best', 'bestTwo'] as const).flatMap(by => [
    routeCase(`groups by ${by}`, 16, { ...plain, groups: { count: 4, used: 2, by } }),
    routeCase(
      `groups by ${by}, with a bias`,
      16,
      { ...plain, scores: 'sigmoid', groups: { count: 4, used: 2, by } },
      true,
    ),
    routeCase(`groups of one by ${by}`, 8, { ...plain, groups: { count: 8, used: 4, by } }),
    routeCase(`all groups by ${by}`, 8, { ...plain, groups: { count: 2, used: 2, by } }),
  ]),

  ...plainTypes.flatMap(type => [spreadCase('few', type, few), sumCase('few', type, few)]),
  ...[...blockTypes, ...packedTypes].flatMap(type => {
    const shape = { ...few, inner: blockColumns(type), outer: possibleRows(type, few.outer) }
    return [spreadCase('few', type, shape), sumCase('few', type, shape)]
  }),
  ...(['F16', 'Q8_0'] as const).flatMap(type => [
    spreadCase('many', type, many),
    sumCase('many', type, many),
    // Experts that more tokens meet than a row of panels holds, and experts that none meets.
    spreadCase('all tokens to the same', type, many, 0),
    sumCase('all tokens to the same', type, many, 0),
  ]),
  spreadCase('one', 'F32', one),
  sumCase('one', 'F32', one),

  ...[...plainTypes, ...blockTypes, ...packedTypes].flatMap(type =>
    [false, true].map(transposed => headsCase(type, transposed, 2 * blockColumns(type))),
  ),
  headsCase('F16', false, 67),
  headsCase('F32', true, 67),
]
