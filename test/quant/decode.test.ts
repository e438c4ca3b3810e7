// Blocks are packed here field by field, in the order in which ggml's structs and its quantizers fill them, so
// that the decode is held to something written the other way round.
import { describe, expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { type QuantName, quants } from '../../src/quant/quants.ts'
import { random, randomBlocks } from './random.ts'

const { fround } = Math
const next = random(3)
const range = (count: number, of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i))

// f16 bits with their values: a normal one, a negative one, and a subnormal one.
const scales = [
  { bits: [0x66, 0x2e], value: 0.0999755859375 },
  { bits: [0x00, 0xc1], value: -2.5 },
  { bits: [0x03, 0x00], value: 3 * 2 ** -24 },
] as const
const [tenth, negative, tiny] = scales

interface Block {
  readonly bytes: readonly number[]
  readonly values: readonly number[]
}

/** 16 bytes of 32 nibbles, i with i + 16. */
const nibbles = (q: readonly number[]) => range(16, i => (q[i]! & 15) | ((q[i + 16]! & 15) << 4))

/** 4 bytes of bit 4 of 32 numbers. */
const fifthBits = (q: readonly number[]) =>
  range(4, byte => range(8, bit => ((q[8 * byte + bit]! >> 4) & 1) << bit).reduce((a, b) => a | b))

function legacy(
  limit: number,
  pack: (q: readonly number[]) => readonly number[],
  offset: number,
  d: (typeof scales)[number],
  m?: (typeof scales)[number],
): Block {
  // Each number comes once at least, and no half of the block is like the other.
  const q = range(32, i => (i < limit ? (i * 7 + 3) % limit : next(limit)))
  return {
    bytes: [...d.bits, ...(m?.bits ?? []), ...pack(q)],
    values: q.map(x => {
      const product = fround(d.value * (x - offset))
      return m ? fround(product + m.value) : product
    }),
  }
}

/** The 12 bytes of 8 scales and 8 minimums, 6 bits each, as ggml's quantizer fills them. */
function packSixBits(scale: readonly number[], minimum: readonly number[]): number[] {
  const out = range(12, () => 0)
  for (let j = 0; j < 8; j++) {
    if (j < 4) {
      out[j] = scale[j]!
      out[j + 4] = minimum[j]!
    } else {
      out[j + 4] = (scale[j]! & 15) | ((minimum[j]! & 15) << 4)
      out[j - 4]! |= (scale[j]! >> 4) << 6
      out[j]! |= (minimum[j]! >> 4) << 6
    }
  }
  return out
}

function superBlock(bits: 4 | 5, d: (typeof scales)[number], dmin: (typeof scales)[number]): Block {
  const q = range(256, () => next(1 << bits))
  const scale = range(8, i => (i === 2 ? 0 : next(64)))
  const minimum = range(8, i => (i === 5 ? 0 : next(64)))
  const high = range(32, l => range(8, part => (q[32 * part + l]! >> 4) << part).reduce((a, b) => a | b))
  const low = range(4, pair => pair).flatMap(pair =>
    range(32, l => (q[64 * pair + l]! & 15) | ((q[64 * pair + 32 + l]! & 15) << 4)),
  )
  return {
    bytes: [...d.bits, ...dmin.bits, ...packSixBits(scale, minimum), ...(bits === 5 ? high : []), ...low],
    values: q.map((x, i) => {
      const j = Math.floor(i / 32)
      return fround(fround(fround(d.value * scale[j]!) * x) - fround(dmin.value * minimum[j]!))
    }),
  }
}

