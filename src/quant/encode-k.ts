// Encodes to the K formats: super-blocks of 256 weights whose small blocks have scales of few bits. The values are fitted
// by least squares; what is decoded is then rounded anew against the scales as they were stored.
import { clamp, fitAffine, fitSymmetric } from './fit.ts'
import { f16ToF32, f32ToF16 } from './half.ts'

const SUPER = 256

/** Q4_K: 8 blocks of 32, `d·scale·q - dmin·minimum`, 6 bits each for scale and minimum, 4 for q. */
export function encodeQ4K(values: Float32Array, out: DataView): void {
  const size = 32
  const blocks = SUPER / size
  const q = new Uint8Array(size)
  for (let s = 0; s * SUPER < values.length; s++) {
    const x = values.subarray(s * SUPER, (s + 1) * SUPER)
    const at = s * 144
    const fits = Array.from({ length: blocks }, (_, b) => {
      const block = x.subarray(b * size, (b + 1) * size)
      return fitAffine(block, importance(block), 15, q)
    })
    const d = storeHalf(out, at, Math.max(...fits.map(fit => fit.scale)) / 63)
    const dmin = storeHalf(out, at + 2, Math.max(...fits.map(fit => fit.minimum)) / 63)
    const scales = fits.map(fit => sixBits(fit.scale, d))
    const minimums = fits.map(fit => sixBits(fit.minimum, dmin))
    packSixBits(out, at + 4, scales, minimums)
    for (let b = 0; b < blocks; b++) {
      const [scale, minimum] = [d * scales[b]!, dmin * minimums[b]!]
      const high = (b & 1) << 2
      for (let i = 0; i < size; i++) {
        const level = scale === 0 ? 0 : clamp(Math.round((x[b * size + i]! + minimum) / scale), 0, 15)
        const byte = at + 16 + (b >> 1) * size + i
        out.setUint8(byte, (high ? out.getUint8(byte) : 0) | (level << high))
      }
    }
  }
}

/** Q6_K: 16 blocks of 16, `d·scale·q`, 8 bits for the scale, 6 for q. */
export function encodeQ6K(values: Float32Array, out: DataView): void {
  const size = 16
  const blocks = SUPER / size
  const q = new Int8Array(size)
  for (let s = 0; s * SUPER < values.length; s++) {
    const x = values.subarray(s * SUPER, (s + 1) * SUPER)
    const at = s * 210
    const fits = Array.from({ length: blocks }, (_, b) => {
      const block = x.subarray(b * size, (b + 1) * size)
      return fitSymmetric(
        block,
        block.map(value => value * value),
        32,
        q,
      )
    })
    const largest = fits.reduce((most, scale) => (Math.abs(scale) > Math.abs(most) ? scale : most), 0)
    const d = storeHalf(out, at + 208, largest / -128)
    for (let b = 0; b < blocks; b++) {
      const scale = d === 0 ? 0 : clamp(Math.round(fits[b]! / d), -128, 127)
      out.setInt8(at + 192 + b, scale)
      for (let k = 0; k < size; k++) {
        const i = b * size + k
        const step = d * scale
        const level = 32 + (step === 0 ? 0 : clamp(Math.round(x[i]! / step), -32, 31))
        // As quants.ts reads them: 4 lower bits in 128 bytes, 2 upper ones in 64.
        merge(out, at + ((i >> 7) << 6) + (i & 63), (level & 15) << (((i >> 6) & 1) << 2), i % 128 < 64)
        merge(out, at + 128 + ((i >> 7) << 5) + (i & 31), (level >> 4) << (((i >> 5) & 3) << 1), i % 128 < 32)
      }
    }
  }
}

/** Adds bits to a byte, which the first of its users clears. */
function merge(out: DataView, at: number, bits: number, first: boolean): void {
  out.setUint8(at, (first ? 0 : out.getUint8(at)) | bits)
}

/** Where nothing says which weights matter, larger ones do, and none is without any. */
function importance(x: Float32Array): Float32Array {
  const mean = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length)
  return x.map(value => mean + Math.abs(value))
}

/** Stores a value as F16; answers what will be read. */
function storeHalf(out: DataView, at: number, value: number): number {
  const half = f32ToF16(value)
  out.setUint16(at, half, true)
  return f16ToF32(half)
}

function sixBits(value: number, d: number): number {
  return d === 0 ? 0 : clamp(Math.round(value / d), 0, 63)
}

/** 6 bits each for 8 scales and 8 minimums in 12 bytes: see `sixBits` in quants.ts. */
function packSixBits(
  out: DataView,
  at: number,
  scales: readonly number[],
  minimums: readonly number[],
): void {
  for (let b = 0; b < 4; b++) {
    out.setUint8(at + b, scales[b]! | ((scales[b + 4]! >> 4) << 6))
    out.setUint8(at + 4 + b, minimums[b]! | ((minimums[b + 4]! >> 4) << 6))
    out.setUint8(at + 8 + b, (scales[b + 4]! & 15) | ((minimums[b + 4]! & 15) << 4))
  }
}
