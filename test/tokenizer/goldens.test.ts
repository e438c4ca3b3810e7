// Small vocabularies encode and decode as llama.cpp does.
import { describe, expect, test } from 'vitest'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { tokenizerGoldens } from '../fixtures/load.ts'
import { type VocabularyName, vocabularies } from '../fixtures/vocab.ts'

const goldens = tokenizerGoldens()

describe.each(Object.keys(vocabularies) as VocabularyName[])('%s', name => {
  const golden = goldens[name]
  const tokenizer = tokenizerFromGguf(new Map(Object.entries(vocabularies[name]().metadata)), name)

  test('size, first and last tokens', () => {
    expect(tokenizer.size).toBe(golden.size)
    expect(tokenizer.bos).toBe(golden.bos)
    expect([...tokenizer.endOfGeneration].sort()).toEqual([...golden.endOfGeneration].sort())
  })

  test('pieces', () => {
    const written = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    expect(golden.pieces.map((_, id) => tokenizer.piece(id))).toEqual(golden.pieces.map(written))
  })

  test.each(golden.cases)('$text', ({ text, plain, special }) => {
    expect(tokenizer.encode(text)).toEqual(plain)
    expect(tokenizer.encode(text, { bos: true, special: true })).toEqual(special)
    // SentencePiece takes the character that it writes for a space for one.
    expect(tokenizer.decode(plain)).toBe(name === 'bpe' ? text : text.replaceAll('▁', ' '))
  })
})
