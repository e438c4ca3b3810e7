// The conformance suite: runs every case on a backend and compares with an oracle. Nothing here knows a backend.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend, Logits, Want } from '../../src/backends/backend.ts'
import { DisposedError } from '../../src/errors.ts'
import { columns } from '../../src/graph/ops.ts'
import { type CaseMaker, type ConformanceCase, weightSource } from './case.ts'
import { forkedCase, longWindowCase as longCase } from './cases/attention.ts'
import { type InputRounding, limitsOf, noRounding } from './limits.ts'

/** All logits of each step of a case, row after row. */
export type Oracle = (c: ConformanceCase) => Promise<readonly ArrayLike<number>[]>

export interface ConformanceOptions {
  readonly cases: readonly CaseMaker[]
  /**
   * For backends that round the inputs of matmuls: how, and an oracle that does the same, to be compared with as strictly
   * as where nothing is rounded. The other one then only bounds what the rounding costs.
   */
  readonly rounded?: { readonly rounding: InputRounding; readonly oracle: Oracle }
}

export type OpenBackend = () => Backend | Promise<Backend>

/** Another backend as the oracle. */
export function backendOracle(open: OpenBackend): Oracle {
  return async c => {
    const backend = await open()
    try {
      return await runCase(backend, c)
    } finally {
      await backend.dispose()
    }
  }
}

/** An oracle that is asked once for each case, for suites that differ only in the backend. */
export function remembered(oracle: Oracle): Oracle {
  const answers = new Map<string, ReturnType<Oracle>>()
  return c => {
    const answer = answers.get(c.name) ?? oracle(c)
    answers.set(c.name, answer)
    return answer
  }
}

/** Milliseconds for a case: the slowest takes a few seconds where nothing else runs. */
const TIMEOUT = 60_000

/** Declares one test a case, and what every Executable promises besides. */
export function conformance(
  name: string,
  open: OpenBackend,
  oracle: Oracle,
  { cases, rounded }: ConformanceOptions,
): void {
  describe(`${name} conforms`, () => {
    let backend: Backend
    const outcomes = new Map<string, { name: string; logits: Float32Array }>()
    beforeAll(async () => {
      backend = await open()
    })
    afterAll(() => backend.dispose())

    for (const { name, make } of cases)
      test(name, { timeout: TIMEOUT }, async () => {
        const c = make()
        const { rounds, loose, strict } = limitsOf(c, rounded?.rounding ?? noRounding)
        const found = await runCase(backend, c)
        const expected = await oracle(c)
        expect(found.length).toBe(expected.length)
        if (rounds) expectClose(found.flatMap(all), expected.flatMap(all), loose, 'without rounding')
        if (c.outcome !== undefined) {
          const logits = Float32Array.from(found.flatMap(all))
          const other = outcomes.get(c.outcome)
          if (other) expectClose(logits, other.logits, loose, `the same logits as '${other.name}'`)
          else outcomes.set(c.outcome, { name, logits })
        }
        if (strict === undefined) return
        const strictly = rounds ? await rounded!.oracle(c) : expected
        found.forEach((logits, i) => {
          expectClose(logits, strictly[i]!, strict, describeStep(c, i))
        })
      })
    promises(open)
  })
}

