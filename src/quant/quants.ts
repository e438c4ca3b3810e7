// Block formats of weights, one entry each: sizes, and how a weight follows from the block's bytes.
// The layouts are those of ggml (ggml-common.h, ggml-quants.c) and public.
import { InvalidOptionError } from '../errors.ts'
import {
  add,
  and,
  bf16,
  type Float,
  f16,
  f32,
  float,
  fmul,
  g,
  type Int,
  i,
  i8,
  lessThan,
  mul,
  neg,
  or,
  select,
  shl,
  shr,
  sub,
  u8,
  u32,
} from './expr.ts'

export type QuantName =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q8_0'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'

/** A weight is d(g) · q(i) + m(g), each operation rounded to float32; without d it is q(i) itself. */
export interface QuantFormat {
  readonly name: QuantName
  /** Number of the type in GGUF files. */
  readonly ggmlId: number
  /** Weights in a block. */
  readonly elems: number
  /** Bytes of a block. */
  readonly bytes: number
  /** Weights that share d and m. */
  readonly group: number
  readonly q: Float
  readonly d?: Float
  readonly m?: Float
}

/** Bits [4, 8) of 16 bytes at `at` are the second half of the block, bits [0, 4) the first. */
const nibble = (at: number): Int => and(shr(u8(add(at, and(i, 15))), mul(4, shr(i, 4))), 15)
/** The fifth bit of element i, from a word with a bit an element. */
const fifthBit = (at: number): Int => shl(and(shr(u32(at), i), 1), 4)
/** K-quants store 256 weights in runs of 64: 32 low nibbles, then 32 high ones. */
const kNibble = (at: number): Int =>
  and(shr(u8(add(add(at, mul(32, shr(i, 6))), and(i, 31))), mul(4, and(shr(i, 5), 1))), 15)

/** Eight scales and eight minima of 6 bits in 12 bytes at `at`; `minima` picks the latter. */
function kScale(at: number, minima: boolean): Int {
  const low = minima ? 4 : 0
  const whole = and(u8(add(at + low, g)), 63)
  const nibbles = minima ? shr(u8(add(at + 4, g)), 4) : and(u8(add(at + 4, g)), 15)
  const high = shl(shr(u8(add(at + low - 4, g)), 6), 4)
  return select(lessThan(g, 4), whole, or(nibbles, high))
}

/** Q6_K: 128 weights share 64 bytes of low bits and 32 of high ones. */
const q6 = (): Int => {
  const half = shr(i, 7)
  const low = and(shr(u8(add(mul(64, half), and(i, 63))), mul(4, and(shr(i, 6), 1))), 15)
  const high = and(shr(u8(add(add(128, mul(32, half)), and(i, 31))), mul(2, and(shr(i, 5), 3))), 3)
  return sub(or(low, shl(high, 4)), 32)
}

export const quants: Readonly<Record<QuantName, QuantFormat>> = {
  F32: { name: 'F32', ggmlId: 0, elems: 1, bytes: 4, group: 1, q: f32(0) },
  F16: { name: 'F16', ggmlId: 1, elems: 1, bytes: 2, group: 1, q: f16(0) },
  BF16: { name: 'BF16', ggmlId: 30, elems: 1, bytes: 2, group: 1, q: bf16(0) },
  Q4_0: { name: 'Q4_0', ggmlId: 2, elems: 32, bytes: 18, group: 32, d: f16(0), q: float(sub(nibble(2), 8)) },
  Q4_1: {
    name: 'Q4_1',
    ggmlId: 3,
    elems: 32,
    bytes: 20,
    group: 32,
    d: f16(0),
    m: f16(2),
    q: float(nibble(4)),
  },
  Q5_0: {
    ...{ name: 'Q5_0', ggmlId: 6, elems: 32, bytes: 22, group: 32, d: f16(0) },
    q: float(sub(or(nibble(6), fifthBit(2)), 16)),
  },
  Q5_1: {
    ...{ name: 'Q5_1', ggmlId: 7, elems: 32, bytes: 24, group: 32, d: f16(0), m: f16(2) },
    q: float(or(nibble(8), fifthBit(4))),
  },
  Q8_0: { name: 'Q8_0', ggmlId: 8, elems: 32, bytes: 34, group: 32, d: f16(0), q: float(i8(add(2, i))) },
  Q4_K: {
    ...{ name: 'Q4_K', ggmlId: 12, elems: 256, bytes: 144, group: 32, q: float(kNibble(16)) },
    d: fmul(f16(0), float(kScale(4, false))),
    m: neg(fmul(f16(2), float(kScale(4, true)))),
  },
  Q5_K: {
    ...{ name: 'Q5_K', ggmlId: 13, elems: 256, bytes: 176, group: 32 },
    q: float(or(kNibble(48), shl(and(shr(u8(add(16, and(i, 31))), shr(i, 5)), 1), 4))),
    d: fmul(f16(0), float(kScale(4, false))),
    m: neg(fmul(f16(2), float(kScale(4, true)))),
  },
  Q6_K: {
    ...{ name: 'Q6_K', ggmlId: 14, elems: 256, bytes: 210, group: 16, q: float(q6()) },
    d: fmul(f16(208), float(i8(add(192, g)))),
  },
}

const byId = new Map(Object.values(quants).map(format => [format.ggmlId, format]))

export function quantByGgmlId(id: number): QuantFormat | undefined {
  return byId.get(id)
}

/** Names of all types that GGUF files use, so that a message can name one that torchless does not have yet. */
const ggmlNames: Readonly<Record<number, string>> = {
  ...Object.fromEntries([...byId].map(([id, { name }]) => [id, name])),
  ...{
    9: 'Q8_1',
    10: 'Q2_K',
    11: 'Q3_K',
    15: 'Q8_K',
    16: 'IQ2_XXS',
    17: 'IQ2_XS',
    18: 'IQ3_XXS',
    19: 'IQ1_S',
  },
  ...{ 20: 'IQ4_NL', 21: 'IQ3_S', 22: 'IQ2_S', 23: 'IQ4_XS', 24: 'I8', 25: 'I16', 26: 'I32', 27: 'I64' },
  ...{ 28: 'F64', 29: 'IQ1_M', 34: 'TQ1_0', 35: 'TQ2_0', 39: 'MXFP4' },
}

export function ggmlTypeName(id: number): string | undefined {
  return ggmlNames[id]
}

/** Bytes of `elements` weights, which must be whole blocks. */
export function bytesFor(type: QuantName, elements: number): number {
  const { elems, bytes } = quants[type]
  if (elements % elems !== 0)
    throw new InvalidOptionError(`${type}: expected a multiple of ${elems} weights, found ${elements}`)
  return (elements / elems) * bytes
}
