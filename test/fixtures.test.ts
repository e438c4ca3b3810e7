import { describe, expect, it } from 'vitest'
import { weightBytes } from '../src/quant/packed.ts'
import { familyNames, tinyFamily } from './fixtures/families.ts'
import { familyGoldens, llamaGoldens, tokenizerGoldens } from './fixtures/load.ts'
import { fixtureNames, fixtures, tinyLlama, weightsHash } from './fixtures/models.ts'
import { texts } from './fixtures/texts.ts'
import { type VocabularyName, vocabularies } from './fixtures/vocab.ts'

const models = [
  ...fixtureNames.map(name => ({
    name,
    model: tinyLlama(fixtures[name]),
    golden: llamaGoldens().models[name],
  })),
  ...familyNames.map(name => ({ name, model: tinyFamily(name), golden: familyGoldens().models[name] })),
]

describe.each(models)('fixture $name', ({ model, golden }) => {
  it('is the one that the expected numbers are for: else run bench/peers/goldens.ts', () => {
    expect(weightsHash(model)).toBe(golden.weights)
  })

  it('has tensors of the right size', () => {
    for (const { type, shape, data } of model.tensors) expect(data.length).toBe(weightBytes(type, shape))
  })
})

describe.each(Object.keys(vocabularies) as VocabularyName[])('vocabulary %s', name => {
  const { metadata, size } = vocabularies[name]()
  const golden = tokenizerGoldens()[name]

  it('has no piece twice', () => {
    expect(new Set(metadata['tokenizer.ggml.tokens'] as string[]).size).toBe(size)
  })

  it('is the one that the expected ids are for: else run bench/peers/goldens.ts', () => {
    expect(golden.pieces.length).toBe(size)
    expect(golden.cases.map(({ text }) => text)).toEqual(texts)
  })
})
