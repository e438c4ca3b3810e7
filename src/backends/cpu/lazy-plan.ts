// Plans how weights come from disk: which stay in memory, how the others take turns in a ring, and when each may be read.
// Arithmetic only: opens no file and takes no memory.
import { InvalidOptionError } from '../../errors.ts'
import { matmulOperands, type Op, type Program, type Weight } from '../../graph/ops.ts'
import { isAcross, packedType, partBytes, type WeightType, weightBytes } from '../../quant/packed.ts'
import { bytesFor, type QuantName } from '../../quant/quants.ts'
import type { FilePlace } from '../backend.ts'

/** What direct reads are in multiples of, as in native/os.h. */
export const DIRECT_BLOCK = 4096
/** Rows of a panel: a piece of whole panels has the digits that it has in one piece with the rest. */
const PANEL_ROWS = 16
/** Shares of the budget: of the ring where there has to be one, of experts at least. */
const RING_SHARE = 1 / 4
const EXPERT_SHARE = 1 / 4
/** Pieces that fit into the ring, and slabs into the memory for experts, at least. */
const RING_PIECES = 4
const EXPERT_SLABS = 16
/** Share of the budget, and bytes at most, for what lazy mode takes besides weights: threads, and the plan itself. */
const OVERHEAD_SHARE = 1 / 8
const LARGEST_OVERHEAD = 2 ** 24
/** Larger ones do not read faster. */
const LARGEST_RING = 2 ** 28
const LARGEST_PIECE = 2 ** 24
const LARGEST_SLAB = 2 ** 22

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
  /** Of experts that are read when they are chosen: for each part the index of its matrices. */
  readonly matrices?: readonly number[]
}

/** Matrices of a mixture, one an expert, that are read when they are chosen: see native/reader.h. */
export interface ExpertMatrices {
  /** Indices of the runs that choose and that multiply. */
  readonly route: number
  readonly op: number
  readonly rows: number
  readonly slabRows: number
  readonly rowBytes: number
  readonly places: readonly FilePlace[]
}

/** How the weights of a program come from disk while it runs. */
export interface LazyPlan {
  readonly runs: readonly Run[]
  /** In the order of the runs. */
  readonly reads: readonly WeightRead[]
  readonly experts: readonly ExpertMatrices[]
  /** Memory for the experts' slabs. */
  readonly slots: { readonly start: number; readonly bytes: number; readonly count: number }
  /** Addresses of weights that stay in memory: one, or one for each slice of the first dimension. */
  readonly kept: ReadonlyMap<string, readonly number[]>
  /** Bytes of memory from `base` on. */
  readonly bytes: number
}

export interface LazyPlanOptions {
  /** Bytes of memory for weights. */
  readonly budget: number
  /** Where a weight lies: one place, or one for each slice of its first dimension. */
  readonly places: (weight: Weight) => readonly FilePlace[]
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
  return weightBytes(type as WeightType, shape)
}

/** Of a matrix in parts the numbers: all else stays in memory. */
function streamedBytes(weight: Weight): number {
  const { rows, rowBytes } = matrixOf(weight)
  return rows * rowBytes
}

/** Of what stays in memory of a streamed weight. */
export function otherBytes(weight: Weight): number {
  return bytesOf(weight) - streamedBytes(weight)
}

/** Throws InvalidOptionError if the budget is less than `leastLazyMemory`. */
export function planLazy(program: Program, options: LazyPlanOptions): LazyPlan {
  const budget = options.budget - Math.min(LARGEST_OVERHEAD, options.budget * OVERHEAD_SHARE)
  if (sizeOf(program.ops) <= options.budget)
    return place(
      program.ops.map(op => ({ op, keeps: true })),
      { ring: 0, cache: 0 },
      options,
    )
  const least = leastLazyMemory(program)
  if (options.budget < least)
    throw new InvalidOptionError(
      `lazyMemory: expected at least ${least} bytes for this model, found ${options.budget}`,
    )
  const leastRing = leastRingMemory(program)
  const leastCache = leastExpertMemory(program)
  const cacheShare =
    leastCache > 0 ? Math.max(leastCache, Math.min(budget * EXPERT_SHARE, budget - leastRing)) : 0
  const dense = program.ops.filter(({ kind }) => kind === 'matmul' || kind === 'matmulHeads')
  const streams = sizeOf(dense) > budget - cacheShare
  const wanted = Math.max(leastRing, Math.min(LARGEST_RING, budget * RING_SHARE, budget - cacheShare))
  const pieceBytes = Math.min(LARGEST_PIECE, wanted / RING_PIECES)
  const ring = streams ? wholeBlocks(Math.max(wanted, 2 * largestRead(program, pieceBytes))) : 0
  const kept = keptOps(dense, budget - cacheShare - ring)
  const parts = program.ops.flatMap((op): Part[] => {
    if (op.kind !== 'matmul' || kept.has(op)) return [{ op, keeps: kept.has(op) }]
    return streamedWeights(op).flatMap((weight, part) =>
      cut(weight, pieceBytes).map(rows => ({ op, keeps: false, rows: { part, ...rows } })),
    )
  })
  const cache = leastCache > 0 ? budget - ring - sizeOf([...kept]) : 0
  return place(parts, { ring, cache }, options)
}

