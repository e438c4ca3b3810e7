// Where the lines that a block searches stand in a file. Several readings are tried, strict ones first; the first one that finds
// anything decides, and it has to find one place: what stands there twice is told, never chosen from.
import { isElision } from './elision.ts'
import { lineChanges, type Piece } from './line-changes.ts'

export type Match =
  /** `[start, end)`: the lines that were found; `pieces`: what is to change there. */
  | (Found & { readonly kind: 'found'; readonly how: string })
  /** Lines of the places, from 1. */
  | { readonly kind: 'ambiguous'; readonly lines: readonly number[] }
  | { readonly kind: 'missing' }

interface Found {
  readonly start: number
  readonly end: number
  readonly pieces: readonly Piece[]
}

/** Places of lines that begin alike but differ in their indentation which are looked at. */
const MOST_PLACES = 1000

/** `search` must have a line that says something. All lines come without their endings. */
export function findMatch(
  file: readonly string[],
  search: readonly string[],
  replace: readonly string[],
): Match {
  return firstFound(readings, file, search, replace)
}

function firstFound(readings: readonly Reading[], ...[file, search, replace]: Parameters<Reading>): Match {
  for (const reading of readings) {
    const match = reading(file, search, replace)
    if (match.kind !== 'missing') return match
  }
  return { kind: 'missing' }
}

type Reading = (file: readonly string[], search: readonly string[], replace: readonly string[]) => Match

const trailingSpace = comparing(line => line.trimEnd(), 'but for space at line ends')

/** Lines that are equal once `key` has been taken of both. */
function comparing(key: (line: string) => string, how: string): Reading {
  return (file, search, replace) => {
    const starts = occurrences(file.map(key), search.map(key))
    return single(starts, search.length, start => changesAt(start, search, replace), how)
  }
}

/** The same lines, all of them further to the right or to the left. */
const indentation: Reading = (file, search, replace) => {
  const all = occurrences(file.map(trimmed), search.map(trimmed))
  const candidates = all.slice(0, MOST_PLACES)
  const shifts = new Map(candidates.map(start => [start, shiftAt(file, search, start)]))
  const starts = candidates.filter(start => shifts.get(start) !== undefined)
  const shift = shifts.get(starts[0] ?? -1)
  if (shift === undefined) return { kind: 'missing' }
  // There may be more among those that are not looked at.
  if (all.length > candidates.length) return { kind: 'ambiguous', lines: all.map(at => at + 1) }
  const { added, removed } = shift
  const moved = (line: string) =>
    line.trim() === '' ? line : line.startsWith(removed) ? added + line.slice(removed.length) : line
  const how = `indent-shifted ${added === '' ? `-${removed.length}` : `+${added.length}`}`
  return single(starts, search.length, start => changesAt(start, search, replace, moved), how)
}

/** Only what differs is put there: lines that are searched and written again stay as the file has them. `made` is what others become. */
function changesAt(
  start: number,
  search: readonly string[],
  replace: readonly string[],
  made = (line: string) => line,
): Piece[] {
  return lineChanges(search, replace).map(({ start: from, end, lines }) => ({
    start: start + from,
    end: start + end,
    lines: lines.map(made),
  }))
}

/** What all lines have more, or less, at their beginnings; undefined where they do not agree. */
function shiftAt(
  file: readonly string[],
  search: readonly string[],
  start: number,
): { added: string; removed: string } | undefined {
  let shift: { added: string; removed: string } | undefined
  for (const [i, line] of search.entries()) {
    if (line.trim() === '') continue
    const [there, here] = [indentOf(file[start + i]!), indentOf(line)]
    const own = there.endsWith(here)
      ? { added: there.slice(0, there.length - here.length), removed: '' }
      : here.endsWith(there)
        ? { added: '', removed: here.slice(0, here.length - there.length) }
        : undefined
    if (own === undefined || (shift && (shift.added !== own.added || shift.removed !== own.removed)))
      return undefined
    shift = own
  }
  return shift
}

/** Fences around what a block holds are not of the file. */
function withoutFences(then: readonly Reading[]): Reading {
  return (file, search, replace) => {
    const inner = unfenced(search)
    if (inner === undefined) return { kind: 'missing' }
    return firstFound(then, file, inner, unfenced(replace) ?? replace)
  }
}

