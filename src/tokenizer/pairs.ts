// A hash table from two symbols to a number: what a JavaScript Map would need a string or a double for.

/** Open addressing with linear probing. */
export class PairTable {
  #left: Int32Array
  #right: Int32Array
  /** Value plus 2 (so that -1 fits), or 0 where the place is free. */
  #value: Int32Array
  #size = 0

  constructor(expected: number) {
    const capacity = 2 ** Math.ceil(Math.log2(2 * Math.max(expected, 8)))
    this.#left = new Int32Array(capacity)
    this.#right = new Int32Array(capacity)
    this.#value = new Int32Array(capacity)
  }

  get size(): number {
    return this.#size
  }

  /** The value of a pair, or undefined. */
  get(left: number, right: number): number | undefined {
    const value = this.#value[this.#place(left, right)]!
    return value === 0 ? undefined : value - 2
  }

  /** Sets the value of a pair, -1 or more. */
  set(left: number, right: number, value: number): void {
    if (2 * this.#size >= this.#value.length) this.#grow()
    const place = this.#place(left, right)
    if (this.#value[place] === 0) this.#size++
    this.#left[place] = left
    this.#right[place] = right
    this.#value[place] = value + 2
  }

  #place(left: number, right: number): number {
    const mask = this.#value.length - 1
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
    let place = (hash ^ (hash >>> 15)) & mask
    while (this.#value[place] !== 0 && (this.#left[place] !== left || this.#right[place] !== right))
      place = (place + 1) & mask
    return place
  }

  #grow(): void {
    const [left, right, value] = [this.#left, this.#right, this.#value]
    this.#left = new Int32Array(2 * left.length)
    this.#right = new Int32Array(2 * left.length)
    this.#value = new Int32Array(2 * left.length)
    this.#size = 0
    for (let i = 0; i < value.length; i++) if (value[i] !== 0) this.set(left[i]!, right[i]!, value[i]! - 2)
  }
}
