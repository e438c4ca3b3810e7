// A sequence of tokens and its rows in the caches. Rows may be given up at any time between steps: tokens bring them back.
import type { BlockList } from './block-list.ts'

export class Sequence {
  readonly #tokens: number[]
  /** Its blocks, a list a cache group. */
  readonly lists: readonly BlockList[]
  #cached: number
  /** The step that computed something of it last, or that it came after. */
  servedAt: number
  /** Grows from one sequence to the next that gets its first block. */
  admittedAt = 0

  constructor(lists: readonly BlockList[], servedAt: number, tokens: readonly number[] = [], cached = 0) {
    this.lists = lists
    this.servedAt = servedAt
    this.#tokens = [...tokens]
    this.#cached = cached
  }

  get tokens(): readonly number[] {
    return this.#tokens
  }

  /** Tokens whose rows are there; fewer than all after a rewind beyond what a window still holds, or where others needed the room. */
  get cached(): number {
    return this.#cached
  }

  get holdsBlocks(): boolean {
    return this.lists.some(({ blocks }) => blocks.length > 0)
  }

  /** Takes the ids that a step computed: those whose rows were lost, then new ones. */
  advance(ids: readonly number[]): void {
    const known = this.#tokens.length - this.#cached
    this.#cached += ids.length
    if (ids.length > known) this.#tokens.push(...ids.slice(Math.max(0, known)))
  }

  /** Drops all tokens from index `n` on. */
  truncate(n: number): void {
    this.#tokens.length = n
    this.#cached = Math.min(this.#cached, n)
    if (!this.lists.every(list => list.canSee(this.#cached))) this.#cached = 0
    for (const list of this.lists) list.truncate(this.#cached)
  }

  /** Gives all blocks back. */
  release(): void {
    this.#cached = 0
    for (const list of this.lists) list.truncate(0)
  }

  fork(): Sequence {
    const other = new Sequence(
      this.lists.map(list => list.fork()),
      this.servedAt,
      this.#tokens,
      this.#cached,
    )
    other.admittedAt = this.admittedAt
    return other
  }
}
