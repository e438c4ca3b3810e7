// Where tensors lie: random programs against a plain account of which tensors are alive when.
import { describe, expect, test } from 'vitest'
import { Graph } from '../../src/graph/graph.ts'
import { checkGuards, fillGuards, GuardError } from '../../src/graph/guard.ts'
import type { Program, Tensor } from '../../src/graph/ops.ts'
import { optimize } from '../../src/graph/optimize.ts'
import { type Plan, type PlanLimits, plan } from '../../src/graph/plan.ts'
import { Random, range } from '../conformance/random.ts'
import { opKinds } from '../support/op-kinds.ts'
import { randomProgram, weight } from './make.ts'

interface Planned {
  readonly seed: number
  readonly program: Program
  readonly limits: PlanLimits
}

/** As they are recorded and optimised, in turn. */
const programs: readonly Planned[] = range(100).map(seed => {
  const random = new Random(`plan ${seed}`)
  const recorded = randomProgram(`plan ${seed}`, 5 + random.below(50))
  return {
    seed,
    program: seed % 2 ? optimize(recorded) : recorded,
    limits: { maxTokens: 1 + random.below(70), maxRows: 1 + random.below(20) },
  }
})

const roundUp = (bytes: number) => Math.ceil(bytes / 64) * 64
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)

function bytesOf({ shape }: Tensor, { maxTokens, maxRows }: PlanLimits): number {
  return shape.reduce<number>((all, dim) => all * (dim === 'T' ? maxTokens : dim === 'R' ? maxRows : dim), 4)
}

const withBytes = (program: Program) =>
  program.ops.flatMap(({ outputs }) => outputs).filter(({ dtype }) => dtype === 'f32')

/** For each operation, the tensors whose bytes must be there while it runs; at last, the logits alone. */
function aliveAt({ ops, logits }: Program): Tensor[][] {
  const made: Tensor[] = []
  return [...ops, undefined].map((op, i) => {
    made.push(...(op?.outputs ?? []))
    const later = new Set([logits, ...ops.slice(i).flatMap(({ inputs }) => inputs)].map(({ id }) => id))
    return made.filter(
      tensor => tensor.dtype === 'f32' && (later.has(tensor.id) || op?.outputs.includes(tensor)),
    )
  })
}

/** Pairs of tensors that share a byte, or have less than `gap` bytes between them. */
function overlaps(tensors: readonly Tensor[], { offsets, sizes }: Plan, gap = 0): string[] {
  const sorted = tensors.toSorted((a, b) => offsets[a.id]! - offsets[b.id]!)
  return sorted.slice(1).flatMap((tensor, i) => {
    const before = sorted[i]!
    const free = offsets[tensor.id]! - offsets[before.id]! - sizes[before.id]!
    return free < gap ? [`%${before.id} and %${tensor.id}: ${free} bytes apart`] : []
  })
}

describe('in random programs', () => {
  test('every operation occurs', () => {
    const met = new Set<string>(programs.flatMap(({ program }) => program.ops.map(({ kind }) => kind)))
    expect([...met].sort()).toEqual(opKinds)
  })

  test('tensors have the size of their capacity, at aligned places within the arena', () => {
    for (const { program, limits } of programs) {
      const { offsets, sizes, bytes } = plan(program, limits)
      const tensors = withBytes(program)
      expect(tensors.map(({ id }) => sizes[id])).toEqual(tensors.map(tensor => bytesOf(tensor, limits)))
      expect(tensors.filter(({ id }) => !(offsets[id]! >= 0 && offsets[id]! % 64 === 0))).toEqual([])
      expect(Math.max(...tensors.map(({ id }) => offsets[id]! + sizes[id]!))).toBeLessThanOrEqual(bytes)
    }
  })

  test('tensors without bytes have no place', () => {
    for (const { program, limits } of programs) {
      const { offsets, sizes } = plan(program, limits)
      const has = new Set(withBytes(program).map(({ id }) => id))
      for (const id of range(program.tensorCount))
        if (!has.has(id)) expect([offsets[id], sizes[id]]).toEqual([-1, 0])
    }
  })

  test('no two tensors that are alive at once overlap', () => {
    for (const { seed, program, limits } of programs) {
      const placed = plan(program, limits)
      for (const [i, alive] of aliveAt(program).entries())
        expect(overlaps(alive, placed), `program ${seed}, operation ${i}`).toEqual([])
    }
  })

  test('the arena holds what is alive at once, and no more than all tensors', () => {
    let saved = 0
    for (const { program, limits } of programs) {
      const needed = (tensors: readonly Tensor[]) => sum(tensors.map(t => roundUp(bytesOf(t, limits))))
      const { bytes } = plan(program, limits)
      expect(bytes).toBeGreaterThanOrEqual(Math.max(...aliveAt(program).map(needed)))
      expect(bytes).toBeLessThanOrEqual(needed(withBytes(program)))
      saved += 1 - bytes / needed(withBytes(program))
    }
    expect(saved / programs.length).toBeGreaterThan(0.2)
  })

  test.each([4, 64, 100])('guards of %d bytes lie on both sides of every tensor', guard => {
    for (const { program, limits } of programs) {
      const placed = plan(program, limits, guard)
      expect(overlaps(withBytes(program), placed, 2 * guard)).toEqual([])
      const { offsets, sizes, bytes } = placed
      const exposed = ({ id }: Tensor) =>
        offsets[id]! % 64 !== 0 || offsets[id]! < guard || offsets[id]! + sizes[id]! + guard > bytes
      expect(withBytes(program).filter(exposed)).toEqual([])
    }
  })
})

