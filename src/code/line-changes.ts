// What has to change in some lines to make others of them.
import { diffArrays } from 'diff'

/** Lines `[start, end)` and what is to stand there. */
export interface Piece {
  readonly start: number
  readonly end: number
  readonly lines: readonly string[]
}

/** Milliseconds after which the lines are not compared any further. */
const MOST_TIME = 1000

/** The fewest pieces, in their order; one for all lines where finding them takes too long. */
export function lineChanges(old: readonly string[], made: readonly string[]): Piece[] {
  const parts = diffArrays([...old], [...made], { timeout: MOST_TIME })
  if (!parts) return [{ start: 0, end: old.length, lines: made }]
  const pieces: Piece[] = []
  let at = 0
  for (const { value, added, removed } of parts) {
    const last = pieces.at(-1)
    const adjoins = last !== undefined && last.end === at
    if (added && adjoins) pieces[pieces.length - 1] = { ...last, lines: [...last.lines, ...value] }
    else if (added) pieces.push({ start: at, end: at, lines: value })
    else {
      if (removed && adjoins) pieces[pieces.length - 1] = { ...last, end: at + value.length }
      else if (removed) pieces.push({ start: at, end: at + value.length, lines: [] })
      at += value.length
    }
  }
  return pieces
}
