// SentencePiece's own files, written here.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, UnsupportedModelError } from '../../src/errors.ts'
import { tokenizerFromSentencePiece } from '../../src/tokenizer/sentencepiece.ts'
import { charsmapBytes } from '../fixtures/charsmap.ts'
import {
  bytes,
  number,
  type Piece,
  type SentencePieceModel,
  sentencePieceBytes,
} from '../fixtures/sentencepiece.ts'

const specials: Piece[] = [
  { text: '<unk>', type: 2 },
  { text: '<s>', type: 3 },
  { text: '</s>', type: 3 },
]
const byteTokens = Array.from({ length: 256 }, (_, byte) => ({
  text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  type: 6,
}))
/** Best first. */
const texts = ['▁a', 'ab', '▁ab', 'cd', 'abcd', '▁', 'a', 'b', 'c', 'd']

const bpe: SentencePieceModel = {
  pieces: [...specials, ...byteTokens, ...texts.map((text, i) => ({ text, score: -i }))],
  modelType: 2,
  byteFallback: true,
  removeExtraSpaces: false,
}
const unigram: SentencePieceModel = {
  pieces: [...specials, ...texts.map(text => ({ text, score: text.length > 2 ? -4 : -3 }))],
}

const load = (model: SentencePieceModel) =>
  tokenizerFromSentencePiece(sentencePieceBytes(model), 'tokenizer.model')
const pieces = (model: SentencePieceModel, text: string) =>
  load(model)
    .encode(text)
    .map(id => model.pieces[id]!.text)

describe('BPE', () => {
  test('the best score is merged first, strangers are bytes', () => {
    expect(pieces(bpe, 'ab abcd')).toEqual(['▁ab', '▁ab', 'cd'])
    expect(pieces(bpe, 'é')).toEqual(['▁', '<0xC3>', '<0xA9>'])
    for (const text of ['ab abcd', ' é', '  a  b ', '中\n', ''])
      expect(load(bpe).decode(load(bpe).encode(text))).toBe(text)
  })

  test('unused pieces only lead to longer ones', () => {
    const unused = {
      ...bpe,
      pieces: bpe.pieces.map(piece => (piece.text === 'cd' ? { ...piece, type: 5 } : piece)),
    }
    expect(pieces(unused, 'abcd')).toEqual(['▁ab', 'c', 'd'])
    const longer = { ...unused, addDummyPrefix: false }
    expect(pieces(longer, 'abcd')).toEqual(['abcd'])
  })

  test('user-defined pieces are found in the normalized text, control pieces where they are asked for', () => {
    const model = { ...bpe, pieces: [...bpe.pieces, { text: '▁▁', type: 4 }, { text: '<x>', type: 4 }] }
    expect(pieces(model, 'a   b<x>')).toEqual(['▁a', '▁▁', '▁', 'b', '<x>'])
    expect(load(model).decode(load(model).encode('a   b<x>'))).toBe('a   b<x>')
    expect(load(model).encode('</s>')).not.toContain(2)
    expect(load(model).encode('</s>', { special: true })).toEqual([2])
  })
})

test('unigram: the likeliest pieces, unknown characters', () => {
  expect(pieces(unigram, 'ab abcd')).toEqual(['▁ab', '▁', 'abcd'])
  expect(pieces(unigram, 'axyb')).toEqual(['▁a', '<unk>', 'b'])
  const bytesToo = { ...unigram, byteFallback: true, pieces: [...unigram.pieces, ...byteTokens] }
  expect(pieces(bytesToo, 'aé')).toEqual(['▁a', '<0xC3>', '<0xA9>'])
  expect(load(bytesToo).decode(load(bytesToo).encode('aé b'))).toBe('aé b')
})

describe('normalization', () => {
  test.each<[Partial<SentencePieceModel>, string, string[]]>([
    [{}, '  a   b ', ['▁a', '▁', 'b']],
    [{ removeExtraSpaces: false }, ' a', ['▁', '▁a']],
    [{ addDummyPrefix: false }, 'a a', ['a', '▁a']],
    [{ addDummyPrefix: false, removeExtraSpaces: false }, ' a', ['▁a']],
    [{ escapeSpaces: false }, 'a a', ['<unk>', 'a', '<unk>', 'a']],
    [{ charsmap: charsmapBytes([['X', 'ab']]) }, 'X', ['▁ab']],
    [{}, '   ', []],
  ])('%#', (options, text, expected) => {
    expect(pieces({ ...unigram, ...options }, text)).toEqual(expected)
  })
})

test('texts begin with BOS if there is one, else they end with EOS', () => {
  expect(load(bpe).encode('a', { bos: true, eos: true })).toEqual([1, 259])
  expect(load(bpe).bos).toBe(1)
  expect([...load(bpe).endOfGeneration]).toEqual([2])
  const t5 = load({ ...unigram, bos: -1, eos: 2 })
  expect(t5.encode('a', { bos: true, eos: true })).toEqual([3, 2])
  expect(t5.bos).toBeUndefined()
})

describe('what is wrong is named', () => {
  const file = sentencePieceBytes(unigram)
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'pieces: expected 1 to'],
    ['a cut file', file.subarray(0, file.length - 1), 'the model, byte'],
    [
      'a long length',
      Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      'expected 4294967295 bytes, found 0',
    ],
    ['a longer length', Uint8Array.of(0x0a, ...new Array(9).fill(0xff), 1), 'expected Infinity bytes'],
    ['an endless number', new Uint8Array(20).fill(0xff), 'expected a number of at most ten bytes'],
    ['no number', Uint8Array.of(0x08), 'expected a number, found the end'],
    ['a group', Uint8Array.of(0x0b), 'expected a field of kind 0, 1, 2 or 5, found 3'],
    ['field 0', Uint8Array.of(0x02, 0), 'expected a field number, found 0'],
    ['a type', Uint8Array.from(bytes(1, number(3, 9))), 'pieces[0].type: expected 1 to 6, found 9'],
    [
      'a score',
      Uint8Array.from(bytes(1, [0x15, 0, 0, 0xc0, 0x7f])),
      'pieces[0].score: expected a finite number',
    ],
    ['a byte', Uint8Array.from(bytes(1, number(3, 6))), 'pieces[0].piece: expected a byte such as <0x0A>'],
    [
      'a map',
      sentencePieceBytes({ ...unigram, charsmap: new Uint8Array(9).fill(9) }),
      'normalizer_spec.precompiled_charsmap: expected a map of characters',
    ],
  ])('%s', (_, content, message) => {
    expect(() => tokenizerFromSentencePiece(content, 'tokenizer.model')).toThrow(ModelFormatError)
    expect(() => tokenizerFromSentencePiece(content, 'tokenizer.model')).toThrow(message)
  })

  test('other kinds of models', () => {
    expect(() => load({ ...unigram, modelType: 3 })).toThrow(UnsupportedModelError)
    expect(() => load({ ...unigram, modelType: 3 })).toThrow(
      'model_type: expected 1 (unigram) or 2 (BPE), found 3',
    )
    expect(() => load({ ...unigram, spaceIsSuffix: true })).toThrow('treat_whitespace_as_suffix')
  })
})
