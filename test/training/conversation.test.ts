import { beforeAll, expect, it } from 'vitest'
import { builtinModel } from '../../src/api/builtin.ts'
import { openModelFile } from '../../src/api/open.ts'
import { loadTemplate, type PromptTemplate } from '../../src/api/template.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { changedPlaces, namePlaces } from '../../training/chat/places.ts'
import { conversation, encodedConversation, subjects } from '../../training/conversation.ts'
import { Random } from '../fixtures/random.ts'

/** What conversations are about. */
const kinds = subjects.filter(subject => subject !== 'stories')

let tokenizer: Tokenizer
let template: PromptTemplate

beforeAll(async () => {
  const file = await openModelFile(builtinModel.location)
  tokenizer = tokenizerFromGguf(file.metadata, 'the built-in model')
  await file.close()
  template = await loadTemplate(builtinModel.location)
})

it('conversations are encoded as a chat would, the reply after the prompt', () => {
  const random = new Random(9)
  for (let i = 0; i < 200; i++) {
    const messages = conversation(kinds[i % kinds.length]!, random, i < 50)
    const prompt = messages.slice(0, -1).map(({ role, content }) => ({ role, content }))
    const { tokens } = template.render(prompt, { addGenerationPrompt: true })
    const { ids } = encodedConversation(messages, tokenizer)
    expect(ids.slice(0, tokens.length)).toEqual(tokens)
    expect(tokenizer.decode(ids.slice(tokens.length))).toBe(`${messages.at(-1)!.content}\n`)
  }
})

it('only replies are learnt, up to the mark that ends them', () => {
  const random = new Random(10)
  for (let i = 0; i < 200; i++) {
    const messages = conversation(kinds[i % kinds.length]!, random, false)
    const { ids, weights } = encodedConversation(messages, tokenizer)
    const learnt = tokenizer.decode(
      ids.filter((_, i) => weights[i]! > 0),
      { special: true },
    )
    const replies = messages.filter(({ role, weight }) => role === 'assistant' && weight > 0)
    expect(learnt).toBe(replies.map(({ content }) => `${content}<|im_end|>`).join(''))
  }
})

it.each(kinds)('conversations about %s fit into the context', kind => {
  const random = new Random(11)
  const lengths = Array.from(
    { length: 300 },
    () => encodedConversation(conversation(kind, random, false), tokenizer).ids.length,
  )
  // Few edits of one file are longer, and lose their end.
  expect(lengths.filter(length => length > 513).length).toBeLessThan(kind === 'edits' ? 60 : 1)
})

it('of an edit, what changes counts most, with the token behind it, and all names', () => {
  const block =
    'a.js\n<<<<<<< SEARCH\nuse(lineCount, 2)\nlet x = 7\n=======\nuse(rows, 2)\nlet x = 7\n>>>>>>> REPLACE'
  const from = block.indexOf('=======')
  expect(changedPlaces(block).map(([begin, end]) => block.slice(from + begin, from + end))).toEqual(['rows'])
  expect(namePlaces('use(rows, 2)').map(([begin, end]) => 'use(rows, 2)'.slice(begin, end + 1))).toEqual([
    'use',
    'rows',
  ])
  const { ids, weights } = encodedConversation(
    [{ role: 'assistant', content: block, weight: 100 }],
    tokenizer,
  )
  const weightOf = (text: string) => {
    const at = ids.findLastIndex(id => tokenizer.decode([id], { special: true }).trim() === text)
    return weights[at]
  }
  expect(['rows', ',', '2', '7', '=======', 'x'].map(weightOf)).toEqual([100, 100, 30, 30, 30, 100])
})

it.each([
  ['a part is taken out', 'for (i < n - 1)', 'for (i < n)', ''],
  ['a part is put in', 'f(a)', 'f(a, b)', ', b'],
  ['letters at both ends are the same', 'aba', 'aa', ''],
])('where %s, this alone has changed', (_, old, made, changed) => {
  const places = changedPlaces(`f\n<<<<<<< SEARCH\nx\n${old}\n=======\nx\n${made}\n>>>>>>> REPLACE`)
  const replacement = `=======\nx\n${made}\n`
  expect(places.map(([begin, end]) => replacement.slice(begin, end))).toEqual([changed])
})
