// What lazy weights are held to: the digits that a program has with all weights in memory, whatever the budget.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Executable } from '../../../src/backends/backend.ts'
import { cpuBackendOf } from '../../../src/backends/cpu/cpu.ts'
import { leastLazyMemory } from '../../../src/backends/cpu/lazy-plan.ts'
import { nativeLibrary } from '../../../src/ffi/library.ts'
import { type CaseMaker, type ConformanceCase, weightSource } from '../../conformance/case.ts'
import { fileWeights } from '../../support/file-weights.ts'

const library = await nativeLibrary()
const THREADS = 2

/** Declares one test a case: with the least budget, with half of the weights, and with room for all. */
export function sameDigits(folder: string, cases: readonly CaseMaker[]): void {
  for (const [index, { name, make }] of cases.entries())
    test(name, async () => {
      const c = make()
      const eager = await cpuBackendOf(library, { threads: THREADS }).compile(
        c.program,
        weightSource(c),
        c.limits,
      )
      const expected = await allSteps(eager, c)
      const source = await fileWeights(join(folder, `${index}.bin`), c)
      const bytes = Object.values(c.weights).reduce((sum, weight) => sum + weight.bytes.length, 0)
      const least = leastLazyMemory(c.program)
      for (const budget of [least, Math.max(least, bytes / 2), 2 ** 30]) {
        const lazy = await cpuBackendOf(library, { threads: THREADS, lazyMemory: budget }).compile(
          c.program,
          source,
          c.limits,
        )
        expect(await allSteps(lazy, c), `${budget} bytes`).toEqual(expected)
      }
    })
}

/** Each step twice: the second one begins with what was read ahead. */
async function allSteps(executable: Executable, { steps }: ConformanceCase): Promise<Float32Array[]> {
  const answers: Float32Array[] = []
  for (const { batch } of steps) {
    const { values } = await executable.step(batch, 'full')
    expect((await executable.step({ ...batch, copies: new Int32Array() }, 'full')).values).toEqual(values)
    answers.push(values)
  }
  await executable.dispose()
  return answers
}
