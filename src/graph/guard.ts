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

/** Throws a GuardError that names the nearest tensor if a word outside of the step's outputs has changed. */
export function checkGuards(
  program: Program,
  plan: Plan,
  arena: Int32Array,
  step: { T: number; R: number },
): void {
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
  let at = 0
  let before = 'the arena'
  for (const { name, start, end } of [...tensors, { name: 'the end', start: arena.length, end: 0 }]) {
    for (; at < start; at++)
      if (arena[at] !== PATTERN)
        throw new GuardError(`word ${at} of the arena, between ${before} and ${name}, was overwritten`)
    at = end
    before = name
  }
}
