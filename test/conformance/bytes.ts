// Random weights as bytes. Blocks are made directly, not by quantizing, so that every bit pattern of quants,
// sub-scales and signs occurs; only the scales that multiply a whole block are chosen.
import { f32ToBf16, f32ToF16 } from '../../src/quant/half.ts'
import {
  isAcross,
  isPacked,
  type PackedName,
  packedType,
  partBytes,
  type WeightType,
} from '../../src/quant/packed.ts'
import { bytesFor, type QuantName, quants } from '../../src/quant/quants.ts'
import { putScale, type ScaleStorage } from '../support/scales.ts'
import { type Random, range } from './random.ts'

/** The scales of a block: where and how they lie, and the greatest that leaves weights about as great as 1. */
type Scales = readonly { readonly at: number; readonly greatest: number; readonly as?: ScaleStorage }[]

/** By block format; `greatest` is about 1 / (typical sub-scale · greatest quant). */
const scales: Readonly<Record<QuantName, Scales>> = {
  F32: [],
  F16: [],
  BF16: [],
  Q4_0: [{ at: 0, greatest: 1 / 8 }],
  Q4_1: [
    { at: 0, greatest: 1 / 8 },
    { at: 2, greatest: 1 },
  ],
  Q5_0: [{ at: 0, greatest: 1 / 16 }],
  Q5_1: [
    { at: 0, greatest: 1 / 16 },
    { at: 2, greatest: 1 },
  ],
  Q8_0: [{ at: 0, greatest: 1 / 127 }],
  Q2_K: [
    { at: 80, greatest: 1 / 24 },
    { at: 82, greatest: 1 / 15 },
  ],
  Q3_K: [{ at: 108, greatest: 1 / 64 }],
  Q4_K: [
    { at: 0, greatest: 1 / 500 },
    { at: 2, greatest: 1 / 63 },
  ],
  Q5_K: [
    { at: 0, greatest: 1 / 1000 },
    { at: 2, greatest: 1 / 63 },
  ],
  Q6_K: [{ at: 208, greatest: 1 / 2048 }],
  IQ1_S: [{ at: 0, greatest: 1 / 9 }],
  IQ1_M: [{ at: 48, greatest: 1 / 9, as: 'nibbles' }],
  IQ2_XXS: [{ at: 0, greatest: 1 / 86 }],
  IQ2_XS: [{ at: 0, greatest: 1 / 86 }],
  IQ2_S: [{ at: 0, greatest: 1 / 86 }],
  IQ3_XXS: [{ at: 0, greatest: 1 / 248 }],
  IQ3_S: [{ at: 0, greatest: 1 / 240 }],
  IQ4_NL: [{ at: 0, greatest: 1 / 127 }],
  IQ4_XS: [{ at: 0, greatest: 1 / 2032 }],
  TQ1_0: [{ at: 52, greatest: 1 }],
  TQ2_0: [{ at: 64, greatest: 1 / 2 }],
  MXFP4: [{ at: 0, greatest: 1 / 12, as: 'e8m0' }],
  F8_E4M3: [],
  F8_E5M2: [],
}

const types = Object.keys(quants) as QuantName[]

/** Formats of blocks of many elements. */
export const blockTypes: readonly QuantName[] = types.filter(type => quants[type].elems > 1)

/** Formats of single elements. */
export const plainTypes: readonly QuantName[] = types.filter(type => quants[type].elems === 1)

/** Matrices in parts: every layout, groups of whole runs of 32 columns and others, columns in any order, both types of scales. */
export const packedTypes: readonly PackedName[] = [
  'F8_E4M3_128',
  'F8_E5M2_128',
  'GPTQ_32',
  'GPTQ_V2_64',
  'GPTQ_128_F32',
  'GPTQ_16',
  'GPTQ_32_ACT',
  'AWQ_32',
  'AWQ_64_F32',
  'AWQ_8',
]

/** Columns of a type's blocks, or that share a scale. */
export function blockColumns(type: WeightType): number {
  return packedType(type)?.group ?? quants[type as QuantName].elems
}

/** At least so many rows, as many as a type can have. */
export function possibleRows(type: WeightType, rows: number): number {
  return isAcross(type) ? Math.ceil(rows / 8) * 8 : rows
}

/** Random weights about as great as 1. */
export function randomBytes(type: WeightType, shape: readonly number[], random: Random): Uint8Array {
  const elements = shape.reduce((product, dim) => product * dim, 1)
  if (!isPacked(type)) return randomBlocks(type, elements, random)
  const [rows, columns] = shape.slice(-2) as [number, number]
  const matrices = range(elements / (rows * columns)).flatMap(() => randomParts(type, rows, columns, random))
  return new Uint8Array(Buffer.concat(matrices))
}

/** The parts of a matrix. */
function randomParts(type: PackedName, rows: number, columns: number, random: Random): Uint8Array[] {
  const packed = packedType(type)!
  const [numbers, scales, zeros, order] = partBytes(packed, { rows, columns }).map(bytes =>
    Uint8Array.from({ length: bytes }, () => random.below(256)),
  ) as [Uint8Array, Uint8Array, Uint8Array | undefined, Uint8Array | undefined]
  const [size, as] = packed.scale === 'F32' ? [4, 'f32' as const] : [2, undefined]
  const greatest = zeros ? 1 / 16 : 1
  for (let at = 0; at < scales.length; at += size)
    putScale(new DataView(scales.buffer), at, random.sign() * random.between(0.5, 1) * greatest, as)
  if (!zeros) return [randomBlocks(packed.layout as QuantName, rows * columns, random), scales]
  if (!order) return [numbers, scales, zeros]
  const groups = Int32Array.from({ length: columns }, () => random.below(columns / packed.group))
  return [numbers, scales, zeros, new Uint8Array(groups.buffer)]
}

export function floatBytes(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

function randomBlocks(type: QuantName, elements: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(bytesFor(type, elements))
  const view = new DataView(bytes.buffer)
  if (quants[type].elems === 1) {
    for (let i = 0; i < elements; i++) putElement(view, i, type, random)
    return bytes
  }
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256)
  putScales(type, view, random)
  return bytes
}

/** Blocks in which all bytes are the same but those of the scales. */
export function evenBlocks(type: QuantName, elements: number, byte: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(bytesFor(type, elements)).fill(byte)
  putScales(type, new DataView(bytes.buffer), random)
  return bytes
}

function putScales(type: QuantName, view: DataView, random: Random): void {
  for (let block = 0; block < view.byteLength; block += quants[type].bytes)
    for (const { at, greatest, as } of scales[type])
      putScale(view, block + at, random.sign() * random.between(0.5, 1) * greatest, as)
}

function putElement(view: DataView, index: number, type: QuantName, random: Random): void {
  const value = random.between(-1, 1)
  switch (type) {
    case 'F32':
      view.setFloat32(4 * index, value, true)
      break
    case 'F16':
      view.setUint16(2 * index, f32ToF16(value), true)
      break
    case 'BF16':
      view.setUint16(2 * index, f32ToBf16(value), true)
      break
    case 'F8_E4M3':
      view.setUint8(index, random.below(0x39) | (random.below(2) << 7))
      break
    case 'F8_E5M2':
      view.setUint8(index, random.below(0x3d) | (random.below(2) << 7))
      break
    default:
      throw new Error(`${type} is a format of blocks`)
  }
}
