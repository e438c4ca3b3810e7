// Plans how weights come from disk: which stay in memory, how the others take turns in a ring, and when each may be read.
// Arithmetic only: opens no file and takes no memory.
import { InvalidOptionError } from '../../errors.ts'
import { matmulOperands, type Op, type Program, type Weight } from '../../graph/ops.ts'
import { bytesFor, type QuantName } from '../../quant/quants.ts'
import type { FilePlace } from '../backend.ts'

/** What direct reads are in multiples of, as in native/os.h. */
export const DIRECT_BLOCK = 4096
/** Rows of a panel: a piece of whole panels has the digits that it has in one piece with the rest. */
const PANEL_ROWS = 16
/** Share of the budget that is the ring, and pieces that fit into it at least. */
const RING_SHARE = 1 / 4
const RING_PIECES = 4
/** Larger ones do not read faster. */
const LARGEST_RING = 2 ** 28
const LARGEST_PIECE = 2 ** 24

/** Rows of one of a matmul's weights, multiplied by themselves. */
export interface MatmulPiece {
  /** Index of the weight among the operation's parts. */
  readonly part: number
  readonly from: number
  readonly rows: number
  readonly address: number
}

/** Bytes of a file that must be in native memory before an operation runs: see native/reader.h. */
export interface WeightRead extends FilePlace {
  /** Index of the run. */
  readonly op: number
  readonly bytes: number
  readonly needed: number
  readonly to: number
  readonly kept: boolean
  readonly after: number
}

/** An operation as it runs: whole, or of a matmul one piece. */
export interface Run {
  readonly op: Op
  readonly piece?: MatmulPiece
  /** Where its only weight is by then. */
  readonly address?: number
  /** Where the table lies whose rows are read one by one. */
  readonly table?: FilePlace
}

/** How the weights of a program come from disk while it runs. */
export interface LazyPlan {
  readonly runs: readonly Run[]
  /** In the order of the runs. */
  readonly reads: readonly WeightRead[]
  /** Addresses of weights that stay in memory. */
  readonly kept: ReadonlyMap<string, number>
  /** Bytes of memory from `base` on. */
  readonly bytes: number
}

export interface LazyPlanOptions {
  /** Bytes of memory for weights. */
  readonly budget: number
  /** Where a weight lies; one place. */
  readonly place: (weight: Weight) => FilePlace
  /** Where the memory begins: a multiple of DIRECT_BLOCK. */
  readonly base: number
}

/** Weights that kernels read as they are in the file; all others become floats when a program is compiled. */
export function streamedWeights(op: Op): readonly Weight[] {
  switch (op.kind) {
    case 'embed':
    case 'matmulHeads':
    case 'matmulExperts':
      return op.weights
    case 'matmul':
      return matmulOperands(op).parts.map(({ weight }) => weight)
    default:
      return []
  }
}

export function bytesOf({ type, shape }: Weight): number {
  return bytesFor(
    type as QuantName,
    shape.reduce((product, dim) => product * dim, 1),
  )
}

/** Throws InvalidOptionError if the budget is too small for the model's largest pieces. */
export function planLazy(program: Program, options: LazyPlanOptions): LazyPlan {
  const { budget } = options
  const weights = new Map(program.ops.flatMap(streamedWeights).map(weight => [weight.name, weight]))
  const all = [...weights.values()].reduce((sum, weight) => sum + roomFor(bytesOf(weight)), 0)
  if (all <= budget)
    return place(
      program.ops.map(op => ({ op, keeps: true })),
      0,
      options,
    )

  const wanted = Math.min(LARGEST_RING, budget * RING_SHARE)
  const pieceBytes = Math.min(LARGEST_PIECE, wanted / RING_PIECES)
  const ring = wholeBlocks(Math.max(wanted, 2 * largestRead(program, pieceBytes)))
  if (ring > budget)
    throw new InvalidOptionError(
      `lazyMemory: expected at least ${ring} bytes for this model, found ${budget}`,
    )
  const kept = keptOps(program, budget - ring)
  const parts = program.ops.flatMap((op): Part[] => {
    if (op.kind !== 'matmul' || kept.has(op)) return [{ op, keeps: kept.has(op) }]
    return streamedWeights(op).flatMap((weight, part) =>
      cut(weight, pieceBytes).map(rows => ({ op, keeps: false, rows: { part, ...rows } })),
    )
  })
  return place(parts, ring, options)
}

function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / DIRECT_BLOCK) * DIRECT_BLOCK
}

/** Memory for bytes that may begin and end anywhere within blocks of the file. */
function roomFor(bytes: number): number {
  return Math.ceil(bytes / DIRECT_BLOCK + 1) * DIRECT_BLOCK
}

/** A weight's pieces: whole panels of rows, about `pieceBytes` each and as good as alike. */
function cut(weight: Weight, pieceBytes: number): { readonly from: number; readonly rows: number }[] {
  const { rows, rowBytes } = matrixOf(weight)
  const most = Math.max(1, Math.floor(pieceBytes / rowBytes / PANEL_ROWS)) * PANEL_ROWS
  const each = Math.ceil(rows / Math.ceil(rows / most) / PANEL_ROWS) * PANEL_ROWS
  return Array.from({ length: Math.ceil(rows / each) }, (_, i) => ({
    from: i * each,
    rows: Math.min(each, rows - i * each),
  }))
}

function matrixOf(weight: Weight): { rows: number; rowBytes: number } {
  const rows = weight.shape.slice(0, -1).reduce((product, dim) => product * dim, 1)
  return { rows, rowBytes: bytesOf(weight) / rows }
}

