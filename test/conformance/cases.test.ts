// The cases themselves: plain, repeatable, and covering what they are there to cover.

import { expect, test } from 'vitest'
import { nmse } from '../support/numbers.ts'
import { opKinds } from '../support/op-kinds.ts'
import { type ConformanceCase, TOKEN_COUNTS } from './case.ts'
import { largeCases, unitCases } from './cases/all.ts'
import { naive } from './naive.ts'

function asText(c: ConformanceCase): string {
  return JSON.stringify(c, (_, value) =>
    ArrayBuffer.isView(value)
      ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
      : value,
  )
}

const made = unitCases.map(({ make }) => make())

test('names are unique', () => {
  const names = [...unitCases, ...largeCases].map(({ name }) => name)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

test('cases are plain data, and the same each time', { timeout: 60_000 }, () => {
  for (const [i, c] of made.entries()) {
    if (i % 3 !== 0) continue
    const text = asText(c)
    // Not toEqual: it would print megabytes, and takes seconds to look at them.
    expect(asText(structuredClone(c)) === text, c.name).toBe(true)
    expect(asText(unitCases[i]!.make()) === text, c.name).toBe(true)
  }
})

test('rewriting a program changes no result', { timeout: 60_000 }, () => {
  // Two steps tell: what is rewritten does not depend on how many tokens there are.
  const begin = (c: ConformanceCase) => naive({ ...c, steps: c.steps.slice(0, 2) })
  for (const { name, make, makeRecorded } of unitCases) {
    if (!makeRecorded) continue
    const recorded = begin(makeRecorded())
    begin(make()).forEach((logits, i) => {
      expect(nmse(logits, recorded[i]!), name).toBeLessThanOrEqual(1e-11)
    })
  }
})

test('guards surround every tensor, except where places are to be shared', () => {
  expect(made.filter(c => !c.limits.guard).every(c => c.name.startsWith('model:'))).toBe(true)
})

test('every operation occurs, alone and with all that may be fused into it', () => {
  const seen = new Set(made.flatMap(c => c.program.ops.map(({ kind }) => kind)))
  expect([...seen].sort()).toEqual(opKinds)

  const forms = new Set(
    made.flatMap(c =>
      c.program.ops.map(op => {
        if (op.kind === 'matmul') {
          const { norm, biases, residual } = op.params
          const parts = biases.length > 1 ? 'several' : 'one'
          return [parts, norm && 'norm', biases.includes(true) && 'bias', residual && 'residual']
            .filter(Boolean)
            .join(' ')
        }
        if (op.kind === 'cacheWrite')
          return ['write', op.params.rope && 'rope', op.inputs[2] && 'q'].filter(Boolean).join(' ')
        return ''
      }),
    ),
  )
  const expected = ['one', 'several'].flatMap(parts => [parts, `${parts} norm`, `${parts} norm bias`])
  expect([...forms]).toEqual(expect.arrayContaining(expected))
  expect([...forms]).toEqual(expect.arrayContaining(['several bias', 'one residual', 'one norm residual']))
  expect([...forms]).toEqual(expect.arrayContaining(['one norm bias residual']))
  expect([...forms]).toEqual(expect.arrayContaining(['write', 'write rope', 'write rope q']))
})

test('steps are of every kind', () => {
  const steps = made.flatMap(c => c.steps)
  const counts = new Set(steps.map(({ batch }) => batch.tokens.length))
  expect([...counts]).toEqual(expect.arrayContaining(TOKEN_COUNTS))
  const some = (what: string, found: (typeof steps)[number] | undefined) => expect(found, what).toBeDefined()
  some(
    'no rows',
    steps.find(({ batch }) => batch.rows.length === 0),
  )
  some(
    'copies',
    steps.find(({ batch }) => batch.copies.length >= 6),
  )
  some(
    'six sequences',
    steps.find(({ sequences }) => sequences.filter(id => id >= 0).length === 6),
  )
  some(
    'far positions',
    steps.find(({ batch }) => batch.positions.includes(100_000)),
  )
})
