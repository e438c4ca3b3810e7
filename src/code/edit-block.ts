// Edits as models write them: blocks that search lines and put others in their place, and whole files. Read leniently where that
// cannot change what is meant; what cannot be read is told, never guessed.
import { MARKERS } from './edit-matcher.ts'

export interface EditBlock {
  /** As written, without decoration. */
  readonly path: string
  readonly search: readonly string[]
  readonly replace: readonly string[]
  /** The reply ended before the last marker. */
  readonly unclosed: boolean
  /** Where the block begins in the reply, from 1. */
  readonly line: number
}

export interface WholeFile {
  readonly path: string
  readonly text: string
  readonly line: number
}

export interface ReadEdits<Edit> {
  readonly edits: readonly Edit[]
  /** One line each: what begins like an edit and is none. */
  readonly problems: readonly string[]
}

const SEARCH = /^<{5,9} ?SEARCH>?\s*$/
const DIVIDER = /^={5,9}\s*$/
const REPLACE = /^>{5,9} ?REPLACE\s*$/
const FENCE = /^\s*(`{3,}|~{3,})\s*([^`]*)$/
/** Lines above a block in which its path may stand. */
const LINES_ABOVE = 3

/** The blocks of a reply, in their order. `known`: paths that may hold spaces or have no folder and ending. */
export function readEditBlocks(reply: string, known: readonly string[] = []): ReadEdits<EditBlock> {
  const lines = reply.split(/\r?\n/)
  const edits: EditBlock[] = []
  const problems: string[] = []
  let [at, behind] = [0, 0]
  let last: string | undefined
  while (at < lines.length) {
    if (!SEARCH.test(lines[at]!)) {
      at++
      continue
    }
    const begin = at
    const path = pathAbove(lines.slice(behind, begin), known) ?? last
    last = path
    const divider = nextMarker(lines, begin + 1)
    if (divider === undefined || !DIVIDER.test(lines[divider]!)) {
      problems.push(
        `line ${begin + 1}: expected ${MARKERS.divider} behind the lines to search, found ${shown(lines, divider)}`,
      )
      at = behind = divider ?? lines.length
      continue
    }
    const end = nextMarker(lines, divider + 1)
    if (end !== undefined && !REPLACE.test(lines[end]!)) {
      problems.push(
        `line ${begin + 1}: expected ${MARKERS.replace} behind the new lines, found ${shown(lines, end)}`,
      )
      // A second divider belongs to the same block; another block stands for itself.
      at = behind = SEARCH.test(lines[end]!) ? end : end + 1
      continue
    }
    at = behind = end === undefined ? lines.length : end + 1
    if (path === undefined)
      problems.push(`line ${begin + 1}: expected the path of a file above the block, found none`)
    else
      edits.push({
        path,
        search: lines.slice(begin + 1, divider),
        replace: end === undefined ? withoutEnd(lines.slice(divider + 1)) : lines.slice(divider + 1, end),
        unclosed: end === undefined,
        line: begin + 1,
      })
  }
  return { edits, problems }
}

/** The whole files of a reply: a path, then a fenced block, which a longer fence may hold. A later one of the same path counts. */
export function readWholeFiles(reply: string, known: readonly string[] = []): ReadEdits<WholeFile> {
  const lines = reply.split(/\r?\n/)
  const edits = new Map<string, WholeFile>()
  const problems: string[] = []
  let behind = 0
  for (let at = 0; at < lines.length; at++) {
    const [, fence, info = ''] = FENCE.exec(lines[at]!) ?? []
    if (fence === undefined) continue
    const path = pathIn(info.trim().split(/\s+/).at(-1)!, known) ?? pathAbove(lines.slice(behind, at), known)
    const closing = lines.findIndex((line, i) => i > at && closes(line, fence))
    const end = closing < 0 ? lines.length : closing
    // A block without a path is an example, not a file.
    if (path !== undefined && closing < 0)
      problems.push(`line ${at + 1}: the reply ends before ${path} is closed; it is not taken`)
    else if (path !== undefined) {
      const content = lines.slice(at + 1, end)
      edits.set(path, { path, text: content.length === 0 ? '' : `${content.join('\n')}\n`, line: at + 1 })
    }
    at = end
    behind = end + 1
  }
  return { edits: [...edits.values()], problems }
}

function closes(line: string, fence: string): boolean {
  const [, other, info] = FENCE.exec(line) ?? []
  return other !== undefined && info === '' && other[0] === fence[0] && other.length >= fence.length
}

/** Lines that markers begin, from `from` on. */
function nextMarker(lines: readonly string[], from: number): number | undefined {
  for (let at = from; at < lines.length; at++)
    if (SEARCH.test(lines[at]!) || DIVIDER.test(lines[at]!) || REPLACE.test(lines[at]!)) return at
  return undefined
}

/** The path in the last lines before a block: fences and empty lines do not count, prose is none. */
function pathAbove(lines: readonly string[], known: readonly string[]): string | undefined {
  let left = LINES_ABOVE
  for (let at = lines.length - 1; at >= 0 && left > 0; at--) {
    const line = lines[at]!
    if (line.trim() === '') continue
    const [, fence, info = ''] = FENCE.exec(line) ?? []
    const path = pathIn(fence === undefined ? line : info.trim().split(/\s+/).at(-1)!, known)
    if (path !== undefined) return path
    left--
  }
  return undefined
}

/** A path alone on a line, without what models put around it; undefined where the line says something else. */
function pathIn(line: string, known: readonly string[]): string | undefined {
  if (known.includes(line.trim())) return line.trim()
  const bare = line
    .trim()
    .replace(/^(?:[#*>\-+`"'\s]|\d+\.\s)+|[*`"':\s]+$/g, '')
    .replace(/^(?:file(?:name)?|path|edit|create|update)\s*:?\s+[`"'*]*/i, '')
    .replace(/^@/, '')
    .replace(/[*`"':\s]+$/, '')
  if (known.includes(bare)) return bare
  return /^[^\s<>|?*]+$/.test(bare) && /[./\\]/.test(bare) && /[\p{L}\p{N}_]/u.test(bare) ? bare : undefined
}

/** Without a fence and empty lines that follow a block whose last marker is missing. */
function withoutEnd(lines: readonly string[]): readonly string[] {
  let end = lines.length
  while (end > 0 && (lines[end - 1]!.trim() === '' || FENCE.test(lines[end - 1]!))) end--
  return lines.slice(0, end)
}

function shown(lines: readonly string[], at: number | undefined): string {
  return at === undefined ? 'the end of the reply' : `${lines[at]!.trim()} in line ${at + 1}`
}
