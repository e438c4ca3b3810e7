import { describe, expect, it } from 'vitest'
import { drift, kept, median, type Pair, quantile, spread } from '../../../bench/cpu/statistics.ts'

/** A pair during which the memory became `slower` by this share. */
const pair = (slower: number, torchless = 1): Pair => ({
  ...{ torchless, llama: 1 },
  before: { read: 100, int8: 50 },
  after: { read: 100 * (1 - slower), int8: 50 },
})

describe('median and quantile', () => {
  it('take the middle one, or between the two in the middle', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(quantile([10, 0], 0.1)).toBe(1)
  })

  it('are not a number where there is none', () => expect(median([])).toBeNaN())

  it('leave the order of the values', () => {
    const values = [2, 1]
    spread(values)
    expect(values).toEqual([2, 1])
  })
})

it('spread names the least and the most', () => {
  expect(spread([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 })
})

describe('drift', () => {
  it('is the larger of both changes', () => {
    const before = { read: 100, int8: 50 }
    expect(drift({ before, after: { read: 99, int8: 40 } })).toBeCloseTo(0.2)
    expect(drift({ before, after: { read: 125, int8: 50 } })).toBeCloseTo(0.2)
  })
})

describe('kept', () => {
  it('drops pairs during which the machine changed', () => {
    const calm = [pair(0), pair(0.04)]
    expect(kept([...calm, pair(0.06)], 2)).toEqual(calm)
  })

  it('takes the calmest where too few were calm', () => {
    expect(kept([pair(0.3), pair(0.01), pair(0.2), pair(0.1)], 3)).toEqual([pair(0.01), pair(0.1), pair(0.2)])
  })
})
