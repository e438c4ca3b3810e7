// The block formats whose weights are points of a codebook: IQ1, IQ2 and IQ3. Must not know in which language a decode
// runs.
import { type Float, f16, floatFromBits, type Int, int, lookup, u8, u16 } from './expr.ts'
import { code, group, lane, type QuantFormat, type QuantName } from './format.ts'
import { evenSigns, iq1Grid, iq2sGrid, iq2xsGrid, iq2xxsGrid, iq3sGrid, iq3xxsGrid } from './grids.ts'

/**
 * `d · (2s + 1)` for a scale s. Where ggml computes d · (0.5 + s), no bit differs, up to the power of two: a product with
 * one is exact.
 */
const oddScale = (d: Float, s: Int) => d.mul(s.shl(1).add(1).toFloat())

/** Minus the magnitude where the bit of `code` is set. */
const signed = (magnitude: Int, bit: Int) => magnitude.mul(int(1).sub(code.bits(bit, 1).shl(1)))

/**
 * IQ2_XXS and IQ3_XXS: 32 bits from byte `at` for 32 weights: a 4-bit scale on top, and below it four times the first seven
 * signs of 8 weights. Signs are those of part `which`.
 */
const packedSigns = (at: Int, which: Int) => {
  const first = which.mul(7)
  return lookup(evenSigns, u16(at.add(first.shr(3))).bits(first.and(7), 127))
}
const packedScale = (at: Int) => u8(at.add(3)).shr(4)

/** IQ2: the levels are 8, 25 and 43. A code is a point, 2 bits a weight, and from bit 16 on its signs. */
const iq2 = {
  elems: 256,
  group: 8,
  q: signed(code.bits(lane.shl(1), 3).mul(35).shr(1).add(8), lane.add(16)),
}
const iq2Code = (point: Int, signs: Int) => point.or(signs.shl(16))
/** IQ2_XS and IQ2_S: 4 bits for each two groups, from byte `at`. */
const iq2Scale = (at: number) => oddScale(f16(0), u8(group.shr(2).add(at)).half(group.shr(1))).mul(1 / 8)
/** IQ2_XXS: for each 32 weights four indices in a byte each, then signs and scale. */
const iq2xxsAt = group.shr(2).shl(3).add(2)
/** IQ2_XS: 9 bits are an index, the upper 7 signs. */
const iq2xsWord = u16(group.shl(1).add(2))

/** IQ3: a code is a point, 3 bits a weight, and from bit 12 on its signs. */
const iq3Level = code.bits(lane.mul(3), 7)
const iq3 = { elems: 256, group: 4 }
/** Signs of 8 weights are those of two points. */
const iq3Code = (point: Int, signs: Int) => point.or(signs.half(group).shl(12))
const iq3Sign = lane.add(12)
/** IQ3_XXS: signs and scale of each 32 weights. */
const iq3xxsAt = group.shr(3).shl(2).add(66)

/**
 * IQ1: the levels are -1, 0 and 1, each plus or minus 1/8: in eighths 8 · level ± 1. A code is a point, 2 bits a weight,
 * and bit 16 is set for minus. As the eighth is a power of two, it may go into the scale.
 */
const iq1 = {
  elems: 256,
  group: 8,
  q: code.bits(lane.shl(1), 3).shl(3).sub(7).sub(code.shr(16).shl(1)),
}
const iq1Code = (index: Int, minus: Int) => lookup(iq1Grid, index).or(minus.shl(16))
/** IQ1_S: for each 32 weights four times 3 upper bits of an index, a 3-bit scale and a bit for minus. */
const iq1sWord = u16(group.shr(2).shl(1).add(34))
/** IQ1_M: 3 upper bits of an index and a bit for minus, for each 8 weights. */
const iq1mHalf = u8(group.shr(1).add(32)).half(group)
/** IQ1_M: four words of four 3-bit scales each; their upper four bits together are the f16 scale. */
const iq1mWord = u16(group.shr(3).shl(1).add(48))
const iq1mScale = [0, 1, 2, 3]
  .map(i =>
    u8(49 + 2 * i)
      .shr(4)
      .shl(4 * i),
  )
  .reduce((all, nibble) => all.or(nibble))

export const codebookFormats = {
  IQ1_S: {
    name: 'IQ1_S',
    ggmlId: 19,
    bytes: 50,
    ...iq1,
    code: iq1Code(u8(group.add(2)).or(iq1sWord.bits(group.and(3).mul(3), 7).shl(8)), iq1sWord.shr(15)),
    d: oddScale(f16(0), iq1sWord.bits(12, 7)).mul(1 / 8),
  },
  IQ1_M: {
    name: 'IQ1_M',
    ggmlId: 29,
    bytes: 56,
    ...iq1,
    code: iq1Code(u8(group).or(iq1mHalf.and(7).shl(8)), iq1mHalf.shr(3)),
    d: oddScale(floatFromBits('f16', iq1mScale), iq1mWord.bits(group.shr(1).and(3).mul(3), 7)).mul(1 / 8),
  },
  IQ2_XXS: {
    name: 'IQ2_XXS',
    ggmlId: 16,
    bytes: 66,
    ...iq2,
    code: iq2Code(
      lookup(iq2xxsGrid, u8(iq2xxsAt.add(group.and(3)))),
      packedSigns(iq2xxsAt.add(4), group.and(3)),
    ),
    d: oddScale(f16(0), packedScale(iq2xxsAt.add(4))).mul(1 / 8),
  },
  IQ2_XS: {
    name: 'IQ2_XS',
    ggmlId: 17,
    bytes: 74,
    ...iq2,
    code: iq2Code(lookup(iq2xsGrid, iq2xsWord.and(511)), lookup(evenSigns, iq2xsWord.shr(9))),
    d: iq2Scale(66),
  },
  IQ2_S: {
    name: 'IQ2_S',
    ggmlId: 22,
    bytes: 82,
    ...iq2,
    code: iq2Code(
      lookup(iq2sGrid, u8(group.add(2)).or(u8(group.shr(2).add(66)).bits(group.and(3).shl(1), 3).shl(8))),
      u8(group.add(34)),
    ),
    d: iq2Scale(74),
  },
  IQ3_XXS: {
    name: 'IQ3_XXS',
    ggmlId: 18,
    bytes: 98,
    ...iq3,
    code: iq3Code(lookup(iq3xxsGrid, u8(group.add(2))), packedSigns(iq3xxsAt, group.shr(1).and(3))),
    // The levels are 4, 12, 20, 28, 36, 44, 52 and 62: in the last one a step of ten.
    q: signed(iq3Level.shl(3).add(4).add(iq3Level.add(1).shr(3).shl(1)), iq3Sign),
    d: oddScale(f16(0), packedScale(iq3xxsAt)).mul(1 / 4),
  },
  IQ3_S: {
    name: 'IQ3_S',
    ggmlId: 21,
    bytes: 110,
    ...iq3,
    code: iq3Code(
      lookup(iq3sGrid, u8(group.add(2)).or(u8(group.shr(3).add(66)).bits(group.and(7), 1).shl(8))),
      u8(group.shr(1).add(74)),
    ),
    // The levels are the odd numbers from 1 to 15.
    q: signed(iq3Level.shl(1).add(1), iq3Sign),
    d: oddScale(f16(0), u8(group.shr(4).add(106)).half(group.shr(3))),
  },
} as const satisfies { readonly [name in QuantName]?: QuantFormat }
