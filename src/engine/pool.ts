// Cache blocks of one group, counted by reference: who holds which block, not what is in it.

export class BlockPool {
  readonly #references: Int32Array
  readonly #free: number[] = []
  /** Blocks from here on were never used. */
  #fresh = 0

  constructor(readonly capacity: number) {
    this.#references = new Int32Array(capacity)
  }

  get free(): number {
    return this.#free.length + this.capacity - this.#fresh
  }

  /** A block with one reference; there must be a free one. */
  take(): number {
    const block = this.#free.pop() ?? this.#fresh++
    this.#references[block] = 1
    return block
  }

  share(block: number): void {
    this.#references[block]!++
  }

  release(block: number): void {
    if (--this.#references[block]! === 0) this.#free.push(block)
  }

  isShared(block: number): boolean {
    return this.#references[block]! > 1
  }
}
