// Structured output in completions and conversations: values with their types, and what is said where there is none.
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import * as z from 'zod'
import {
  builtinModel,
  type Generation,
  GrammarError,
  InvalidOptionError,
  InvalidOutputError,
  loadModel,
  type Model,
  type Reply,
  UnsupportedSchemaError,
} from '../../src/index.ts'
import { rejection, tinyBlob } from './tiny.ts'

let model: Model

beforeAll(async () => {
  model = await loadModel(builtinModel.location)
})
afterAll(() => model.dispose())

const Person = z.object({
  name: z.string().max(12),
  age: z.int().min(0).max(120),
  tags: z
    .array(z.enum(['a', 'b']))
    .max(2)
    .optional(),
})
const wild = { temperature: 1.5, maxTokens: 90 } as const
const yesOrNo = 'root ::= "yes" | "no"'

describe('a completion', () => {
  test('has the value that its zod schema infers', async () => {
    for (let seed = 0; seed < 5; seed++) {
      const generation = model.generate('A person: ', { schema: Person, seed, ...wild })
      expectTypeOf(generation).toEqualTypeOf<Generation<z.infer<typeof Person>>>()
      const value = await generation.value()
      expectTypeOf(value).toEqualTypeOf<{ name: string; age: number; tags?: ('a' | 'b')[] | undefined }>()
      expect(Person.parse(value)).toEqual(value)
      expect(generation.finish).toBe('stop')
    }
  })

  test('has what the schema makes of it, and an unknown value under a JSON Schema', async () => {
    const length = z
      .string()
      .length(3)
      .transform(text => text.length)
    const transformed = await model.generate('x', { schema: length, ...wild }).value()
    expectTypeOf(transformed).toEqualTypeOf<number>()
    expect(transformed).toBe(3)
    const plain = await model.generate('x', { schema: { enum: [{ a: [1] }] }, ...wild }).value()
    expectTypeOf(plain).toEqualTypeOf<unknown>()
    expect(plain).toEqual({ a: [1] })
  })

  test('comes in pieces that together are whole, and ends where nothing more may follow', async () => {
    const generation = model.generate('Well?', { grammar: yesOrNo, ...wild })
    let text = ''
    for await (const piece of generation) text += piece
    expect(['yes', 'no']).toContain(text)
    expect(generation.finish).toBe('stop')
    expect(await model.generate('Well?', { grammar: yesOrNo }).value()).toBeUndefined()
  })

  test('is whole with as few tokens as that takes, and says so if it is not', async () => {
    const schema = { type: 'array', items: { type: 'string' }, minItems: 1 }
    for (let maxTokens = 4; maxTokens < 12; maxTokens++) {
      const text = await model.generate('x', { schema, temperature: 1.5, seed: maxTokens, maxTokens }).text()
      expect(JSON.parse(text)).toEqual([expect.any(String), ...JSON.parse(text).slice(1)])
    }
    const cut = model.generate('x', { grammar: 'root ::= "0123456789"{3}', maxTokens: 2 })
    const error = await rejection(cut.text())
    expect(error).toBeInstanceOf(InvalidOutputError)
    expect((error as InvalidOutputError).text).toMatch(/^0/)
    expect(cut.finish).toBe('length')
  })

  test('begins with the space that the grammar asks for, behind an empty prompt, too', async () => {
    // Its tokenizer takes the first space of a text for one that it has put there itself.
    await using tiny = await loadModel(await tinyBlob())
    expect(await tiny.generate('', { grammar: 'root ::= " yes"', maxTokens: 9 }).text()).toBe(' yes')
  })

  test('ends with the context, too', async () => {
    const prompt = model.tokenizer.encode('word '.repeat(600)).slice(0, model.contextLength - 12)
    const value = await model
      .generate(prompt, {
        schema: { type: 'array', minItems: 1, items: { type: 'integer' } },
        temperature: 1.5,
      })
      .value()
    expect(value).toEqual(expect.arrayContaining([expect.any(Number)]))
  })

  test('is refused where the schema refuses what its JSON Schema lets through', async () => {
    const picky = z
      .object({ n: z.int().min(0).max(9) })
      .refine(({ n }) => n > 9, { message: 'too small', path: ['n'] })
    const error = await rejection(model.generate('x', { schema: picky, ...wild }).value())
    expect(error).toBeInstanceOf(InvalidOutputError)
    expect((error as Error).message).toMatch(/n: too small/)
  })
})

