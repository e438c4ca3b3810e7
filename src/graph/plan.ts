// Places every tensor of a Program in one arena: lifetimes become offsets, and memory that one tensor no
// longer needs is another's. Backends only add the arena's base address.
import { columns, type Dim, type Program, type Tensor } from './ops.ts'

export interface PlanLimits {
  /** Most tokens in a step: the capacity of `T`. */
  readonly maxTokens: number
  /** Most rows with logits in a step: the capacity of `R`. */
  readonly maxRows: number
}

export interface Plan {
  /** Byte offset by tensor id; -1 for tensors without bytes. */
  readonly offsets: readonly number[]
  /** Size in bytes by tensor id, at full capacity. */
  readonly sizes: readonly number[]
  /** Size of the arena in bytes. */
  readonly bytes: number
}

const ALIGNMENT = 64

/**
 * First fit over lifetimes. With `guard`, that many bytes stay unused on each side of a tensor and no two
 * tensors share a place: see guard.ts.
 */
export function plan(program: Program, limits: PlanLimits, guard = 0): Plan {
  const lifetimes = lifetimesOf(program)
  const offsets = new Array<number>(program.tensorCount).fill(-1)
  const sizes = new Array<number>(program.tensorCount).fill(0)
  /** In order of place; without guards only those that a tensor to come may meet. */
  let placed: { start: number; end: number; to: number }[] = []
  let bytes = 0
  for (const { tensor, from, to } of lifetimes) {
    const size = capacity(tensor.shape[0]!, limits) * columns(tensor) * Float32Array.BYTES_PER_ELEMENT
    const room = align(size) + 2 * align(guard)
    // They come in the order in which they are made.
    if (guard === 0) placed = placed.filter(other => other.to >= from)
    let start = 0
    let place = 0
    for (const other of placed) {
      if (start + room <= other.start) break
      start = other.end
      place++
    }
    placed.splice(place, 0, { start, end: start + room, to })
    offsets[tensor.id] = start + align(guard)
    sizes[tensor.id] = size
    bytes = Math.max(bytes, start + room)
  }
  return { offsets, sizes, bytes }
}

/** From the operation that makes a tensor to the last one that reads it; the logits live to the end. */
function lifetimesOf(program: Program): { tensor: Tensor; from: number; to: number }[] {
  const lives = new Map<number, { tensor: Tensor; from: number; to: number }>()
  program.ops.forEach((op, at) => {
    for (const tensor of op.outputs)
      if (tensor.dtype === 'f32') lives.set(tensor.id, { tensor, from: at, to: at })
    for (const { id } of op.inputs) {
      const life = lives.get(id)
      if (life) life.to = at
    }
  })
  const logits = lives.get(program.logits.id)
  if (logits) logits.to = program.ops.length
  return [...lives.values()]
}

function capacity(dim: Dim, { maxTokens, maxRows }: PlanLimits): number {
  return dim === 'T' ? maxTokens : dim === 'R' ? maxRows : dim
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}
