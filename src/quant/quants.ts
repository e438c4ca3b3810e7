// The block formats that weights come in, one entry each: sizes, and the decode as an expression. Must not know
// in which language a decode runs, nor what a tensor is for.
import { InvalidOptionError } from '../errors.ts'
import { bf16, f16, f32, floatFromBits, type Int, i8, int, lookup, select, type Table, u8 } from './expr.ts'
import { element, group, type QuantFormat, type QuantName } from './format.ts'
import { codebookFormats } from './iq.ts'

export type { QuantFormat, QuantName } from './format.ts'

/** Of 32 weights, the first 16 lie in the low halves of 16 bytes from `at`, the other 16 in the high halves. */
const nibble = (at: number) => u8(element.and(15).add(at)).shr(element.shr(4).shl(2)).and(15)

/** A fifth bit for each of 32 weights, in 4 bytes from `at`; 16 or 0. */
const fifthBit = (at: number) => u8(element.shr(3).add(at)).shr(element.and(7)).and(1).shl(4)

/** In 256 weights, each 64 share 32 bytes: the first 32 the low halves, the other 32 the high halves. */
const superNibble = (at: number) =>
  u8(element.shr(6).shl(5).add(element.and(31)).add(at)).half(element.shr(5))

/**
 * A scale or minimum of Q4_K and Q5_K: 6 bits each for 8 groups, in 12 bytes from byte 4. Those of the first four
 * groups are the low bits of a byte of their `own`; the others have their lower 4 bits in the last four bytes, and
 * the upper 2 on `top` of the byte of the group four before.
 */
const sixBits = (own: Int, lower: Int, top: Int) =>
  select(group.less(4), own.and(63), lower.or(top.shr(6).shl(4)))
const superScale = sixBits(u8(group.add(4)), u8(group.add(8)).and(15), u8(group))
const superMinimum = sixBits(u8(group.add(8)), u8(group.add(8)).shr(4), u8(group.add(4)))
const superBlock = {
  elems: 256,
  group: 32,
  d: f16(0).mul(superScale.toFloat()),
  m: f16(2).mul(superMinimum.toFloat()).negate(),
}

/** In 256 weights, each 128 share 32 bytes from `at`: 2 bits each, the first 32 the lowest. */
const twoBits = (at: number) =>
  u8(element.shr(7).shl(5).add(element.and(31)).add(at)).bits(element.shr(5).and(3).shl(1), 3)

/** Q6_K: 4 lower bits; in each 128 weights, the first 64 lie in the low halves of 64 bytes. */
const lowerBits = u8(element.shr(7).shl(6).add(element.and(63))).half(element.shr(6))

/** Q2_K: 4 bits each for scale and minimum of 16 groups, in 16 bytes. */
const scaleAndMinimum = u8(group)

/** Q3_K: 6-bit scales of 16 groups, which count from 32: 4 lower bits in the halves of 8 bytes, 2 upper ones in 4 more. */
const scaleQ3 = u8(group.and(7).add(96))
  .half(group.shr(3))
  .or(u8(group.and(3).add(104)).bits(group.shr(2).shl(1), 3).shl(4))
  .sub(32)

