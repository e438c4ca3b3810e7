// Matrix products: every format, odd numbers of rows, several weights at once, and whatever is fused into them.
import { fuseNorms, fuseResiduals, mergeMatmuls } from '../../../src/graph/optimize.ts'
import type { WeightType } from '../../../src/quant/packed.ts'
import type { QuantName } from '../../../src/quant/quants.ts'
import { blockColumns, blockTypes, packedTypes, plainTypes, possibleRows } from '../bytes.ts'
import { type CaseMaker, define, eachTokenCount } from '../case.ts'
import { range } from '../random.ts'
import type { Sequences } from '../sequences.ts'

const ODD_ROWS = [1, 3, 33, 127]

/** Besides the usual numbers of tokens some between, for which there are kernels of their own if steps need not be repeatable. */
function eachKernel(sequences: Sequences): void {
  eachTokenCount(sequences)
  for (const count of [4, 6, 8, 11, 16]) sequences.step([[sequences.create(), count]], { repeatable: false })
}

/** One input, matrices of one type with odd numbers of rows. */
function typeCase(type: WeightType, inner: number, misalign = 0): CaseMaker {
  const place = misalign === 0 ? '' : `, weights ${misalign} bytes off`
  return define(
    `matmul: ${type}, ${inner} columns${place}`,
    { passes: [mergeMatmuls] },
    r => {
      const x = r.input(inner)
      return r.join(
        ODD_ROWS.map((rows, i) =>
          r.g.matmul(x, r.weight(type, [possibleRows(type, rows), inner], misalign && misalign + i)),
        ),
      )
    },
    eachKernel,
  )
}

/** Types that rotate through the parts of a mixed matmul: neighbours decode differently. */
const mixed: readonly WeightType[] = [...plainTypes, ...blockTypes, ...packedTypes]

interface Fused {
  readonly norm?: boolean
  readonly biases?: boolean
  readonly residual?: boolean
}

/** `x · Wᵀ`, for each of the types one W, with what is to be fused around it. */
function mixedCase(name: string, types: readonly WeightType[], fused: Fused): CaseMaker {
  const inner = 256
  return define(
    `matmul: ${name}`,
    { passes: [mergeMatmuls, fuseNorms, fuseResiduals] },
    r => {
      const x = r.input(inner)
      const normed = fused.norm ? r.g.rmsNorm(x, r.gain(inner), 1e-5) : x
      const parts = types.map((type, i) => {
        const rows = possibleRows(type, 17 + 2 * i)
        const bias = fused.biases && i % 3 !== 1 ? r.weight('F32', [rows], i) : undefined
        // What is to be added has to be there before the product: otherwise the addition stays by itself.
        const residual = fused.residual ? r.input(rows) : undefined
        const product = r.g.matmul(normed, r.weight(type, [rows, inner], i), bias)
        return residual ? r.g.add(residual, product) : product
      })
      return r.join(parts)
    },
    eachTokenCount,
  )
}

/** The greatest and the least weights that there can be, times the greatest activations, all of one sign: sums become as great as they can. */
function extremeCase(type: QuantName): CaseMaker {
  const inner = 2 * Math.max(256, blockColumns(type))
  return define(
    `matmul: the greatest ${type}`,
    { passes: [mergeMatmuls] },
    r => {
      const signs = range(r.vocabulary).flatMap(token => new Array(inner).fill(token % 2 === 0 ? 1 : -1))
      const x = r.g.embed(r.values([r.vocabulary, inner], signs))
      return r.join([0xff, 0x00, 0x80, 0x7f].map(byte => r.g.matmul(x, r.even(type, [17, inner], byte))))
    },
    eachKernel,
  )
}

/** The rows that want logits, then the product: R and not T rows. */
function rowsCase(type: WeightType): CaseMaker {
  return define(
    `matmul: of the wanted rows, ${type}`,
    { passes: [mergeMatmuls, fuseNorms] },
    r => {
      const wanted = r.g.rows(r.input(256))
      const normed = r.g.rmsNorm(wanted, r.gain(256), 1e-6)
      const outer = possibleRows(type, 127)
      return r.g.matmul(normed, r.weight(type, [outer, 256]), r.weight('F32', [outer]))
    },
    s => {
      const sequence = s.create()
      s.step([[sequence, 33]])
      s.step([[sequence, 33]], { rows: [0, 1, 5, 31, 32] })
      s.step([[sequence, 33]], { rows: [32] })
      s.step([[sequence, 7]], { rows: [] })
      s.step([[sequence, 1]])
    },
  )
}

