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
import { CacheFullError, DisposedError } from '../errors.ts'
import { type CacheGroup, columns, type Program } from '../graph/ops.ts'
import { BatchBuilder, type BatchPart } from './batch.ts'
import { BlockList } from './block-list.ts'
import { type Feed, Pending } from './pending.ts'
import { BlockPool } from './pool.ts'
import { allot, byTurn, type StepRoom, stepTokens } from './schedule.ts'
import { Sequence } from './sequence.ts'
import { Session } from './session.ts'

export interface EngineOptions {
  /** Most tokens that a session holds. */
  readonly maxSeqLen: number
  readonly kvDType: KvDType
  /** Add up the squares of what matrices are multiplied with. */
  readonly collectSquares?: boolean
  /**
   * Whether the numbers of feeds that ask for it are those that they would be alone, to the last digit, where a backend adds floats in
   * another order for few tokens: these then have steps of their own. (But for rows that were lost because the cache is too small for all.)
   */
  readonly repeatable?: boolean | undefined
  /** Most tokens in a step: longer feeds take several. Default: what suits the backend. */
  readonly maxTokens?: number
  /** Most rows of logits in a step. Default 64. */
  readonly maxRows?: number
  /** Most sequences in a step, and the number of full contexts that the cache pools hold. Default 16. */
  readonly maxSequences?: number
}

/** Rows that a window group keeps beyond its window, so that short rewinds cost nothing. */
const WINDOW_SLACK = 16

type FeedKind = 'any' | 'few' | 'many'

export class Engine {
  readonly maxSeqLen: number
  readonly vocabulary: number
  /** Tokens of a feed that have the very logits that they have one by one, in steps of its own: see `Backend.fewTokens`. */
  readonly exactTokens: number
  readonly #program: Program
  readonly #limits: Limits
  readonly #executable: Executable
  /** Feeds of so many tokens have steps of their own. */
  readonly #few: number | undefined
  readonly #pools: readonly BlockPool[]
  readonly #batches: BatchBuilder
  readonly #pending: Pending[] = []
  /** Sequences that may hold blocks. */
  readonly #holders = new Set<Sequence>()
  #steps = 0
  #admissions = 0
  /** Whether the last step left feeds, or had several that may go on. */
  #shared = false
  #draining = false
  /** Ends when nothing is left to compute. */
  #drained: Promise<void> = Promise.resolve()
  #disposed = false

  private constructor(
    program: Program,
    limits: Limits,
    executable: Executable,
    options: { readonly maxSeqLen: number; readonly few: number | undefined; readonly repeatable: boolean },
  ) {
    this.maxSeqLen = options.maxSeqLen
    this.exactTokens = options.few ?? Number.POSITIVE_INFINITY
    this.#few = options.repeatable ? options.few : undefined
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
    return new Engine(program, limits, await backend.compile(program, weights, limits), {
      maxSeqLen: options.maxSeqLen,
      few: backend.fewTokens,
      repeatable: options.repeatable === true,
    })
  }

