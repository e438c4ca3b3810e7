// How much memory a program takes on the CPU, told before anything is loaded.
import { BackendUnavailableError } from '../../errors.ts'
import { nativeLibrary } from '../../ffi/library.ts'
import { type Program, programWeights } from '../../graph/ops.ts'
import { plan } from '../../graph/plan.ts'
import type { Limits } from '../backend.ts'
import { flatten } from './flatten.ts'
import { bytesOf, leastLazyMemory, otherBytes, planLazy, streamedWeights } from './lazy-plan.ts'
import { type CpuLibrary, cpuLibrary } from './library.ts'

/** In bytes, without caches. */
export interface ProgramMemory {
  readonly weights: number
  /** Results of operations and what they need while they run, once the largest step has run. */
  readonly results: number
}

/** Of a program whose weights are in memory, or stay on disk but for `lazyMemory` bytes, or the least that is possible. */
export function programMemory(
  library: CpuLibrary | undefined,
  program: Program,
  limits: Limits,
  lazyMemory: number | undefined,
): ProgramMemory {
  return { weights: weightMemory(program, lazyMemory), results: resultMemory(library, program, limits) }
}

/** The library of this machine, if it is built already. */
export async function builtLibrary(): Promise<CpuLibrary | undefined> {
  try {
    return cpuLibrary(await nativeLibrary({ build: false }))
  } catch (error) {
    if (error instanceof BackendUnavailableError) return undefined
    throw error
  }
}

function weightMemory(program: Program, lazyMemory: number | undefined): number {
  const weights = programWeights(program)
  const total = (list: typeof weights) => list.reduce((sum, weight) => sum + bytesOf(weight), 0)
  if (lazyMemory === undefined) return total(weights)
  const streamed = new Set(program.ops.flatMap(streamedWeights).map(({ name }) => name))
  const budget = Math.max(lazyMemory, leastLazyMemory(program))
  const { bytes } = planLazy(program, { budget, base: 0, places: () => [{ file: 0, offset: 0 }] })
  const others = weights
    .filter(({ name }) => streamed.has(name))
    .reduce((sum, weight) => sum + otherBytes(weight), 0)
  return bytes + others + total(weights.filter(({ name }) => !streamed.has(name)))
}

/** Without the library, only the results themselves are known. */
function resultMemory(library: CpuLibrary | undefined, program: Program, limits: Limits): number {
  const places = plan(program, limits)
  if (library === undefined) return places.bytes
  const threads = library.os.defaultThreads()
  const list = flatten(program, { plan: places, limits, threads, addresses: () => [1] })
  return library.memory(list, list.length)
}
