import { expect, it } from 'vitest'
import { packed } from '../../training/pack.ts'

it('a word is the id and a tenth of the weight', () => {
  const words = packed({ ids: [2040, 7, 4095, 0], weights: [0, 100, 60, 10] })
  expect([...words].map(word => [word & 4095, (word >> 12) * 10])).toEqual([
    [2040, 0],
    [7, 100],
    [4095, 60],
    [0, 10],
  ])
})

it.each([
  ['an id of too many bits', [1, 4096], [0, 100]],
  ['a weight that is no tenth', [1, 2], [0, 35]],
  ['a weight above all', [1, 2], [0, 110]],
])('%s is refused', (_, ids, weights) => {
  expect(() => packed({ ids, weights })).toThrow(/does not fit/)
})

it('a text whose beginning would not be found again is refused', () => {
  expect(() => packed({ ids: [1, 2], weights: [100, 100] })).toThrow(/begins with/)
})
