// Runs sessions on one executable: gathers what they want computed into steps, and keeps the block pools.
// Token ids only: knows no text and no model.

import type { WeightSource } from '../backends/backend.ts'
import {
  type Backend,
  BLOCK_SIZE,
  type Executable,
  type InputSquares,
  type KvDType,
  type Limits,
  type Logits,
} from '../backends/backend.ts'
import { DisposedError } from '../errors.ts'
import { columns, type Program } from '../graph/ops.ts'
import { BatchBuilder, type BatchPart } from './batch.ts'
import { BlockList } from './block-list.ts'
import { type Feed, Pending } from './pending.ts'
import { BlockPool } from './pool.ts'
import { Session } from './session.ts'

export interface EngineOptions {
  /** Most tokens that a session holds. */
  readonly maxSeqLen: number
  readonly kvDType: KvDType
  /** Add up the squares of what matrices are multiplied with. */
  readonly collectSquares?: boolean
  /** Most tokens in a step: longer feeds take several. Default: what suits the backend. */
  readonly maxTokens?: number
  /** Most rows of logits in a step. Default 64. */
  readonly maxRows?: number
  /** Most sequences in a step, and the number of full contexts that the cache pools hold. Default 16. */
  readonly maxSequences?: number
}

/** Rows that a window group keeps beyond its window, so that short rewinds cost nothing. */
const WINDOW_SLACK = 16

export class Engine {
  readonly maxSeqLen: number
  readonly vocabulary: number
  /** See `Backend.exactTokens`. */
  readonly exactTokens: number
  readonly #program: Program
  readonly #limits: Limits
  readonly #executable: Executable
  readonly #pools: readonly BlockPool[]
  readonly #batches: BatchBuilder
  readonly #pending: Pending[] = []
  #draining = false
  /** Ends when nothing is left to compute. */
  #drained: Promise<void> = Promise.resolve()
  #disposed = false

  private constructor(
    program: Program,
    limits: Limits,
    executable: Executable,
    maxSeqLen: number,
    exactTokens = Number.POSITIVE_INFINITY,
  ) {
    this.maxSeqLen = maxSeqLen
    this.exactTokens = exactTokens
    this.vocabulary = columns(program.logits)
    this.#program = program
    this.#limits = limits
    this.#executable = executable
    this.#pools = limits.poolBlocks.map(blocks => new BlockPool(blocks))
    this.#batches = new BatchBuilder(limits)
  }

  /** Compiles `program` on `backend`. */
  static async create(
    program: Program,
    weights: WeightSource,
    backend: Backend,
    options: EngineOptions,
  ): Promise<Engine> {
    const limits = limitsFor(program, { maxTokens: backend.stepTokens, ...options })
    const executable = await backend.compile(program, weights, limits)
    return new Engine(program, limits, executable, options.maxSeqLen, backend.exactTokens)
  }

  /** An empty session. */
  session(): Session {
    if (this.#disposed) throw new DisposedError('engine')
    return new Session(
      this,
      this.#program.groups.map((group, i) => new BlockList(group, this.#pools[i]!)),
    )
  }

  /** Computes a session's feed, in as many steps as it takes, together with those of other sessions. */
  run(feed: Feed): Promise<Logits> {
    if (this.#disposed) return Promise.reject(new DisposedError('engine'))
    const pending = new Pending(feed)
    this.#pending.push(pending)
    if (!this.#draining) this.#drained = this.#drain()
    return pending.result
  }

  /** What was added up so far; undefined where the backend cannot. To be asked while nothing is computed. */
  inputSquares(): readonly InputSquares[] | undefined {
    return this.#executable.inputSquares?.()
  }

  /** Waits for the running step and frees everything; feeds under way reject with DisposedError. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    for (const pending of this.#pending) pending.fail(new DisposedError('engine'))
    await this.#executable.dispose()
    await this.#drained
  }

  async #drain(): Promise<void> {
    this.#draining = true
    // Sessions that ask in the same turn of the event loop share the first step.
    await Promise.resolve()
    while (this.#dropSettled() > 0) await this.#step()
    this.#draining = false
  }

  /** Answers how many feeds are left. */
  #dropSettled(): number {
    for (let i = this.#pending.length - 1; i >= 0; i--)
      if (this.#pending[i]!.settled) this.#pending.splice(i, 1)
    return this.#pending.length
  }

  /** One step for as many feeds as fit, those with the fewest tokens left first: decoding rides along with prefill. */
  async #step(): Promise<void> {
    this.#pending.sort((a, b) => a.remaining - b.remaining)
    this.#batches.begin()
    for (const pending of this.#pending) {
      try {
        this.#batches.add(pending)
      } catch (error) {
        pending.fail(error)
      }
    }
    const { batch, want, parts } = this.#batches.finish()
    if (parts.length === 0) return

    const controller = new AbortController()
    const abortWhenUnwanted = () => {
      if (parts.every(({ pending }) => pending.settled)) controller.abort()
    }
    for (const { pending } of parts) pending.onSettled = abortWhenUnwanted
    try {
      const logits = await this.#executable.step(batch, want, controller.signal)
      for (const part of parts) this.#advance(part, logits)
    } catch (error) {
      for (const { pending } of parts) pending.fail(error)
    }
  }

  #advance({ pending, tokens, firstRow, rows }: BatchPart, logits: Logits): void {
    if (pending.settled) return
    try {
      pending.advance(tokens, logits, firstRow, rows)
    } catch (error) {
      // Its own onProgress: no concern of the others.
      pending.fail(error)
      return
    }
    const kept = this.#limits.maxTokens + WINDOW_SLACK
    for (const list of pending.feed.lists)
      if (list.group.kind === 'window') list.forget(Math.max(0, pending.position - list.group.window - kept))
  }
}

/** Capacities that an engine with these options has its programs compiled for. */
export function limitsFor(program: Program, options: EngineOptions & { readonly maxTokens: number }): Limits {
  const { maxSeqLen, kvDType, maxTokens, maxRows = 64, maxSequences = 16, collectSquares = false } = options
  const maxBlocks = Math.ceil(maxSeqLen / BLOCK_SIZE)
  const poolBlocks = program.groups.map(group => {
    if (group.kind !== 'window') return maxSequences * maxBlocks
    const rows = group.window + 2 * maxTokens + WINDOW_SLACK
    return maxSequences * Math.min(maxBlocks, Math.ceil(rows / BLOCK_SIZE) + 1)
  })
  return { maxTokens, maxRows, maxSequences, maxBlocks, poolBlocks, kvDType, collectSquares }
}
