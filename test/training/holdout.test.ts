import { expect, it } from 'vitest'
import { drawn, heldOut } from '../../training/holdout.ts'
import { Random } from '../fixtures/random.ts'

it('keeps about a tenth of all texts, the same ones always', () => {
  const texts = Array.from({ length: 5000 }, (_, i) => `${i}+${i * 7}`)
  const kept = texts.filter(heldOut)
  expect(kept.length).toBeGreaterThan(400)
  expect(kept.length).toBeLessThan(600)
  expect(texts.filter(heldOut)).toEqual(kept)
})

it.each([true, false])('draws only what is kept: %s', unseen => {
  const random = new Random(1)
  for (let i = 0; i < 200; i++) {
    const number = drawn(unseen, () => random.below(1000), String)
    expect(heldOut(String(number))).toBe(unseen)
  }
})

it('gives up where there is nothing to draw', () => {
  const text = ['a', 'b', 'c'].find(text => !heldOut(text))!
  expect(() =>
    drawn(
      true,
      () => text,
      made => made,
    ),
  ).toThrow(/unseen/)
})
