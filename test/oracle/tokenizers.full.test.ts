// Real vocabularies encode as llama.cpp does.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { loadTokenizer } from '../../src/index.ts'
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
})