function q6(d: (typeof scales)[number]): Block {
  const q = range(256, () => next(64))
  const scale = range(16, i => (i === 3 ? -128 : next(256) - 128))
  const low = range(128, () => 0)
  const high = range(64, () => 0)
  for (let half = 0; half < 2; half++)
    for (let l = 0; l < 32; l++) {
      const [q1, q2, q3, q4] = [0, 32, 64, 96].map(part => q[128 * half + part + l]!) as [
        number,
        number,
        number,
        number,
      ]
      low[64 * half + l] = (q1 & 15) | ((q3 & 15) << 4)
      low[64 * half + 32 + l] = (q2 & 15) | ((q4 & 15) << 4)
      high[32 * half + l] = (q1 >> 4) | ((q2 >> 4) << 2) | ((q3 >> 4) << 4) | ((q4 >> 4) << 6)
    }
  return {
    bytes: [...low, ...high, ...scale.map(x => x & 255), ...d.bits],
    values: q.map((x, i) => fround(fround(d.value * scale[Math.floor(i / 16)]!) * (x - 32))),
  }
}

function q8(d: (typeof scales)[number]): Block {
  const q = range(32, i => [-128, 127, -1, 0][i] ?? next(256) - 128)
  return { bytes: [...d.bits, ...q.map(x => x & 255)], values: q.map(x => fround(d.value * x)) }
}

/** Scale s and minimum m of 16 weights, then 2 bits for each weight: 32 bytes for 128 of them. */
function q2(d: (typeof scales)[number], dmin: (typeof scales)[number]): Block {
  const q = range(256, () => next(4))
  const scale = range(16, i => (i === 2 ? 0 : next(16)))
  const minimum = range(16, i => (i === 5 ? 0 : next(16)))
  return {
    bytes: [...scale.map((s, i) => s | (minimum[i]! << 4)), ...quarters(q), ...d.bits, ...dmin.bits],
    values: q.map((x, i) => {
      const j = Math.floor(i / 16)
      return fround(fround(fround(d.value * scale[j]!) * x) - fround(dmin.value * minimum[j]!))
    }),
  }
}

/** 64 bytes of the lower two bits of 256 numbers: of each 128, byte l has l, l + 32, l + 64, l + 96. */
function quarters(q: readonly number[]): number[] {
  return range(64, byte => {
    const first = 128 * (byte >> 5) + (byte & 31)
    return range(4, part => (q[first + 32 * part]! & 3) << (2 * part)).reduce((a, b) => a | b)
  })
}

function q3(d: (typeof scales)[number]): Block {
  const q = range(256, () => next(8))
  const scale = range(16, i => (i === 3 ? 0 : next(64)))
  const high = range(32, l => range(8, part => (q[32 * part + l]! >> 2) << part).reduce((a, b) => a | b))
  // As ggml's quantizer fills them: the lower bits of i with those of i + 8, the upper bits of each fourth together.
  const packed = range(12, () => 0)
  scale.forEach((s, i) => {
    packed[i % 8]! |= (s & 15) << (i < 8 ? 0 : 4)
    packed[8 + (i % 4)]! |= (s >> 4) << (2 * Math.floor(i / 4))
  })
  return {
    bytes: [...high, ...quarters(q), ...packed, ...d.bits],
    values: q.map((x, i) => fround(fround(d.value * (scale[Math.floor(i / 16)]! - 32)) * (x - 4))),
  }
}

/** From ggml-common.h, kvalues_iq4nl. */
const iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

function iq4NL(d: (typeof scales)[number]): Block {
  const q = range(32, i => (i < 16 ? (i * 7 + 3) % 16 : next(16)))
  return { bytes: [...d.bits, ...nibbles(q)], values: q.map(x => fround(d.value * iq4[x]!)) }
}

function iq4XS(d: (typeof scales)[number]): Block {
  const q = range(256, () => next(16))
  const scale = range(8, i => (i === 5 ? 0 : next(64)))
  const upper = scale.map((s, i) => (s >> 4) << (2 * i)).reduce((a, b) => a | b)
  const lower = range(4, i => (scale[2 * i]! & 15) | ((scale[2 * i + 1]! & 15) << 4))
  const runs = range(8, run => run).flatMap(run => nibbles(q.slice(32 * run, 32 * run + 32)))
  return {
    bytes: [...d.bits, upper & 255, upper >> 8, ...lower, ...runs],
    values: q.map((x, i) => fround(fround(d.value * (scale[Math.floor(i / 32)]! - 32)) * iq4[x]!)),
  }
}

