// A feed on its way through steps: what is done of it, its logits so far, and the promise that it settles.
import type { Logits, Want } from '../backends/backend.ts'
import { selectLogits, sliceLogits } from '../backends/logits.ts'
import type { BlockList } from './block-list.ts'

/** What a session asks the engine to compute. */
export interface Feed {
  /** The session's blocks, a list a cache group. */
  readonly lists: readonly BlockList[]
  /** Position of the first token. */
  readonly start: number
  readonly ids: readonly number[]
  /** Ascending indices into `ids` whose logits are wanted. */
  readonly rows: readonly number[]
  readonly want: Want
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((done: number, total: number) => void) | undefined
  /** Called with the ids of each step that was computed. */
  readonly onStep: (computed: readonly number[]) => void
}

export class Pending {
  readonly result: Promise<Logits>
  settled = false
  /** Called when the result settles, by whoever may stop a step that nobody waits for. */
  onSettled: () => void = () => {}
  readonly #parts: Logits[] = []
  #done = 0
  #rowsDone = 0
  #resolve!: (logits: Logits) => void
  #reject!: (error: unknown) => void

  constructor(readonly feed: Feed) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { signal } = feed
    if (signal?.aborted) this.fail(signal.reason)
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Position of the next token to compute. */
  get position(): number {
    return this.feed.start + this.#done
  }

  get remaining(): number {
    return this.feed.ids.length - this.#done
  }

  /** The next `count` ids, and which of them (by index among these) want logits. */
  next(count: number): { ids: readonly number[]; rows: readonly number[] } {
    const end = this.#done + count
    const rows: number[] = []
    for (let i = this.#rowsDone; (this.feed.rows[i] ?? end) < end; i++)
      rows.push(this.feed.rows[i]! - this.#done)
    return { ids: this.feed.ids.slice(this.#done, end), rows }
  }

  /** Most ids of the next `limit` that need no more than `maxRows` rows. */
  fitting(limit: number, maxRows: number): number {
    const count = Math.min(limit, this.remaining)
    const overflow = this.feed.rows[this.#rowsDone + maxRows]
    return overflow === undefined ? count : Math.min(count, overflow - this.#done)
  }

  /** Takes the outcome of a step that computed the next `count` ids. */
  advance(count: number, logits: Logits, firstRow: number, rows: number): void {
    const ids = this.feed.ids.slice(this.#done, this.#done + count)
    this.#done += count
    this.#rowsDone += rows
    if (rows > 0) this.#parts.push(selectLogits(sliceLogits(logits, firstRow, rows), this.feed.want))
    this.feed.onStep(ids)
    this.feed.onProgress?.(this.#done, this.feed.ids.length)
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
