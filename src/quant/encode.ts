// Encodes float32 values to block formats: the plain twin of native/quantize.cpp, which makes the same bytes. Without weights, formats of
// 32 values are bit by bit as ggml's reference quantizers make them. Must not know where the values come from.
import { InvalidOptionError } from '../errors.ts'
import { encodeIQ4NL, encodeIQ4XS, encodeMXFP4 } from './encode-codebook.ts'
import { encodeQ2K, encodeQ3K, encodeQ4K, encodeQ5K, encodeQ6K } from './encode-k.ts'
import { fitAffine, fitScale, greatestOf, integers, inverseOf, quantized } from './fit.ts'
import { f32sToBf16s, f32sToF16s } from './half.ts'
import { type BlockEncoder, Packer } from './packer.ts'
import { bytesFor, type QuantName, quants } from './quants.ts'

const blockEncoders = {
  Q8_0: encodeQ8,
  Q4_0: (x, w, out) => out.nibbles(2, scaled(x, w, 8, out)),
  Q4_1: (x, w, out) => out.nibbles(4, offset(x, w, 15, out)),
  Q5_0: (x, w, out) => out.fiveBits(2, scaled(x, w, 16, out)),
  Q5_1: (x, w, out) => out.fiveBits(4, offset(x, w, 31, out)),
  Q2_K: encodeQ2K,
  Q3_K: encodeQ3K,
  Q4_K: encodeQ4K,
  Q5_K: encodeQ5K,
  Q6_K: encodeQ6K,
  IQ4_NL: encodeIQ4NL,
  IQ4_XS: encodeIQ4XS,
  MXFP4: encodeMXFP4,
} satisfies Partial<Record<QuantName, BlockEncoder>>

/** Formats that values can be encoded to. */
export type EncodableName = 'F32' | 'F16' | 'BF16' | keyof typeof blockEncoders

export function isEncodable(type: QuantName): type is EncodableName {
  return type === 'F32' || type === 'F16' || type === 'BF16' || type in blockEncoders
}

/** The bytes of values that fill whole blocks; `weights` say how much the error of each counts. */
export function encodeRows(type: EncodableName, values: Float32Array, weights?: Float32Array): Uint8Array {
  const bytes = new Uint8Array(bytesFor(type, values.length))
  if (weights && weights.length !== values.length)
    throw new InvalidOptionError(
      `expected a weight for each of ${values.length} values, found ${weights.length}`,
    )
  const view = new DataView(bytes.buffer)
  if (type === 'F32') values.forEach((value, i) => void view.setFloat32(4 * i, value, true))
  else if (type === 'F16') storeHalves(f32sToF16s(values), view)
  else if (type === 'BF16') storeHalves(f32sToBf16s(values), view)
  else {
    const { elems, bytes: size } = quants[type]
    for (let block = 0; block * elems < values.length; block++) {
      const [start, end] = [block * elems, (block + 1) * elems]
      blockEncoders[type](
        values.subarray(start, end),
        weights?.subarray(start, end),
        new Packer(view, block * size),
      )
    }
  }
  return bytes
}

function storeHalves(halves: Uint16Array, out: DataView): void {
  halves.forEach((half, i) => void out.setUint16(2 * i, half, true))
}

/** Quants of formats without a minimum, counted from -half. */
function scaled(x: Float32Array, w: Float32Array | undefined, half: number, out: Packer): Uint8Array {
  if (w) {
    const search = { end: -half, other: half, step: 1 / 8 }
    const d = out.half(0, fitScale(x, w, integers(-half, half - 1), search))
    return quantized(x, { scale: d, minimum: 0 }, -half, half - 1)
  }
  const greatest = greatestOf(x)
  const d = Math.fround((x.find(value => Math.abs(value) === greatest) ?? 0) / -half)
  const inverse = inverseOf(d)
  out.half(0, d)
  return Uint8Array.from(x, value =>
    Math.min(2 * half - 1, Math.trunc(Math.fround(Math.fround(value * inverse) + half + 0.5))),
  )
}

/** Quants of formats with a minimum. */
function offset(x: Float32Array, w: Float32Array | undefined, most: number, out: Packer): Uint8Array {
  if (w) {
    const fit = fitAffine(x, w, most, true)
    const d = out.half(0, fit.scale)
    return quantized(x, { scale: d, minimum: -out.half(2, -fit.minimum) }, 0, most)
  }
  const low = x.reduce((least, value) => Math.min(least, value))
  const high = x.reduce((greatest, value) => Math.max(greatest, value))
  const d = Math.fround(Math.fround(high - low) / most)
  const inverse = inverseOf(d)
  out.half(0, d)
  out.half(2, low)
  return Uint8Array.from(x, value =>
    Math.min(most, Math.trunc(Math.fround(Math.fround(Math.fround(value - low) * inverse) + 0.5))),
  )
}

/** Multiplies by 1/d as ggml does; dividing by d would round some values to the other neighbour. */
function encodeQ8(x: Float32Array, _: Float32Array | undefined, out: Packer): void {
  const d = Math.fround(greatestOf(x) / 127)
  const inverse = inverseOf(d)
  out.half(0, d)
  out.bytes(
    2,
    x.map(value => roundAway(Math.fround(value * inverse))),
  )
}

/** To the nearest integer, ties away from zero, as C's roundf. */
function roundAway(value: number): number {
  return Math.sign(value) * Math.floor(Math.abs(value) + 0.5)
}
