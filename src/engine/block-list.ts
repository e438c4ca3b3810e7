// The cache blocks of one sequence in one group: which positions are held, and where.
import { BLOCK_SIZE } from '../backends/backend.ts'
import type { CacheGroup } from '../graph/ops.ts'
import type { BlockPool } from './pool.ts'

/** A block to copy before the next step writes to its copy. */
export interface BlockCopy {
  readonly from: number
  readonly to: number
}

export class BlockList {
  /** Entry i holds positions from i · BLOCK_SIZE; -1 where the block was given back. */
  readonly #blocks: number[]

  constructor(
    readonly group: CacheGroup,
    readonly pool: BlockPool,
    blocks: number[] = [],
  ) {
    this.#blocks = blocks
  }

  get blocks(): readonly number[] {
    return this.#blocks
  }

  /** Slot (block · BLOCK_SIZE + offset) of a position that is held. */
  slot(position: number): number {
    return this.#blocks[Math.floor(position / BLOCK_SIZE)]! * BLOCK_SIZE + (position % BLOCK_SIZE)
  }

  /** Blocks that `reserve` would take from the pool. */
  needed(from: number, to: number): number {
    let count = 0
    for (let i = Math.floor(from / BLOCK_SIZE); i * BLOCK_SIZE < to; i++) {
      const held = this.#blocks[i]
      if (held === undefined || this.pool.isShared(held)) count++
    }
    return count
  }

  /**
   * Makes positions `[from, to)` writable: takes blocks, and replaces shared ones by copies, which the caller
   * has to have made.
   */
  reserve(from: number, to: number): BlockCopy[] {
    const copies: BlockCopy[] = []
    for (let i = Math.floor(from / BLOCK_SIZE); i * BLOCK_SIZE < to; i++) {
      const held = this.#blocks[i]
      if (held === undefined) this.#blocks[i] = this.pool.take()
      else if (this.pool.isShared(held)) {
        const copy = this.pool.take()
        copies.push({ from: held, to: copy })
        this.pool.release(held)
        this.#blocks[i] = copy
      }
    }
    return copies
  }

  /** Whether the token at `position` would find every row that it may see. */
  canSee(position: number): boolean {
    const first = this.group.kind === 'window' ? Math.max(0, position - this.group.window + 1) : 0
    for (let i = Math.floor(first / BLOCK_SIZE); i * BLOCK_SIZE < position; i++)
      if ((this.#blocks[i] ?? -1) < 0) return false
    return true
  }

  /** Gives back blocks that hold no position below `length`. */
  truncate(length: number): void {
    for (const block of this.#blocks.splice(Math.ceil(length / BLOCK_SIZE))) this.#release(block)
  }

  /** Gives back blocks that hold no position from `first` on. */
  forget(first: number): void {
    for (let i = Math.floor(first / BLOCK_SIZE) - 1; i >= 0 && this.#blocks[i]! >= 0; i--) {
      this.#release(this.#blocks[i]!)
      this.#blocks[i] = -1
    }
  }

  /** The same blocks for another sequence. */
  fork(): BlockList {
    for (const block of this.#blocks) if (block >= 0) this.pool.share(block)
    return new BlockList(this.group, this.pool, [...this.#blocks])
  }

  #release(block: number): void {
    if (block >= 0) this.pool.release(block)
  }
}
