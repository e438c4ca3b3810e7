// Metadata that is no tokenizer, and what every tokenizer promises.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, UnsupportedModelError } from '../../src/errors.ts'
import { ALPHABET } from '../../src/tokenizer/alphabet.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { Random } from '../conformance/random.ts'
import { charsmapBytes } from '../fixtures/charsmap.ts'
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

test('numbers of 64 bits are numbers, too', () => {
  const wide = { token_type: new BigInt64Array(size).fill(1n), scores: new BigInt64Array(size).fill(-2n) }
  expect(load('spm', wide).decode(load('spm', wide).encode('the'))).toBe('the')
  expect(load('spm', { ...wide, model: 't5' }).decode([259])).toBe(load('spm').decode([259]))
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

test('texts end with EOS where they are asked to and the file says so', () => {
  const eos = 2
  expect(load('spm').encode('a', { eos: true })).not.toContain(eos)
  expect(load('spm', { add_eos_token: true }).encode('a')).not.toContain(eos)
  expect(load('spm', { add_eos_token: true }).encode('a', { eos: true }).at(-1)).toBe(eos)
})

describe('per-token attributes of a few models', () => {
  const special = (tokenizer: ReturnType<typeof load>, text: string) =>
    tokenizer.encode(text, { special: true }).map(id => tokenizer.piece(id))
  const named = (name: string) => {
    const metadata = new Map<string, unknown>(Object.entries(vocabularies.spmWithoutPrefix().metadata))
    return tokenizerFromGguf(metadata.set('general.name', name), 'file.gguf')
  }

  test('Phi-3: special tokens take the spaces behind them along, but not all do', () => {
    expect(special(named('Phi-3 mini'), 'a<|im_end|> \n a')).toEqual(['a', '<|im_end|>', 'a'])
    expect(special(named('Phi3'), 'a<s> a')).toEqual(['a', '<s>', ' a'])
    expect(special(named('other'), 'a<|im_end|> a')).toEqual(['a', '<|im_end|>', ' a'])
  })

  test('masks take the spaces before them along', () => {
    const tokens = [...ALPHABET, '<mask>']
    const bpe = { tokens, token_type: Int32Array.from(tokens, (_, id) => (id === 256 ? 3 : 1)), merges: [] }
    const ids = { bos_token_id: undefined, eos_token_id: undefined }
    expect(special(load('bpe', { ...bpe, ...ids, pre: 'jina-v2-de' }), 'a <mask>')).toEqual(['a', '<mask>'])
    expect(special(load('bpe', { ...bpe, ...ids, pre: 'gpt-2' }), 'a <mask>')).toEqual(['a', ' ', '<mask>'])
  })
})

test('tokens that end generations are control tokens, whatever the file takes them for', () => {
  const tokens = [...ALPHABET, '<|im_end|>', '</s>', '<|return|>', '<|call|>', '<|end|>']
  const types = Int32Array.from(tokens, () => 1)
  const none = { bos_token_id: undefined, eos_token_id: undefined, merges: [], pre: 'gpt-2' }
  const tokenizer = load('bpe', { ...none, tokens, token_type: types })
  // As ordinary text, </s> is HTML; with return and call, <|end|> is only the end of a part.
  expect([...tokenizer.endOfGeneration].sort()).toEqual([256, 258, 259])
  expect(tokenizer.encode('<|im_end|>', { special: true })).toEqual([256])
  expect(tokenizer.decode([256])).toBe('')
  expect(tokenizer.decode([257])).toBe('</s>')
})

describe('gemma4: BPE over characters of lines', () => {
  const tokens = ['<bos>', '▁', 'a', 'b', '\n', '▁a', '▁ab', '\n\n', '<0xC3>', '<0xA9>', '<tool>']
  const metadata = new Map<string, unknown>([
    ['tokenizer.ggml.model', 'gemma4'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', Int32Array.from([3, 1, 1, 1, 1, 1, 1, 1, 6, 6, 4])],
    ['tokenizer.ggml.merges', ['▁ a', '▁a b', '\n \n']],
    ['tokenizer.ggml.bos_token_id', 0],
    ['tokenizer.ggml.add_bos_token', false],
  ])
  const tokenizer = tokenizerFromGguf(metadata, 'file.gguf')

  test('merges, line ends, bytes, added tokens', () => {
    expect(tokenizer.encode(' ab\n\n\nb')).toEqual([6, 7, 4, 3])
    expect(tokenizer.encode('é a<tool>')).toEqual([8, 9, 5, 10])
    for (const text of [' ab\n\n\nb', 'é a<tool>  '])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  test('texts begin with BOS even where the file denies it', () => {
    expect(tokenizer.encode('a', { bos: true })).toEqual([0, 2])
  })
})

describe('t5: a unigram model', () => {
  const tokens = ['<pad>', '</s>', '<unk>', '▁', 'a', 'b', '▁a', 'ab', '▁ab', '<x>']
  const metadata = (changes: Record<string, unknown> = {}) =>
    new Map<string, unknown>([
      ['tokenizer.ggml.model', 't5'],
      ['tokenizer.ggml.tokens', tokens],
      ['tokenizer.ggml.token_type', Int32Array.from([3, 3, 2, 1, 1, 1, 1, 1, 1, 4])],
      ['tokenizer.ggml.scores', Float32Array.from([0, 0, 0, -2, -3, -3, -4, -4, -7, 0])],
      ['tokenizer.ggml.add_space_prefix', true],
      ['tokenizer.ggml.remove_extra_whitespaces', true],
      ...Object.entries(changes).map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const),
    ])

  test('the likeliest pieces, EOS at the end', () => {
    const tokenizer = tokenizerFromGguf(metadata(), 'file.gguf')
    expect(tokenizer.encode('ab  a ', { bos: true, eos: true })).toEqual([3, 7, 6, 1])
    expect(tokenizer.encode('axy<x>b')).toEqual([6, 2, 9, 3, 5])
    expect(tokenizer.decode([3, 7, 6])).toBe('ab a')
    expect([...tokenizer.endOfGeneration]).toEqual([1])
  })

  test('with a map of characters', () => {
    const precompiled_charsmap = charsmapBytes([['A', 'a']])
    expect(tokenizerFromGguf(metadata({ precompiled_charsmap }), 'file.gguf').encode('A')).toEqual([6])
    const signed = Int8Array.from(precompiled_charsmap)
    expect(tokenizerFromGguf(metadata({ precompiled_charsmap: signed }), 'file.gguf').encode('A')).toEqual([
      6,
    ])
    for (const wrong of [new Uint8Array(3), 'x'])
      expect(() => tokenizerFromGguf(metadata({ precompiled_charsmap: wrong }), 'file.gguf')).toThrow(
        'tokenizer.ggml.precompiled_charsmap: expected',
      )
  })
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