describe('what cannot be is said before anything is computed:', () => {
  const foreign: StandardSchemaV1<string> = {
    '~standard': { version: 1, vendor: 'somebody', validate: value => ({ value: String(value) }) },
  }
  test.each([
    [
      'a mistake in a grammar',
      { grammar: 'root ::= x' },
      GrammarError,
      /line 1, column 10: no rule is named x/,
    ],
    [
      'a schema that asks for too much',
      { schema: { uniqueItems: true } },
      UnsupportedSchemaError,
      /\/uniqueItems/,
    ],
    ['a schema without a JSON Schema', { schema: foreign }, UnsupportedSchemaError, /somebody do not offer/],
    [
      'a zod schema without one',
      { schema: z.object({ at: z.date() }) },
      UnsupportedSchemaError,
      /zod has no JSON Schema/,
    ],
    ['a grammar and a schema', { grammar: yesOrNo, schema: {} }, InvalidOptionError, /found both/],
    ['a grammar and an end', { grammar: yesOrNo, stop: 'e' }, InvalidOptionError, /stop: a grammar says/],
    ['a grammar without ends', { grammar: yesOrNo, ignoreEos: true }, InvalidOptionError, /ignoreEos/],
    ['a list for a schema', { schema: [] as never }, InvalidOptionError, /expected a JSON Schema/],
    [
      'a number that no double holds',
      { schema: { const: Number.POSITIVE_INFINITY } },
      UnsupportedSchemaError,
      /Infinity/,
    ],
    ['what is no schema', { schema: 3 as unknown as boolean }, InvalidOptionError, /expected a JSON Schema/],
  ])('%s', async (_, options, type, message) => {
    const error = await rejection(model.generate('x', options).text())
    expect(error).toBeInstanceOf(type)
    expect((error as Error).message).toMatch(message)
    const { ignoreEos, ...rest } = { ignoreEos: undefined, ...options }
    if (ignoreEos === undefined) expect(() => model.chat(rest)).toThrow(type)
  })
})

describe('a reply', () => {
  test('has the value that its zod schema infers', async () => {
    using chat = model.chat()
    for (let seed = 0; seed < 3; seed++) {
      const reply = await chat.send('Who?', { schema: Person, seed, ...wild })
      expectTypeOf(reply).toEqualTypeOf<Reply<z.infer<typeof Person>>>()
      expect(Person.parse(reply.value)).toEqual(reply.value)
      expect(JSON.parse(reply.text)).toEqual(reply.value)
    }
    const again = await chat.retry({ schema: z.literal('yes'), ...wild })
    expectTypeOf(again.value).toEqualTypeOf<'yes'>()
    expect(again.value).toBe('yes')
    expect(chat.history.at(-1)).toMatchObject({ role: 'assistant', content: '"yes"' })
  })

  test('follows what the chat was told, without a value under a grammar', async () => {
    using chat = model.chat({ grammar: yesOrNo, ...wild })
    const reply = await chat.send('Well?')
    expectTypeOf(reply.value).toEqualTypeOf<unknown>()
    expect(['yes', 'no']).toContain(reply.text)
    expect(reply.value).toBeUndefined()
    expect(['yes', 'no']).toContain((await chat.fork().send('And?')).text)
  })

  test('rejects behind its pieces where it is cut off, and stays in the history', async () => {
    using chat = model.chat({ grammar: 'root ::= "0123456789"{9}', maxTokens: 3, thinkingBudget: 0 })
    const stream = chat.send('Well?')
    const pieces: unknown[] = []
    const taken = (async () => {
      for await (const piece of stream) pieces.push(piece)
    })()
    expect(await rejection(taken)).toBeInstanceOf(InvalidOutputError)
    expect(pieces.length).toBeGreaterThan(0)
    expect(chat.history).toHaveLength(2)
  })
})