function unfenced(lines: readonly string[]): readonly string[] | undefined {
  const fenced = lines.length > 2 && /^\s*```/.test(lines[0]!) && /^\s*```\s*$/.test(lines.at(-1)!)
  const inner = lines.slice(1, -1)
  return fenced && inner.some(line => line.trim() !== '') ? inner : undefined
}

/** Empty lines that a block begins or ends with may be none of the file's. */
function withoutEmptyEdges(then: readonly Reading[]): Reading {
  return (file, search, replace) => {
    const inner = withoutEmpty(search)
    if (inner.length === search.length) return { kind: 'missing' }
    return firstFound(then, file, inner, withoutEmpty(replace))
  }
}

function withoutEmpty(lines: readonly string[]): readonly string[] {
  const says = (line: string) => line.trim() !== ''
  const start = lines.findIndex(says)
  return start < 0 ? [] : lines.slice(start, lines.findLastIndex(says) + 1)
}

/** `...` stands for lines that stay; what is between must stand in the file once, one behind the other. */
const elisions: Reading = (file, search, replace) => {
  const [old, made] = [cut(search), cut(replace)]
  if (old.length < 2 || old.length !== made.length) return { kind: 'missing' }
  const pieces: Piece[] = []
  let [first, from] = [-1, 0]
  for (const [i, part] of old.entries()) {
    if (!part.some(line => line.trim() !== '')) {
      // Nothing to find before the first dots or behind the last ones: nothing may be put there either.
      if (part.length > 0 || made[i]!.length > 0) return { kind: 'missing' }
      continue
    }
    const match = trailingSpace(file, part, made[i]!)
    if (match.kind !== 'found') return match
    if (match.start < from) return { kind: 'missing' }
    if (first < 0) first = match.start
    from = match.end
    pieces.push(...match.pieces)
  }
  if (first < 0) return { kind: 'missing' }
  return { kind: 'found', start: first, end: from, pieces, how: 'around left out lines' }
}

function cut(lines: readonly string[]): string[][] {
  const parts: string[][] = [[]]
  for (const line of lines) {
    if (isElision(line)) parts.push([])
    else parts.at(-1)!.push(line)
  }
  return parts
}

const plain = [
  ...[comparing(line => line, 'exact'), trailingSpace, indentation],
  comparing(folded, 'but for Unicode punctuation'),
]
// One layer of each: what is in more of them was not meant.
const inFences = withoutFences([...plain, withoutEmptyEdges([...plain, elisions]), elisions])
const inEmptyLines = withoutEmptyEdges([...plain, inFences, elisions])
const readings = [...plain, inFences, inEmptyLines, elisions]

function single(
  starts: readonly number[],
  length: number,
  pieces: (start: number) => Piece[],
  how: string,
): Match {
  const [start] = starts
  if (start === undefined) return { kind: 'missing' }
  if (starts.length > 1) return { kind: 'ambiguous', lines: starts.map(at => at + 1) }
  return { kind: 'found', start, end: start + length, pieces: pieces(start), how }
}

/** Where `search` begins in `file`, in time that grows with their lengths alone (Knuth, Morris and Pratt). */
function occurrences(file: readonly string[], search: readonly string[]): number[] {
  const back = [0]
  for (let i = 1, k = 0; i < search.length; i++) {
    while (k > 0 && search[i] !== search[k]) k = back[k - 1]!
    if (search[i] === search[k]) k++
    back.push(k)
  }
  const starts: number[] = []
  for (let i = 0, k = 0; i < file.length; i++) {
    while (k > 0 && (k === search.length || file[i] !== search[k])) k = back[k - 1]!
    if (file[i] === search[k]) k++
    if (k === search.length) starts.push(i - k + 1)
  }
  return starts
}

function trimmed(line: string): string {
  return line.trim()
}

function indentOf(line: string): string {
  return /^\s*/.exec(line)![0]
}

/** Dashes, quotation marks and spaces of all kinds as their plain forms. */
function folded(line: string): string {
  return line
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/[\u2018-\u201b\u2032]/g, "'")
    .replace(/[\u201c-\u201f\u2033\u00ab\u00bb]/g, '"')
    .replace(/[\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, ' ')
    .replace(/\u2026/g, '...')
    .trimEnd()
}
