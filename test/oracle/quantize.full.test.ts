// Mixes as llama.cpp makes them of the same model: the same formats, and errors that are no greater.
import { expect, it } from 'vitest'
import { openModelFile } from '../../src/api/open.ts'
import { mixedModel } from '../../src/api/quantize.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'
import { inRows } from '../../src/formats/rows.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { encodeRows, isEncodable } from '../../src/quant/encode.ts'
import { type MixName, mixedTypes, mixNames } from '../../src/quant/mixes.ts'
import { isPacked } from '../../src/quant/packed.ts'
import { describeOracle, oraclePath, quantized } from '../support/oracle.ts'

const mixes = quantized.flatMap(name => {
  const mix = mixNames.find(known => name === `llama-${known}`)
  return mix ? [mix] : []
})

async function values(file: ModelFile, name: string): Promise<Float32Array> {
  const { type, shape, source, offset, bytes } = inRows(file.tensors.get(name)!)
  const out = new Float32Array(shape.reduce((product, size) => product * size, 1))
  decodeRows(type)(await source.read(offset, bytes), 0, out, 0, out.length)
  return out
}

function squaredError(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)
}

describeOracle("llama.cpp's mixes", () => {
  it.each(mixes)('%s', async (mix: MixName) => {
    const source = await openModelFile(oraclePath('quants', 'llama-F16.gguf'))
    const theirs = await openModelFile(oraclePath('quants', `llama-${mix}.gguf`))
    const types = mixedTypes(mix, mixedModel(source, false))
    expect(Object.fromEntries(types)).toEqual(
      Object.fromEntries(Array.from(theirs.tensors.values(), ({ name, type }) => [name, type])),
    )
    for (const [name, type] of types) {
      if (isPacked(type) || !isEncodable(type)) continue
      const expected = await values(source, name)
      const ours = new Float32Array(expected.length)
      decodeRows(type)(encodeRows(type, expected), 0, ours, 0, ours.length)
      const [error, allowed] = [
        squaredError(ours, expected),
        squaredError(await values(theirs, name), expected),
      ]
      expect(error, `${name} in ${type}`).toBeLessThanOrEqual(allowed)
    }
    await source.close()
    await theirs.close()
  })
})
