// Selecting from rows of logits: what a backend without selection of its own, and the engine, share.
import type { Logits, Want } from './backend.ts'

/** `full` logits reduced to what is wanted. Equal values are in order of id. */
export function selectLogits(full: Logits, want: Want): Logits {
  if (want === 'full') return full
  const count = want === 'argmax' ? 1 : Math.min(want.top, full.width)
  const ids = new Int32Array(full.rows * count)
  const values = new Float32Array(full.rows * count)
  for (let row = 0; row < full.rows; row++) {
    const from = full.values.subarray(row * full.width, (row + 1) * full.width)
    const best = bestIndices(from, count)
    for (let i = 0; i < count; i++) {
      const index = best[i]!
      ids[row * count + i] = full.ids ? full.ids[row * full.width + index]! : index
      values[row * count + i] = from[index]!
    }
  }
  return { rows: full.rows, width: count, ids, values }
}

/** The rows `[first, first + count)` alone. */
export function sliceLogits(logits: Logits, first: number, count: number): Logits {
  const from = first * logits.width
  const to = (first + count) * logits.width
  return {
    rows: count,
    width: logits.width,
    ids: logits.ids?.slice(from, to),
    values: logits.values.slice(from, to),
  }
}

/** Indices of the `count` greatest values, greatest first; a heap of the best so far, its least on top. */
export function bestIndices(values: Float32Array, count: number): Int32Array {
  const heap = new Int32Array(count)
  let size = 0
  const worse = (a: number, b: number) => {
    const x = values[a]!
    const y = values[b]!
    if (x < y || x > y) return x < y
    // Equal, or one of them is not a number, which is worse than any.
    return Number.isNaN(x) === Number.isNaN(y) ? a > b : Number.isNaN(x)
  }
  const sink = (at: number) => {
    const moved = heap[at]!
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && worse(heap[child + 1]!, heap[child]!)) child++
      if (!worse(heap[child]!, moved)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moved
  }
  for (let i = 0; i < values.length; i++) {
    if (size < count) {
      let at = size++
      while (at > 0 && worse(i, heap[(at - 1) >> 1]!)) {
        heap[at] = heap[(at - 1) >> 1]!
        at = (at - 1) >> 1
      }
      heap[at] = i
    } else if (worse(heap[0]!, i)) {
      heap[0] = i
      sink(0)
    }
  }
  const ordered = new Int32Array(size)
  while (size > 0) {
    ordered[size - 1] = heap[0]!
    heap[0] = heap[--size]!
    sink(0)
  }
  return ordered
}
