// The native quantizers and those in TypeScript are twins: the same bytes, whatever the values.
import { beforeAll, describe, expect, test } from 'vitest'
import { nativeRequantize } from '../../../src/backends/cpu/quantize.ts'
import { nativeLibrary } from '../../../src/ffi/library.ts'
import { type EncodableName, encodeRows } from '../../../src/quant/encode.ts'
import { bytesFor, type QuantName } from '../../../src/quant/quants.ts'
import { type Requantize, requantizePlainly } from '../../../src/quant/requantize.ts'
import { randomBlocks } from '../../fixtures/builder.ts'
import { Random } from '../../fixtures/random.ts'

const formats: readonly EncodableName[] = [
  ...(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K', 'IQ4_NL', 'IQ4_XS', 'MXFP4'] as const),
]

let requantize: Requantize
beforeAll(async () => {
  requantize = nativeRequantize(await nativeLibrary(), 2)
})

const bytesOf = (values: Float32Array) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const random = new Random(1)
const floats = (count: number, value: (i: number) => number) =>
  Float32Array.from({ length: count }, (_, i) => value(i))

/** What real weights are like, and what they should not be like. */
const kinds: Readonly<Record<string, Float32Array>> = {
  normal: floats(4096, () => random.normal() / 50),
  outliers: floats(4096, i => random.normal() * (i % 97 === 0 ? 8 : 0.01)),
  'one sign': floats(2048, () => 1 + random.unit()),
  halves: floats(2048, () => (random.below(15) - 7) / 2),
  zeros: floats(1024, i => (i < 512 ? 0 : -0)),
  'blocks of one value': floats(1024, i => (Math.floor(i / 32) - 16) / 8),
  'one value in a block': floats(1024, i => (i % 256 === 77 ? -3 : 0)),
  tiny: floats(1024, () => random.normal() * 1e-20),
  'near the least scale': floats(1024, () => random.normal() * 2e-6),
  large: floats(1024, () => random.normal() * 1e4),
}

describe.each(formats)('%s', type => {
  test.each(Object.keys(kinds))('%s', async kind => {
    const values = kinds[kind]!
    const rows = { type: 'F32', count: 2, columns: values.length / 2, data: bytesOf(values) } as const
    expect(await requantize(rows, type)).toEqual(encodeRows(type, values))
  })

  test.each(['normal', 'outliers', 'one value in a block'])('%s, by importance', async kind => {
    const values = kinds[kind]!
    const columns = values.length / 4
    const importance = {
      values: floats(2 * columns, i => (i % 5 === 0 ? 0 : random.unit() ** 4)),
      matrixRows: 2,
    }
    // The last of two rows of the first matrix, then those of the second.
    const rows = { type: 'F32', count: 3, columns, data: bytesOf(values.slice(columns)) } as const
    const found = await requantize(rows, type, importance, 1)
    expect(found).toEqual(await requantizePlainly(rows, type, importance, 1))
    const weights = Float32Array.of(
      ...importance.values.subarray(0, columns),
      ...importance.values.subarray(columns),
      ...importance.values.subarray(columns),
    )
    expect(found).toEqual(encodeRows(type, values.slice(columns), weights))
  })

  test('what is not finite is refused, and what becomes infinite', async () => {
    for (const wrong of [Number.NaN, Infinity, -Infinity]) {
      const values = kinds.normal!.slice()
      values[300] = wrong
      const rows = { type: 'F32', count: 1, columns: values.length, data: bytesOf(values) } as const
      expect(await requantize(rows, type)).toBe('notFinite')
      expect(await requantizePlainly(rows, type)).toBe('notFinite')
    }
    const values = floats(512, i => (i === 300 ? 3e38 : 0))
    const rows = { type: 'F32', count: 1, columns: 512, data: bytesOf(values) } as const
    const found = await requantize(rows, type)
    if (type === 'F32' || type === 'BF16') expect(found).toBeInstanceOf(Uint8Array)
    else expect(found).toBe('tooLarge')
    expect(await requantizePlainly(rows, type)).toEqual(found)
  })
})

test.each(['F16', 'BF16', 'Q8_0', 'Q4_K', 'Q2_K', 'IQ2_XXS', 'TQ1_0', 'MXFP4'] as QuantName[])(
  'rows of %s',
  async type => {
    // Rows longer than the pieces that are decoded at a time, and no multiple of them.
    const columns = 4096 + 256
    const data = randomBlocks(type, 3 * columns, random, 0.1)
    const rows = { type, count: 3, columns, data }
    expect(data.length).toBe(bytesFor(type, 3 * columns))
    expect(await requantize(rows, 'Q4_K')).toEqual(await requantizePlainly(rows, 'Q4_K'))
  },
)

test('formats that nothing writes', async () => {
  const rows = { type: 'F32', count: 1, columns: 256, data: new Uint8Array(1024) } as const
  expect(await requantize(rows, 'IQ2_XXS')).toBe('noEncoder')
  expect(await requantizePlainly(rows, 'IQ2_XXS')).toBe('noEncoder')
})
