// A megabyte without a break: each would take hours if anything in encoding or decoding were quadratic.
import { describe, expect, test } from 'vitest'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { pretokenizers, WordSplitter } from '../../src/tokenizer/pretokenize.ts'
import { type VocabularyName, vocabularies } from '../fixtures/vocab.ts'

describe.each(Object.keys(vocabularies) as VocabularyName[])('%s', name => {
  const tokenizer = tokenizerFromGguf(new Map(Object.entries(vocabularies[name]().metadata)), name)

  test.each([
    ['one letter', 'a'.repeat(1e6)],
    ['spaces', ' '.repeat(1e6)],
    ['line ends', '\n'.repeat(1e6)],
    ['apostrophes', "'".repeat(1e6)],
    ['Chinese', '中文'.repeat(2e5)],
    ['the beginning of an added token', '<tool'.repeat(2e5)],
  ])('a megabyte of %s', { timeout: 20_000 }, (_, text) => {
    expect(tokenizer.decode(tokenizer.encode(text)) === text).toBe(true)
  })
})

const distinct = Object.keys(pretokenizers).filter(
  (name, i, names) => names.findIndex(other => pretokenizers[other] === pretokenizers[name]) === i,
)

describe.each(distinct)('words of %s', name => {
  const splitter = new WordSplitter(pretokenizers[name]!.patterns)

  test.each([
    ['a letter', 'a'.repeat(1e6)],
    ['spaces', ' '.repeat(1e6)],
    ['spaces before a letter', `${' '.repeat(1e6)}x`],
    ['line ends', '\n'.repeat(1e6)],
    ['digits', '1'.repeat(1e6)],
    ['digits before a letter', `${'1'.repeat(1e6)}a`],
    ['marks', '.'.repeat(1e6)],
    ['Chinese', '中'.repeat(4e5)],
    ['combining marks', '\u0301'.repeat(5e5)],
  ])('a megabyte of %s', { timeout: 20_000 }, (_, text) => {
    const words: string[] = []
    splitter.split(text, word => words.push(word))
    expect(words.join('') === text).toBe(true)
  })
})
