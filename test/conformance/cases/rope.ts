// Rotations: both layouts, partial ones, divisors, a magnitude, far positions; alone and within a cache write.
import type { RopeParams } from '../../../src/graph/ops.ts'
import { fuseRope } from '../../../src/graph/optimize.ts'
import { type CaseMaker, define } from '../case.ts'
import { range } from '../random.ts'

interface Rotation {
  readonly layout: RopeParams['layout']
  readonly headDim: number
  /** Elements of a head that are rotated; the others pass. */
  readonly rotated?: number
  readonly divisors?: boolean
  readonly magnitude?: number
}

function params({ layout, headDim, rotated = headDim, magnitude = 1 }: Rotation): RopeParams {
  const frequencies = range(rotated / 2).map(i => 10_000 ** ((-2 * i) / rotated))
  return { headDim, layout, frequencies, magnitude }
}

function describe({ layout, headDim, rotated = headDim, divisors, magnitude = 1 }: Rotation): string {
  const parts = [layout, rotated === headDim ? `heads of ${headDim}` : `${rotated} of heads of ${headDim}`]
  if (divisors) parts.push('divisors')
  if (magnitude !== 1) parts.push(`magnitude ${magnitude}`)
  return parts.join(', ')
}

const FAR = [0, 1, 2, 31, 32, 33, 1000, 4095, 4096, 32_767, 65_537, 99_999, 100_000]

function aloneCase(rotation: Rotation, heads: number): CaseMaker {
  return define(
    `rope: ${describe(rotation)}`,
    {},
    r => {
      const { headDim, rotated = headDim } = rotation
      const divisors = range(rotated / 2).map(() => r.random.between(0.5, 40))
      const weight = rotation.divisors ? r.values([divisors.length], divisors, 1) : undefined
      return r.g.rope(r.input(heads * headDim), params(rotation), weight)
    },
    s => {
      s.step([[s.create(), 1]], { positions: [1] })
      s.step([[s.create(), 2]], { positions: [77, 5] })
      s.step([[s.create(), FAR.length]], { positions: FAR })
      s.step([[s.create(), 33]])
    },
  )
}

/**
 * Rotates on the way into the cache. With `q`, the queries are rotated there too; without, they are rotated by an
 * operation of their own, with other parameters, which therefore stays.
 */
function fusedCase(rotation: Rotation, q: boolean): CaseMaker {
  return define(
    `rope within cacheWrite ${q ? 'with' : 'without'} q: ${describe(rotation)}`,
    { passes: [fuseRope], maxBlocks: 3130 },
    r => {
      const { headDim, rotated = headDim } = rotation
      const [heads, kvHeads] = [6, 3]
      const divisors = range(rotated / 2).map(() => r.random.between(0.5, 40))
      const weight = rotation.divisors ? r.values([divisors.length], divisors) : undefined
      const kParams = params(rotation)
      const query = r.g.rope(r.input(heads * headDim), q ? kParams : { ...kParams, magnitude: 0.7 }, weight)
      const key = r.g.rope(r.input(kvHeads * headDim), kParams, weight)
      const cache = r.g.cache({ kind: 'window', window: 20 }, { kvHeads, keyDim: headDim, valueDim: headDim })
      const written = r.g.cacheWrite(key, r.input(kvHeads * headDim), cache)
      return r.g.attention(query, written, { cache, heads, scale: headDim ** -0.5 })
    },
    s => {
      const near = s.create()
      s.step([[near, 33]])
      s.step([[near, 1]])
      const far = s.createAt(99_970)
      s.step([[far, 33]], { rows: range(13, 20) })
      s.forget(far)
      s.step([
        [far, 7],
        [near, 2],
      ])
    },
  )
}

const layouts = ['adjacent', 'halves'] as const

export const ropeCases: readonly CaseMaker[] = layouts.flatMap(layout => [
  ...[64, 80, 96, 128, 256].map((headDim, i) => aloneCase({ layout, headDim }, 1 + i)),
  aloneCase({ layout, headDim: 64, rotated: 32 }, 3),
  aloneCase({ layout, headDim: 80, rotated: 20, divisors: true }, 2),
  aloneCase({ layout, headDim: 96, rotated: 94, magnitude: 1.19 }, 2),
  aloneCase({ layout, headDim: 128, divisors: true, magnitude: 0.83 }, 5),
  fusedCase({ layout, headDim: 64 }, true),
  fusedCase({ layout, headDim: 64 }, false),
  fusedCase({ layout, headDim: 80, rotated: 20, divisors: true, magnitude: 1.19 }, true),
  fusedCase({ layout, headDim: 80, rotated: 40, divisors: true, magnitude: 1.19 }, false),
])
