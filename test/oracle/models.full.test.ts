// Whole models against logits that llama.cpp computed in float32 on the same weights.
import { expect, it } from 'vitest'
import { expectGolden, type GoldenLogits } from '../support/golden.ts'
import { describeOracle, oracleJson, oraclePath } from '../support/oracle.ts'

const architectures = ['llama', 'llama3-ropefreqs', 'llama-linear-rope', 'llama-yarn', 'mistral-nemo']
const quants = ['F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K_S', 'Q4_K_M', 'Q5_K_M', 'Q6_K']

describeOracle('architectures', () => {
  it.each(architectures)('%s', async name => {
    const golden = oracleJson<GoldenLogits>('architectures', `${name}.json`)
    await expectGolden(oraclePath('architectures', `${name}.f16.gguf`), golden, 1e-6)
    await expectGolden(oraclePath('architectures', `${name}.f16.gguf`), golden, 1e-5, { kvDType: 'f16' })
  })
})

describeOracle('quants', () => {
  // The reference backend keeps float activations, so that only the decoding of weights can differ.
  it.each(quants)('llama in %s', async name => {
    const golden = oracleJson<GoldenLogits & { llamacpp_nmse: number }>('quants', `llama-${name}.json`)
    expect(golden.logits.length).toBe(golden.positions.length)
    await expectGolden(oraclePath('quants', `llama-${name}.gguf`), golden, 1e-6)
  })
})
