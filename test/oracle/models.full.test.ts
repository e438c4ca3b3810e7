// Whole models against logits that llama.cpp computed in float32 on the same weights.
import { expect, it } from 'vitest'
import { expectGolden, type GoldenLogits } from '../support/golden.ts'
import { architectures, describeOracle, oracleJson, oraclePath } from '../support/oracle.ts'

const floats = { F16: 1e-6, BF16: 5e-5 }
const blocks = [
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q4_K_S',
  'Q4_K_M',
  'Q5_K_M',
  'Q6_K',
  'Q2_K',
  'Q3_K_M',
  'IQ4_NL',
  'IQ4_XS',
  'IQ3_S',
]
const backends = ['reference', 'cpu'] as const

function quantGolden(name: string) {
  const golden = oracleJson<GoldenLogits & { llamacpp_nmse: number }>('quants', `llama-${name}.json`)
  expect(golden.logits.length).toBe(golden.positions.length)
  return { golden, path: oraclePath('quants', `llama-${name}.gguf`) }
}

describeOracle.each(backends)('architectures on %s', backend => {
  it.each(architectures)('%s', async name => {
    const golden = oracleJson<GoldenLogits>('architectures', `${name}.json`)
    const path = oraclePath('architectures', `${name}.f16.gguf`)
    await expectGolden(path, golden, 1e-6, { backend })
    await expectGolden(path, golden, 1e-5, { backend, kvDType: 'f16' })
  })
})

describeOracle('quants on reference', () => {
  // It keeps float activations, so that only the decoding of weights can differ.
  it.each([...Object.keys(floats), ...blocks])('llama in %s', async name => {
    const { path, golden } = quantGolden(name)
    await expectGolden(path, golden, 1e-6, { backend: 'reference' })
  })
})

describeOracle('quants on cpu', () => {
  it.each(Object.entries(floats))('llama in %s', async (name, limit) => {
    const { path, golden } = quantGolden(name)
    await expectGolden(path, golden, limit, { backend: 'cpu' })
  })

  it(`llama in ${blocks.join(', ')}: no worse than llama.cpp on average`, async () => {
    let [ours, theirs] = [0, 0]
    for (const name of blocks) {
      const { path, golden } = quantGolden(name)
      ours += await expectGolden(path, golden, 1.5e-3, { backend: 'cpu' })
      theirs += golden.llamacpp_nmse
    }
    expect(ours).toBeLessThanOrEqual(theirs)
  })
})
