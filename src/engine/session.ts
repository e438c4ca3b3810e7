// One sequence of tokens and its place in the caches. Token ids only: knows no text and no model.
import type { Logits, Want } from '../backends/backend.ts'
import { ContextOverflowError, DisposedError, InvalidOptionError } from '../errors.ts'
import type { Engine } from './engine.ts'
import type { Sequence } from './sequence.ts'

/** No vocabulary has more. */
const MOST_WANTED = 2 ** 24

export interface FeedOptions {
  /** Which of the fed tokens want logits: the last (default), all, or these indices in ascending order. */
  readonly rows?: 'last' | 'all' | readonly number[] | undefined
  /** How much of each row; default `full`. */
  readonly want?: Want | undefined
  /** With a model loaded `repeatable`: whether the numbers must be those that they would be alone. Default true. */
  readonly repeatable?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each step with the number of tokens computed so far and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * A sequence that grows by `feed`. Sessions of one engine run in the same steps, and each computes what it
 * would compute alone.
 */
export class Session {
  readonly #engine: Engine
  readonly #sequence: Sequence
  #feeding = false
  #disposed = false

  /** Made by `Engine.session`. */
  constructor(engine: Engine, sequence: Sequence) {
    this.#engine = engine
    this.#sequence = sequence
  }

  get tokens(): readonly number[] {
    return this.#sequence.tokens
  }

  get length(): number {
    return this.tokens.length
  }

  /** Tokens that one feed may have for each to have the very logits that it has alone. */
  get exactTokens(): number {
    return this.#engine.exactTokens
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Tokens that the sequence may have at most. */
  get capacity(): number {
    return this.#engine.maxSeqLen
  }

  /**
   * Appends `ids` and computes their logits. Rejects with ContextOverflowError if they do not fit, and with the
   * signal's reason on abort; the session then stands at its last whole step and can go on.
   */
  async feed(ids: readonly number[], options: FeedOptions = {}): Promise<Logits> {
    this.#check()
    if (ids.length === 0) throw new InvalidOptionError('feed: expected at least one token, found none')
    const invalid = ids.findIndex(id => !Number.isInteger(id) || id < 0 || id >= this.#engine.vocabulary)
    if (invalid >= 0)
      throw new InvalidOptionError(
        `feed: expected token ids from 0 to ${this.#engine.vocabulary - 1}, found ${ids[invalid]}`,
      )
    if (this.length + ids.length > this.capacity)
      throw new ContextOverflowError(this.length + ids.length, this.capacity)

    const want = checkedWant(options.want ?? 'full')
    const rows = rowIndices(options.rows ?? 'last', ids.length)
    const { signal, onProgress, repeatable = true } = options
    this.#feeding = true
    try {
      return await this.#engine.run({
        ...{ sequence: this.#sequence, ids, rows, want, repeatable, signal, onProgress },
      })
    } finally {
      this.#feeding = false
      if (this.#disposed) this.#engine.release(this.#sequence)
    }
  }

  /** Drops all tokens from index `n` on. What a window no longer holds is computed again by the next feed. */
  rewind(n: number): void {
    this.#check()
    if (!Number.isInteger(n) || n < 0 || n > this.length)
      throw new InvalidOptionError(`rewind: expected a length from 0 to ${this.length}, found ${n}`)
    this.#sequence.truncate(n)
  }

  /** A second session with the same past; cache blocks are shared until one of the two writes to them. */
  fork(): Session {
    this.#check()
    return new Session(this.#engine, this.#engine.fork(this.#sequence))
  }

  /** Gives the cache blocks back, at once or when the feed under way has ended. */
  dispose(): void {
    this.#disposed = true
    if (!this.#feeding) this.#engine.release(this.#sequence)
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('session')
    if (this.#feeding) throw new InvalidOptionError('the session is already computing; await its feed first')
  }
}

/** Backends take it as it is: native code would write beyond the end for a number that is none. */
function checkedWant(want: Want): Want {
  if (want === 'full' || want === 'argmax') return want
  if (!Number.isInteger(want.top) || want.top < 1)
    throw new InvalidOptionError(`feed: want.top: expected a whole number from 1, found ${want.top}`)
  return { top: Math.min(want.top, MOST_WANTED) }
}

function rowIndices(rows: 'last' | 'all' | readonly number[], count: number): number[] {
  if (rows === 'last') return [count - 1]
  if (rows === 'all') return Array.from({ length: count }, (_, i) => i)
  rows.forEach((row, i) => {
    if (!Number.isInteger(row) || row < 0 || row >= count || row <= (rows[i - 1] ?? -1))
      throw new InvalidOptionError(`feed: expected ascending rows below ${count}, found ${row}`)
  })
  return [...rows]
}
