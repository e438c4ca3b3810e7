// Seeded random numbers: every run, machine and backend gets the same cases.
import { Random as Numbers } from '../fixtures/random.ts'

/** Seeded by a text. */
export class Random extends Numbers {
  constructor(seed: string) {
    // FNV-1a: names that differ in a letter get unrelated numbers.
    let hash = 0x811c9dc5
    for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193) >>> 0
    super(hash)
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit()
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