/** The 16 values of IQ4_NL and IQ4_XS: `kvalues_iq4nl` in ggml-common.h of ggml. */
export const nonLinear: Table = {
  name: 'iq4_values',
  values: [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
}
/** IQ4_XS: 16 bytes for each 32 weights. */
const indexXS = u8(element.shr(5).shl(4).add(element.and(15)).add(8)).half(element.shr(4))
/** IQ4_XS: 6-bit scales of 8 groups, which count from 32: 4 lower bits from byte 4, 2 upper ones from byte 2. */
const scaleXS = u8(group.shr(1).add(4))
  .half(group)
  .or(u8(group.shr(2).add(2)).bits(group.and(3).shl(1), 3).shl(4))
  .sub(32)

/** TQ1_0: five weights a byte. Of 256, 160 lie in 32 bytes, 80 in 16, and 16 in 4. */
const [long, short] = [160, 240]
const ternaryByte = select(
  element.less(long),
  element.and(31),
  select(element.less(short), element.and(15).add(32), element.and(3).add(48)),
)
const ternaryPlace = select(
  element.less(long),
  element.shr(5),
  select(element.less(short), element.sub(long).shr(4), element.sub(short).shr(2)),
)
const powersOf3: Table = { name: 'powers_of_3', values: [1, 3, 9, 27, 81] }
/** A byte is a fraction of 256 in base 3: times 3ⁿ without its whole part, then times 3, is digit n. */
const ternary = u8(ternaryByte).mul(lookup(powersOf3, ternaryPlace)).and(255).mul(3).shr(8)

/** Twice the 16 values of FP4 with 2 bits of exponent (OCP Microscaling Formats 1.0). */
export const fp4: Table = {
  name: 'fp4_values',
  values: [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12],
}
/** 2^(e - 128) for a byte e: half of what E8M0 stands for, as the values are doubled. The least two are subnormal. */
const halfE8M0 = (e: Int) => floatFromBits('f32', select(e.less(2), int(1 << 21).shl(e), e.sub(1).shl(23)))

/** 8-bit floats are the upper bits of f16's: those of E4M3 with a bit less of exponent, so of a 256th; 0x7f is no number. */
const e4m3 = (bits: Int) =>
  floatFromBits(
    'f16',
    bits
      .and(128)
      .shl(8)
      .or(select(bits.and(127).less(127), bits.and(127).shl(7), int(0x7e00))),
  ).mul(256)
const e5m2 = (bits: Int) => floatFromBits('f16', bits.shl(8))

/** All formats that torchless computes with. */
export const quants: Readonly<Record<QuantName, QuantFormat>> = {
  F32: { name: 'F32', ggmlId: 0, elems: 1, bytes: 4, group: 1, q: f32(0) },
  F16: { name: 'F16', ggmlId: 1, elems: 1, bytes: 2, group: 1, q: f16(0) },
  BF16: { name: 'BF16', ggmlId: 30, elems: 1, bytes: 2, group: 1, q: bf16(0) },
  Q4_0: { name: 'Q4_0', ggmlId: 2, elems: 32, bytes: 18, group: 32, q: nibble(2).sub(8), d: f16(0) },
  Q4_1: { name: 'Q4_1', ggmlId: 3, elems: 32, bytes: 20, group: 32, q: nibble(4), d: f16(0), m: f16(2) },
  Q5_0: {
    name: 'Q5_0',
    ggmlId: 6,
    elems: 32,
    bytes: 22,
    group: 32,
    q: nibble(6).or(fifthBit(2)).sub(16),
    d: f16(0),
  },
  Q5_1: {
    name: 'Q5_1',
    ggmlId: 7,
    elems: 32,
    bytes: 24,
    group: 32,
    q: nibble(8).or(fifthBit(4)),
    d: f16(0),
    m: f16(2),
  },
  Q8_0: { name: 'Q8_0', ggmlId: 8, elems: 32, bytes: 34, group: 32, q: i8(element.add(2)), d: f16(0) },
  Q2_K: {
    name: 'Q2_K',
    ggmlId: 10,
    elems: 256,
    bytes: 84,
    group: 16,
    q: twoBits(16),
    d: f16(80).mul(scaleAndMinimum.and(15).toFloat()),
    m: f16(82).mul(scaleAndMinimum.shr(4).toFloat()).negate(),
  },
  Q3_K: {
    name: 'Q3_K',
    ggmlId: 11,
    elems: 256,
    bytes: 110,
    group: 16,
    q: twoBits(32)
      .or(u8(element.and(31)).bits(element.shr(5), 1).shl(2))
      .sub(4),
    d: f16(108).mul(scaleQ3.toFloat()),
  },
  Q4_K: { name: 'Q4_K', ggmlId: 12, bytes: 144, q: superNibble(16), ...superBlock },
  Q5_K: {
    name: 'Q5_K',
    ggmlId: 13,
    bytes: 176,
    q: superNibble(48).or(u8(element.and(31).add(16)).shr(element.shr(5)).and(1).shl(4)),
    ...superBlock,
  },
  Q6_K: {
    name: 'Q6_K',
    ggmlId: 14,
    elems: 256,
    bytes: 210,
    group: 16,
    q: lowerBits.or(twoBits(128).shl(4)).sub(32),
    d: f16(208).mul(i8(group.add(192)).toFloat()),
  },
  ...codebookFormats,
  IQ4_NL: {
    name: 'IQ4_NL',
    ggmlId: 20,
    elems: 32,
    bytes: 18,
    group: 32,
    q: lookup(nonLinear, nibble(2)),
    d: f16(0),
  },
  IQ4_XS: {
    name: 'IQ4_XS',
    ggmlId: 23,
    elems: 256,
    bytes: 136,
    group: 32,
    q: lookup(nonLinear, indexXS),
    d: f16(0).mul(scaleXS.toFloat()),
  },
  TQ1_0: { name: 'TQ1_0', ggmlId: 34, elems: 256, bytes: 54, group: 256, q: ternary.sub(1), d: f16(52) },
  TQ2_0: { name: 'TQ2_0', ggmlId: 35, elems: 256, bytes: 66, group: 256, q: twoBits(0).sub(1), d: f16(64) },
  MXFP4: {
    name: 'MXFP4',
    ggmlId: 39,
    elems: 32,
    bytes: 17,
    group: 32,
    q: lookup(fp4, nibble(1)),
    d: halfE8M0(u8(0)),
  },
  F8_E4M3: { name: 'F8_E4M3', elems: 1, bytes: 1, group: 1, q: e4m3(u8(0)) },
  F8_E5M2: { name: 'F8_E5M2', elems: 1, bytes: 1, group: 1, q: e5m2(u8(0)) },
}

/** Types that GGUF files may hold and torchless does not compute with, for error messages. */
const otherTypes: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  40: 'NVFP4',
  41: 'Q1_0',
}

const byId = new Map(
  Object.values(quants).flatMap(format => (format.ggmlId === undefined ? [] : [[format.ggmlId, format]])),
)

/** The format with this number in GGUF files, if torchless computes with it. */
export function quantByGgmlId(id: number): QuantFormat | undefined {
  return byId.get(id)
}

/** ggml's name of a type, also of those that torchless does not compute with; undefined if ggml has none. */
export function ggmlTypeName(id: number): string | undefined {
  return byId.get(id)?.name ?? otherTypes[id]
}

/** Bytes of `elements` weights, which must be whole blocks. */
export function bytesFor(type: QuantName, elements: number): number {
  const { elems, bytes } = quants[type]
  if (elements % elems !== 0)
    throw new InvalidOptionError(`${type} needs a multiple of ${elems} elements, found ${elements}`)
  return (elements / elems) * bytes
}
