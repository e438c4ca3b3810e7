// Whole models against logits that llama.cpp computed in float32 on the same weights.
import { expect, it } from 'vitest'
import { expectGolden, type GoldenLogits } from '../support/golden.ts'
import {
  architectures,
  describeOracle,
  oracleJson,
  oraclePath,
  quantized,
  quantizedLimit,
} from '../support/oracle.ts'

const backends = ['reference', 'cpu'] as const

function quantGolden(name: string) {
  const golden = oracleJson<GoldenLogits & { llamacpp_nmse: number }>('quants', `${name}.json`)
  expect(golden.logits.length).toBe(golden.positions.length)
  return { golden, path: oraclePath('quants', `${name}.gguf`) }
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
  // It keeps float activations, so that only the decoding of weights can differ, and in mixtures llama.cpp's arithmetic.
  it.each(quantized)('%s', async name => {
    const { path, golden } = quantGolden(name)
    await expectGolden(path, golden, 1e-6, { backend: 'reference' })
  })
})

describeOracle('quants on cpu', () => {
  it('each within its limit, and on average no worse than llama.cpp', async () => {
    let [ours, theirs] = [0, 0]
    for (const name of quantized) {
      const { path, golden } = quantGolden(name)
      ours += await expectGolden(path, golden, quantizedLimit(name), { backend: 'cpu' })
      theirs += golden.llamacpp_nmse
    }
    expect(ours).toBeLessThanOrEqual(theirs)
  })
})
