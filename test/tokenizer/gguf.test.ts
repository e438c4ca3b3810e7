// Metadata that is no tokenizer, and what every tokenizer promises.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, UnsupportedModelError } from '../../src/errors.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { Random } from '../conformance/random.ts'
import { type VocabularyName, vocabularies } from '../fixtures/vocab.ts'

function load(name: VocabularyName, changes: Record<string, unknown> = {}) {
  const metadata = new Map<string, unknown>(Object.entries(vocabularies[name]().metadata))
  for (const [key, value] of Object.entries(changes)) metadata.set(`tokenizer.ggml.${key}`, value)
  return tokenizerFromGguf(metadata, 'file.gguf')
}

const size = vocabularies.spm().size

test.each<[VocabularyName, string, unknown, string, string]>([
  ['spm', 'tokens', undefined, 'an array of texts', 'nothing'],
  ['spm', 'tokens', Int32Array.of(1), 'an array of texts', 'object'],
  ['spm', 'tokens', ['a', 1], 'an array of texts', 'an array of something else'],
  ['spm', 'scores', 'x', 'an array of numbers', 'string'],
  ['spm', 'scores', new Float32Array(3), `${size} numbers`, '3'],
  ['spm', 'scores', new Float32Array(size).fill(Number.NaN), 'a finite number', 'NaN'],
  ['spm', 'token_type', new Int32Array(0), `${size} numbers`, '0'],
  ['spm', 'bos_token_id', size, `an id below ${size}`, `${size}`],
  ['spm', 'eos_token_id', -1, `an id below ${size}`, '-1'],
  ['spm', 'unknown_token_id', 0.5, `an id below ${size}`, '0.5'],
  ['spm', 'add_space_prefix', 1, 'true or false', 'number'],
  ['bpe', 'merges', undefined, 'an array of texts', 'nothing'],
  ['bpe', 'merges', ['a b', 'ab'], 'two texts with a space between', '"ab"'],
  ['bpe', 'merges', [' a'], 'two texts with a space between', '" a"'],
])('%s, %s: %j', (name, key, value, expected, found) => {
  const error = expect.objectContaining({ file: 'file.gguf', expected, found })
  expect(() => load(name, { [key]: value })).toThrow(error)
  expect(() => load(name, { [key]: value })).toThrow(ModelFormatError)
  expect(() => load(name, { [key]: value })).toThrow(`tokenizer.ggml.${key}`)
})

test('byte tokens are written as bytes', () => {
  const types = new Int32Array(size).fill(6)
  expect(() => load('spm', { token_type: types })).toThrow('tokens[0]: expected a byte token such as <0x0A>')
})

test.each<[VocabularyName, string, unknown]>([
  ['spm', 'model', 'rwkv'],
  ['bpe', 'pre', 'klingon'],
  ['bpe', 'pre', 'constructor'],
  ['bpe', 'pre', 3],
])('%s, %s: %j is named as not supported', (name, key, value) => {
  expect(() => load(name, { [key]: value })).toThrow(UnsupportedModelError)
  expect(() => load(name, { [key]: value })).toThrow(`tokenizer.ggml.${key}: expected`)
})

test('whether texts begin with BOS: the file, else the kind', () => {
  const begins = (name: VocabularyName, changes: Record<string, unknown>) =>
    load(name, changes).encode('a', { bos: true }).length === load(name, changes).encode('a').length + 1
  expect(begins('spm', { add_bos_token: undefined })).toBe(true)
  expect(begins('spm', { add_bos_token: false })).toBe(false)
  expect(begins('bpe', { add_bos_token: undefined })).toBe(true)
  expect(begins('bpe', { add_bos_token: undefined, pre: 'gpt-2' })).toBe(false)
  expect(begins('bpe', { add_bos_token: true, pre: 'gpt-2' })).toBe(true)
})

test('a vocabulary without byte tokens gives the unknown token, byte by byte', () => {
  const pieces = ['<unk>', '▁', 'a']
  const tokenizer = load('spm', {
    tokens: pieces,
    scores: new Float32Array(3),
    token_type: Int32Array.of(2, 1, 1),
    bos_token_id: undefined,
    eos_token_id: undefined,
  })
  expect(tokenizer.encode('aé')).toEqual([1, 2, 0, 0])
})

test('where merges make what is no piece, its bytes are given', () => {
  const bpe = {
    pre: 'gpt-2',
    tokens: ['a', 'b', 'c'],
    token_type: new Int32Array(3).fill(1),
    merges: ['a b'],
  }
  const tokenizer = load('bpe', { ...bpe, bos_token_id: undefined, eos_token_id: undefined })
  expect(tokenizer.encode('abcd')).toEqual([0, 1, 2])
})

describe.each(Object.keys(vocabularies) as VocabularyName[])('%s', name => {
  const tokenizer = load(name)
  const parts = [
    'the',
    ' ',
    '  ',
    'Hello',
    '12',
    '\n',
    'é',
    '中',
    '文',
    '😀',
    '\u0000',
    '.',
    '<tool>',
    '<s>',
    '\ufeff',
    '￿',
  ]
  const random = new Random(name)
  const texts = Array.from({ length: 300 }, () =>
    Array.from({ length: random.below(20) }, () => parts[random.below(parts.length)]).join(''),
  )

  test('decoding gives the text back, also token by token', () => {
    for (const text of texts) {
      const ids = tokenizer.encode(text)
      const decode = tokenizer.stream()
      const pieces = ids.map(id => decode(id))
      expect(pieces.join('') + decode()).toBe(text)
      // A character whose bytes come in several tokens arrives with the last of them.
      expect(pieces.join('')).not.toContain('\ufffd')
      expect(tokenizer.decode(ids)).toBe(text)
    }
  })

  test('an incomplete character is held back, and marked at the end', () => {
    const ids = tokenizer.encode('ñ')
    const decode = tokenizer.stream()
    expect(
      ids
        .slice(0, -1)
        .map(id => decode(id))
        .join(''),
    ).toBe('')
    expect(decode()).toBe('\ufffd')
  })

  test('special tokens are text unless they are asked for', () => {
    const [special] = [...tokenizer.endOfGeneration]
    const text = `a${tokenizer.piece(special!)}b`
    expect(tokenizer.encode(text)).not.toContain(special)
    const ids = tokenizer.encode(text, { special: true })
    expect(ids).toContain(special)
    expect(tokenizer.decode(ids)).toBe('ab')
    expect(tokenizer.decode(ids, { special: true })).toBe(text)
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })
})
