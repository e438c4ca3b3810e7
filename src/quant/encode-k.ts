// Encodes to the K formats: super-blocks of 256 weights whose small blocks have scales of few bits. Each small block is fitted; what is
// decoded is then rounded anew against the scales as they were stored.
import { fitAffine, fitScale, integers, inverseOf, type Quants, quantized, type Search } from './fit.ts'
import type { BlockEncoder, Packer } from './packer.ts'

const SUPER = 256
const ones = new Float32Array(SUPER).fill(1)

export const encodeQ2K: BlockEncoder = (x, w, out) => {
  const { scales, minima, q } = fitSuper(x, w, out, { at: 80, size: 16, most: 3, mostScale: 15 })
  out.bytes(
    0,
    scales.map((scale, i) => scale | (minima[i]! << 4)),
  )
  out.twoBits(16, q)
}

export const encodeQ3K: BlockEncoder = (x, w, out) => {
  const search = { end: -4, other: 4, step: 1 / 8 }
  const { d, scales } = fitSigned(x, w, out, { at: 108, size: 16, quants: integers(-4, 3), search, half: 32 })
  const q = byBlocks(x, 16, (block, i) => quantized(block, withoutMinimum(d, scales[i]! - 32), -4, 3))
  out.highBits(0, q, 2)
  out.twoBits(32, q)
  out.bytes(
    96,
    scales.subarray(0, 8).map((scale, i) => (scale & 15) | ((scales[i + 8]! & 15) << 4)),
  )
  const pairs = (i: number) => [0, 4, 8, 12].reduce((bits, k) => bits | ((scales[i + k]! >> 4) << (k / 2)), 0)
  out.bytes(104, [0, 1, 2, 3].map(pairs))
}

export const encodeQ4K: BlockEncoder = (x, w, out) => {
  const { scales, minima, q } = fitSuper(x, w, out, { at: 0, size: 32, most: 15, mostScale: 63 })
  putSixBits(out, scales, minima)
  out.superNibbles(16, q)
}

export const encodeQ5K: BlockEncoder = (x, w, out) => {
  const { scales, minima, q } = fitSuper(x, w, out, { at: 0, size: 32, most: 31, mostScale: 63 })
  putSixBits(out, scales, minima)
  out.highBits(16, q, 4)
  out.superNibbles(48, q)
}

export const encodeQ6K: BlockEncoder = (x, w, out) => {
  const search = { end: -32, other: 32, step: 1 / 8 }
  const fit = fitSigned(x, w, out, { at: 208, size: 16, quants: integers(-32, 31), search, half: 128 })
  const scales = Array.from(fit.scales, scale => scale - 128)
  const q = byBlocks(x, 16, (block, i) => quantized(block, withoutMinimum(fit.d, scales[i]!), -32, 31))
  for (let half = 0; half < 2; half++)
    out.bytes(
      64 * half,
      Array.from({ length: 64 }, (_, i) => (q[128 * half + i]! & 15) | ((q[128 * half + 64 + i]! & 15) << 4)),
    )
  out.twoBits(
    128,
    q.map(level => level >> 4),
  )
  out.bytes(192, scales)
}

/**
 * Fits scales and minima of the small blocks, of `size` weights with quants up to `most`, and stores what they are multiples of, up to
 * `mostScale` times, at `at`. Answers the multiples, and the quants against what was stored.
 */
function fitSuper(
  x: Float32Array,
  w: Float32Array | undefined,
  out: Packer,
  { at, size, most, mostScale }: Readonly<Record<'at' | 'size' | 'most' | 'mostScale', number>>,
) {
  const weights = w ?? ones
  const fits = blocksOf(x, size).map((block, i) =>
    fitAffine(block, weights.subarray(i * size, (i + 1) * size), most, false),
  )
  const sums = weigh(weights, size)
  const multiples = (place: number, values: Float32Array) => {
    const search = { end: mostScale, other: mostScale, step: 1 / 16 }
    const d = out.half(place, fitScale(values, sums, integers(0, mostScale), search))
    return { d, counts: rounded(values, d, 0, mostScale) }
  }
  const scales = multiples(
    at,
    Float32Array.from(fits, fit => fit.scale),
  )
  const minima = multiples(
    at + 2,
    Float32Array.from(fits, fit => fit.minimum),
  )
  const q = byBlocks(x, size, (block, i) => {
    const scale = Math.fround(scales.d * scales.counts[i]!)
    return quantized(block, { scale, minimum: Math.fround(minima.d * minima.counts[i]!) }, 0, most)
  })
  return { scales: scales.counts, minima: minima.counts, q }
}

/**
 * Fits signed scales of the small blocks and stores what they are multiples of, from -half times on, at `at`. Answers that number as it
 * will be read, and the multiples counted from -half.
 */
export function fitSigned(
  x: Float32Array,
  w: Float32Array | undefined,
  out: Packer,
  {
    at,
    size,
    quants,
    search,
    half,
  }: {
    readonly at: number
    readonly size: number
    readonly quants: Quants
    readonly search: Search
    readonly half: number
  },
): { readonly d: number; readonly scales: Uint8Array } {
  const weights = w ?? ones
  const fitted = Float32Array.from(blocksOf(x, size), (block, i) =>
    fitScale(block, weights.subarray(i * size, (i + 1) * size), quants, search),
  )
  const ends = { end: -half, other: half - 1, step: 1 / 8 }
  const d = out.half(at, fitScale(fitted, weigh(weights, size), integers(-half, half - 1), ends))
  return { d, scales: rounded(fitted, d, -half, half - 1) }
}

/** Multiples of d, to the nearest, counted from `least`. */
function rounded(values: Float32Array, d: number, least: number, most: number): Uint8Array {
  const inverse = inverseOf(d)
  return Uint8Array.from(values, value => {
    const multiple = Math.min(most, Math.max(least, Math.fround(value * inverse)))
    return Math.trunc(Math.fround(Math.fround(multiple - least) + 0.5))
  })
}

/** What small blocks weigh, for fitting their scales in turn. */
function weigh(w: Float32Array, size: number): Float32Array {
  return Float32Array.from(blocksOf(w.subarray(0, SUPER), size), block => {
    const sum = new Float32Array(1)
    for (const weight of block) sum[0]! += weight
    return sum[0]!
  })
}

function blocksOf(x: Float32Array, size: number): Float32Array[] {
  return Array.from({ length: x.length / size }, (_, i) => x.subarray(i * size, (i + 1) * size))
}

export function byBlocks(
  x: Float32Array,
  size: number,
  quantize: (block: Float32Array, index: number) => Uint8Array,
): Uint8Array {
  const q = new Uint8Array(x.length)
  blocksOf(x, size).forEach((block, i) => void q.set(quantize(block, i), i * size))
  return q
}

function withoutMinimum(d: number, multiple: number) {
  return { scale: Math.fround(d * multiple), minimum: 0 }
}

/** 6 bits each for 8 scales and 8 minima in 12 bytes from byte 4: see `sixBits` in quants.ts. */
function putSixBits(out: Packer, scales: Uint8Array, minima: Uint8Array): void {
  for (let i = 0; i < 4; i++) {
    out.bytes(4 + i, [scales[i]! | ((scales[i + 4]! >> 4) << 6)])
    out.bytes(8 + i, [minima[i]! | ((minima[i + 4]! >> 4) << 6)])
    out.bytes(12 + i, [(scales[i + 4]! & 15) | ((minima[i + 4]! & 15) << 4)])
  }
}
