// tokenizer.json files encode and decode as HuggingFace's tokenizers do.
import { expect, it } from 'vitest'
import { loadTokenizer } from '../../src/index.ts'
import { tokenizerFromJson } from '../../src/tokenizer/hf.ts'
import { describeOracle, oracleJson, oraclePath } from '../support/oracle.ts'

interface Case {
  readonly text: string
  readonly ids: readonly number[]
  /** With special tokens as they are written. */
  readonly decoded: string
}

const open = (name: string, config?: unknown) =>
  tokenizerFromJson(oracleJson('tokenizers', 'hf', `${name}_tokenizer.json`), config, 'tokenizer.json')

function multilingual(name: string): Case[] {
  const inputs = oracleJson<{ id: string; text: string }[]>('tokenizers', 'hf', 'inputs.json')
  const { entries } = oracleJson<{
    entries: { id: string; input_ids: number[]; decoded_with_special: string }[]
  }>('tokenizers', 'hf', `${name}_multilingual.json`)
  return entries.map(({ id, input_ids, decoded_with_special }) => ({
    text: inputs.find(input => input.id === id)!.text,
    ids: input_ids,
    decoded: decoded_with_special,
  }))
}

function published(name: string): Case[] {
  const tests = oracleJson<
    Record<string, { input: string; encoded: { input_ids: number[] }; decoded_with_special: string }[]>
  >('tokenizers', 'hf', 'tokenizer_tests.json')
  return tests[name]!.map(({ input, encoded, decoded_with_special }) => ({
    text: input,
    ids: encoded.input_ids,
    decoded: decoded_with_special,
  }))
}

function transformersJs(family: string, name: string): Case[] {
  const { models } = oracleJson<{
    models: Record<string, Record<string, Record<string, Case>>>
  }>('tokenizers', 'hf', 'transformersjs_tokenizer_goldens.json')
  return Object.values(models[family]![name]!).filter(
    ({ text, ids }) => text !== undefined && ids !== undefined,
  )
}

/** HuggingFace's Python removes spaces before marks after decoding, which is no part of the tokenizer. */
const cleaned = (text: string) =>
  text
    .replaceAll(/ ([.?!,])/g, '$1')
    .replaceAll(" ' ", "'")
    .replaceAll(/ ('m|'s|'ve|'re|n't)/g, '$1')

describeOracle('tokenizer.json', () => {
  it('gpt2', () => {
    const tokenizer = open('gpt2')
    const text = oracleJson<{ text: string; token_ids: number[]; decoded_text: string }>(
      'tokenizers',
      'hf',
      'gpt2_encoded_tokens.json',
    )
    const cases = [
      ...multilingual('gpt2'),
      ...published('distilgpt2'),
      ...transformersJs('gpt2', 'Xenova/gpt2'),
      ...transformersJs('gpt2', 'openai-community/gpt2'),
      { text: text.text, ids: text.token_ids, decoded: text.decoded_text },
    ]
    expect(cases.length).toBeGreaterThan(100)
    for (const { text, ids, decoded } of cases) {
      expect(tokenizer.encode(text, { bos: true, eos: true, special: true }), JSON.stringify(text)).toEqual(
        ids,
      )
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
      expect([decoded, cleaned(decoded)]).toContain(cleaned(tokenizer.decode(ids, { special: true })))
    }
  })

  it('llama', () => {
    const tokenizer = open('llama')
    const text = oracleJson<{ text: string; token_ids: number[]; decoded_text: string }>(
      'tokenizers',
      'hf',
      'llama_encoded.json',
    )
    const cases = [
      ...multilingual('tinyllama'),
      ...published('coreml-projects/Llama-2-7b-chat-coreml'),
      ...transformersJs('llama', 'Xenova/llama-tokenizer'),
      { text: text.text, ids: text.token_ids, decoded: text.decoded_text },
    ]
    expect(cases.length).toBeGreaterThan(100)
    for (const { text, ids, decoded } of cases) {
      expect(tokenizer.encode(text, { bos: true, eos: true, special: true }), JSON.stringify(text)).toEqual(
        ids,
      )
      // SentencePiece takes the character that it writes for a space for one.
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text.replaceAll('▁', ' '))
      expect(tokenizer.decode(ids, { special: true })).toBe(decoded)
    }
  })

  it.each([
    ['gpt2', 'gpt-2'],
    ['llama', 'llama-spm'],
  ])('%s: the ids that llama.cpp has of the same vocabulary', (name, gguf) => {
    const tokenizer = open(name)
    const texts = oracleJson<string[]>('tokenizers', 'fuzz-cases.json')
    const ids = oracleJson<number[][]>('tokenizers', `${gguf}.fuzz.json`)
    expect(texts.map(text => tokenizer.encode(text))).toEqual(ids)
    for (const text of texts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  it('a GGUF of the same vocabulary', async () => {
    const tokenizer = await loadTokenizer(oraclePath('tokenizers', 'ggml-vocab-qwen2.gguf'))
    const cases = multilingual('qwen2_5')
    expect(cases.length).toBeGreaterThan(80)
    for (const { text, ids, decoded } of cases) {
      expect(tokenizer.encode(text, { bos: true, special: true }), JSON.stringify(text)).toEqual(ids)
      expect(tokenizer.decode(ids, { special: true })).toBe(decoded)
    }
  })
})
