import { expect, it } from 'vitest'
import { packed } from '../../training/pack.ts'

it('a word is the id and a twentieth of the weight', () => {
  const words = packed({ ids: [2040, 7, 2047, 0], weights: [0, 100, 60, 5] })
  expect([...words].map(word => [word & 2047, (word >> 11) * 5])).toEqual([
    [2040, 0],
    [7, 100],
    [2047, 60],
    [0, 5],
  ])
})

it.each([
  ['an id beyond the vocabulary', [1, 2048], [0, 100]],
  ['a weight that is no twentieth', [1, 2], [0, 33]],
  ['a weight above all', [1, 2], [0, 105]],
])('%s is refused', (_, ids, weights) => {
  expect(() => packed({ ids, weights })).toThrow(/does not fit/)
})

it('a text whose beginning would not be found again is refused', () => {
  expect(() => packed({ ids: [1, 2], weights: [100, 100] })).toThrow(/begins with/)
})
