// Real vocabularies encode as llama.cpp does.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { openModelFile } from '../../src/api/open.ts'
import { loadTokenizer } from '../../src/index.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { ggufKeys } from '../../src/tokenizer/gguf-keys.ts'
import { tokenizerFromJson } from '../../src/tokenizer/hf.ts'
import { hfTokenizerFiles } from '../../src/tokenizer/hf-files.ts'
import { tokenizerFromSentencePiece } from '../../src/tokenizer/sentencepiece.ts'
import { describeOracle, oracleJson, oraclePath } from '../support/oracle.ts'

const names = [
  'llama-spm',
  'llama-bpe',
  'gpt-2',
  'phi-3',
  'qwen2',
  'deepseek-coder',
  'deepseek-llm',
  'gemma-4',
]

describeOracle('tokenizers', () => {
  it.each(names)('%s', { timeout: 60_000 }, async name => {
    const path = oraclePath('tokenizers', `ggml-vocab-${name}.gguf`)
    const tokenizer = await loadTokenizer(path)
    const texts = readFileSync(`${path}.inp`, 'utf8').split('\n__ggml_vocab_test__\n')
    const lines = readFileSync(`${path}.out`, 'utf8').split('\n')
    const fuzzTexts = oracleJson<string[]>('tokenizers', 'fuzz-cases.json')
    const fuzzIds = oracleJson<number[][]>('tokenizers', `${name}.fuzz.json`)
    const cases = [
      ...texts.map((text, i) => [text, lines[i]!.split(/\s+/).filter(Boolean).map(Number)] as const),
      ...fuzzTexts.map((text, i) => [text, fuzzIds[i]!] as const),
    ]
    expect(cases.length).toBeGreaterThan(600)
    for (const [text, ids] of cases) {
      expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids)
      expect(tokenizer.decode(ids)).toBe(text)
    }
  })

  // Phi-3's vocabulary has tokens that take spaces along, which GGUF's keys do not say; Gemma 4's is no file of theirs.
  const others = names.filter(name => name !== 'phi-3' && name !== 'gemma-4')
  it.each(others)("%s as HuggingFace's files, and back", { timeout: 60_000 }, async name => {
    const file = await openModelFile(oraclePath('tokenizers', `ggml-vocab-${name}.gguf`))
    const files = hfTokenizerFiles(file.metadata)
    const config = JSON.parse(files['tokenizer_config.json'] as string) as unknown
    const json = files['tokenizer.json'] && JSON.parse(files['tokenizer.json'] as string)
    const sentencePiece = files['tokenizer.model'] as Uint8Array | undefined
    const keys = ggufKeys({ json, config, sentencePiece, name })!
    const found = [
      json
        ? tokenizerFromJson(json, config, name)
        : tokenizerFromSentencePiece(sentencePiece!, name, { config }),
      tokenizerFromGguf(new Map(Object.entries(keys)), name),
    ]
    await file.close()
    const texts = oracleJson<string[]>('tokenizers', 'fuzz-cases.json')
    const ids = oracleJson<number[][]>('tokenizers', `${name}.fuzz.json`)
    for (const [i, text] of texts.entries())
      for (const tokenizer of found) expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids[i])
  })
})
