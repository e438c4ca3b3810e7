// Random numbers that are the same in every run, and random blocks without infinities and NaNs.
import { type QuantName, quants } from '../../src/quant/quants.ts'

/** Integers from 0 below `limit`. */
export type Random = (limit: number) => number

/** Marsaglia's xorshift with 32 bits of state. */
export function random(seed: number): Random {
  let state = seed
  return limit => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

/** Upper bytes of a block's floats, with the bits of the exponent that are in them. */
const exponents: Readonly<Record<QuantName, readonly (readonly [at: number, bits: number])[]>> = {
  F32: [[3, 0x7f]],
  F16: [[1, 0x7c]],
  BF16: [[1, 0x7f]],
  Q4_0: [[1, 0x7c]],
  Q4_1: [
    [1, 0x7c],
    [3, 0x7c],
  ],
  Q5_0: [[1, 0x7c]],
  Q5_1: [
    [1, 0x7c],
    [3, 0x7c],
  ],
  Q8_0: [[1, 0x7c]],
  Q2_K: [
    [81, 0x7c],
    [83, 0x7c],
  ],
  Q3_K: [[109, 0x7c]],
  Q4_K: [
    [1, 0x7c],
    [3, 0x7c],
  ],
  Q5_K: [
    [1, 0x7c],
    [3, 0x7c],
  ],
  Q6_K: [[209, 0x7c]],
  IQ1_S: [[1, 0x7c]],
  IQ1_M: [[55, 0x70]],
  IQ2_XXS: [[1, 0x7c]],
  IQ2_XS: [[1, 0x7c]],
  IQ2_S: [[1, 0x7c]],
  IQ3_XXS: [[1, 0x7c]],
  IQ3_S: [[1, 0x7c]],
  IQ4_NL: [[1, 0x7c]],
  IQ4_XS: [[1, 0x7c]],
  TQ1_0: [[53, 0x7c]],
  TQ2_0: [[65, 0x7c]],
  MXFP4: [[0, 0xfc]],
  F8_E4M3: [[0, 0x7f]],
  F8_E5M2: [[0, 0x7c]],
}

/** Bytes of `count` blocks of finite values, subnormal and negative scales among them. */
export function randomBlocks(type: QuantName, count: number, next: Random): Uint8Array {
  const size = quants[type].bytes
  const bytes = Uint8Array.from({ length: count * size }, () => next(256))
  for (let block = 0; block < count; block++)
    for (const [at, bits] of exponents[type]) {
      const place = block * size + at
      if ((bytes[place]! & bits) === bits) bytes[place]! ^= bits & -bits
    }
  return bytes
}
