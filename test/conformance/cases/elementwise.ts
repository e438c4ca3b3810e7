// Operations that look at one row at a time: embed, rows, rmsNorm, add, gate.
import { type QuantName, quants } from '../../../src/quant/quants.ts'
import { blockTypes, plainTypes } from '../bytes.ts'
import { type CaseMaker, define, eachTokenCount } from '../case.ts'
import { range } from '../random.ts'

function embedCase(type: QuantName, width: number, misalign = 0): CaseMaker {
  const vocabulary = 37
  return define(
    `embed: ${type} of width ${width}${misalign === 0 ? '' : `, ${misalign} bytes off`}`,
    { vocabulary },
    r => r.g.embed(r.weight(type, [vocabulary, width], misalign)),
    s => {
      s.step([[s.create(), [vocabulary - 1]]])
      s.step([[s.create(), [0, 0]]])
      s.step([[s.create(), range(vocabulary).reverse()]])
    },
  )
}

/** Norms of runs: a whole row, or each head of it. */
function normCase(length: number, runs: number, eps: number, scale = 1): CaseMaker {
  const size = scale === 1 ? '' : `, values up to ${scale}`
  return define(
    `rmsNorm: ${runs} of ${length}, eps ${eps}${size}`,
    {},
    r => r.g.rmsNorm(r.input(length * runs, scale), r.weight('F32', [length]), eps),
    eachTokenCount,
  )
}

const WIDTHS = [1, 5, 64, 67, 1000]

export const elementwiseCases: readonly CaseMaker[] = [
  ...plainTypes.flatMap(type => [embedCase(type, 5), embedCase(type, 64), embedCase(type, 67, 1)]),
  ...blockTypes.flatMap(type => [
    embedCase(type, quants[type].elems),
    embedCase(type, 3 * quants[type].elems, 3),
  ]),

  define(
    'rows: any subset, in any order',
    {},
    r => r.input(67),
    s => {
      const sequence = s.create()
      s.step([[sequence, 33]], { rows: [32, 0, 17, 16, 1] })
      s.step([[sequence, 33]], { rows: [] })
      s.step([[sequence, 1]], { rows: [0] })
      s.step([[sequence, 7]])
      s.step(
        [
          [s.create(), 3],
          [sequence, 1],
          [s.create(), 5],
        ],
        { rows: [2, 3, 8] },
      )
    },
  ),

  ...WIDTHS.map(width => normCase(width, 1, 1e-5)),
  ...[64, 80, 96, 128, 256].map((width, i) => normCase(width, 1 + 2 * i, 1e-6)),
  normCase(67, 3, 0.1),
  normCase(64, 1, 1e-5, 1e-3),
  normCase(64, 2, 1e-5, 1e3),
  define(
    'rmsNorm: rows of zeros',
    { vocabulary: 3 },
    r => {
      const table = r.values(
        [3, 32],
        range(96).map(i => (i < 32 ? 0 : r.random.between(-1, 1))),
      )
      return r.g.rmsNorm(r.g.embed(table), r.weight('F32', [32], 1), 1e-5)
    },
    s => s.step([[s.create(), [1, 0, 2, 0]]]),
  ),
  define(
    'rmsNorm: gains that are no F32',
    {},
    r => r.join(plainTypes.map(type => r.g.rmsNorm(r.input(67), r.weight(type, [67], 1), 1e-5))),
    eachTokenCount,
  ),
  define(
    'rmsNorm: of the wanted rows',
    {},
    r => r.g.rmsNorm(r.g.rows(r.input(67)), r.weight('F32', [67]), 1e-5),
    s => {
      s.step([[s.create(), 33]], { rows: [3, 30] })
      s.step([[s.create(), 33]], { rows: [] })
    },
  ),

  ...WIDTHS.map(width =>
    define(`add: width ${width}`, {}, r => r.g.add(r.input(width), r.input(width, 10)), eachTokenCount),
  ),
  define(
    'add: a tensor to itself, wanted rows only',
    {},
    r => {
      const x = r.g.rows(r.input(67))
      return r.g.add(x, x)
    },
    s => s.step([[s.create(), 33]], { rows: [1, 31] }),
  ),

  ...WIDTHS.map(width =>
    define(
      `gate: silu, width ${width}`,
      {},
      r => r.g.gate(r.input(width, 8), r.input(width), 'silu'),
      eachTokenCount,
    ),
  ),
  define(
    'gate: silu where exp overflows float32',
    {},
    r => r.g.gate(r.input(67, 300), r.input(67), 'silu'),
    eachTokenCount,
  ),
]