/** Five digits in base 3, and what is left of 256 numbers four, as the upper part of digits / 3⁵ in 8 bits. */
function tq1(d: (typeof scales)[number]): Block {
  const q = range(256, () => next(3))
  const byte = (digits: readonly number[]) =>
    Math.ceil((digits.reduce((sum, digit, i) => sum + digit * 3 ** (4 - i), 0) * 256) / 243)
  return {
    bytes: [
      ...range(32, l => byte(range(5, n => q[32 * n + l]!))),
      ...range(16, l => byte(range(5, n => q[160 + 16 * n + l]!))),
      ...range(4, l => byte(range(4, n => q[240 + 4 * n + l]!))),
      ...d.bits,
    ],
    values: q.map(x => fround(d.value * (x - 1))),
  }
}

function tq2(d: (typeof scales)[number]): Block {
  const q = range(256, () => next(3))
  return { bytes: [...quarters(q), ...d.bits], values: q.map(x => fround(d.value * (x - 1))) }
}

/** The values of FP4 (E2M1), whose sign is the upper bit, times 2^(e - 127). */
function mxfp4(e: number): Block {
  const q = range(32, i => (i < 16 ? (i * 7 + 3) % 16 : next(16)))
  const fp4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
  return {
    bytes: [e, ...nibbles(q)],
    // ggml's table has no -0.
    values: q.map(x => fround((x > 8 ? -1 : 1) * fp4[x & 7]! * 2 ** (e - 127))),
  }
}

/** Of the codebook formats, blocks with ggml's values of them are in test/fixtures, and the codebooks in grids.test.ts. */
const blocks: Readonly<Partial<Record<QuantName, readonly Block[]>>> = {
  F32: [
    { bytes: [0, 0, 0x80, 0x3f], values: [1] },
    { bytes: [0xdb, 0x0f, 0x49, 0xc0], values: [fround(-Math.PI)] },
    { bytes: [1, 0, 0, 0x80], values: [-(2 ** -149)] },
    { bytes: [0, 0, 0, 0x80], values: [-0] },
  ],
  F16: [
    ...scales.map(({ bits, value }) => ({ bytes: bits, values: [value] })),
    { bytes: [0xff, 0x7b], values: [65504] },
    { bytes: [0, 0x80], values: [-0] },
  ],
  BF16: [
    { bytes: [0x80, 0x3f], values: [1] },
    { bytes: [0x49, 0xc0], values: [-3.140625] },
    { bytes: [1, 0], values: [2 ** -133] },
    { bytes: [0, 0x80], values: [-0] },
  ],
  Q4_0: scales.map(d => legacy(16, nibbles, 8, d)),
  Q4_1: scales.map(d => legacy(16, nibbles, 0, d, negative)),
  Q5_0: scales.map(d => legacy(32, q => [...fifthBits(q), ...nibbles(q)], 16, d)),
  Q5_1: scales.map(d => legacy(32, q => [...fifthBits(q), ...nibbles(q)], 0, d, tenth)),
  Q8_0: scales.map(q8),
  Q2_K: [q2(tenth, negative), q2(negative, tiny), q2(tiny, tenth)],
  Q3_K: scales.map(q3),
  Q4_K: [superBlock(4, tenth, negative), superBlock(4, negative, tiny), superBlock(4, tiny, tenth)],
  Q5_K: [superBlock(5, tenth, negative), superBlock(5, negative, tiny), superBlock(5, tiny, tenth)],
  Q6_K: scales.map(q6),
  IQ4_NL: scales.map(iq4NL),
  IQ4_XS: scales.map(iq4XS),
  TQ1_0: scales.map(tq1),
  TQ2_0: scales.map(tq2),
  MXFP4: [0, 1, 2, 100, 127, 128, 251].map(mxfp4),
}

