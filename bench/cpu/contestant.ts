// What the race asks of an engine.
import type { Work } from './rows.ts'

export interface Contestant {
  /** Puts `work.depth` tokens into the cache. */
  prepare(work: Work): Promise<void>
  /** Does the work once and answers the milliseconds that it took; the cache is then as it was before. */
  sample(work: Work): Promise<number>
  dispose(): Promise<void>
}

/** The same every time, and no two alike in a row; below the vocabulary of every shape. */
export function someIds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (7 + i * 7919) % 32_000)
}
