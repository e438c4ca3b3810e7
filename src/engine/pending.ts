// A feed on its way through steps: what is done of it, its logits so far, and the promise that it settles.
import type { Logits, Want } from '../backends/backend.ts'
import { selectLogits, sliceLogits } from '../backends/logits.ts'
import type { Sequence } from './sequence.ts'

/** What a session asks the engine to compute. */
export interface Feed {
  /** Grows by `ids`, as they are computed. */
  readonly sequence: Sequence
  readonly ids: readonly number[]
  /** Ascending indices into `ids` whose logits are wanted. */
  readonly rows: readonly number[]
  readonly want: Want
  /** Whether company must not change the numbers, where the engine sees to that. */
  readonly repeatable: boolean
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((done: number, total: number) => void) | undefined
}

export class Pending {
  readonly result: Promise<Logits>
  settled = false
  /** Called when the result settles, by whoever may stop a step that nobody waits for. */
  onSettled: () => void = () => {}
  readonly #parts: Logits[] = []
  /** Positions of the first of `ids`, and behind the last. */
  readonly #start: number
  readonly #end: number
  /** The first position that was computed for this feed: rows may have been lost. */
  #from: number
  #rowsDone = 0
  #resolve!: (logits: Logits) => void
  #reject!: (error: unknown) => void

  constructor(readonly feed: Feed) {
    this.#start = feed.sequence.tokens.length
    this.#end = this.#start + feed.ids.length
    this.#from = feed.sequence.cached
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { signal } = feed
    if (signal?.aborted) this.fail(signal.reason)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get sequence(): Sequence {
    return this.feed.sequence
  }

  /** Position of the next token to compute. */
  get position(): number {
    return this.sequence.cached
  }

  get remaining(): number {
    return this.#end - this.position
  }

  /** Tokens that are computed for it, those done included. */
  get length(): number {
    return this.#end - Math.min(this.#from, this.position)
  }

  /** The next `count` ids, and which of them (by index among these) want logits. */
  next(count: number): { ids: readonly number[]; rows: readonly number[] } {
    const { tokens } = this.sequence
    const first = this.position
    const known = tokens.slice(first, first + count)
    const begin = first + known.length - this.#start
    const ids = known.concat(this.feed.ids.slice(begin, begin + count - known.length))
    const done = this.#rowsDone
    const rows = this.feed.rows.slice(done, done + this.rowsIn(count)).map(row => row + this.#start - first)
    return { ids, rows }
  }

  /** Most ids of the next `limit` that need no more than `maxRows` rows. */
  fitting(limit: number, maxRows: number): number {
    const count = Math.min(limit, this.remaining)
    const overflow = this.feed.rows[this.#rowsDone + maxRows]
    return overflow === undefined ? count : Math.min(count, this.#start + overflow - this.position)
  }

  /** Rows that the next `count` ids need. */
  rowsIn(count: number): number {
    const end = this.position + count - this.#start
    let rows = 0
    while ((this.feed.rows[this.#rowsDone + rows] ?? end) < end) rows++
    return rows
  }

  /** Takes the outcome of a step that computed the next `count` ids. */
  advance(count: number, logits: Logits, firstRow: number, rows: number): void {
    const { ids } = this.next(count)
    this.#from = Math.min(this.#from, this.position)
    this.#rowsDone += rows
    if (rows > 0) this.#parts.push(selectLogits(sliceLogits(logits, firstRow, rows), this.feed.want))
    this.sequence.advance(ids)
    this.feed.onProgress?.(this.position - this.#from, this.#end - this.#from)
    if (this.remaining === 0) this.#settle(() => this.#resolve(joinLogits(this.#parts)))
  }

  fail(error: unknown): void {
    this.#settle(() => this.#reject(error))
  }

  readonly #onAbort = () => this.fail(this.feed.signal?.reason)

  #settle(answer: () => void): void {
    if (this.settled) return
    this.settled = true
    this.feed.signal?.removeEventListener('abort', this.#onAbort)
    answer()
    this.onSettled()
  }
}

function joinLogits(parts: readonly Logits[]): Logits {
  if (parts.length === 1) return parts[0]!
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const width = parts[0]?.width ?? 0
  const values = new Float32Array(rows * width)
  const ids = parts[0]?.ids && new Int32Array(rows * width)
  let at = 0
  for (const part of parts) {
    values.set(part.values, at)
    if (ids && part.ids) ids.set(part.ids, at)
    at += part.values.length
  }
  return { rows, width, ids, values }
}
