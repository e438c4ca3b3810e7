// Tokenizers of GGUF's keys as HuggingFace's files, and files as keys: either way texts have the same ids.
import { describe, expect, test } from 'vitest'
import { UnsupportedModelError } from '../../src/errors.ts'
import { storedValues } from '../../src/formats/gguf/values.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { ggufKeys } from '../../src/tokenizer/gguf-keys.ts'
import { tokenizerFromJson } from '../../src/tokenizer/hf.ts'
import { hfTokenizerFiles } from '../../src/tokenizer/hf-files.ts'
import { tokenizerFromSentencePiece } from '../../src/tokenizer/sentencepiece.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { texts } from '../fixtures/texts.ts'
import { type VocabularyName, vocabularies } from '../fixtures/vocab.ts'

const names = Object.keys(vocabularies) as VocabularyName[]

function expectSame(found: Tokenizer, expected: Tokenizer, among = texts): void {
  for (const text of among) {
    expect(found.encode(text, { bos: true }), JSON.stringify(text)).toEqual(
      expected.encode(text, { bos: true }),
    )
    expect(found.decode(expected.encode(text))).toBe(expected.decode(expected.encode(text)))
  }
}

/** What lies beside a checkpoint, read again. */
function filesOf(metadata: ReadonlyMap<string, unknown>) {
  const files = hfTokenizerFiles(metadata)
  const parsed = (name: string) =>
    name in files ? (JSON.parse(files[name] as string) as unknown) : undefined
  return {
    json: parsed('tokenizer.json'),
    config: parsed('tokenizer_config.json') as Record<string, unknown>,
    sentencePiece: files['tokenizer.model'] as Uint8Array | undefined,
  }
}

describe.each(names)('%s', name => {
  const { metadata } = storedValues(vocabularies[name]().metadata)
  const own = tokenizerFromGguf(metadata, 'm')
  const { json, config, sentencePiece } = filesOf(metadata)

  test("as HuggingFace's files", () => {
    const found =
      json === undefined
        ? tokenizerFromSentencePiece(sentencePiece!, 'tokenizer.model', { config })
        : tokenizerFromJson(json, config, 'tokenizer.json')
    expect([found.size, found.bos]).toEqual([own.size, own.bos])
    expect(found.endOfGeneration).toEqual(own.endOfGeneration)
    // Behind an added token llama.cpp begins with a space again, SentencePiece does not.
    const among = name === 'spm' ? texts.filter(text => !text.includes('<tool>')) : texts
    expectSame(found, own, among)
  })

  test("and as GGUF's keys again", () => {
    const keys = ggufKeys({ json, config, sentencePiece, name: 'm' })!
    const ids = [...metadata].filter(([key]) => /_token_id$|add_\w+_token$/.test(key))
    expectSame(tokenizerFromGguf(new Map([...Object.entries(keys), ...ids]), 'm'), own)
    for (const key of ['model', 'tokens', 'pre'])
      expect(keys[`tokenizer.ggml.${key}`], key).toEqual(metadata.get(`tokenizer.ggml.${key}`))
  })
})

describe('templates', () => {
  const { metadata } = storedValues(vocabularies.bpe().metadata)

  test('one is a text, several have names', () => {
    const one = new Map([...metadata, ['tokenizer.chat_template', 'A']])
    expect(filesOf(one).config.chat_template).toBe('A')
    const two = new Map([...one, ['tokenizer.chat_template.tool_use', 'B']])
    expect(filesOf(two).config.chat_template).toEqual([
      { name: 'default', template: 'A' },
      { name: 'tool_use', template: 'B' },
    ])
  })
})

describe('what cannot be said', () => {
  test('a pre-tokenizer that GGUF has no name for', () => {
    const { json } = filesOf(storedValues(vocabularies.bpe().metadata).metadata)
    const pre_tokenizer = {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: 'e+' }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    }
    expect(ggufKeys({ json: { ...(json as object), pre_tokenizer }, name: 'm' })).toBeUndefined()
  })

  test('a pre-tokenizer that no list of patterns is', () => {
    const { metadata } = storedValues({
      ...vocabularies.bpe().metadata,
      'tokenizer.ggml.pre': 'superbpe',
    })
    expect(() => hfTokenizerFiles(metadata)).toThrow(UnsupportedModelError)
  })

  test('a model without a tokenizer has no files', () => {
    expect(hfTokenizerFiles(new Map())).toEqual({})
  })
})
