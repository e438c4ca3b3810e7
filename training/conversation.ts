// What the model is trained on, drawn at random: stories as they are, and conversations in its ChatML form. Only replies
// are learnt, and of sums that stand there without their trace not even these.

import type { Tokenizer } from '../src/tokenizer/tokenizer.ts'
import type { Random } from '../test/fixtures/random.ts'
import { codingSystem, fileMessage, mention } from './chat/coding.ts'
import { edits } from './chat/edits.ts'
import { changedPlaces, namePlaces, type Place } from './chat/places.ts'
import { sum, sumTooLarge } from './chat/sums.ts'
import { tale } from './chat/tales.ts'
import { talk } from './chat/talk.ts'
import { pick } from './grammar.ts'
import type { Sample } from './pack.ts'
import { story } from './stories.ts'
import { END_OF_TEXT } from './tokenizer.ts'

export interface Message {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
  /** How much of its loss counts, in percent. */
  readonly weight: number
}

/**
 * Of an edit, what it changes and all names beside count most, since which of them is meant is hard to learn; what it searches least, as
 * coding mode holds that to lines of the file.
 */
const WEIGHT = { story: 60, reply: 100, tale: 60, search: 30, kept: 30 }

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

/** What texts are of, each kind in a file of its own, so that the training may mix them as it likes. */
export const subjects = ['stories', 'sums', 'edits', 'tales', 'talk'] as const
export type Subject = (typeof subjects)[number]

/** A text of what is kept for judging, or is not. */
export function sample(subject: Subject, random: Random, tokenizer: Tokenizer, unseen: boolean): Sample {
  return subject === 'stories'
    ? encodedStory(story(random), tokenizer)
    : encodedConversation(conversation(subject, random, unseen), tokenizer)
}

/** A conversation that ends with its subject; few have other turns before it. */
export function conversation(
  subject: Exclude<Subject, 'stories'>,
  random: Random,
  unseen: boolean,
): Message[] {
  if (subject === 'edits') return editTurns(random, unseen)
  const kindOfSystem = random.below(40)
  const system =
    kindOfSystem < 4 ? pick(systems, random) : kindOfSystem < 5 ? codingSystem(random) : undefined
  const messages: Message[] = system === undefined ? [] : [prompt('system', system)]
  if (random.below(10) === 0)
    messages.push(...(random.below(3) === 0 ? sumTurn(random, false, unseen) : talkTurn(random, unseen)))
  if (subject === 'sums') messages.push(...sumTurn(random, true, unseen))
  else if (subject === 'talk') messages.push(...talkTurn(random, unseen))
  else {
    const { question, story } = tale(random, unseen)
    messages.push(prompt('user', question), { role: 'assistant', content: story, weight: WEIGHT.tale })
  }
  return messages
}

function talkTurn(random: Random, unseen: boolean): Message[] {
  const { question, answer } = talk(random, unseen)
  return [prompt('user', question), reply(answer)]
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
function sumTurn(random: Random, last: boolean, unseen: boolean): Message[] {
  if (random.below(40) === 0) {
    const { question, answer } = sumTooLarge(random)
    return [prompt('user', question), reply(answer)]
  }
  const { question, trace, answer } = sum(random, unseen)
  return [
    prompt('user', question),
    last ? reply(thoughtful(trace, answer)) : { role: 'assistant', content: answer, weight: 0 },
  ]
}

/** One request, as when it is judged, or several of the same file, which stands in the first message alone. */
function editTurns(random: Random, unseen: boolean): Message[] {
  const [first, ...others] = edits(random, unseen, unseen ? 1 : 1 + random.below(3))
  const system = codingSystem(random)
  return [
    ...(system === undefined ? [] : [prompt('system', system)]),
    prompt('user', fileMessage(first!, random)),
    reply(first!.block),
    ...others.flatMap(made => [prompt('user', mention(made, random)), reply(made.block)]),
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
  /** From the divider on: what counts most are tokens of `places`, and the one behind a place, which is where copying goes on. */
  const addReplacement = (text: string, places: readonly Place[], weight: number) => {
    let at = 0
    for (const id of tokenizer.encode(text, { special: true })) {
      const end = at + tokenizer.decode([id], { special: true }).length
      ids.push(id)
      weights.push(places.some(([from, to]) => at <= to && end > from) ? weight : WEIGHT.kept)
      at = end
    }
  }
  add(END_OF_TEXT, 0, true)
  for (const { role, content, weight } of messages) {
    add(`<|im_start|>${role}\n`, 0, true)
    const divider = role === 'assistant' ? Math.max(0, content.search(/^=======$/m)) : 0
    add(content.slice(0, divider), WEIGHT.search, true)
    if (divider === 0) add(content, weight, role === 'assistant')
    else
      addReplacement(
        content.slice(divider),
        [...changedPlaces(content), ...namePlaces(content.slice(divider))],
        weight,
      )
    add('<|im_end|>', role === 'assistant' ? weight : 0, true)
    add('\n', 0, false)
  }
  return { ids, weights }
}
