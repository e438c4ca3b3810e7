// The plan of lazy weights: every byte is read before it is needed and none is overwritten before it was used.
import { describe, expect, test } from 'vitest'
import {
  bytesOf,
  DIRECT_BLOCK,
  type LazyPlan,
  leastLazyMemory,
  planLazy,
  type Run,
  streamedWeights,
  type WeightRead,
} from '../../../src/backends/cpu/lazy-plan.ts'
import { InvalidOptionError } from '../../../src/errors.ts'
import { openModel } from '../../../src/formats/readers.ts'
import type { Program, Weight } from '../../../src/graph/ops.ts'
import { bytesSource } from '../../../src/io/source.ts'
import { recordModel } from '../../../src/models/registry.ts'
import { familyNames } from '../../fixtures/families.ts'
import { fixtureBytes } from '../../fixtures/models.ts'

const FILE = 5
const beside = { open: () => Promise.reject(new Error('one file is all there is')), names: async () => [] }
const base = 2 ** 30

async function programOf(name: (typeof familyNames)[number]): Promise<Program> {
  const file = await openModel(bytesSource(name, await fixtureBytes(name)), beside)
  return recordModel(file.metadata, file.tensors).program
}

/** Weights one behind the other, from a place that is no block's beginning. */
function layout(program: Program): Map<string, number> {
  const offsets = new Map<string, number>()
  let at = 1000
  for (const weight of program.ops.flatMap(streamedWeights)) {
    if (offsets.has(weight.name)) continue
    offsets.set(weight.name, at)
    at += bytesOf(weight)
  }
  return offsets
}

describe.each(familyNames)('%s', name => {
  test('reads in time what each operation needs, within the budget', async () => {
    const program = await programOf(name)
    const offsets = layout(program)
    const places = ({ name }: Weight) => [{ file: FILE, offset: offsets.get(name)! }]
    const least = leastLazyMemory(program)
    for (const budget of [least, least * 1.5, least * 3, 2 ** 40]) {
      const plan = planLazy(program, { budget, base, places })
      expect(plan.bytes).toBeLessThanOrEqual(budget)
      checkPlaces(plan)
      checkTurns(plan)
      for (const [index, run] of plan.runs.entries()) checkRun(run, index, plan, offsets)
    }
  })

  test('refuses less than it needs', async () => {
    const program = await programOf(name)
    const places = () => [{ file: FILE, offset: 0 }]
    const budget = leastLazyMemory(program) - 1
    expect(() => planLazy(program, { budget, base, places })).toThrow(InvalidOptionError)
  })
})

function checkPlaces({ reads, bytes, slots }: LazyPlan): void {
  for (const { offset, bytes: length, needed, to, op } of reads) {
    for (const number of [offset, length, to]) expect(number % DIRECT_BLOCK).toBe(0)
    expect(needed).toBeLessThanOrEqual(length)
    expect(to).toBeGreaterThanOrEqual(base)
    expect(to + length).toBeLessThanOrEqual(slots.count > 0 ? slots.start : base + bytes)
    expect(op).toBeGreaterThanOrEqual(0)
  }
  expect(reads.map(({ op }) => op)).toEqual(reads.map(({ op }) => op).sort((a, b) => a - b))
  if (slots.count > 0) {
    expect(slots.start % DIRECT_BLOCK).toBe(0)
    expect(slots.start + slots.bytes * slots.count).toBeLessThanOrEqual(base + bytes)
    expect(slots.count).toBeGreaterThanOrEqual(2)
  }
}

/** Through three steps: a place that is taken again was used, and no read waits for its own operation or a later one. */
function checkTurns({ reads, runs }: LazyPlan): void {
  const all = [0, 1, 2].flatMap(step =>
    reads
      .filter(({ kept }) => step === 0 || !kept)
      .map(read => ({ ...read, op: read.op + step * runs.length, after: read.after + step * runs.length })),
  )
  expect(all.filter(({ op, after }) => after >= op)).toEqual([])
  const lost = all.flatMap((later, i) =>
    all
      .slice(0, i)
      .filter(earlier => overlap(earlier, later))
      .filter(earlier => later.kept || earlier.kept || later.after < earlier.op)
      .map(earlier => ({ earlier, later })),
  )
  expect(lost).toEqual([])
}

function overlap(a: WeightRead, b: WeightRead): boolean {
  return a.to < b.to + b.bytes && b.to < a.to + a.bytes
}

/** The bytes at the address of a weight, or of its rows, are those of the file. */
function checkRun(
  { op, piece, address, table, matrices }: Run,
  index: number,
  plan: LazyPlan,
  offsets: Map<string, number>,
) {
  const found = (at: number, offset: number, length: number) => {
    const read = plan.reads.find(
      ({ op, to, needed, kept }) =>
        at >= to && at + length <= to + needed && (kept ? op <= index : op === index),
    )
    expect(read, `${op.kind} ${index}`).toBeDefined()
    expect(at - read!.to).toBe(offset - read!.offset)
  }
  const weights = streamedWeights(op)
  if (piece) {
    const weight = weights[piece.part]!
    const rowBytes = bytesOf(weight) / weight.shape[0]!
    expect(piece.from % 16).toBe(0)
    found(piece.address, offsets.get(weight.name)! + piece.from * rowBytes, piece.rows * rowBytes)
  } else if (address !== undefined) found(address, offsets.get(weights[0]!.name)!, bytesOf(weights[0]!))
  else if (table) expect(table.offset).toBe(offsets.get(weights[0]!.name))
  else if (matrices) checkMatrices(matrices, weights, index, plan, offsets)
  else
    for (const weight of weights)
      found(plan.kept.get(weight.name)![0]!, offsets.get(weight.name)!, bytesOf(weight))
}

function checkMatrices(
  matrices: readonly number[],
  weights: readonly Weight[],
  index: number,
  { experts, slots, runs }: LazyPlan,
  offsets: Map<string, number>,
) {
  for (const [part, weight] of weights.entries()) {
    const { route, op, rows, slabRows, rowBytes, places } = experts[matrices[part]!]!
    expect(op).toBe(index)
    expect(runs[route]!.op.kind).toBe('route')
    expect(route).toBeLessThan(index)
    expect([places.length, rows]).toEqual(weight.shape.slice(0, 2))
    for (const [expert, { offset }] of places.entries())
      expect(offset).toBe(offsets.get(weight.name)! + (expert * bytesOf(weight)) / places.length)
    // Wherever within a block a slab begins, there is room for it.
    expect(slabRows * rowBytes + 2 * DIRECT_BLOCK - 2).toBeLessThanOrEqual(slots.bytes + DIRECT_BLOCK)
  }
}

test('rows of a matmul that is read in pieces are all there, once', async () => {
  const program = await programOf(familyNames[0]!)
  const places = () => [{ file: FILE, offset: 0 }]
  const { runs } = planLazy(program, { budget: leastLazyMemory(program), base, places })
  const pieces = runs.filter(({ piece }) => piece)
  expect(pieces.length).toBeGreaterThan(0)
  for (const op of new Set(pieces.map(({ op }) => op)))
    for (const [part, weight] of streamedWeights(op).entries()) {
      let next = 0
      for (const { piece } of runs.filter(run => run.op === op && run.piece?.part === part)) {
        expect(piece!.from).toBe(next)
        next += piece!.rows
      }
      expect(next).toBe(weight.shape[0])
    }
})