  /** An empty session. */
  session(): Session {
    if (this.#disposed) throw new DisposedError('engine')
    const lists = this.#program.groups.map((group, i) => new BlockList(group, this.#pools[i]!))
    return new Session(this, new Sequence(lists, this.#steps))
  }

  /** Cache blocks that nobody holds, by group. */
  get freeBlocks(): readonly number[] {
    return this.#pools.map(({ free }) => free)
  }

  /** Computes a session's feed, in as many steps as it takes, together with those of other sessions. */
  run(feed: Feed): Promise<Logits> {
    if (this.#disposed) return Promise.reject(new DisposedError('engine'))
    const pending = new Pending(feed)
    this.#pending.push(pending)
    if (!this.#draining) this.#drained = this.#drain()
    return pending.result
  }

  /** A second sequence with the same past. */
  fork(sequence: Sequence): Sequence {
    const other = sequence.fork()
    this.#holders.add(other)
    return other
  }

  /** Takes a sequence's blocks back; what it holds is computed again if it is fed once more. */
  release(sequence: Sequence): void {
    sequence.release()
    this.#holders.delete(sequence)
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
    // Sessions that ask in the same turn of the event loop share a step. Those of the last one may still be about to ask.
    await (this.#shared ? turn() : Promise.resolve())
    while (this.#dropSettled() > 0) {
      await this.#step()
      this.#shared ||= this.#dropSettled() > 0
      if (this.#pending.length > 0) await turn()
    }
    this.#draining = false
  }

  /** Answers how many feeds are left. */
  #dropSettled(): number {
    for (let i = this.#pending.length - 1; i >= 0; i--)
      if (this.#pending[i]!.settled) this.#pending.splice(i, 1)
    return this.#pending.length
  }

  /** One step for as many feeds as fit and have blocks, in turns. */
  async #step(): Promise<void> {
    this.#batches.begin()
    this.#pending.sort(byTurn)
    const feeds = this.#choose()
    if (feeds.length === 0) return this.#preempt()
    this.#steps++
    for (const [pending, wanted] of allot(feeds, this.#room(feeds))) {
      const count = this.#reserve(pending, wanted)
      if (count === 0) continue
      if (pending.position === 0) pending.sequence.admittedAt = ++this.#admissions
      pending.sequence.servedAt = this.#steps
      this.#batches.add(pending, count)
    }
    const { batch, want, parts } = this.#batches.finish(this.#kind(feeds[0]!) !== 'any')
    this.#shared = parts.length > 1
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

  /** The feeds of the next step, all of one kind, a block reserved for each. */
  #choose(): Pending[] {
    for (const kind of new Set(this.#pending.map(pending => this.#kind(pending)))) {
      const feeds = this.#chooseOf(kind)
      if (feeds.length > 0) return feeds
    }
    return []
  }

  #chooseOf(kind: FeedKind): Pending[] {
    const { maxSequences, maxTokens, maxRows } = this.#limits
    const most = Math.min(maxSequences, maxTokens, maxRows, kind === 'any' ? maxSequences : this.#few!)
    const feeds: Pending[] = []
    let admitting = true
    let left = kind === 'few' ? this.#few! : Number.POSITIVE_INFINITY
    for (const pending of this.#pending) {
      if (feeds.length === most) break
      if (this.#kind(pending) !== kind || pending.remaining > left) continue
      // One that waits for room is not overtaken by smaller ones for ever.
      if (pending.position === 0) admitting &&= this.#admits(pending)
      if ((pending.position === 0 && !admitting) || this.#reserve(pending, 1) === 0) continue
      feeds.push(pending)
      left -= pending.remaining
    }
    return feeds
  }

  /** Whether a feed goes with any other, or only with those of few tokens, or of many. */
  #kind({ feed, length }: Pending): FeedKind {
    if (this.#few === undefined || !feed.repeatable) return 'any'
    return length <= this.#few ? 'few' : 'many'
  }

  #room(feeds: readonly Pending[]): StepRoom {
    const { maxTokens, maxRows: rows } = this.#limits
    const waiting = this.#pending.length > feeds.length
    const least = this.#kind(feeds[0]!) === 'any' ? 1 : this.#few! + 1
    return { tokens: stepTokens(feeds, maxTokens, { waiting, least }), rows, least }
  }

  /** Whether there is room for all of a feed that holds nothing yet: else it would take blocks from those that have begun. */
  #admits({ remaining, sequence }: Pending): boolean {
    const needed = (group: CacheGroup) =>
      group.kind === 'window' ? Math.min(remaining, group.window + this.#limits.maxTokens) : remaining
    return this.#makeRoom(() =>
      sequence.lists.every(list => list.needed(0, needed(list.group)) <= list.pool.free),
    )
  }

  /** Reserves the blocks of as many of a feed's next `wanted` positions as can be had, and answers their number. */
  #reserve(pending: Pending, wanted: number): number {
    const { position, sequence } = pending
    let end = position + wanted
    const fits = () => sequence.lists.every(list => list.needed(position, end) <= list.pool.free)
    while (end > position && !this.#makeRoom(fits))
      end = Math.max(position, Math.floor((end - 1) / BLOCK_SIZE) * BLOCK_SIZE)
    if (end === position) return 0
    this.#batches.reserve(pending, position, end)
    this.#holders.add(sequence)
    return end - position
  }

  /** Lets idle sequences give their blocks up until there are enough; answers whether there are. */
  #makeRoom(enough: () => boolean): boolean {
    while (!enough()) {
      const idle = this.#longestIdle()
      if (!idle) return false
      this.release(idle)
    }
    return true
  }

  /** Of the sequences that hold blocks and wait for nothing, the one that was served longest ago. */
  #longestIdle(): Sequence | undefined {
    const busy = new Set(this.#pending.map(({ sequence }) => sequence))
    let found: Sequence | undefined
    for (const sequence of this.#holders)
      if (!busy.has(sequence) && !(found && found.servedAt <= sequence.servedAt)) found = sequence
    return found
  }

  /**
   * No feed can go on, and all blocks belong to feeds: the sequence that came last gives its own up, so that those before it come to
   * an end; it is computed again when there is room.
   */
  #preempt(): void {
    const holding = [...this.#holders].filter(({ holdsBlocks }) => holdsBlocks)
    if (holding.length > 1) this.release(holding.reduce((a, b) => (b.admittedAt > a.admittedAt ? b : a)))
    else
      for (const pending of this.#pending)
        pending.fail(new CacheFullError('the cache has too few blocks for a single sequence'))
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
    for (const list of pending.sequence.lists)
      if (list.group.kind === 'window') list.forget(Math.max(0, pending.position - list.group.window - kept))
  }
}

/** Lets all that is due run first. */
function turn(): Promise<void> {
  const later = globalThis.setImmediate ?? ((run: () => void) => setTimeout(run))
  return new Promise(resolve => later(resolve))
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
