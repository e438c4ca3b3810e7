// Marks that streamed text may end within.

/** Length of the longest end of `text` that is a proper beginning of `mark`. */
export function overlap(text: string, mark: string): number {
  let length = Math.min(text.length, mark.length - 1)
  while (length > 0 && !text.endsWith(mark.slice(0, length))) length--
  return length
}