export const matmulCases: readonly CaseMaker[] = [
  ...plainTypes.flatMap(type => [5, 67, 64].map(inner => typeCase(type, inner))),
  ...plainTypes.map(type => typeCase(type, 67, 1)),
  ...[...blockTypes, ...packedTypes].flatMap(type => [
    ...[1, 3].map(blocks => typeCase(type, blocks * blockColumns(type))),
    typeCase(type, 2 * blockColumns(type), 1),
  ]),
  ...blockTypes.map(extremeCase),
  // More columns than are looked ahead for at a time.
  ...(['Q4_0', 'Q4_1', 'Q8_0', 'MXFP4'] as const).map(type => typeCase(type, 4096 + 96)),
  // Blocks that are multiplied sixteen at a time, and some that are left.
  ...(['Q4_0', 'IQ4_NL'] as const).flatMap(type =>
    [32 * 15, 32 * 20, 32 * 29].map(inner => typeCase(type, inner, 1)),
  ),
  // Rows that do not end where a tile of scales does.
  ...(['F8_E4M3_128', 'F8_E5M2_128'] as const).map(type => typeCase(type, 203, 1)),
  mixedCase('every type at once', mixed, {}),
  mixedCase('every type, some with a bias', mixed, { biases: true }),
  mixedCase('every type, normed', mixed, { norm: true }),
  mixedCase('every type, normed, some with a bias', [...mixed].reverse(), { norm: true, biases: true }),
  ...mixed.map(type =>
    mixedCase(`${type}, normed, bias and residual`, [type], { norm: true, biases: true, residual: true }),
  ),
  define(
    'matmul: with a residual, not normed',
    { passes: [fuseResiduals] },
    r => {
      const [x, residual] = [r.input(67), r.input(33)]
      return r.g.add(r.g.matmul(x, r.weight('F16', [33, 67])), residual)
    },
    eachTokenCount,
  ),
  define(
    'matmul: its own input as residual',
    { passes: [fuseNorms, fuseResiduals] },
    r => {
      const x = r.input(64)
      return r.g.add(x, r.g.matmul(r.g.rmsNorm(x, r.weight('F32', [64]), 1e-5), r.weight('F32', [64, 64])))
    },
    eachTokenCount,
  ),
  define(
    'matmul: gain and biases that are no F32',
    { passes: [mergeMatmuls, fuseNorms] },
    r => {
      const normed = r.g.rmsNorm(r.input(67), r.weight('F16', [67], 1), 1e-5)
      return r.join(
        plainTypes.map(type => r.g.matmul(normed, r.weight('F32', [9, 67]), r.weight(type, [9], 1))),
      )
    },
    eachTokenCount,
  ),
  ...(['F32', 'F16'] as const).map(rowsCase),
  ...[...blockTypes, ...packedTypes].map(rowsCase),
]

/** The shape of a real layer. */
function largeCase(type: WeightType, inner: number): CaseMaker {
  const rows = possibleRows(type, 1031)
  return define(
    `matmul: ${type}, ${rows} rows of ${inner} columns`,
    { maxTokens: 128, maxRows: 128, vocabulary: 64 },
    r => r.g.matmul(r.input(inner), r.weight(type, [rows, inner])),
    s => {
      for (const count of [1, 3, 16, 65, 128]) s.step([[s.create(), count]])
    },
  )
}

export const largeMatmulCases: readonly CaseMaker[] = [
  ...mixed.map(type => largeCase(type, 2048)),
  // Rows that end with a part of what is multiplied at a time.
  ...(['Q4_0', 'IQ4_NL', 'Q8_0', 'Q5_1'] as const).map(type => largeCase(type, 2144)),
  // What a thread has of the rows begins and ends within the weights.
  define(
    'matmul: weights of several types and sizes, 2048 columns',
    { passes: [mergeMatmuls], maxTokens: 8, maxRows: 8, vocabulary: 64 },
    r => {
      const x = r.input(2048)
      const parts = [
        ['Q4_0', 1031],
        ['F16', 519],
        ['Q6_K', 773],
        ['BF16', 300],
      ] as const
      return r.join(parts.map(([type, rows]) => r.g.matmul(x, r.weight(type, [rows, 2048]))))
    },
    s => {
      for (const count of [1, 2, 3, 4, 7]) s.step([[s.create(), count]])
    },
  ),
]