/** What an Executable promises beyond right numbers. */
function promises(open: OpenBackend): void {
  const forked = forkedCase.make()
  /** Its steps need those before, and are long enough to be interrupted. */
  const long = longCase.make()

  test('steps asked for at once run in order', { timeout: TIMEOUT }, async () => {
    const backend = await open()
    const inTurn = await runCase(backend, long)
    const executable = await backend.compile(long.program, weightSource(long), long.limits)
    const atOnce = await Promise.all(long.steps.map(({ batch }) => executable.step(batch, 'full')))
    atOnce.forEach(({ values }, i) => {
      expectClose(values, inTurn[i]!, long.tolerance, describeStep(long, i))
    })
    await executable.dispose()
    await backend.dispose()
  })

  test('an aborted step rejects with the reason, and has made its copies', async () => {
    const backend = await open()
    const expected = await runCase(backend, forked)
    const executable = await backend.compile(forked.program, weightSource(forked), forked.limits)
    for (const [i, { batch }] of forked.steps.entries()) {
      const reason = new Error('enough')
      await expect(executable.step(batch, 'full', AbortSignal.abort(reason))).rejects.toBe(reason)
      const { values } = await executable.step({ ...batch, copies: new Int32Array() }, 'full')
      expectClose(values, expected[i]!, forked.tolerance, describeStep(forked, i))
    }
    await executable.dispose()
    await backend.dispose()
  })

  test('a step aborted while it runs can be taken again', { timeout: TIMEOUT }, async () => {
    const backend = await open()
    const expected = await runCase(backend, long)
    const executable = await backend.compile(long.program, weightSource(long), long.limits)
    for (const [i, { batch }] of long.steps.entries()) {
      const controller = new AbortController()
      const reason = new Error('enough')
      const step = executable.step(batch, 'full', controller.signal)
      setTimeout(() => controller.abort(reason))
      // A fast backend may be done before.
      await step.catch(error => expect(error).toBe(reason))
      const { values } = await executable.step(batch, 'full')
      expectClose(values, expected[i]!, long.tolerance, describeStep(long, i))
    }
    await executable.dispose()
    await backend.dispose()
  })

  test('after dispose, steps reject', async () => {
    const backend = await open()
    const executable = await backend.compile(forked.program, weightSource(forked), forked.limits)
    const { batch } = forked.steps[0]!
    const running = executable.step(batch, 'full')
    await executable.dispose()
    expect((await running).rows).toBe(batch.rows.length)
    await expect(executable.step(batch, 'full')).rejects.toThrow(DisposedError)
    await backend.dispose()
  })
}

/** Full logits of each step; where a step wants less, that is compared with the full logits of the same step. */
async function runCase(backend: Backend, c: ConformanceCase): Promise<Float32Array[]> {
  const executable = await backend.compile(c.program, weightSource(c), c.limits)
  try {
    const all: Float32Array[] = []
    for (const step of c.steps) {
      const full = await executable.step(step.batch, 'full')
      const shape = { rows: step.batch.rows.length, width: columns(c.program.logits) }
      expect({ rows: full.rows, width: full.width, ids: full.ids }).toEqual({ ...shape, ids: undefined })
      expect(full.values.length).toBe(shape.rows * shape.width)
      all.push(full.values)
      if (step.want === 'full') continue
      expect(await executable.step(step.batch, step.want)).toEqual(select(full, step.want))
    }
    return all
  } finally {
    await executable.dispose()
  }
}

function all(values: ArrayLike<number>): number[] {
  return Array.from(values)
}

/** The best of each row by sorting it: greatest first, equal ones by id. */
function select({ rows, width, values }: Logits, want: Exclude<Want, 'full'>): Logits {
  const count = want === 'argmax' ? 1 : Math.min(want.top, width)
  const best = Array.from({ length: rows }, (_, row) => {
    const at = (id: number) => values[row * width + id]!
    const ids = Array.from({ length: width }, (_, id) => id)
    const ordered = ids.sort((a, b) => at(b) - at(a) || a - b).slice(0, count)
    return ordered.map(id => ({ id, value: at(id) }))
  }).flat()
  return {
    rows,
    width: count,
    ids: Int32Array.from(best, ({ id }) => id),
    values: Float32Array.from(best, ({ value }) => value),
  }
}

function describeStep({ steps }: ConformanceCase, index: number): string {
  const { batch } = steps[index]!
  return `step ${index + 1} of ${steps.length} (T = ${batch.tokens.length}, R = ${batch.rows.length})`
}

/** Fails with the place that is furthest off, which tells more than an average. */
function expectClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  limit: number,
  what: string,
): void {
  expect(found.length, what).toBe(expected.length)
  let [error, power, worst] = [0, 0, 0]
  for (let i = 0; i < expected.length; i++) {
    const difference = (found[i]! - expected[i]!) ** 2
    error += difference
    power += expected[i]! ** 2
    if (!(difference <= (found[worst]! - expected[worst]!) ** 2)) worst = i
  }
  if (error === 0) return
  const message = `${what}: value ${worst}: expected ${expected[worst]}, found ${found[worst]}; NMSE`
  expect(error / power, message).toBeLessThanOrEqual(limit)
}
