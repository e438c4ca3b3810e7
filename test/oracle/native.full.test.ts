// Models of other engines, written as native files, are what they were; so is a file of llama2.c with answers of its own.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openModelFile } from '../../src/api/open.ts'
import { contentsOf } from '../../src/formats/contents.ts'
import { nativeBytes } from '../../src/formats/native.ts'
import { type LoadOptions, loadModel } from '../../src/index.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { expectGolden, type GoldenLogits } from '../support/golden.ts'
import {
  architectures,
  describeOracle,
  oracleFloats,
  oracleJson,
  oraclePath,
  quantized,
} from '../support/oracle.ts'

const folder = temporaryFolder()

async function asNative(...parts: string[]): Promise<string> {
  const file = await openModelFile(oraclePath(...parts))
  const path = join(folder, `${parts.at(-1)}.bin`)
  await writeFile(path, await nativeBytes(contentsOf(file)))
  await file.close()
  return path
}

describeOracle('native files on cpu', () => {
  it.each(architectures)('%s', async name => {
    const golden = oracleJson<GoldenLogits>('architectures', `${name}.json`)
    await expectGolden(await asNative('architectures', `${name}.f16.gguf`), golden, 1e-6, { backend: 'cpu' })
  })

  it.each(quantized)('%s, bit by bit', async name => {
    const { tokens } = oracleJson<GoldenLogits>('quants', `${name}.json`)
    const logits = async (path: string) => {
      const model = await loadModel(path, { backend: 'cpu', threads: 1 })
      const { values } = await model.logits(tokens, { rows: 'all' })
      await model.dispose()
      return values
    }
    const native = await logits(await asNative('quants', `${name}.gguf`))
    expect(native).toEqual(await logits(oraclePath('quants', `${name}.gguf`)))
  })
})

describeOracle('llama2.c', () => {
  interface Golden {
    readonly published_greedy_200_steps?: { readonly text: string }
    readonly derived_text?: string
    readonly derived_greedy_ids?: readonly number[]
    readonly derived_ids_256?: readonly number[]
    readonly logits_input_ids?: readonly number[]
  }
  const models: [name: string, logits: string, options: () => LoadOptions][] = [
    // The tokenizer is tok512.bin, which lies beside it.
    ['stories260K', 'stories260K.logits36x512.f32.bin', () => ({})],
    [
      'aidreams260K',
      'aidreams260K.logits32x512.f32.bin',
      () => ({ tokenizer: oraclePath('trained', 'aidreams-tok512.bin') }),
    ],
  ]

  describe.each(models)('%s', (name, logits, options) => {
    const golden = () => oracleJson<Golden>('trained', `${name}.golden.json`)
    const load = () => loadModel(oraclePath('trained', `${name}.bin`), { kvDType: 'f32', ...options() })

    it('tells its story', async () => {
      const model = await load()
      const { published_greedy_200_steps, derived_text, derived_greedy_ids } = golden()
      const story = published_greedy_200_steps?.text ?? derived_text!
      const maxTokens = derived_greedy_ids ? derived_greedy_ids.length - 1 : 200
      expect(await model.generate('', { temperature: 0, maxTokens }).text()).toBe(story)
      await model.dispose()
    })

    it('has the logits that float64 arithmetic has, within 1e-4', async () => {
      const model = await load()
      const expected = oracleFloats('trained', logits)
      const ids = golden().logits_input_ids ?? golden().derived_ids_256!.slice(0, 36)
      const { values } = await model.logits(ids, { rows: 'all' })
      await model.dispose()
      expect(values.length).toBe(expected.length)
      expect(Math.max(...values.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-4)
    })
  })
})