/** Memory for the most that an operation needs at once. */
function largestRead({ ops }: Program, pieceBytes: number): number {
  let largest = 0
  for (const op of ops)
    for (const weight of streamedWeights(op)) {
      const { rows, rowBytes } = matrixOf(weight)
      if (op.kind === 'matmul')
        largest = Math.max(largest, roomFor(cut(weight, pieceBytes)[0]!.rows * rowBytes))
      if (op.kind === 'matmulHeads') largest = Math.max(largest, roomFor(rows * rowBytes))
    }
  return largest
}

/**
 * Operations whose weights stay in memory, `room` bytes at most: spread evenly over the program, so that the reader never
 * pauses for long.
 */
function keptOps(program: Program, room: number): Set<Op> {
  const candidates = program.ops.filter(({ kind }) => kind === 'matmul' || kind === 'matmulHeads')
  const sizeOf = (op: Op) => streamedWeights(op).reduce((sum, weight) => sum + roomFor(bytesOf(weight)), 0)
  const share = room / candidates.reduce((sum, op) => sum + sizeOf(op), 0)
  const kept = new Set<Op>()
  let left = room
  let owed = 0
  const keep = (op: Op) => {
    if (kept.has(op) || sizeOf(op) > left) return
    kept.add(op)
    left -= sizeOf(op)
    owed -= sizeOf(op)
  }
  for (const op of candidates) {
    owed += sizeOf(op) * share
    if (owed >= sizeOf(op)) keep(op)
  }
  for (const op of candidates) keep(op)
  return kept
}

/** What runs: an operation whose weights stay in memory or do not, or some rows of a matmul. */
interface Part {
  readonly op: Op
  readonly keeps: boolean
  readonly rows?: Omit<MatmulPiece, 'address'>
}

/** Gives everything that is read its place: first the ring, then what is kept. */
function place(parts: readonly Part[], ring: number, { base, place }: LazyPlanOptions): LazyPlan {
  const keeping = new Set(
    parts.filter(({ keeps }) => keeps).flatMap(({ op }) => streamedWeights(op).map(({ name }) => name)),
  )
  const extents = parts.map(({ op, rows }) => {
    const weight = streamedWeights(op)[rows?.part ?? 0]
    if (weight === undefined || op.kind === 'embed' || keeping.has(weight.name)) return undefined
    const { rows: all, rowBytes } = matrixOf(weight)
    return { place: place(weight), from: (rows?.from ?? 0) * rowBytes, bytes: (rows?.rows ?? all) * rowBytes }
  })
  const turns = ringPlaces(
    extents.map(extent => extent && blocks(extent).bytes),
    ring,
  )

  const kept = new Map<string, number>()
  const reads: WeightRead[] = []
  let bytes = ring
  const keep = (weight: Weight, op: number) => {
    const needed = blocks({ place: place(weight), from: 0, bytes: bytesOf(weight) })
    reads.push({ ...needed, op, to: base + bytes, kept: true, after: op - parts.length })
    kept.set(weight.name, base + bytes + needed.skipped)
    bytes += needed.bytes
  }
  const runs = parts.map(({ op, rows }, index): Run => {
    const weights = streamedWeights(op)
    for (const weight of weights) if (keeping.has(weight.name) && !kept.has(weight.name)) keep(weight, index)
    const extent = extents[index]
    if (extent !== undefined) {
      const { offset, after } = turns[index]!
      const needed = blocks(extent)
      reads.push({ ...needed, op: index, to: base + offset, kept: false, after })
      const address = base + offset + needed.skipped
      return rows ? { op, piece: { ...rows, address } } : { op, address }
    }
    if (op.kind === 'embed' && !keeping.has(weights[0]!.name)) return { op, table: place(weights[0]!) }
    if (rows === undefined) return { op }
    const weight = weights[rows.part]!
    return { op, piece: { ...rows, address: kept.get(weight.name)! + rows.from * matrixOf(weight).rowBytes } }
  })
  return { runs, reads, kept, bytes }
}

/** The blocks of a file that hold some bytes of a weight, and where in them these begin. */
function blocks({
  place,
  from,
  bytes,
}: {
  readonly place: FilePlace
  readonly from: number
  readonly bytes: number
}) {
  const start = place.offset + from
  const skipped = start % DIRECT_BLOCK
  const needed = skipped + bytes
  return { file: place.file, offset: start - skipped, bytes: wholeBlocks(needed), needed, skipped }
}

/**
 * Where each read lies in a ring of `ring` bytes, one behind the other, and the run after which its place is free: of the step
 * before, counted from its end, where that is below 0. A read begins anew where the ring or the step does, so that every step
 * is like the first.
 */
function ringPlaces(
  sizes: readonly (number | undefined)[],
  ring: number,
): ({ readonly offset: number; readonly after: number } | undefined)[] {
  /** Places taken, oldest first, at positions that count on where the ring begins anew. */
  const taken: { readonly at: number; readonly run: number }[] = []
  let oldest = 0
  let at = 0
  const step = (first: number) => {
    at = Math.ceil(at / ring) * ring
    return sizes.map((bytes, index) => {
      if (bytes === undefined) return undefined
      if ((at % ring) + bytes > ring) at = Math.ceil(at / ring) * ring
      while (oldest < taken.length && taken[oldest]!.at < at + bytes - ring) oldest++
      const after = oldest === 0 ? index - sizes.length : taken[oldest - 1]!.run - first
      taken.push({ at, run: first + index })
      const offset = at % ring
      at += bytes
      return { offset, after }
    })
  }
  // Only in the second step does every read follow on one of the step before.
  step(0)
  return step(sizes.length)
}
