import { expect, it } from 'vitest'
import { subjects } from '../../training/conversation.ts'
import { MOST_BLOCKS, numbersOf, placeOf, seeds, splits } from '../../training/numbers.ts'
import { Random } from '../fixtures/random.ts'

/** Numbers that are kept for what is drawn in one go. */
const KEPT = 2 ** 24
/** Numbers of a block. */
const BLOCK = 2 ** 18

/** Where in the cycle a seed stands: its product with the inverse of the step of Random. */
function placeOfSeed(seed: number): number {
  const step = 0x6d2b79f5
  let inverse = step
  for (let i = 0; i < 5; i++) inverse = Math.imul(inverse, 2 - Math.imul(step, inverse))
  return Math.imul(seed, inverse) >>> 0
}

it('a place is how many numbers stand before it', () => {
  const random = new Random(0)
  const skipped = placeOf('valid', 'talk', 0)
  for (let i = 0; i < skipped; i++) random.unit()
  const block = numbersOf('valid', 'talk', 0)
  for (let i = 0; i < 10; i++) expect(block.unit()).toBe(random.unit())
  expect(placeOfSeed(0x6d2b79f5)).toBe(1)
})

it('no block meets another, nor what is drawn in one go', () => {
  const blocks = splits.flatMap(split =>
    subjects.flatMap(subject =>
      Array.from({ length: split === 'train' ? MOST_BLOCKS : 1 }, (_, i) => ({
        from: placeOf(split, subject, i),
        count: BLOCK,
      })),
    ),
  )
  const kept = Object.values(seeds).map(seed => ({ from: placeOfSeed(seed), count: KEPT }))
  const spans = [...blocks, ...kept].sort((a, b) => a.from - b.from)
  spans.forEach(({ from, count }, i) => {
    expect(from + count).toBeLessThanOrEqual(spans[i + 1]?.from ?? 2 ** 32)
  })
})

it('more blocks than there are numbers for are refused', () => {
  expect(() => numbersOf('train', 'sums', MOST_BLOCKS)).toThrow(/1024 blocks/)
  expect(() => numbersOf('valid', 'sums', 1)).toThrow(/1 blocks/)
})
