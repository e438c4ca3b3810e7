// Programs as text. `npx vitest run --project unit test/graph/print.test.ts -u` writes the files; read the diff.
import { expect, test } from 'vitest'
import { Graph } from '../../src/graph/graph.ts'
import { printProgram } from '../../src/graph/print.ts'
import { record, recordPlainly } from '../models/tiny.ts'
import { opKinds } from '../support/op-kinds.ts'
import { rotation, weight } from './make.ts'

const withDivisors = { tensors: { 'rope_freqs.weight': [8] } }
const programs = {
  recorded: () => recordPlainly(withDivisors),
  optimised: () => record(withDivisors).program,
}

test.each(Object.entries(programs))('the tiny llama, %s', async (name, program) => {
  await expect(printProgram(program())).toMatchFileSnapshot(`llama.${name}.txt`)
})

test('every operation is printed by its name', () => {
  const g = new Graph()
  const x = g.embed(weight('table', 50, 8))
  const cache = g.cache({ kind: 'latent' }, { kvHeads: 1, keyDim: 8, valueDim: 8 })
  const seen = g.attention(g.rope(x, rotation(8)), g.cacheWrite(x, undefined, cache), {
    cache,
    heads: 1,
    scale: 1,
  })
  const perHead = { heads: 1, stride: 8, first: 0, rows: 8, transposed: false }
  const heads = g.matmulHeads(
    g.concat(g.slice(seen, 8, 0, 4), g.slice(seen, 8, 4, 8)),
    weight('heads', 8, 8),
    perHead,
  )
  const normed = g.layerNorm(heads, weight('gain', 8), undefined, { eps: 1e-5, centered: true })
  const routed = g.route(normed, { scores: 'softmax', used: 1, normalize: false, scale: 1 })
  const mixed = g.matmulExperts(normed, routed, weight('experts', 8, 8, 8), { used: 1, sum: true })
  const gated = g.gate(g.activate(mixed, 'gelu'), g.add(x, x), 'silu')
  const last = g.rmsNorm(g.rows(gated), weight('gain', 8), 1e-5)
  const program = g.finish(g.softcap(g.matmul(last, weight('output', 50, 8)), 30))
  const printed = printProgram(program).matchAll(/^ {2}%.* = (\w+)\(/gm)
  expect([...new Set(Array.from(printed, ([, kind]) => kind))].sort()).toEqual(opKinds)
})

test('all that an operation has is printed, long lists short', () => {
  const g = new Graph()
  const x = g.embed({ ...weight('table', 50, 16), type: 'Q4_0' })
  g.layer = 0
  const cache = g.cache({ kind: 'window', window: 7 }, { kvHeads: 1, keyDim: 16, valueDim: 8 })
  const v = g.matmul(x, weight('v.weight', 8, 16), weight('v.bias', 8))
  const halves = { ...rotation(10), headDim: 16, layout: 'halves', magnitude: 1 / 3 } as const
  const k = g.rope(x, halves, weight('divisors', 5))
  const q = g.rope(x, { ...rotation(16), frequencies: [1, 0.1, 1e-9, 0] })
  const seen = g.attention(q, g.cacheWrite(k, v, cache), { cache, heads: 1, scale: 0.25 })
  g.layer = 1
  const program = g.finish(g.rows(g.gate(seen, v, 'silu')))
  expect(printProgram(program)).toMatchInlineSnapshot(`
    "group 0: window of 7
    cache 0: group 0, layer 0, 1 heads, keys of 16, values of 8

    layer -1
      %0 embed.-1 [T, 16] = embed(table Q4_0 [50, 16])

    layer 0
      %1 v [T, 8] = matmul(%0; v.weight F32 [8, 16], v.bias F32 [8]) {biases: [true]}
      %2 rope.0 [T, 16] = rope(%0; divisors F32 [5]) {headDim: 16, layout: halves, frequencies: [1, 0.5, 0.3333333, ..., 0.2](5), magnitude: 0.3333333}
      %3 rope.0 [T, 16] = rope(%0) {headDim: 16, layout: adjacent, frequencies: [1, 0.1, 1e-9, 0](4), magnitude: 1}
      %4 = cacheWrite(%2, %1) {cache: 0}
      %5 attention.0 [T, 8] = attention(%3, %4) {cache: 0, heads: 1, scale: 0.25}

    layer 1
      %6 gate.1 [T, 8] = gate(%5, %1) {act: silu}
      %7 rows.1 [R, 8] = rows(%6)

    logits: %7 rows.1 [R, 8]
    "
  `)
})