/** The least budget with which a program can run whose weights do not all fit. */
export function leastLazyMemory(program: Program): number {
  const least = leastRingMemory(program) + leastExpertMemory(program)
  return Math.ceil(Math.min(least + LARGEST_OVERHEAD, least / (1 - OVERHEAD_SHARE)))
}

/** For the two largest reads: one that is used while the other is under way. */
function leastRingMemory(program: Program): number {
  return 2 * largestRead(program, 0)
}

/** For two slabs of experts; 0 where there are none. */
function leastExpertMemory(program: Program): number {
  return 2 * largestSlab(program, 0)
}

/** Memory for all weights of some operations that kernels read, each once. */
function sizeOf(ops: readonly Op[]): number {
  const weights = new Map(ops.flatMap(streamedWeights).map(weight => [weight.name, weight]))
  return [...weights.values()].reduce((sum, weight) => sum + roomFor(weight), 0)
}

function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / DIRECT_BLOCK) * DIRECT_BLOCK
}

/** Memory for a weight, each slice of which may begin and end anywhere within blocks of its file. */
function roomFor(weight: Weight): number {
  const slices = weight.shape.length > 2 ? weight.shape[0]! : 1
  return slices * blocksFor(streamedBytes(weight) / slices)
}

function blocksFor(bytes: number): number {
  return Math.ceil(bytes / DIRECT_BLOCK + 1) * DIRECT_BLOCK
}

/** A weight's pieces: whole panels of rows, about `pieceBytes` each and as good as alike. */
function cut(weight: Weight, pieceBytes: number): { readonly from: number; readonly rows: number }[] {
  const { rows } = matrixOf(weight)
  const each = pieceRows(weight, pieceBytes)
  return Array.from({ length: Math.ceil(rows / each) }, (_, i) => ({
    from: i * each,
    rows: Math.min(each, rows - i * each),
  }))
}

function pieceRows(weight: Weight, pieceBytes: number): number {
  const { rows, rowBytes } = matrixOf(weight)
  // Rows that lie side by side are read together.
  if (isAcross(weight.type)) return rows
  const most = Math.max(1, Math.floor(pieceBytes / rowBytes / PANEL_ROWS)) * PANEL_ROWS
  return Math.ceil(rows / Math.ceil(rows / most) / PANEL_ROWS) * PANEL_ROWS
}

function matrixOf({ type, shape }: Weight): { readonly rows: number; readonly rowBytes: number } {
  const rows = shape.slice(0, -1).reduce((product, dim) => product * dim, 1)
  const columns = shape.at(-1)!
  const packed = packedType(type)
  if (!packed) return { rows, rowBytes: bytesFor(type as QuantName, columns) }
  const [numbers] = partBytes(packed, { rows, columns })
  return { rows, rowBytes: numbers! / rows }
}

/** One of a mixture's matrices. */
function expertOf(weight: Weight): Weight {
  return { ...weight, shape: weight.shape.slice(1) }
}

/** Memory for the most that an operation on the ring needs at once. */
function largestRead({ ops }: Program, pieceBytes: number): number {
  let largest = 0
  for (const op of ops)
    for (const weight of streamedWeights(op)) {
      const { rows, rowBytes } = matrixOf(weight)
      if (op.kind === 'matmul')
        largest = Math.max(largest, blocksFor(Math.min(rows, pieceRows(weight, pieceBytes)) * rowBytes))
      if (op.kind === 'matmulHeads') largest = Math.max(largest, blocksFor(rows * rowBytes))
    }
  return largest
}

/** Memory for the largest slab of an expert. */
function largestSlab({ ops }: Program, slabBytes: number): number {
  let largest = 0
  for (const op of ops)
    if (op.kind === 'matmulExperts')
      for (const weight of op.weights.map(expertOf)) {
        const { rows, rowBytes } = matrixOf(weight)
        largest = Math.max(largest, blocksFor(Math.min(rows, pieceRows(weight, slabBytes)) * rowBytes))
      }
  return largest
}

/**
 * Operations whose weights stay in memory, `room` bytes at most: spread evenly over the program, so that the reader never
 * pauses for long.
 */
