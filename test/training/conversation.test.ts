import { beforeAll, expect, it } from 'vitest'
import { builtinModel } from '../../src/api/builtin.ts'
import { openModelFile } from '../../src/api/open.ts'
import { loadTemplate, type PromptTemplate } from '../../src/api/template.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { conversation, encodedConversation, sample } from '../../training/conversation.ts'
import { Packer } from '../../training/pack.ts'
import { Random } from '../fixtures/random.ts'

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
    const messages = conversation(random)
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
    const messages = conversation(random)
    const { ids, weights } = encodedConversation(messages, tokenizer)
    const learnt = tokenizer.decode(
      ids.filter((_, i) => weights[i]! > 0),
      { special: true },
    )
    const replies = messages.filter(({ role, weight }) => role === 'assistant' && weight > 0)
    expect(learnt).toBe(replies.map(({ content }) => `${content}<|im_end|>`).join(''))
  }
})

it('conversations fit into the context', () => {
  const random = new Random(11)
  const lengths = Array.from(
    { length: 500 },
    () => encodedConversation(conversation(random), tokenizer).ids.length,
  )
  expect(Math.max(...lengths)).toBeLessThanOrEqual(512)
})

it('packing loses nothing but the ends of texts that are too long', () => {
  const random = new Random(12)
  const packer = new Packer(513, 0)
  const samples = Array.from({ length: 300 }, () => sample(random, tokenizer))
  const windows = samples.flatMap(made => packer.add(made))
  expect(windows.length).toBeGreaterThan(40)
  const texts = windows.map(({ ids, weights }) => {
    expect([ids.length, weights.length]).toEqual([513, 513])
    return ids.join(' ')
  })
  const whole = samples.filter(({ ids }) => texts.some(text => text.includes(ids.slice(0, 513).join(' '))))
  // The rest waits in windows that are not full.
  expect(whole.length).toBeGreaterThan(200)
})