describe('a chain of operations', () => {
  /** Of `[T, 16]`, then `[R, 16]`. */
  function chain(length: number, after: (g: Graph, x: Tensor) => void = () => {}): Program {
    const g = new Graph()
    let x = g.embed(weight('table', 50, 16))
    for (let i = 0; i < length; i++) x = g.matmul(x, weight(`w${i}`, 16, 16))
    const logits = g.rows(x)
    after(g, x)
    return g.finish(logits)
  }

  test.each([2, 3, 100])('of %d matmuls needs two places for T, of which R takes one', length => {
    const { sizes, bytes } = plan(chain(length), { maxTokens: 32, maxRows: 4 })
    expect(sizes).toEqual([...range(length + 1).map(() => 32 * 16 * 4), 4 * 16 * 4])
    expect(bytes).toBe(2 * 32 * 16 * 4)
  })

  test('keeps the logits to the end, whatever is computed after them', () => {
    const program = chain(3, (g, x) => {
      for (let i = 0; i < 5; i++) x = g.matmul(x, weight(`after${i}`, 16, 16))
    })
    const placed = plan(program, { maxTokens: 32, maxRows: 4 })
    const after = program.ops.slice(-5).flatMap(({ outputs }) => outputs)
    for (const tensor of after) expect(overlaps([program.logits, tensor], placed)).toEqual([])
  })
})

describe('guards', () => {
  const guard = 64
  const capacity = { maxTokens: 5, maxRows: 3 }
  const program = optimize(randomProgram('guards'))
  const placed = plan(program, capacity, guard)
  const tensors = withBytes(program)

  /** The words that each tensor may write in a step. */
  function wordsOf({ id, shape }: Tensor, step: { T: number; R: number }): [start: number, end: number] {
    const start = placed.offsets[id]! / 4
    return [start, start + bytesOf({ shape } as Tensor, { maxTokens: step.T, maxRows: step.R }) / 4]
  }

  /** The arena after a step that writes all of its outputs. */
  function stepped(step: { T: number; R: number }): Int32Array {
    const arena = new Int32Array(placed.bytes / 4)
    fillGuards(arena)
    for (const tensor of tensors) arena.fill(1, ...wordsOf(tensor, step))
    return arena
  }

  const steps = [
    { T: 5, R: 3 },
    { T: 1, R: 1 },
    { T: 4, R: 0 },
  ]

  test.each(steps)('let outputs of $T tokens and $R rows be written', step => {
    expect(() => checkGuards(program, placed, stepped(step), step)).not.toThrow()
  })

  test.each(steps)('tell of a word beside an output of $T tokens and $R rows', step => {
    for (const tensor of tensors)
      for (const at of [wordsOf(tensor, step)[0] - 1, wordsOf(tensor, step)[1]]) {
        const arena = stepped(step)
        arena[at] = 0
        const check = () => checkGuards(program, placed, arena, step)
        expect(check).toThrow(GuardError)
        expect(check).toThrow(`word ${at} of the arena`)
        expect(check).toThrow(tensor.name)
      }
  })

  test.each([
    ['the arena and', 0],
    ['and the end', placed.bytes / 4 - 1],
  ])('tell of a word between %s', (where, at) => {
    const arena = stepped(steps[0]!)
    arena[at] = 0
    expect(() => checkGuards(program, placed, arena, steps[0]!)).toThrow(where)
  })
})
