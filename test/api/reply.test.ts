// A reply whose ids are told: marks of thinking that are control tokens, one or several, and a budget that closes them.
import { expect, test } from 'vitest'
import { type ReplyParts, replyPieces } from '../../src/api/reply.ts'
import { findThinkingMarkers } from '../../src/chat/thinking.ts'
import type { Session } from '../../src/engine/session.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const control = ['<|channel|>', '<|message|>', '<|end|>', '<|start|>', '<|return|>', '<think>', '</think>']
const words = ['analysis', 'final', 'assistant', 'hm', ' so', ' Yes', '.', '\n', '\n\n']
const vocabulary = [...control, ...words]
const idOf = (text: string) => vocabulary.indexOf(text)

/** Cuts texts into the longest words that it knows; control tokens have no text. */
const tokenizer = {
  endOfGeneration: new Set([idOf('<|return|>')]),
  encode(text: string) {
    const ids: number[] = []
    for (let rest = text; rest !== ''; rest = rest.slice(vocabulary[ids.at(-1)!]!.length)) {
      const [best] = vocabulary.filter(word => rest.startsWith(word)).toSorted((a, b) => b.length - a.length)
      if (best === undefined) throw new Error(`no word begins ${rest}`)
      ids.push(idOf(best))
    }
    return ids
  },
  decode: (ids: readonly number[]) => ids.map(id => (id < control.length ? '' : vocabulary[id]!)).join(''),
  piece: (id: number) => vocabulary[id]!,
  stream: () => (id?: number) => (id === undefined ? '' : tokenizer.decode([id])),
} as unknown as Tokenizer

/** Says what it was told to, whatever it is fed. */
function scripted(text: string): { session: Session; fed: number[] } {
  const script = [...tokenizer.encode(text), idOf('<|return|>')]
  const fed: number[] = []
  let at = 0
  const session = {
    length: 0,
    capacity: 1000,
    tokens: fed,
    async feed(ids: readonly number[]) {
      fed.push(...ids)
      // What was interjected takes the place of what would have been said.
      if (ids.length > 1 && at > 0) at = script.indexOf(idOf(' Yes'))
      return { rows: 1, width: 1, ids: Int32Array.of(script[at++]!), values: Float32Array.of(1) }
    },
  }
  return { session: session as unknown as Session, fed }
}

async function reply(template: string, text: string, thinkingBudget?: number) {
  const markers = findThinkingMarkers(template, () => false)
  const { session, fed } = scripted(text)
  let [thinking, answer, tokens] = ['', '', 0]
  const parts: ReplyParts = {
    ...{ session, tokens: [0], reused: 0, prompt: '', tokenizer, markers, dropped: 0, seed: undefined },
    constraint: undefined,
    closing: () => markers!.closing ?? `\n${markers!.close}\n\n`,
    options: { temperature: 0, maxTokens: 50, stop: [], thinkingBudget },
    end: ({ usage }) => {
      tokens = usage.thinking
    },
  }
  for await (const piece of replyPieces(parts)) {
    if ('thinking' in piece) thinking += piece.thinking
    else answer += piece.text
  }
  return { thinking, answer, tokens, fed: tokenizer.decode(fed.slice(1)) }
}

const channels = '<|start|>assistant<|channel|>analysis<|message|>'
const final = '<|end|><|start|>assistant<|channel|>final<|message|>'

test('one mark', async () => {
  expect(await reply('<think>', '<think>\nhm so\n</think>\n\n Yes.')).toMatchObject({
    ...{ thinking: 'hm so', answer: 'Yes.' },
  })
})

test('channels', async () => {
  expect(await reply(channels, `<|channel|>analysis<|message|>hm so${final} Yes.`)).toMatchObject({
    ...{ thinking: 'hm so', answer: 'Yes.' },
  })
  expect(await reply(channels, '<|channel|>final<|message|> Yes.')).toMatchObject({
    ...{ thinking: '', answer: 'Yes.', tokens: 0 },
  })
})

test('control tokens have no text once the answer has begun', async () => {
  const { answer } = await reply(channels, `<|channel|>final<|message|> Yes<|message|><|end|>.`)
  expect(answer).toBe('Yes.')
})

test('a budget closes them with what the template or the marks have for it', async () => {
  const cut = await reply(channels, '<|channel|>analysis<|message|>hm so so so so Yes.', 4)
  expect(cut).toMatchObject({ thinking: 'hm so so', answer: 'Yes.' })
  expect((await reply('<think>', '<think>hm so so so so Yes.', 3)).fed).toContain('hm so\n\n\n Yes')
})
