// The block formats that weights come in, one entry each: sizes, and the decode as an expression. Must not know
// in which language a decode runs, nor what a tensor is for.
import { InvalidOptionError } from '../errors.ts'
import { bf16, type Expr, type Float, f16, f32, type Int, i8, intVariable, select, u8 } from './expr.ts'

export type QuantName =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'

/**
 * A block format. Element i of a block is `d·q + m`, where `q` is over `element` and, as they are the same for
 * a whole group, `d` and `m` are over `group`. Each operation rounds to float32, in the order that ggml's own
 * `dequantize_row_*` takes, so that every bit is the same.
 */
export interface QuantFormat {
  readonly name: QuantName
  /** Number of the type in GGUF files (`enum ggml_type`). */
  readonly ggmlId: number
  /** Weights in a block. */
  readonly elems: number
  /** Bytes of a block. */
  readonly bytes: number
  /** Consecutive weights that share `d` and `m`; divides `elems`. */
  readonly group: number
  readonly q: Expr
  /** A factor of 1 if absent. */
  readonly d?: Float
  /** Nothing is added if absent: adding 0 would turn -0 into 0. */
  readonly m?: Float
}

/** Index of a weight within its block, in `q`. */
export const element = intVariable('i')
/** Index of a group of weights within its block, in `d` and `m`. */
export const group = intVariable('g')

/** Of 32 weights, the first 16 lie in the low halves of 16 bytes from `at`, the other 16 in the high halves. */
const nibble = (at: number) => u8(element.and(15).add(at)).shr(element.shr(4).shl(2)).and(15)

/** A fifth bit for each of 32 weights, in 4 bytes from `at`; 16 or 0. */
const fifthBit = (at: number) => u8(element.shr(3).add(at)).shr(element.and(7)).and(1).shl(4)

/** In 256 weights, each 64 share 32 bytes: the first 32 the low halves, the other 32 the high halves. */
const superNibble = (at: number) =>
  u8(element.shr(6).shl(5).add(element.and(31)).add(at))
    .shr(element.shr(5).and(1).shl(2))
    .and(15)

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

/** Q6_K: 2 upper bits of 256 weights in 64 bytes from byte 128; each 128 weights share 32 bytes. */
const upperBits = u8(element.shr(7).shl(5).add(element.and(31)).add(128))
  .shr(element.shr(5).and(3).shl(1))
  .and(3)
/** Q6_K: 4 lower bits; in each 128 weights, the first 64 lie in the low halves of 64 bytes. */
const lowerBits = u8(element.shr(7).shl(6).add(element.and(63)))
  .shr(element.shr(6).and(1).shl(2))
  .and(15)

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
    q: lowerBits.or(upperBits.shl(4)).sub(32),
    d: f16(208).mul(i8(group.add(192)).toFloat()),
  },
}

/** Types that GGUF files may hold and torchless does not compute with, for error messages. */
const otherTypes: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
  40: 'NVFP4',
  41: 'Q1_0',
}

const byId = new Map(Object.values(quants).map(format => [format.ggmlId, format]))

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
