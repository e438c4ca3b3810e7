import { describe, expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { encodeRows } from '../../src/quant/encode.ts'
import { random } from './random.ts'

const next = random(4)
const uniform = (count: number) => Float32Array.from({ length: count }, () => next(2 ** 32) / 2 ** 31 - 1)

test('F32, F16 and BF16 are little-endian and rounded to nearest', () => {
  const values = Float32Array.of(1, -2.5, 1 + 2 ** -9)
  expect([...encodeRows('F32', values)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0x40, 0x80, 0x3f])
  expect([...encodeRows('F16', values)]).toEqual([0, 0x3c, 0, 0xc1, 2, 0x3c])
  expect([...encodeRows('BF16', values)]).toEqual([0x80, 0x3f, 0x20, 0xc0, 0x80, 0x3f])
})

test('a view that starts within its buffer', () => {
  expect([...encodeRows('F32', Float32Array.of(9, 1).subarray(1))]).toEqual([0, 0, 0x80, 0x3f])
})

describe('Q8_0', () => {
  test('the greatest magnitude becomes 127, ties round away from zero', () => {
    const values = new Float32Array(32)
    values.set([127, -127, 0.5, -0.5, 1.5, -1.5, 2.5, 0.49, -126.5])
    const bytes = encodeRows('Q8_0', values)
    expect([...bytes.subarray(0, 2)]).toEqual([0, 0x3c]) // d = 1
    expect([...new Int8Array(bytes.buffer, 2, 10)]).toEqual([127, -127, 1, -1, 2, -2, 3, 0, -127, 0])
  })

  test('multiplies by the inverse of d: dividing by d would give 63', () => {
    const values = new Float32Array(32)
    values.set([144, 72])
    expect([...encodeRows('Q8_0', values).subarray(0, 5)]).toEqual([0x89, 0x3c, 127, 64, 0]) // as ggml
  })

  test('a block of zeros, and one too small for a scale', () => {
    const values = new Float32Array(64)
    values[40] = 1e-40
    const out = new Float32Array(64).fill(1)
    decodeRows('Q8_0')(encodeRows('Q8_0', values), 0, out, 0, 64)
    expect(out).toEqual(new Float32Array(64))
  })

  test('each block has a scale of its own, and every value is off by half a step at most', () => {
    const values = uniform(32 * 50).map((value, i) => value * 2 ** (Math.floor(i / 32) % 8))
    const out = new Float32Array(values.length)
    decodeRows('Q8_0')(encodeRows('Q8_0', values), 0, out, 0, out.length)
    for (let block = 0; block < values.length; block += 32) {
      const largest = Math.max(...values.subarray(block, block + 32).map(Math.abs))
      // The scale itself is off by 2^-11 of it, 127 times that at the largest value.
      const limit = (largest / 127) * (0.5 + 127 * 2 ** -11 + 1e-3)
      for (let i = block; i < block + 32; i++)
        expect(Math.abs(out[i]! - values[i]!)).toBeLessThanOrEqual(limit)
    }
  })

  test('part of a block is an error', () => {
    expect(() => encodeRows('Q8_0', new Float32Array(33))).toThrow(InvalidOptionError)
  })
})

test.each(['F32', 'F16', 'BF16'] as const)('%s: what was decoded encodes to the same bytes', type => {
  const once = encodeRows(type, uniform(1000))
  const values = new Float32Array(1000)
  decodeRows(type)(once, 0, values, 0, 1000)
  expect(encodeRows(type, values)).toEqual(once)
})

describe.each([
  ['Q4_K', 0.075],
  ['Q6_K', 0.02],
] as const)('%s', (type, limit) => {
  const roundTrip = (values: Float32Array) => {
    const out = new Float32Array(values.length)
    decodeRows(type)(encodeRows(type, values), 0, out, 0, out.length)
    return out
  }
  const gaussian = () =>
    Math.sqrt(-2 * Math.log(1 - next(2 ** 32) / 2 ** 32)) * Math.cos(2 * Math.PI * (next(2 ** 32) / 2 ** 32))

  test('normally distributed values: the error is that of a good quantizer', () => {
    const values = Float32Array.from({ length: 256 * 100 }, gaussian)
    const out = roundTrip(values)
    let [error, power] = [0, 0]
    values.forEach((value, i) => {
      error += (value - out[i]!) ** 2
      power += value ** 2
    })
    expect(Math.sqrt(error / power)).toBeLessThan(limit)
  })

  test('zeros stay zeros, and values of one size keep it', () => {
    expect(roundTrip(new Float32Array(256)).every(value => value === 0)).toBe(true)
    for (const value of [0.75, -0.75])
      for (const found of roundTrip(new Float32Array(256).fill(value))) expect(found).toBeCloseTo(value, 2)
  })
})
