// A trained model tells the story that is published for it, and its logits are those computed in float64.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadModel, type Model } from '../../src/index.ts'
import { describeOracle, oracleFloats, oracleJson, oraclePath } from '../support/oracle.ts'

interface StoriesGolden {
  readonly published_greedy_200_steps: { readonly text: string }
  readonly published_llama_cpp: {
    readonly prompt: string
    readonly prompt_ids: readonly number[]
    readonly greedy_ids: readonly number[]
  }
  readonly llama_cpp_server_tests: { readonly prompt_token_counts_with_bos: Readonly<Record<string, number>> }
  readonly derived_ids_256: readonly number[]
}

describeOracle('stories260K', () => {
  let model: Model
  let golden: StoriesGolden

  beforeAll(async () => {
    golden = oracleJson<StoriesGolden>('trained', 'stories260K.golden.json')
    model = await loadModel(oraclePath('trained', 'stories260K.gguf'), { kvDType: 'f32' })
  })
  afterAll(() => model?.dispose())

  it('tells the published story from nothing', async () => {
    const text = await model.generate('', { temperature: 0, maxTokens: 200 }).text()
    expect(text).toBe(golden.published_greedy_200_steps.text)
  })

  it('tells it from its first words', async () => {
    const story = golden.published_greedy_200_steps.text
    const rest = await model.generate('Once upon a time', { temperature: 0, maxTokens: 196 }).text()
    expect(`Once upon a time${rest}`).toBe(story)
  })

  it('continues a prompt with the published ids', async () => {
    const { prompt, prompt_ids, greedy_ids } = golden.published_llama_cpp
    expect(model.tokenizer.encode(prompt, { bos: true })).toEqual(prompt_ids)
    const session = model.session()
    const ids: number[] = []
    for (let next: readonly number[] = prompt_ids; ids.length < greedy_ids.length; next = ids.slice(-1))
      ids.push((await session.feed(next, { want: 'argmax' })).ids![0]!)
    expect(ids).toEqual(greedy_ids)
  })

  it('has the logits that float64 arithmetic has, within 1e-4', async () => {
    const expected = oracleFloats('trained', 'stories260K.logits36x512.f32.bin')
    const { values } = await model.logits(golden.derived_ids_256.slice(0, 36), { rows: 'all' })
    expect(values.length).toBe(expected.length)
    expect(Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4)
  })

  it('counts prompt tokens as llama.cpp does', () => {
    for (const [text, count] of Object.entries(golden.llama_cpp_server_tests.prompt_token_counts_with_bos))
      expect(model.tokenizer.encode(text, { bos: true })).toHaveLength(count)
  })
})
