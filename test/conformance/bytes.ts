// Random weights as bytes. Blocks are made directly, not by quantizing, so that every bit pattern of quants,
// sub-scales and signs occurs; only the scales that multiply a whole block are chosen.
import { f32ToBf16, f32ToF16 } from '../../src/quant/half.ts'
import { bytesFor, type QuantName, quants } from '../../src/quant/quants.ts'
import { putScale, type ScaleStorage } from '../support/scales.ts'
import type { Random } from './random.ts'

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
  F8_E4M3: [{ at: 0, greatest: 1 / 64, as: 'f32' }],
  F8_E5M2: [{ at: 0, greatest: 1 / 8192, as: 'f32' }],
  Q4_Z: [{ at: 0, greatest: 1 / 128 }],
}

const types = Object.keys(quants) as QuantName[]

/** Formats of blocks of many elements. */
export const blockTypes: readonly QuantName[] = types.filter(type => quants[type].elems > 1)

/** Formats of single elements. */
export const plainTypes: readonly QuantName[] = types.filter(type => quants[type].elems === 1)

export function floatBytes(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

export function randomBytes(type: QuantName, elements: number, random: Random): Uint8Array {
  const bytes = new Uint8Array(bytesFor(type, elements))
  const view = new DataView(bytes.buffer)
  if (quants[type].elems === 1) {
    for (let i = 0; i < elements; i++) putElement(view, i, type, random.between(-1, 1))
    return bytes
  }
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256)
  for (let block = 0; block < bytes.length; block += quants[type].bytes)
    for (const { at, greatest, as } of scales[type])
      putScale(view, block + at, random.sign() * random.between(0.5, 1) * greatest, as)
  if (type.startsWith('F8_')) makeFinite(bytes, type)
  return bytes
}

/** Floats of 8 bits without infinities and NaNs. */
function makeFinite(bytes: Uint8Array, type: QuantName): void {
  const infinite = type === 'F8_E4M3' ? 0x7f : 0x7c
  const scale = 4
  for (let i = 0; i < bytes.length; i++)
    if (i % quants[type].bytes >= scale && (bytes[i]! & infinite) === infinite) bytes[i]! ^= 0x40
}

function putElement(view: DataView, index: number, type: QuantName, value: number): void {
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
    default:
      throw new Error(`${type} is a format of blocks`)
  }
}
