// Which random numbers texts are made from. Those of Random stand in one cycle of 2^32, in which the seeds are places: what
// begins far enough from all else never meets it, so no text is made twice, and none of those to judge by is in the training.
import { Random } from '../test/fixtures/random.ts'
import { type Subject, subjects } from './conversation.ts'

/** Texts to train on, and to judge by on the way. */
export const splits = ['valid', 'train'] as const
export type Split = (typeof splits)[number]

/** Of what is drawn in one go: the texts that pieces are learnt from, and the stories and cases that evaluate.ts judges by. */
export const seeds = { tokenizer: 1, stories: 4, cases: 5 } as const

/** What the state of Random grows by, number after number. */
const STEP = 0x6d2b79f5
/** A sixteenth of the cycle for the texts of each subject; the seeds above stand in the fifth, the eighth and the fourteenth. */
const SHARE = 2 ** 28
const FIRST_SHARE = { valid: 0, train: 8 }
/** Numbers for the texts of a block, several times as many as they need. */
const BLOCK = 2 ** 18
/** Blocks of a subject that there are numbers for. */
export const MOST_BLOCKS = SHARE / BLOCK

/** The numbers of the texts of a block; of those to judge by there is one block for each subject. */
export function numbersOf(split: Split, subject: Subject, block: number): Random {
  return new Random(Math.imul(placeOf(split, subject, block), STEP))
}

/** How many numbers of the cycle stand before those of a block. */
export function placeOf(split: Split, subject: Subject, block: number): number {
  const most = split === 'train' ? MOST_BLOCKS : 1
  if (block >= most)
    throw new RangeError(`there are numbers for ${most} blocks of ${split}, not for ${block + 1}`)
  const index = subjects.indexOf(subject)
  return split === 'train'
    ? (FIRST_SHARE.train + index) * SHARE + block * BLOCK
    : FIRST_SHARE.valid * SHARE + index * BLOCK
}
