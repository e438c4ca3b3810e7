// A test aid for backends: fill the arena with a pattern before a step, and find out afterwards whether an
// operation wrote outside of its output. Needs a plan made with guard bytes, where no two tensors share a place.
import { TorchlessError } from '../errors.ts'
import { columns, type Program } from './ops.ts'
import type { Plan } from './plan.ts'

/** A signalling NaN that no arithmetic makes. */
export const PATTERN = 0x7fa0_1234

export class GuardError extends TorchlessError {}

/** Fills the arena, seen as 32-bit words. */
export function fillGuards(arena: Int32Array): void {
  arena.fill(PATTERN)
}

/** Words that no operation may write in a step, and what lies before and behind them. */
export interface GuardZone {
  readonly start: number
  readonly end: number
  readonly before: string
  readonly behind: string
}

/** All of the arena's `words` but those of the tensors that a step makes. */
export function guardZones(
  program: Program,
  plan: Plan,
  words: number,
  step: { readonly T: number; readonly R: number },
): GuardZone[] {
  const tensors = program.ops
    .flatMap(op => op.outputs)
    .filter(tensor => plan.offsets[tensor.id]! >= 0)
    .map(tensor => {
      const [first] = tensor.shape
      const rows = first === 'T' || first === 'R' ? step[first] : (first ?? 0)
      const start = plan.offsets[tensor.id]! / 4
      return { name: tensor.name, start, end: start + rows * columns(tensor) }
    })
    .sort((a, b) => a.start - b.start)
  const ends = [0, ...tensors.map(({ end }) => end)]
  const names = ['the arena', ...tensors.map(({ name }) => name), 'the end']
  return [...tensors.map(({ start }) => start), words].map((end, i) => ({
    start: ends[i]!,
    end,
    before: names[i]!,
    behind: names[i + 1]!,
  }))
}

/** Throws a GuardError that names the nearest tensors if a word outside of the step's outputs has changed. */
export function checkGuards(
  program: Program,
  plan: Plan,
  arena: Int32Array,
  step: { readonly T: number; readonly R: number },
): void {
  for (const { start, end, before, behind } of guardZones(program, plan, arena.length, step))
    for (let at = start; at < end; at++)
      if (arena[at] !== PATTERN)
        throw new GuardError(`word ${at} of the arena, between ${before} and ${behind}, was overwritten`)
}