function keptOps(candidates: readonly Op[], room: number): Set<Op> {
  const share = room / candidates.reduce((sum, op) => sum + sizeOf([op]), 0)
  const kept = new Set<Op>()
  let left = room
  let owed = 0
  const keep = (op: Op) => {
    const bytes = sizeOf([op])
    if (kept.has(op) || bytes > left) return
    kept.add(op)
    left -= bytes
    owed -= bytes
  }
  for (const op of candidates) {
    owed += sizeOf([op]) * share
    if (owed >= sizeOf([op])) keep(op)
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

/** Gives everything that is read its place: first the ring, then what is kept, then experts. */
function place(
  parts: readonly Part[],
  memory: { readonly ring: number; readonly cache: number },
  { base, places }: LazyPlanOptions,
): LazyPlan {
  const keeping = new Set(
    parts.filter(({ keeps }) => keeps).flatMap(({ op }) => streamedWeights(op).map(({ name }) => name)),
  )
  const extents = parts.map(({ op, rows }) => {
    const weight = streamedWeights(op)[rows?.part ?? 0]
    if (weight === undefined || keeping.has(weight.name)) return undefined
    if (op.kind === 'embed' || op.kind === 'matmulExperts') return undefined
    const { rows: all, rowBytes } = matrixOf(weight)
    const from = (rows?.from ?? 0) * rowBytes
    return { place: places(weight)[0]!, from, bytes: (rows?.rows ?? all) * rowBytes }
  })
  const turns = ringPlaces(
    extents.map(extent => extent && blocks(extent).bytes),
    memory.ring,
  )

  const kept = new Map<string, readonly number[]>()
  const reads: WeightRead[] = []
  let bytes = memory.ring
  const keep = (weight: Weight, op: number) => {
    const slices = places(weight)
    const addresses = slices.map(place => {
      const needed = blocks({ place, from: 0, bytes: streamedBytes(weight) / slices.length })
      const to = base + bytes
      reads.push({ ...needed, op, to, kept: true, after: op - parts.length })
      bytes += needed.bytes
      return to + needed.skipped
    })
    kept.set(weight.name, addresses)
  }
  const experts = new Experts(parts, places, memory.cache)
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
    if (rows !== undefined) {
      const weight = weights[rows.part]!
      const [address = 0] = kept.get(weight.name)!
      return { op, piece: { ...rows, address: address + rows.from * matrixOf(weight).rowBytes } }
    }
    if (weights.every(({ name }) => kept.has(name))) return { op }
    if (op.kind === 'matmulExperts') return { op, matrices: experts.add(op, index) }
    return { op, table: places(weights[0]!)[0]! }
  })
  const slots = { start: base + bytes, ...experts.slots }
  return { runs, reads, experts: experts.list, slots, kept, bytes: bytes + slots.bytes * slots.count }
}

/** Gathers the matrices of all mixtures, in slabs of which the memory holds many. */
class Experts {
  readonly list: ExpertMatrices[] = []
  readonly #runs: readonly { readonly op: Op }[]
  readonly #places: LazyPlanOptions['places']
  readonly #slabBytes: number
  readonly #memory: number
  #slotBytes = 0

  constructor(runs: readonly { readonly op: Op }[], places: LazyPlanOptions['places'], memory: number) {
    this.#runs = runs
    this.#places = places
    this.#memory = memory
    this.#slabBytes = Math.min(LARGEST_SLAB, memory / EXPERT_SLABS)
  }

  /** The indices of an operation's matrices. */
  add(op: Op<'matmulExperts'>, index: number): number[] {
    const routed = op.inputs[1]!.id
    const route = this.#runs.findLastIndex(({ op: { outputs } }) => outputs.some(({ id }) => id === routed))
    return op.weights.map(weight => {
      const expert = expertOf(weight)
      const { rows, rowBytes } = matrixOf(expert)
      const slabRows = Math.min(rows, pieceRows(expert, this.#slabBytes))
      const slices = this.#places(weight)
      const places = Array.from({ length: weight.shape[0]! }, (_, i) => {
        const { file, offset } = slices[slices.length > 1 ? i : 0]!
        return { file, offset: slices.length > 1 ? offset : offset + i * rows * rowBytes }
      })
      this.#slotBytes = Math.max(this.#slotBytes, blocksFor(slabRows * rowBytes))
      return this.list.push({ route, op: index, rows, slabRows, rowBytes, places }) - 1
    })
  }

  get slots(): { readonly bytes: number; readonly count: number } {
    const slabs = this.list.reduce(
      (sum, { rows, slabRows, places }) => sum + places.length * Math.ceil(rows / slabRows),
      0,
    )
    const most = this.#slotBytes > 0 ? Math.floor(this.#memory / this.#slotBytes) : 0
    return { bytes: this.#slotBytes, count: Math.min(slabs, most) }
  }
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
