// Blocks of texts to train on or to judge by. What is in a block hangs on its number alone, so that they can be made side by
// side, in any order.
import type { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import { type Subject, sample } from './conversation.ts'
import { numbersOf, type Split } from './numbers.ts'
import { packed } from './pack.ts'

export interface Block {
  readonly split: Split
  readonly subject: Subject
  /** The how manieth of its subject, from 0 on. */
  readonly index: number
  /** Texts in it. */
  readonly count: number
}

/** Tokens of the model's context, and the one after it; the end of a longer text is left out. */
const LONGEST = 513
const TEXTS_OF_BLOCK = 500

/** The blocks that `count` texts stand in. */
export function blocksOf(split: Split, subject: Subject, count: number): Block[] {
  return Array.from({ length: Math.ceil(count / TEXTS_OF_BLOCK) }, (_, index) => ({
    split,
    subject,
    index,
    count: Math.min(TEXTS_OF_BLOCK, count - index * TEXTS_OF_BLOCK),
  }))
}

/** The words of all texts of a block, one text after the other. */
export function wordsOf({ split, subject, index, count }: Block, tokenizer: Tokenizer): Uint16Array {
  const random = numbersOf(split, subject, index)
  const texts = Array.from({ length: count }, () => {
    const { ids, weights } = sample(subject, random, tokenizer, split === 'valid')
    return packed({ ids: ids.slice(0, LONGEST), weights: weights.slice(0, LONGEST) })
  })
  const words = new Uint16Array(texts.reduce((total, text) => total + text.length, 0))
  let at = 0
  for (const text of texts) {
    words.set(text, at)
    at += text.length
  }
  return words
}