/** Values of 8-bit floats, from their definition (arXiv:2209.05433, table 1). */
const f8Value = (byte: number, exponentBits: number) => {
  const mantissaBits = 7 - exponentBits
  const bias = 2 ** (exponentBits - 1) - 1
  const exponent = (byte & 127) >> mantissaBits
  const fraction = (byte & (2 ** mantissaBits - 1)) / 2 ** mantissaBits
  const magnitude = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias)
  return byte & 128 ? -magnitude : magnitude
}

test.each([
  ['F8_E4M3', 4, 0x7f],
  ['F8_E5M2', 5, 0x7c],
] as const)('%s: every number that there is', (name, exponentBits, infinite) => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => ((i & infinite) === infinite ? 0 : i))
  const out = new Float32Array(256)
  decodeRows(name)(bytes, 0, out, 0, 256)
  expect(out).toEqual(Float32Array.from(bytes, byte => f8Value(byte, exponentBits)))
})

test('0x7f and 0xff of F8_E4M3 are no numbers, and F8_E5M2 has infinities', () => {
  const bytes = Uint8Array.of(0x7f, 0xff, 0x7c, 0xfc)
  const out = new Float32Array(4)
  decodeRows('F8_E4M3')(bytes, 0, out, 0, 4)
  expect(out.subarray(0, 2)).toEqual(Float32Array.of(Number.NaN, Number.NaN))
  decodeRows('F8_E5M2')(bytes, 0, out, 0, 4)
  expect(out.subarray(2)).toEqual(Float32Array.of(Infinity, -Infinity))
})

const names = Object.keys(quants) as QuantName[]

const bitsOf = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length)

test.each(Object.entries(blocks) as [QuantName, readonly Block[]][])('%s, bit by bit', (name, packed) => {
  const bytes = Uint8Array.from(packed.flatMap(block => block.bytes))
  const values = Float32Array.from(packed.flatMap(block => block.values))
  const out = new Float32Array(values.length)
  decodeRows(name)(bytes, 0, out, 0, out.length)
  expect(bitsOf(out)).toEqual(bitsOf(values))
})

describe.each(names)('%s', name => {
  const { elems } = quants[name]

  test('decodes at any alignment, and writes where it should only', () => {
    const bytes = randomBlocks(name, 3, next)
    const expected = new Float32Array(3 * elems)
    decodeRows(name)(bytes, 0, expected, 0, expected.length)
    for (let offset = 1; offset < 9; offset++) {
      const memory = new Uint8Array(offset + bytes.length).fill(0xff)
      memory.set(bytes, offset)
      const out = new Float32Array(3 * elems + 2).fill(1234)
      decodeRows(name)(memory, offset, out, 1, 3 * elems)
      expect(bitsOf(out.subarray(1, -1))).toEqual(bitsOf(expected))
      decodeRows(name)(memory.subarray(offset), 0, out, 1, 3 * elems)
      expect(bitsOf(out.subarray(1, -1))).toEqual(bitsOf(expected))
      expect([out[0], out.at(-1)]).toEqual([1234, 1234])
    }
  })

  test('is compiled once', () => {
    expect(decodeRows(name)).toBe(decodeRows(name))
  })

  test('refuses what does not fit', () => {
    const bytes = randomBlocks(name, 2, next)
    const out = new Float32Array(2 * elems)
    expect(() => decodeRows(name)(bytes, 1, out, 0, 2 * elems)).toThrow(InvalidOptionError)
    expect(() => decodeRows(name)(bytes, 0, out, 1, 2 * elems)).toThrow(InvalidOptionError)
    expect(() => decodeRows(name)(bytes, 0, out, 0, elems + 0.5)).toThrow(InvalidOptionError)
  })
})
