// Tensors of a file that claim the same bytes. Knows no format.

interface Extent {
  readonly name: string
  readonly offset: number
  readonly bytes: number
}

/** Two tensors that share bytes, by offset, if any do. */
export function findOverlap<T extends Extent>(tensors: readonly T[]): readonly [T, T] | undefined {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset)
  const index = sorted.findIndex(
    ({ offset, bytes }, i) => offset + bytes > (sorted[i + 1]?.offset ?? Infinity),
  )
  return index < 0 ? undefined : [sorted[index]!, sorted[index + 1]!]
}
