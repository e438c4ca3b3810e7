// Quantized checkpoints against their packing, done by hand: FP8 with block scales, GPTQ, AWQ.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, UnsupportedModelError } from '../../src/errors.ts'
import type { TensorInfo } from '../../src/formats/model-file.ts'
import { inRows } from '../../src/formats/rows.ts'
import { openSafetensors } from '../../src/formats/safetensors.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { f16ToF32, f32ToF16 } from '../../src/quant/half.ts'
import { rejection } from '../api/tiny.ts'
import {
  floats,
  inFolder,
  packAwq,
  packGptq,
  type Quantized,
  type RawTensor,
  type RawTensors,
  rawSafetensors,
  tinyConfig,
  tinyLlama,
} from './checkpoint.ts'
import { random } from './mutate.ts'

const NAME = 'model.layers.0.mlp.down_proj'

/** Opens a checkpoint whose down projection is `tensors`; its shape is not asked for before a model is recorded. */
async function open(tensors: RawTensors, quantization: unknown = undefined) {
  const weights = rawSafetensors({ ...tinyLlama({ [`${NAME}.weight`]: undefined }), ...tensors })
  const config = { ...tinyConfig, quantization_config: quantization }
  const { source, beside } = inFolder(
    { 'model.safetensors': weights, 'config.json': config },
    'model.safetensors',
  )
  return (await openSafetensors(source, beside)).tensors.get('blk.0.ffn_down.weight')!
}

async function values(tensor: TensorInfo): Promise<number[]> {
  const { source, offset, bytes, type, shape } = inRows(tensor)
  const out = new Float32Array(shape.reduce((a, b) => a * b))
  decodeRows(type)(await source.read(offset, bytes), 0, out, 0, out.length)
  return Array.from(out)
}

function quantized(rows: number, columns: number, groups: number, symmetric = false): Quantized {
  const next = random(rows + columns + groups)
  const table = (height: number, width: number, one: () => number) =>
    Array.from({ length: height }, () => Array.from({ length: width }, one))
  return {
    numbers: table(rows, columns, () => next(16)),
    zeros: table(groups, rows, () => (symmetric ? 8 : 1 + next(15))),
    scales: table(groups, rows, () => f32ToF16(0.01 + next(100) / 1000)),
  }
}

/** The numbers that the packed ones stand for, `group` being a column's group. */
function meant({ numbers, zeros, scales }: Quantized, group: (column: number) => number): number[] {
  return numbers.flatMap((row, r) =>
    row.map((number, column) => f16ToF32(scales[group(column)]![r]!) * (number - zeros[group(column)]![r]!)),
  )
}

const runs = (columns: number, groups: number) => (column: number) => Math.floor(column / (columns / groups))

describe('GPTQ', () => {
  test.each([
    ['groups of 32', 128, 4, false],
    ['groups of 64', 128, 2, false],
    ['groups of 128', 256, 2, false],
    ['whole columns', 96, 1, false],
    ['symmetric', 64, 2, true],
  ] as const)('%s', async (_, columns, groups, symmetric) => {
    const matrix = quantized(16, columns, groups, symmetric)
    const tensor = await open(packGptq(NAME, matrix), { quant_method: 'gptq', bits: 4 })
    expect(tensor).toMatchObject({ type: `GPTQ_${columns / groups}`, shape: [16, columns] })
    expect(tensor.bytes).toBe(8 * columns + groups * 16 * 2.5)
    expect(await values(tensor)).toEqual(meant(matrix, runs(columns, groups)))
  })

  test('version 2, which takes nothing off zero points', async () => {
    const matrix = quantized(8, 64, 2)
    const packed = packGptq(NAME, matrix, { zeroOffset: 0 })
    const tensor = await open(packed, { quant_method: 'gptq', checkpoint_format: 'gptq_v2' })
    expect(await values(tensor)).toEqual(meant(matrix, runs(64, 2)))
  })

  test('act-order: columns of any group', async () => {
    const matrix = quantized(8, 64, 2)
    const order = Array.from({ length: 64 }, (_, i) => (i * 7) % 2)
    const tensor = await open(packGptq(NAME, matrix, { order }))
    expect(tensor.type).toBe('GPTQ_32_ACT')
    expect(await values(tensor)).toEqual(meant(matrix, column => order[column]!))
  })

  test('scales of float32', async () => {
    const matrix = quantized(8, 64, 2)
    const scales = matrix.scales.flat().map(bits => f16ToF32(bits) + 1e-6)
    const tensor = await open({ ...packGptq(NAME, matrix), [`${NAME}.scales`]: floats([2, 8], scales) })
    expect(tensor.type).toBe('GPTQ_32_F32')
    const expected = matrix.numbers.flatMap((row, r) =>
      row.map((number, c) => {
        const group = Math.floor(c / 32)
        return Math.fround(Math.fround(scales[group * 8 + r]!) * (number - matrix.zeros[group]![r]!))
      }),
    )
    expect(await values(tensor)).toEqual(expected)
  })

  test('is read in any pieces', async () => {
    const tensor = await open(packGptq(NAME, quantized(16, 64, 2)))
    const whole = await tensor.source.read(0, tensor.bytes)
    const next = random(5)
    for (let i = 0; i < 50; i++) {
      const from = next(tensor.bytes)
      const length = next(tensor.bytes - from + 1)
      expect(await tensor.source.read(from, length)).toEqual(whole.subarray(from, from + length))
    }
  })

  test.each<[string, (tensors: Record<string, RawTensor>) => void, RegExp]>([
    ['no scales', tensors => delete tensors[`${NAME}.scales`], /scales beside it, found none/],
    ['no zeros', tensors => delete tensors[`${NAME}.qzeros`], /qzeros beside it, found none/],
    [
      'words of another type',
      tensors => Object.assign(tensors[`${NAME}.qweight`]!, { dtype: 'F32' }),
      /a matrix of I32, found F32/,
    ],
    [
      'groups that do not divide',
      tensors => {
        tensors[`${NAME}.scales`] = floats([3, 8], new Float32Array(24))
        tensors[`${NAME}.qzeros`] = { dtype: 'I32', shape: [3, 1], bytes: new Uint8Array(12) }
      },
      /groups of the same size of 64 columns, found 3/,
    ],
    [
      'a group that is not there',
      tensors => tensors[`${NAME}.g_idx`]!.bytes.fill(9),
      /g_idx.*groups below 2/,
    ],
    [
      'a short g_idx',
      tensors => {
        tensors[`${NAME}.g_idx`] = { dtype: 'I32', shape: [1], bytes: new Uint8Array(4) }
      },
      /I32 \[64\], found I32 \[1\]/,
    ],
  ])('%s', async (_, spoil, message) => {
    const tensors = { ...packGptq(NAME, quantized(8, 64, 2)) }
    spoil(tensors)
    const error = await rejection(open(tensors))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(message)
  })

  test('8 bits', async () => {
    const tensors = {
      ...packGptq(NAME, quantized(8, 64, 2)),
      [`${NAME}.qzeros`]: { dtype: 'I32', shape: [2, 2], bytes: new Uint8Array(16) },
    }
    const error = await rejection(open(tensors))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/expected 4 bits a weight, found 8/)
  })
})

