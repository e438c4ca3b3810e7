// What the model is trained on, drawn at random: stories as they are, and conversations in its ChatML form. Only replies
// are learnt, and of sums that stand there without their trace not even these.

import type { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import type { Random } from '../test/fixtures/random.ts'
import { codingSystem, fileMessage } from './chat/coding.ts'
import { edit } from './chat/edits.ts'
import { sum, sumTooLarge } from './chat/sums.ts'
import { tale } from './chat/tales.ts'
import { talk } from './chat/talk.ts'
import { pick } from './grammar.ts'
import { story } from './stories.ts'
import { END_OF_TEXT } from './tokenizer.ts'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
  /** How much of its loss counts, in percent. */
  readonly weight: number
}

/** Token ids of one text, and for each how much its loss counts, in percent. */
export interface Sample {
  readonly ids: number[]
  readonly weights: number[]
}

const WEIGHT = { story: 60, reply: 100, tale: 60 }

const systems = [
  'You are a helpful assistant.',
  'You are a friendly assistant.',
  'You are torchless-tiny.',
  'Answer briefly.',
  'Be kind.',
  'You help people.',
  'You are an expert.',
  'Talk like a pirate.',
]

/** One text of the mixture. */
export function sample(random: Random, tokenizer: Tokenizer): Sample {
  const kind = random.below(100)
  return kind < SHARES.story
    ? encodedStory(story(random), tokenizer)
    : encodedConversation(conversation(random), tokenizer)
}

/** Percent of the texts that are stories; of the conversations, those of each kind. */
const SHARES = { story: 14, edit: 36, sum: 36, tale: 9 }

/** A conversation of one turn to three, without anything that is kept for judging. */
export function conversation(random: Random): Message[] {
  const kind = random.below(100)
  if (kind < SHARES.edit) return editTurn(random)
  const turns = random.below(10) < 6 ? 1 : 2 + random.below(2)
  const kindOfSystem = random.below(10)
  const system =
    kindOfSystem < 2 ? pick(systems, random) : kindOfSystem < 3 ? codingSystem(random) : undefined
  const messages: Message[] = system === undefined ? [] : [prompt('system', system)]
  for (let turn = 1; turn <= turns; turn++) {
    const last = turn === turns
    const kind = SHARES.edit + random.below(100 - SHARES.edit)
    if (kind < SHARES.edit + SHARES.sum) messages.push(...sumTurn(random, last))
    else if (kind < SHARES.edit + SHARES.sum + SHARES.tale && last) {
      const { question, story } = tale(random, false)
      messages.push(prompt('user', question), { role: 'assistant', content: story, weight: WEIGHT.tale })
    } else {
      const { question, answer } = talk(random, false)
      messages.push(prompt('user', question), reply(answer))
    }
  }
  return messages
}

function prompt(role: 'system' | 'user', content: string): Message {
  return { role, content, weight: 0 }
}

function reply(content: string): Message {
  return { role: 'assistant', content, weight: WEIGHT.reply }
}

/** A reply as the model is to write it. */
export function thoughtful(trace: string, answer: string): string {
  return `<think>\n${trace}\n</think>\n\n${answer}`
}

/** Earlier replies stand without their trace, as chats keep them. */
function sumTurn(random: Random, last: boolean): Message[] {
  if (random.below(25) === 0) {
    const { question, answer } = sumTooLarge(random)
    return [prompt('user', question), reply(answer)]
  }
  const { question, trace, answer } = sum(random, false)
  return [
    prompt('user', question),
    last ? reply(thoughtful(trace, answer)) : { role: 'assistant', content: answer, weight: 0 },
  ]
}

function editTurn(random: Random): Message[] {
  const made = edit(random, false)
  const system = codingSystem(random)
  return [
    ...(system === undefined ? [] : [prompt('system', system)]),
    prompt('user', fileMessage(made, random)),
    reply(made.block),
  ]
}

/** Between the tokens that end texts. */
export function encodedStory(text: string, tokenizer: Tokenizer): Sample {
  const ids = tokenizer.encode(END_OF_TEXT + text + END_OF_TEXT, { special: true })
  return { ids, weights: ids.map((_, i) => (i === 0 ? 0 : WEIGHT.story)) }
}

/** As the chat template writes it, with BOS before it. */
export function encodedConversation(messages: readonly Message[], tokenizer: Tokenizer): Sample {
  const ids: number[] = []
  const weights: number[] = []
  const add = (text: string, weight: number, special: boolean) => {
    for (const id of tokenizer.encode(text, { special })) {
      ids.push(id)
      weights.push(weight)
    }
  }
  add(END_OF_TEXT, 0, true)
  for (const { role, content, weight } of messages) {
    add(`<|im_start|>${role}\n`, 0, true)
    add(content, weight, role === 'assistant')
    add('<|im_end|>', role === 'assistant' ? weight : 0, true)
    add('\n', 0, false)
  }
  return { ids, weights }
}
