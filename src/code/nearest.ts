// The lines of a file that come closest to others, to show where an edit may have been meant.

/** Below this share of equal pairs of letters, nothing is near. */
const LEAST = 0.6
/** Comparisons of lines at most: the work must not grow with the product of two large texts. */
const MOST_COMPARED = 200_000

export interface NearLines {
  /** Index of the first one. */
  readonly start: number
  readonly lines: readonly string[]
}

/** As many lines as `search` has, or fewer at the file's end; undefined where nothing comes near. */
export function nearestLines(file: readonly string[], search: readonly string[]): NearLines | undefined {
  if (file.length * search.length > MOST_COMPARED) return undefined
  const wanted = search.map(pairs)
  const there = file.map(pairs)
  let [best, at] = [LEAST, -1]
  for (let start = 0; start + search.length <= Math.max(file.length, search.length); start++) {
    let sum = 0
    for (const [i, line] of wanted.entries()) sum += likeness(line, there[start + i] ?? new Map())
    if (sum / search.length > best) [best, at] = [sum / search.length, start]
  }
  return at < 0 ? undefined : { start: at, lines: file.slice(at, at + search.length) }
}

function pairs(line: string): Map<string, number> {
  const text = ` ${line.trim()} `
  const found = new Map<string, number>()
  for (let i = 0; i + 1 < text.length; i++) {
    const pair = text.slice(i, i + 2)
    found.set(pair, (found.get(pair) ?? 0) + 1)
  }
  return found
}

/** Pairs of letters that two lines have in common, as a share of all of theirs (Dice's coefficient). */
function likeness(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let [common, all] = [0, 0]
  for (const [pair, count] of a) {
    common += Math.min(count, b.get(pair) ?? 0)
    all += count
  }
  for (const count of b.values()) all += count
  return all === 0 ? 1 : (2 * common) / all
}
