// Seeded random numbers: every run, machine and backend gets the same cases.

/** mulberry32, seeded by a text. */
export class Random {
  #state: number

  constructor(seed: string) {
    // FNV-1a: names that differ in a letter get unrelated numbers.
    this.#state = 0x811c9dc5
    for (let i = 0; i < seed.length; i++)
      this.#state = Math.imul(this.#state ^ seed.charCodeAt(i), 0x01000193) >>> 0
  }

  /** In [0, 1). */
  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let x = this.#state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit()
  }

  /** A whole number in [0, end). */
  below(end: number): number {
    return Math.floor(this.unit() * end)
  }

  sign(): number {
    return this.unit() < 0.5 ? -1 : 1
  }

  shuffled<T>(values: readonly T[]): T[] {
    const result = [...values]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[result[i], result[j]] = [result[j]!, result[i]!]
    }
    return result
  }
}

export function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
