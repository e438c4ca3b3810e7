// Perplexity on the CPU backend agrees with the reference backend: to 4 digits where weights are floats, within half a
// percent where inputs are rounded to 8 bits.
import { expect, it } from 'vitest'
import { type LoadOptions, loadModel, perplexity } from '../../../src/index.ts'
import { fixtureNames } from '../../fixtures/models.ts'
import { fixtureFile, temporaryFolder } from '../../support/fixture-file.ts'
import { describeOracle, oraclePath } from '../../support/oracle.ts'

const folder = temporaryFolder()
const text = 'the world said hello and then the other one went on, 123 times. '.repeat(20)
const story =
  'Once upon a time, there was a little girl named Lily. She loved to play outside in the park. '.repeat(8)

async function expectAgreement(path: string, text: string, limit: number, options: LoadOptions) {
  const found: number[] = []
  for (const backend of ['reference', 'cpu'] as const) {
    const model = await loadModel(path, { backend, ...options })
    found.push((await perplexity(model, text, { contextLength: 128 })).perplexity)
    await model.dispose()
  }
  expect(Math.abs(found[1]! / found[0]! - 1), found.join(', ')).toBeLessThan(limit)
}

const floats = ['plain', 'llama3-rope', 'linear-rope', 'yarn-rope', 'head-size', 'tied', 'F32']

it.each(fixtureNames)('%s', async name => {
  await expectAgreement(await fixtureFile(folder, name), text, floats.includes(name) ? 5e-5 : 5e-3, {
    kvDType: 'f32',
  })
})

describeOracle('trained weights', () => {
  it('stories260K', async () => {
    const path = oraclePath('trained', 'stories260K.gguf')
    await expectAgreement(path, story, 1e-6, { kvDType: 'f32' })
    // What is rounded up or down in the cache depends on last digits, and layers make more of it.
    await expectAgreement(path, story, 5e-4, { kvDType: 'f16' })
  })
})
