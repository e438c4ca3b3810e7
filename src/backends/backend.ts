// The interface between the engine and whatever computes: Backend, Executable, Batch, Logits. Knows no model,
// no file and no text.
import type { Program } from '../graph/ops.ts'
import type { PlanLimits } from '../graph/plan.ts'
import type { WeightType } from '../quant/packed.ts'

/** Positions in one cache block. */
export const BLOCK_SIZE = 32

export type KvDType = 'f16' | 'f32'

/** Capacities of a compiled program, fixed for its life. */
export interface Limits extends PlanLimits {
  /** Most sequences in a step: rows of `lengths` and `tables`. */
  readonly maxSequences: number
  /** Most cache blocks that one sequence has: columns of `tables`. */
  readonly maxBlocks: number
  /** Blocks in each group's pool. */
  readonly poolBlocks: readonly number[]
  readonly kvDType: KvDType
  /** Add up the squares of what matrices are multiplied with: see {@link Executable.inputSquares}. */
  readonly collectSquares?: boolean
  /** Surround tensors with guard zones and check them after each step (a test aid): see `plan`. */
  readonly guard?: boolean
}

/** A tensor of the model where it lies. */
export interface WeightPiece {
  readonly type: WeightType
  /** Row-major. */
  readonly shape: readonly number[]
  readonly bytes: number
  /** Bytes `[offset, offset + length)` of the piece, as a copy. */
  read(offset: number, length: number): Promise<Uint8Array>
}

export interface WeightSource {
  piece(name: string): WeightPiece
  /** Puts the pieces into native memory without reading them, where that can be done. */
  map?(): Promise<MappedWeights>
  /** Opens the pieces' files for native code that reads them by itself, where that can be done. */
  open?(): Promise<OpenWeights>
}

/** Files of weights, open for native code. */
export interface OpenWeights {
  /**
   * Where a piece lies: one place, or one for each slice of its first dimension, of matrices in parts for each part of each, where
   * these lie apart. Undefined for what no file holds as it is: it can only be read.
   */
  places(name: string): readonly (FilePlace | undefined)[]
  /** The file's name, for messages. */
  nameOf(file: number): string
  /** Nothing may read there any more. */
  close(): void
}

export interface FilePlace {
  /** The handle of an open file. */
  readonly file: number
  readonly offset: number
}

/** Weights in native memory, as the files themselves rather than copies. */
export interface MappedWeights {
  /**
   * Where a piece lies: one address, or one for each slice of its first dimension, of matrices in parts for each part of each, where
   * these lie apart. Undefined for what could not be mapped: read it instead.
   */
  addresses(name: string): readonly (number | undefined)[]
  /** Throws SourceError if a file has lost bytes since: what was computed from it is wrong. */
  check(): void
  /** Nothing may read there any more. */
  unmap(): void
}

/**
 * One step: any number of sequences, each with its own number of tokens. A token at position p of a sequence
 * sees the sequence's positions up to p, those written in this very step included.
 */
export interface Batch {
  /** `[T]` token ids. */
  readonly tokens: Int32Array
  /** `[T]` positions within their sequences. */
  readonly positions: Int32Array
  /** `[T]` rows of `lengths` and `tables`. */
  readonly sequence: Int32Array
  /** `[groups, T]` where each token's cache row goes: block · BLOCK_SIZE + offset. */
  readonly slots: Int32Array
  /** `[groups, maxSequences]` positions that a sequence has after this step. */
  readonly lengths: Int32Array
  /** `[groups, maxSequences, maxBlocks]` the block that holds position p is entry p / BLOCK_SIZE; -1 once given back. */
  readonly tables: Int32Array
  /** `[R]` indices of tokens whose logits are wanted. */
  readonly rows: Int32Array
  /** `[copies, 3]` group, from, to: blocks to copy before anything is written, even if the step is aborted. */
  readonly copies: Int32Array
  /** Whether tokens must have the numbers that they have in steps of their own, where they can: see `Backend.fewTokens`. Default true. */
  readonly repeatable?: boolean
}

/** How much of each row of logits to bring over: the best id, the best few, or all. */
export type Want = 'argmax' | { readonly top: number } | 'full'

export interface Logits {
  readonly rows: number
  /** Values in each row: 1 for argmax, at most n for top n, the vocabulary for full. */
  readonly width: number
  /** `[rows, width]` token ids, best first; undefined where the values are the whole vocabulary in order. */
  readonly ids: Int32Array | undefined
  /** `[rows, width]` logits. */
  readonly values: Float32Array
}

export interface DeviceInfo {
  /** What a user would call it: `AMD EPYC, 2 threads`. */
  readonly name: string
  /** Bytes of memory that it has. */
  readonly memory: number
  /** CPU threads that compute. */
  readonly threads?: number
}

/** What a device could do at best, measured: the roofs over every benchmark. */
export interface Roofline {
  /** Bytes a second read from memory. */
  readonly readRate: number
  /** Multiplications of 8-bit numbers a second, each with its addition. */
  readonly int8Rate: number
}

/** Of matrices that are multiplied with the same: sums of its squares over all steps, by column. */
export interface InputSquares {
  readonly weights: readonly string[]
  /** `[matrices, columns]`: of a mixture, a matrix is an expert. */
  readonly sums: Float64Array
  /** `[matrices]` rows that were summed. */
  readonly counts: Float64Array
}

/** Bytes of memory, without caches. */
export interface MemoryNeeds {
  readonly weights: number
  readonly results: number
  /** Least for weights where they stay on disk; undefined where they do already. */
  readonly leastLazy: number | undefined
  readonly available: number
}

/** A program made ready to run; the only asynchronous point between engine and hardware. */
export interface Executable {
  /** Runs one step. Steps queue; an aborted one rejects with the signal's reason and leaves cache rows undefined. */
  step(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits>
  /** What was added up so far, between steps, if the limits asked for it; undefined where the backend cannot. */
  inputSquares?(): readonly InputSquares[]
  /** Waits for the running step, then frees everything; later calls reject with DisposedError. */
  dispose(): Promise<void>
}

export interface Backend {
  readonly name: string
  readonly device: DeviceInfo
  /** Tokens that are worth computing in one step: more bring no more speed. */
  readonly stepTokens: number
  /**
   * In repeatable steps of up to so many tokens, and rows of logits, each token has the very numbers that it has in a step of its own: others
   * add floats in another order. Undefined where a token's numbers never depend on its company.
   */
  readonly fewTokens?: number
  /** Plans and loads; rejects with UnsupportedModelError where an operation or format is lacking. */
  compile(program: Program, weights: WeightSource, limits: Limits): Promise<Executable>
  /** What a program would take here, and what is left, in bytes; undefined where that is not known. */
  memory?(program: Program, limits: Limits): MemoryNeeds | undefined
  /** Takes about a second, between steps; undefined where it is not known. */
  measure?(): Promise<Roofline>
  dispose(): Promise<void>
}
