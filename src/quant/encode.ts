// Encodes float32 values to block formats. F32 to Q8_0 are bit by bit as ggml's reference quantizers make them. Must not know
// where the values come from.
import { encodeQ4K, encodeQ6K } from './encode-k.ts'
import { f32sToBf16s, f32sToF16s, f32ToF16 } from './half.ts'
import { bytesFor, quants } from './quants.ts'

/** Formats that values can be encoded to. */
export type EncodableName = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_K' | 'Q6_K'

const encoders: Readonly<Record<EncodableName, (values: Float32Array, out: DataView) => void>> = {
  F32: (values, out) => values.forEach((value, i) => void out.setFloat32(4 * i, value, true)),
  F16: (values, out) => storeHalves(f32sToF16s(values), out),
  BF16: (values, out) => storeHalves(f32sToBf16s(values), out),
  Q8_0: encodeQ8,
  Q4_K: encodeQ4K,
  Q6_K: encodeQ6K,
}

/** The bytes of values that fill whole blocks. */
export function encodeRows(type: EncodableName, values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(bytesFor(type, values.length))
  encoders[type](values, new DataView(bytes.buffer))
  return bytes
}

function storeHalves(halves: Uint16Array, out: DataView): void {
  halves.forEach((half, i) => void out.setUint16(2 * i, half, true))
}

/** Multiplies by 1/d as ggml does; dividing by d would round some values to the other neighbour. */
function encodeQ8(values: Float32Array, out: DataView): void {
  const { elems, bytes } = quants.Q8_0
  for (let block = 0; block * elems < values.length; block++) {
    const row = values.subarray(block * elems, (block + 1) * elems)
    const largest = row.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0)
    const d = Math.fround(largest / 127)
    const inverse = d === 0 ? 0 : Math.fround(1 / d)
    out.setUint16(block * bytes, f32ToF16(d), true)
    row.forEach(
      (value, i) => void out.setInt8(block * bytes + 2 + i, roundAway(Math.fround(value * inverse))),
    )
  }
}

/** To the nearest integer, ties away from zero, as C's roundf. */
function roundAway(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5)
}
