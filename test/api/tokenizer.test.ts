// The tokenizer alone, from files that need not hold any weights.
import { describe, expect, test } from 'vitest'
import { ggufBytes, type WritableValue } from '../../src/formats/gguf.ts'
import {
  loadTokenizer,
  ModelFormatError,
  SourceError,
  type Tokenizer,
  UnsupportedModelError,
} from '../../src/index.ts'
import { tokenizerGoldens } from '../fixtures/load.ts'
import { vocabularyBytes } from '../fixtures/models.ts'
import { type VocabularyName, vocabularies } from '../fixtures/vocab.ts'
import { golden, rejection, tinyBlob } from './tiny.ts'

const goldens = tokenizerGoldens()

async function fromVocabulary(name: VocabularyName): Promise<Tokenizer> {
  return loadTokenizer(new Blob([Uint8Array.from(await vocabularyBytes(name))]))
}

describe.each(['spm', 'spmWithoutPrefix', 'bpe'] as const)('a vocabulary without weights, %s', name => {
  const { bos, endOfGeneration, size, cases, pieces } = goldens[name]

  test('says what llama.cpp says of it', async () => {
    const tokenizer = await fromVocabulary(name)
    expect([tokenizer.size, tokenizer.bos]).toEqual([size, bos])
    expect([...tokenizer.endOfGeneration].sort((a, b) => a - b)).toEqual(endOfGeneration)
    expect(pieces.map((_, id) => tokenizer.piece(id))).toEqual(
      pieces.map(piece => Buffer.from(piece).toString()),
    )
  })

  test('finds the ids that llama.cpp finds', async () => {
    const tokenizer = await fromVocabulary(name)
    for (const { text, plain, special } of cases) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(plain)
      expect(tokenizer.encode(text, { bos: true, special: true }), JSON.stringify(text)).toEqual(special)
    }
  })

  test('finds its way back', async () => {
    const tokenizer = await fromVocabulary(name)
    // ▁ is how the vocabulary writes a space, and an added token eats no space that the prefix adds after it.
    const texts = cases.map(({ text }) => text).filter(text => !/▁|<tool>/.test(text))
    expect(texts.map(text => tokenizer.decode(tokenizer.encode(text)))).toEqual(texts)
  })
})

test('a whole model has one, too', async () => {
  const tokenizer = await loadTokenizer(await tinyBlob())
  expect(tokenizer.encode(golden.prompt, { bos: true })).toEqual(golden.promptTokens)
  expect(tokenizer.decode([...golden.promptTokens, ...golden.tokens])).toBe(golden.prompt + golden.text)
})

test('ids one by one: whole characters only, and a stump at the end', async () => {
  const tokenizer = await fromVocabulary('spm')
  const ids = tokenizer.encode('a🦙')
  expect(ids.map(tokenizer.stream())).toEqual(['a', '', '', '', '🦙'])
  const decode = tokenizer.stream()
  expect([...ids.slice(0, 3).map(id => decode(id)), decode()]).toEqual(['a', '', '', '\uFFFD'])
})

test('control tokens are written only if asked for', async () => {
  const tokenizer = await fromVocabulary('spm')
  const ids = tokenizer.encode('the<|im_end|>', { bos: true, special: true })
  expect(tokenizer.decode(ids)).toBe('the')
  expect(tokenizer.decode(ids, { special: true })).toBe('<s>the<|im_end|>')
})

describe('what has no tokenizer says why', () => {
  const changed = async (changes: Record<string, WritableValue>) => {
    const metadata = { ...vocabularies.spm().metadata, ...changes }
    return new Blob([Uint8Array.from(await ggufBytes({ metadata, tensors: [] }))])
  }

  test('another kind, or none', async () => {
    const other = await rejection(loadTokenizer(await changed({ 'tokenizer.ggml.model': 'abacus' })))
    expect(other).toBeInstanceOf(UnsupportedModelError)
    expect(String(other)).toMatch(/tokenizer\.ggml\.model: .*abacus/)
    const none = await rejection(loadTokenizer(await tinyBlob({ 'tokenizer.ggml.model': undefined })))
    expect(none).toBeInstanceOf(UnsupportedModelError)
  })

  test.each<[string, WritableValue]>([
    ['tokens', Int32Array.of(1, 2)],
    ['tokens', 'the'],
    ['scores', Float32Array.of(1)],
    ['scores', 'high'],
    ['token_type', Int32Array.of(1)],
    ['bos_token_id', 355],
    ['eos_token_id', -1],
    ['unknown_token_id', 'none'],
    ['add_bos_token', 1],
  ])('a wrong %s', async (key, value) => {
    const error = await rejection(loadTokenizer(await changed({ [`tokenizer.ggml.${key}`]: value })))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(error).toMatchObject({ field: `tokenizer.ggml.${key}` })
  })

  test('no model', async () => {
    expect(await rejection(loadTokenizer(new Blob(['not a model'])))).toBeInstanceOf(ModelFormatError)
    expect(await rejection(loadTokenizer('missing.gguf'))).toBeInstanceOf(SourceError)
  })
})

// LLaMA's own vocabulary has it.
test('a byte order mark is a piece like others', async () => {
  const { metadata } = vocabularies.spm()
  const tokens = [...(metadata['tokenizer.ggml.tokens'] as string[])]
  const id = tokens.indexOf('ё')
  tokens[id] = '\uFEFF'
  const file = await ggufBytes({ metadata: { ...metadata, 'tokenizer.ggml.tokens': tokens }, tensors: [] })
  const tokenizer = await loadTokenizer(new Blob([Uint8Array.from(file)]))
  expect(tokenizer.piece(id)).toBe('\uFEFF')
  expect(tokenizer.decode([id])).toBe('\uFEFF')
})
