import { describe, expect, test } from 'vitest'
import {
  bf16sToF32s,
  bf16ToF32,
  f16sToF32s,
  f16ToF32,
  f32sToBf16s,
  f32sToF16s,
  f32ToBf16,
  f32ToF16,
} from '../../src/quant/half.ts'
import { random } from './random.ts'

const all = Array.from({ length: 1 << 16 }, (_, bits) => bits)
const word = new DataView(new ArrayBuffer(4))

const isNan16 = (bits: number) => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0
const isNanB16 = (bits: number) => (bits & 0x7f80) === 0x7f80 && (bits & 0x7f) !== 0

/** IEEE 754: (-1)^sign · 2^(exponent - bias) · 1.fraction, or 0.fraction with the least exponent. */
function value(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) ? -1 : 1
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN
  if (exponent === 0) return sign * 2 ** (1 - bias) * fraction
  return sign * 2 ** (exponent - bias) * (1 + fraction)
}

function f32(bits: number): number {
  word.setUint32(0, bits)
  return word.getFloat32(0)
}

describe('f16', () => {
  test('every value', () => {
    expect(all.map(f16ToF32)).toEqual(all.map(bits => value(bits, 5, 10)))
    expect(f16sToF32s(Uint16Array.from(all))).toEqual(Float32Array.from(all.map(f16ToF32)))
  })

  test('every value comes back, NaNs as NaNs of their sign', () => {
    const back = all.map(bits => f32ToF16(f16ToF32(bits)))
    expect(back.filter((_, bits) => !isNan16(bits))).toEqual(all.filter(bits => !isNan16(bits)))
    expect(back.filter((_, bits) => isNan16(bits)).every(isNan16)).toBe(true)
  })

  test('rounds to nearest between every two neighbours, ties to the even one', () => {
    for (let low = 0; low < 0x7c00; low++) {
      const high = low + 1
      // Beyond the greatest value, what would come next is 2^16.
      const [a, b] = [value(low, 5, 10), high === 0x7c00 ? 65536 : value(high, 5, 10)]
      const middle = (a + b) / 2
      const step = middle * 2 ** -23
      const [below, above] = [Math.fround(middle - step), Math.fround(middle + step)]
      if (!(below < middle && middle < above)) throw new Error(`no float32 next to ${middle}`)
      for (const sign of [0, 0x8000]) {
        const round = (x: number) => f32ToF16(sign ? -x : x) ^ sign
        if (round(below) !== low) throw new Error(`${below} must round to ${low}`)
        if (round(above) !== high) throw new Error(`${above} must round to ${high}`)
        if (round(middle) !== (low % 2 === 0 ? low : high)) throw new Error(`${middle}: a tie`)
      }
    }
  })

  test.each([
    ['half the least subnormal, a tie', 2 ** -25, 0],
    ['just above it', 2 ** -25 + 2 ** -48, 1],
    ['the least float32', 2 ** -149, 0],
    ['its negative', -(2 ** -149), 0x8000],
    ['zero', 0, 0],
    ['minus zero', -0, 0x8000],
    ['a subnormal that rounds to the least normal', 2 ** -14 - 2 ** -26, 0x400],
    ['the greatest', 65504, 0x7bff],
    ['the greatest that does not overflow', Math.fround(65519.996), 0x7bff],
    ['a tie that overflows', 65520, 0x7c00],
    ['the greatest float32, negative', -3.4028234663852886e38, 0xfc00],
    ['infinity', Infinity, 0x7c00],
  ])('%s', (_, from, to) => {
    expect(f32ToF16(from)).toBe(to)
  })

  test('NaN', () => {
    expect(isNan16(f32ToF16(NaN))).toBe(true)
    expect(isNan16(f32ToF16(f32(0x7f800001)))).toBe(true)
  })

  test('in bulk', () => {
    const next = random(1)
    const values = Float32Array.from(
      { length: 1000 },
      () => (next(2 ** 32) / 2 ** 31 - 1) * 2 ** (next(40) - 24),
    )
    expect([...f32sToF16s(values)]).toEqual([...values].map(f32ToF16))
  })
})

describe('bf16', () => {
  test('every value', () => {
    expect(all.map(bf16ToF32)).toEqual(all.map(bits => value(bits, 8, 7)))
    expect(bf16sToF32s(Uint16Array.from(all))).toEqual(Float32Array.from(all.map(bf16ToF32)))
  })

  test('every value comes back, NaNs as NaNs', () => {
    const back = all.map(bits => f32ToBf16(bf16ToF32(bits)))
    expect(back.filter((_, bits) => !isNanB16(bits))).toEqual(all.filter(bits => !isNanB16(bits)))
    expect(back.filter((_, bits) => isNanB16(bits)).every(isNanB16)).toBe(true)
  })

  test.each([
    ['a tie to the even one below', 0x3f808000, 0x3f80],
    ['a tie to the even one above', 0x3f818000, 0x3f82],
    ['just below a tie', 0x3f817fff, 0x3f81],
    ['just above a tie', 0x3f808001, 0x3f81],
    ['a subnormal tie', 0x00008000, 0x0000],
    ['a subnormal that rounds up', 0x00008001, 0x0001],
    ['a subnormal that becomes normal', 0x007fffff, 0x0080],
    ['the least float32, negative', 0x80000001, 0x8000],
    ['minus zero', 0x80000000, 0x8000],
    ['a carry into the exponent', 0x3fffffff, 0x4000],
    ['one that overflows', 0x7f7fffff, 0x7f80],
    ['a negative one that overflows', 0xff7f8000, 0xff80],
    ['infinity', 0x7f800000, 0x7f80],
  ])('%s', (_, from, to) => {
    expect(f32ToBf16(f32(from))).toBe(to)
  })

  test('a NaN whose upper bits are those of an infinity', () => {
    expect(isNanB16(f32ToBf16(f32(0x7f800001)))).toBe(true)
  })

  test('in bulk', () => {
    const next = random(2)
    const values = Float32Array.from({ length: 1000 }, () => next(2 ** 32) / 2 ** 31 - 1)
    expect([...f32sToBf16s(values)]).toEqual([...values].map(f32ToBf16))
  })
})
