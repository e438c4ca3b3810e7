// HuggingFace's checkpoints have the logits that float64 arithmetic has.
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { convertModel, loadModel, loadTokenizer, UnsupportedModelError } from '../../src/index.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { expectGolden, type GoldenLogits } from '../support/golden.ts'
import { best, nmse } from '../support/numbers.ts'
import { architectures, describeOracle, oracleFloats, oracleJson, oraclePath } from '../support/oracle.ts'

interface Golden {
  readonly derived: Record<
    string,
    { readonly input_ids: readonly number[]; readonly argmax_per_position: readonly number[] }
  >
}

const folder = temporaryFolder()

describeOracle('GGUF models as checkpoints on cpu', () => {
  it.each(architectures)('%s', async name => {
    const path = join(folder, name)
    await convertModel(oraclePath('architectures', `${name}.f16.gguf`), path, { to: 'safetensors' })
    const golden = oracleJson<GoldenLogits>('architectures', `${name}.json`)
    await expectGolden(path, golden, 1e-6, { backend: 'cpu' })
    const text = 'Hello, world! 12345\n  naïve 你好 <s>'
    const [ours, theirs] = [
      await loadTokenizer(oraclePath('architectures', `${name}.f16.gguf`)),
      await loadTokenizer(path),
    ]
    expect(theirs.encode(text, { bos: true })).toEqual(ours.encode(text, { bos: true }))
    // And back again.
    const back = join(folder, `${name}.gguf`)
    await convertModel(path, back, { to: 'gguf' })
    await expectGolden(back, golden, 1e-6, { backend: 'cpu' })
    expect((await loadTokenizer(back)).encode(text, { bos: true })).toEqual(ours.encode(text, { bos: true }))
  })
})

describeOracle('safetensors', () => {
  describe.each(['tiny_llama3', 'tiny_mistral', 'tiny_qwen3', 'tiny_gemma3'])('%s', name => {
    // Processors that multiply BF16 themselves round inputs to it.
    it.each([
      ['cpu', 5e-5],
      ['reference', 1e-6],
    ] as const)('on %s', async (backend, limit) => {
      const { input_ids, argmax_per_position } = oracleJson<Golden>(
        'safetensors',
        'tiny_hf_checkpoints.golden.json',
      ).derived[name]!
      const expected = oracleFloats('safetensors', `${name}.logits12x256.f32.bin`)
      const model = await loadModel(oraclePath('safetensors', name), { backend, kvDType: 'f32' })
      const { values, width } = await model.logits(input_ids, { rows: 'all' })
      await model.dispose()
      expect(nmse(values, expected)).toBeLessThan(limit)
      const rows = input_ids.map((_, i) => values.subarray(i * width, (i + 1) * width))
      expect(rows.map(row => best(row).index)).toEqual(argmax_per_position)
    })
  })

  it.each(['tiny_llama3_tied', 'tiny_qwen3_tied', 'tiny_qwen3_sharded'])(
    '%s, which MLX quantized, is refused',
    async name => {
      const refused = loadModel(oraclePath('safetensors', name))
      await expect(refused).rejects.toThrow(UnsupportedModelError)
      await expect(refused).rejects.toThrow(/biases/)
    },
  )
})
