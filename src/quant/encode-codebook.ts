// Encodes to formats of four bits whose quants are values of a table: IQ4_NL, IQ4_XS and MXFP4.
import { byBlocks, fitSigned } from './encode-k.ts'
import { fitScale, greatestOf, inverseOf, type Search } from './fit.ts'
import type { BlockEncoder } from './packer.ts'
import { fp4, nonLinear } from './quants.ts'

/** Between neighbours of an ascending table. */
const middlesOf = (values: readonly number[]) => values.slice(1).map((value, i) => (value + values[i]!) / 2)
const middles = middlesOf(nonLinear.values)
const fp4Middles = middlesOf(fp4.values.slice(0, 8))

const search: Search = { end: -127, other: 120, step: 1 }
const ones = new Float32Array(32).fill(1)

export const encodeIQ4NL: BlockEncoder = (x, w, out) => {
  const d = out.half(0, fitScale(x, w ?? ones, nearestValue, search))
  out.nibbles(2, places(x, d))
}

export const encodeIQ4XS: BlockEncoder = (x, w, out) => {
  const { d, scales } = fitSigned(x, w, out, { at: 0, size: 32, quants: nearestValue, search, half: 32 })
  const high = scales.reduce((bits, scale, i) => bits | ((scale >> 4) << (2 * i)), 0)
  out.bytes(2, [high, high >> 8])
  out.bytes(
    4,
    [0, 2, 4, 6].map(i => (scales[i]! & 15) | ((scales[i + 1]! & 15) << 4)),
  )
  const q = byBlocks(x, 32, (block, i) => places(block, Math.fround(d * (scales[i]! - 32))))
  for (let i = 0; i < 8; i++) out.nibbles(8 + 16 * i, q.subarray(32 * i, 32 * (i + 1)))
}

/** Block of the Microscaling specification: the power of two follows from the greatest value, each value goes to the nearest. */
export const encodeMXFP4: BlockEncoder = (x, _, out) => {
  const word = new Int32Array(Float32Array.of(greatestOf(x)).buffer)[0]!
  const exponent = Math.max(0, (word >> 23) - 2)
  out.bytes(0, [exponent])
  // Half of what E8M0 stands for, since the values of the table are doubled.
  const unit = 2 ** (exponent - 128)
  const limits = fp4Middles.map(middle => unit * middle)
  const level = (value: number) => {
    const size = placeAmong(limits, Math.abs(value))
    return size > 0 && value < 0 ? size | 8 : size
  }
  out.nibbles(1, Uint8Array.from(x, level))
}

function nearestValue(scaled: number): number {
  return nonLinear.values[placeAmong(middles, scaled)]!
}

function places(x: Float32Array, scale: number): Uint8Array {
  const inverse = inverseOf(scale)
  return Uint8Array.from(x, value => placeAmong(middles, Math.fround(value * inverse)))
}

/** How many of the ascending limits a value is above. */
function placeAmong(limits: readonly number[], value: number): number {
  let place = 0
  while (place < limits.length && value > limits[place]!) place++
  return place
}
