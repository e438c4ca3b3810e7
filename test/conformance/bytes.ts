// Random weights as bytes. Blocks are made directly, not by quantizing, so that every bit pattern of quants,
// sub-scales and signs occurs; only the scales that multiply a whole block are chosen.
import { f32ToBf16, f32ToF16 } from '../../src/quant/half.ts'
import { bytesFor, type QuantName, quants } from '../../src/quant/quants.ts'
import type { Random } from './random.ts'

/** The f16 scales of a block: where they lie, and the greatest that leaves weights about as great as 1. */
type Scales = readonly { readonly at: number; readonly greatest: number }[]

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
  Q4_K: [
    { at: 0, greatest: 1 / 500 },
    { at: 2, greatest: 1 / 63 },
  ],
  Q5_K: [
    { at: 0, greatest: 1 / 1000 },
    { at: 2, greatest: 1 / 63 },
  ],
  Q6_K: [{ at: 208, greatest: 1 / 2048 }],
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
    for (const { at, greatest } of scales[type])
      view.setUint16(block + at, f32ToF16(random.sign() * random.between(0.5, 1) * greatest), true)
  return bytes
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
