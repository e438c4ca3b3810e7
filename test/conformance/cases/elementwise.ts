// Operations that look at one row at a time: embed, rows, norms, add, slice, concat, activations, gate, softcap.
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
    'gate: one for a whole row',
    {},
    r => r.g.gate(r.input(1, 4), r.input(67), 'sigmoid'),
    eachTokenCount,
  ),
  define(
    'gate: gelu, wanted rows only',
    {},
    r => r.g.gate(r.g.rows(r.input(67, 4)), r.g.rows(r.input(67)), 'gelu'),
    s => s.step([[s.create(), 33]], { rows: [1, 31] }),
  ),
  ...(['silu', 'gelu', 'sigmoid'] as const).flatMap(act =>
    [...WIDTHS.map(width => [width, 5] as const), [67, 300] as const].map(([width, size]) =>
      define(
        `activate: ${act}, width ${width}, values up to ${size}`,
        {},
        r => r.g.activate(r.input(width, size), act),
        eachTokenCount,
      ),
    ),
  ),
  ...WIDTHS.map(width =>
    define(`softcap: width ${width}`, {}, r => r.g.softcap(r.input(width, 90), 30), eachTokenCount),
  ),
  define('embed: scaled', {}, r => r.g.embed(r.weight('F16', [r.vocabulary, 67]), 8.25), eachTokenCount),
  ...[true, false].flatMap(centered =>
    WIDTHS.map(width =>
      define(
        `layerNorm: width ${width}${centered ? '' : ', not centered'}`,
        {},
        r => {
          const gain = r.weight('F32', [width], 1)
          const bias = width === 64 ? undefined : r.weight('F16', [width], 1)
          return r.g.layerNorm(r.input(width, 3), gain, bias, { eps: 1e-5, centered })
        },
        eachTokenCount,
      ),
    ),
  ),
  define(
    'layerNorm: far from zero, wanted rows only',
    {},
    r => {
      const shifted = r.values(
        [r.vocabulary, 64],
        range(r.vocabulary * 64).map(() => 100 + r.random.between(-1, 1)),
      )
      const x = r.g.rows(r.g.embed(shifted))
      return r.g.layerNorm(x, r.gain(64), undefined, { eps: 1e-5, centered: true })
    },
    s => s.step([[s.create(), 33]], { rows: [3, 30] }),
  ),
  ...[
    [67, 0, 5],
    [67, 60, 67],
    [96, 32, 64],
    [1, 0, 1],
  ].map(([width, from, to]) =>
    define(
      `slice: ${from} to ${to} of ${width}`,
      {},
      r =>
        r.join([
          r.g.slice(r.input(width!), width!, from!, to!),
          r.g.slice(r.input(3 * width!), width!, from!, to!),
        ]),
      eachTokenCount,
    ),
  ),
  ...[1, 5].map(runs =>
    define(
      `concat: ${runs} runs`,
      {},
      r => r.g.concat(r.input(33 * runs), r.input(7 * runs), runs),
      eachTokenCount,
    ),
  ),
  define(
    'concat: wanted rows only',
    {},
    r => r.g.concat(r.g.rows(r.input(6)), r.g.rows(r.input(4)), 2),
    s => s.step([[s.create(), 33]], { rows: [1, 31] }),
  ),
  define(
    'gate: silu where exp overflows float32',
    {},
    r => r.g.gate(r.input(67, 300), r.input(67), 'silu'),
    eachTokenCount,
  ),
]