describe('AWQ', () => {
  test.each([
    ['groups of 32', 128, 4],
    ['groups of 128', 128, 1],
  ] as const)('%s', async (_, columns, groups) => {
    const matrix = quantized(24, columns, groups)
    const tensor = await open(packAwq(NAME, matrix), { quant_method: 'awq', version: 'gemm' })
    expect(tensor).toMatchObject({ type: `AWQ_${columns / groups}`, shape: [24, columns] })
    expect(await values(tensor)).toEqual(meant(matrix, runs(columns, groups)))
  })

  test('other packings are refused', async () => {
    const error = await rejection(
      open(packAwq(NAME, quantized(8, 32, 1)), { quant_method: 'awq', version: 'gemv' }),
    )
    expect(error).toBeInstanceOf(UnsupportedModelError)
  })
})

describe('FP8', () => {
  /** Value of a byte by its definition. */
  const f8 = (byte: number, exponentBits: number) => {
    const mantissaBits = 7 - exponentBits
    const [bias, exponent] = [2 ** (exponentBits - 1) - 1, (byte & 127) >> mantissaBits]
    const fraction = (byte & (2 ** mantissaBits - 1)) / 2 ** mantissaBits
    const magnitude = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias)
    return byte & 128 ? -magnitude : magnitude
  }

  test.each([
    ['F8_E4M3', 4, 256],
    ['F8_E5M2', 5, 128],
    // A row that does not end where a scale does.
    ['F8_E4M3', 4, 200],
  ] as const)('%s with %d bits of exponent, rows of %d', async (dtype, exponentBits, columns) => {
    const rows = 130
    const next = random(columns)
    const bytes = Uint8Array.from({ length: rows * columns }, () => next(0x70) | (next(2) << 7))
    const width = Math.ceil(columns / 128)
    const scales = Float32Array.from({ length: 2 * width }, () => (1 + next(1000)) / 7000)
    const tensor = await open(
      {
        [`${NAME}.weight`]: { dtype, shape: [rows, columns], bytes },
        [`${NAME}.weight_scale_inv`]: floats([2, width], scales),
      },
      { quant_method: 'fp8', weight_block_size: [128, 128] },
    )
    expect(tensor).toMatchObject({ type: `${dtype}_128`, shape: [rows, columns] })
    const expected = Array.from(bytes, (byte, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns]
      const scale = scales[Math.floor(row / 128) * width + Math.floor(column / 128)]!
      return Math.fround(f8(byte, exponentBits) * scale)
    })
    expect(await values(tensor)).toEqual(expected)
    // Pieces that begin and end anywhere are the same bytes.
    const whole = await tensor.source.read(0, tensor.bytes)
    expect(await tensor.source.read(12_345, 4300)).toEqual(whole.subarray(12_345, 12_345 + 4300))
  })

  test('scales of another shape, and blocks of another size', async () => {
    const weight = { dtype: 'F8_E4M3', shape: [8, 128], bytes: new Uint8Array(1024) }
    const scale = floats([2, 1], [1, 1])
    const error = await rejection(open({ [`${NAME}.weight`]: weight, [`${NAME}.weight_scale_inv`]: scale }))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(/weight_scale_inv.*\[1, 1\], found F32 \[2, 1\]/)
    const settings = { quant_method: 'fp8', weight_block_size: [64, 64] }
    expect(await rejection(open({ [`${NAME}.weight`]: weight }, settings))).toBeInstanceOf(
      UnsupportedModelError,
    )
  })
})

test('other ways to quantize are refused by name', async () => {
  const error = await rejection(open(packAwq(NAME, quantized(8, 32, 1)), { quant_method: 'bitsandbytes' }))
  expect(error).toBeInstanceOf(UnsupportedModelError)
  expect(String(error)).toMatch(/quant_method.*fp8, gptq, awq, found "bitsandbytes"/)
})
