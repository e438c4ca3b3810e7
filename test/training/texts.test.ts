import { beforeAll, expect, it } from 'vitest'
import { builtinModel } from '../../src/api/builtin.ts'
import { openModelFile } from '../../src/api/open.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { sample, subjects } from '../../training/conversation.ts'
import { numbersOf } from '../../training/numbers.ts'
import { blocksOf, wordsOf } from '../../training/texts.ts'
import { END_OF_TEXT } from '../../training/tokenizer.ts'
import { Random } from '../fixtures/random.ts'

let tokenizer: Tokenizer

beforeAll(async () => {
  const file = await openModelFile(builtinModel.location)
  tokenizer = tokenizerFromGguf(file.metadata, 'the built-in model')
  await file.close()
})

it('blocks hold as many texts as are asked for', () => {
  const blocks = blocksOf('train', 'sums', 1201)
  expect(blocks.map(({ index, count }) => [index, count])).toEqual([
    [0, 500],
    [1, 500],
    [2, 201],
  ])
})

it.each(subjects)('texts about %s are found again in their words', subject => {
  const block = { split: 'train', subject, index: 3, count: 30 } as const
  const words = wordsOf(block, tokenizer)
  const [endOfText] = tokenizer.encode(END_OF_TEXT, { special: true })
  expect(words[0]).toBe(endOfText)
  const begins = [...words.keys()].filter(i => words[i] === words[0])
  const random = numbersOf('train', subject, 3)
  const expected = Array.from({ length: 30 }, () => sample(subject, random, tokenizer, false))
  expect(begins.length).toBe(expected.length)
  expected.forEach(({ ids, weights }, i) => {
    const text = [...words.slice(begins[i], begins[i + 1])]
    expect(text.map(word => word & 4095)).toEqual(ids.slice(0, 513))
    expect(text.map(word => (word >> 12) * 10)).toEqual(weights.slice(0, 513))
  })
})

it.each(subjects)('texts about %s need fewer numbers than a block has', subject => {
  class Counting extends Random {
    drawn = 0
    override unit(): number {
      this.drawn++
      return super.unit()
    }
  }
  const random = new Counting(1)
  for (let i = 0; i < 50; i++) sample(subject, random, tokenizer, i % 2 === 0)
  // 500 texts of a block share 2^18 numbers.
  expect(random.drawn / 50).toBeLessThan(2 ** 18 / 500)
})
