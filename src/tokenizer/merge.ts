// Merging neighbours, best pair first: the loop that byte-level and SentencePiece BPE share.
import { InvalidOptionError } from '../errors.ts'

/** There are fewer pieces, and fewer merges: their ranks share a number with positions. */
export const MOST = 1 << 25

/** What two neighbouring symbols become, and how soon. */
export interface MergeRules {
  /** The merge of two symbols, or -1 where there is none. */
  find(left: number, right: number): number
  /** Merges of a lower rank come first; below MOST. */
  rank(merge: number): number
  /** The symbol that a merge makes. */
  symbol(merge: number): number
}

/** Ranks and positions share a number, so that comparing numbers compares ranks, then places. */
const POSITIONS = 2 ** 27
const KEPT = 1 << 16

/**
 * Merges the first `count` symbols in place: always the pair of the lowest rank, leftmost among equals, until no pair
 * has a merge. Returns how many are left. O(n log n).
 */
export function mergeSymbols(rules: MergeRules, symbols: Int32Array, count: number): number {
  if (count < 2) return count
  if (count > POSITIONS)
    throw new InvalidOptionError(`expected at most ${POSITIONS} characters without a break, found ${count}`)
  const { next, previous, merge, queue } = count <= KEPT ? kept : workspace(count)
  const offer = (at: number) => {
    const right = next[at]!
    const found = right < count ? rules.find(symbols[at]!, symbols[right]!) : -1
    merge[at] = found
    if (found >= 0) queue.push(rules.rank(found) * POSITIONS + at)
  }
  for (let i = 0; i < count; i++) {
    next[i] = i + 1
    previous[i] = i - 1
    offer(i)
  }
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    const rank = Math.floor(key / POSITIONS)
    const at = key - rank * POSITIONS
    const found = merge[at]!
    // A neighbour has been merged away since the pair was offered.
    if (found < 0 || rules.rank(found) !== rank) continue
    const right = next[at]!
    symbols[at] = rules.symbol(found)
    merge[right] = -1
    next[at] = next[right]!
    if (next[at]! < count) previous[next[at]!] = at
    if (previous[at]! >= 0) offer(previous[at]!)
    offer(at)
  }
  let left = 0
  for (let i = 0; i < count; i = next[i]!) symbols[left++] = symbols[i]!
  return left
}

/** A heap of numbers, least first. */
class Queue {
  #heap: Float64Array
  #size = 0

  constructor(capacity: number) {
    this.#heap = new Float64Array(capacity)
  }

  push(key: number): void {
    if (this.#size === this.#heap.length) {
      const grown = new Float64Array(2 * this.#size)
      grown.set(this.#heap)
      this.#heap = grown
    }
    const heap = this.#heap
    let at = this.#size++
    while (at > 0 && key < heap[(at - 1) >> 1]!) {
      heap[at] = heap[(at - 1) >> 1]!
      at = (at - 1) >> 1
    }
    heap[at] = key
  }

  pop(): number | undefined {
    if (this.#size === 0) return undefined
    const heap = this.#heap
    const top = heap[0]!
    const size = --this.#size
    const last = heap[size]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= last) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}

function workspace(count: number) {
  return {
    next: new Int32Array(count),
    previous: new Int32Array(count),
    /** By the position of a pair's left symbol. */
    merge: new Int32Array(count),
    queue: new Queue(2 * count),
  }
}

/** Of all but the longest words: nothing here waits, so one is enough. */
const kept = workspace(KEPT)
