// Damaged tokenizers of all three kinds of files: a typed error, or a tokenizer that works.
import { expect, test } from 'vitest'
import { ModelFormatError, TorchlessError, UnsupportedModelError } from '../../src/errors.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { tokenizerFromJson } from '../../src/tokenizer/hf.ts'
import { tokenizerFromSentencePiece } from '../../src/tokenizer/sentencepiece.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { Random } from '../conformance/random.ts'
import { charsmapBytes } from '../fixtures/charsmap.ts'
import { sentencePieceBytes } from '../fixtures/sentencepiece.ts'
import { tokenizerJson as json } from '../fixtures/tokenizer-json.ts'
import { type VocabularyName, vocabularies } from '../fixtures/vocab.ts'

const text = "Hello, the world's 12345 \n\n  中文😀<tool></s>é a\u0301"

/** Whether it loads; fails on anything but a typed error. */
function survives(load: () => Tokenizer): boolean {
  let tokenizer: Tokenizer
  try {
    tokenizer = load()
  } catch (error) {
    if (error instanceof ModelFormatError || error instanceof UnsupportedModelError) return false
    throw error
  }
  try {
    const ids = tokenizer.encode(text, { bos: true, eos: true, special: true })
    expect(ids.every(id => Number.isInteger(id) && id >= 0 && id < tokenizer.size)).toBe(true)
    expect(tokenizer.decode(ids)).toBeTypeOf('string')
    expect(tokenizer.decode([0, tokenizer.size - 1, tokenizer.size, -1])).toBeTypeOf('string')
  } catch (error) {
    if (!(error instanceof TorchlessError)) throw error
  }
  return true
}

const strange: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  0.5,
  1e99,
  Number.NaN,
  '',
  'x',
  '(?i:[\\p{L}&&[^a]]+|',
  [],
  ['a'],
  [['a', 1]],
  {},
  { type: 'Sequence' },
  { type: 'ByteLevel' },
  { type: 'Metaspace' },
  { type: 'Replace', pattern: { Regex: '' }, content: 'xx' },
  { type: 'Split', pattern: { Regex: '(?=.)' }, behavior: 'MergedWithNext' },
  { type: 'Strip', content: '', start: 1e9, stop: 0 },
]

/** A copy in which one value, anywhere, is another; keys may go, too. */
function damaged(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.below(4) === 0)
    return strange[random.below(strange.length)]
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value }
  const keys = Object.keys(copy)
  if (keys.length === 0) return strange[random.below(strange.length)]
  const key = keys[random.below(keys.length)]!
  Object.assign(copy, { [key]: damaged((copy as Record<string, unknown>)[key], random) })
  return copy
}

test('tokenizer.json', () => {
  const random = new Random('tokenizer.json')
  let loaded = 0
  expect(survives(() => tokenizerFromJson(json, undefined, 'tokenizer.json'))).toBe(true)
  for (let round = 0; round < 3000; round++) {
    const config = damaged({ bos_token: '</s>', eos_token: { content: '</s>' }, add_bos_token: true }, random)
    const file = round % 3 === 0 ? json : damaged(json, random)
    if (survives(() => tokenizerFromJson(file, round % 3 === 0 ? config : undefined, 'tokenizer.json')))
      loaded++
  }
  expect(loaded).toBeGreaterThan(100)
  expect(loaded).toBeLessThan(2900)
})

test('tokenizer.model', () => {
  const random = new Random('tokenizer.model')
  const pieces = ['<unk>', '<s>', '</s>', '▁', 't', 'h', 'e', 'th', 'the', '▁the', '<tool>', '<0x0A>']
  const types = [2, 3, 3, 1, 1, 1, 1, 5, 1, 1, 4, 6]
  let loaded = 0
  for (let round = 0; round < 3000; round++) {
    const bytes = sentencePieceBytes({
      pieces: pieces.map((piece, i) => ({ text: piece, score: -i, type: types[i]! })),
      modelType: 1 + (round % 2),
      byteFallback: true,
      charsmap: charsmapBytes([['H', 'h']]),
    })
    for (let i = 0; i <= round % 5; i++) bytes[random.below(bytes.length)] = random.below(256)
    // The map of characters is most of the file: what is around it is to be damaged, too.
    for (let i = 0; i <= round % 3; i++) bytes[random.below(250)] = random.below(256)
    const cut = round % 7 === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes
    if (survives(() => tokenizerFromSentencePiece(cut, 'tokenizer.model'))) loaded++
  }
  expect(loaded).toBeGreaterThan(100)
  expect(loaded).toBeLessThan(2900)
})

test('keys of GGUF files', () => {
  const random = new Random('gguf')
  const names = Object.keys(vocabularies) as VocabularyName[]
  const arrays = [new Float32Array(2).fill(Number.NaN), Int32Array.of(9), new Uint8Array(20), ['a b', 'a']]
  const models = ['llama', 'gpt2', 'gemma4', 't5']
  let loaded = 0
  for (let round = 0; round < 400; round++) {
    const metadata = new Map<string, unknown>(
      Object.entries(vocabularies[names[round % names.length]!]().metadata),
    )
    const keys = [
      ...metadata.keys(),
      ...[
        'scores',
        'merges',
        'pre',
        'add_space_prefix',
        'remove_extra_whitespaces',
        'precompiled_charsmap',
      ].map(key => `tokenizer.ggml.${key}`),
    ]
    if (round % 2 === 0) metadata.set('tokenizer.ggml.model', models[random.below(models.length)])
    for (let i = 0; i <= round % 3; i++) {
      const other = [...strange, ...arrays][random.below(strange.length + arrays.length)]
      metadata.set(keys[random.below(keys.length)]!, other)
    }
    if (survives(() => tokenizerFromGguf(metadata, 'file.gguf'))) loaded++
  }
  expect(loaded).toBeGreaterThan(20)
  expect(loaded).toBeLessThan(390)
})
