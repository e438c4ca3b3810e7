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

const SEARCH = /^([ \t]*)(<{5,9}) ?SEARCH>?:?[ \t]*(\S.*)?$/i
const DIVIDER = /^={5,9}\s*$/
const REPLACE = /^>{5,9} ?REPLACE\s*$/i
/** What is meant as the beginning of a block and written in another way. */
const ALMOST = /^\s*[<-]{3,}\s*(SEARCH|ORIGINAL|OLD)\b/i
const UNIFIED = /^@@ -\d+(,\d+)? \+\d+(,\d+)? @@/
const FENCE = /^\s*(`{3,}|~{3,})([^`]*)$/
/** Columns that a fence may stand further to the right than the one that it closes; a tab has as many and one more. */
const FURTHER = 3
/** Lines above a block in which its path may stand. */
const LINES_ABOVE = 3
/** Letters of such a line: no path has so many. */
const LONGEST = 1200

/** The blocks of a reply, in their order. `known`: paths that may hold spaces or have no folder and ending. */
export function readEditBlocks(reply: string, known: readonly string[] = []): ReadEdits<EditBlock> {
  const lines = reply.split(/\r?\n/)
  const edits: EditBlock[] = []
  const problems: string[] = []
  let [at, behind] = [0, 0]
  let last: string | undefined
  while (at < lines.length) {
    const [opening, indent = '', angles = '', rest = ''] = SEARCH.exec(lines[at]!) ?? []
    const named = pathIn(rest, known)
    if (opening === undefined || (rest !== '' && named === undefined)) {
      if (ALMOST.test(lines[at]!))
        problems.push(
          `line ${at + 1}: expected ${MARKERS.search} alone on the line, found ${lines[at]!.trim()}`,
        )
      at++
      continue
    }
    const begin = at
    const path = named ?? pathAbove(lines.slice(behind, begin), known) ?? last
    last = path
    const body = new Body(lines, begin, indent, angles.length)
    at = body.next
    // What another block breaks off may have the path of that one at its end.
    behind = body.closed ? at : begin + 1
    if (body.problem !== undefined) problems.push(`line ${begin + 1}: ${body.problem}`)
    else if (path === undefined)
      problems.push(`line ${begin + 1}: expected the path of a file above the block, found none`)
    else {
      const { search, replace, closed } = body
      edits.push({ path, search, replace, unclosed: !closed, line: begin + 1 })
    }
  }
  const unified = lines.findIndex(line => UNIFIED.test(line))
  if (edits.length === 0 && problems.length === 0 && unified >= 0)
    problems.push(`line ${unified + 1}: expected an edit block, found a unified diff`)
  return { edits, problems }
}

/** A block behind the line that opens it. */
class Body {
  readonly search: readonly string[] = []
  readonly replace: readonly string[] = []
  /** Whether it has its last marker. */
  readonly closed: boolean
  readonly problem: string | undefined
  /** The line to go on at. */
  readonly next: number

  /** The markers have the indentation of the first one; what else has it, has it from there too. */
  constructor(lines: readonly string[], begin: number, indent: string, length: number) {
    const bare = (line: string) => (line.startsWith(indent) ? line.slice(indent.length) : line)
    const dividers: number[] = []
    let end = begin + 1
    for (; end < lines.length; end++) {
      const line = bare(lines[end]!)
      if (SEARCH.exec(line)?.[1] === '' || REPLACE.test(line)) break
      if (DIVIDER.test(line)) dividers.push(end)
    }
    const closed = end < lines.length && REPLACE.test(bare(lines[end]!))
    this.closed = closed
    this.next = closed ? end + 1 : end
    // Other rows of equal signs may be text: a headline's.
    const alike = dividers.filter(at => bare(lines[at]!).trimEnd().length === length)
    const [divider, second] = alike.length > 0 ? alike : dividers
    if (divider === undefined)
      this.problem = `expected ${MARKERS.divider} behind the lines to search, found ${shown(lines, end)}`
    else if (second !== undefined)
      this.problem = `expected ${MARKERS.replace} behind the new lines, found ${shown(lines, second)}`
    else if (!closed && end < lines.length)
      this.problem = `expected ${MARKERS.replace} behind the new lines, found ${shown(lines, end)}`
    else {
      const made = lines.slice(divider + 1, end).map(bare)
      this.search = lines.slice(begin + 1, divider).map(bare)
      this.replace = closed ? made : withoutEnd(made)
    }
  }
}

/**
 * The whole files of a reply: a path, then a fenced block, which a longer fence may hold, and which may hold others that say their language.
 * A later one of the same path counts.
 */
export function readWholeFiles(
  reply: string,
  known: readonly string[] = [],
): ReadEdits<WholeFile> & {
  /** The reply with empty lines for those of files. */
  readonly rest: string
} {
  const lines = reply.split(/\r?\n/)
  const rest = [...lines]
  const edits = new Map<string, WholeFile>()
  const problems: string[] = []
  let behind = 0
  for (let at = 0; at < lines.length; at++) {
    const [, fence, info = ''] = FENCE.exec(lines[at]!) ?? []
    if (fence === undefined) continue
    const path = pathInInfo(info, known) ?? pathAbove(lines.slice(behind, at), known)
    const end = closing(lines, at, fence)
    const indent = indentOf(lines[at]!)
    const content = lines
      .slice(at + 1, end)
      .map(line => (line.startsWith(indent) ? line.slice(indent.length) : line))
    // A fence without a path holds an example, one with edit blocks no file.
    const isFile = path !== undefined && !content.some(line => SEARCH.test(line))
    if (isFile) rest.fill('', at + 1, end)
    if (isFile && end === lines.length)
      problems.push(`line ${at + 1}: the reply ends before ${path} is closed; it is not taken`)
    else if (isFile)
      edits.set(path, { path, text: content.length === 0 ? '' : `${content.join('\n')}\n`, line: at + 1 })
    at = end
    behind = end + 1
  }
  return { edits: [...edits.values()], problems, rest: rest.join('\n') }
}

/** The line that closes the fence of a line, or the end. */
function closing(lines: readonly string[], at: number, fence: string): number {
  const furthest = columns(lines[at]!) + FURTHER
  const open = [fence]
  let end = at + 1
  for (; end < lines.length; end++) {
    const [, other, info] = FENCE.exec(lines[end]!) ?? []
    const last = open.at(-1)!
    if (other?.[0] !== last[0] || other!.length < last.length || columns(lines[end]!) > furthest) continue
    if (info!.trim() !== '') open.push(other!)
    else if (open.length === 1) break
    else open.pop()
  }
  return end
}

function columns(line: string): number {
  return indentOf(line).replaceAll('\t', ' '.repeat(FURTHER + 1)).length
}

function indentOf(line: string): string {
  return line.slice(0, line.length - line.trimStart().length)
}

/** The path in the last lines before a block: fences and empty lines do not count, prose is none. */
function pathAbove(lines: readonly string[], known: readonly string[]): string | undefined {
  let left = LINES_ABOVE
  for (let at = lines.length - 1; at >= 0 && left > 0; at--) {
    const line = lines[at]!
    if (line.trim() === '') continue
    const [, fence, info = ''] = FENCE.exec(line) ?? []
    const path = fence === undefined ? pathIn(line, known) : pathInInfo(info, known)
    if (path !== undefined) return path
    if (fence === undefined) left--
  }
  return undefined
}

/** What a fence says behind its language: `ts src/a.ts`, `ts:src/a.ts`, `title="src/a.ts"`. */
function pathInInfo(info: string, known: readonly string[]): string | undefined {
  const word = info.trim().split(/\s+/).at(-1)!
  return pathIn(word.replace(/^[\w+-]{2,}[:=]/, ''), known)
}

/** A path alone on a line, without what models put around it; undefined where the line says something else. */
function pathIn(line: string, known: readonly string[]): string | undefined {
  const alone = line.trim()
  if (known.includes(alone)) return alone
  if (alone.length > LONGEST) return undefined
  const bare = alone
    .replace(/^(?:[#*>\-+`"'\s]|\/\/\s|\d+\.\s)+|[*`"':\s]+$/g, '')
    .replace(/^(?:file(?:name)?|path|edit|create|update)\s*:?\s+[`"'*]*/i, '')
    .replace(/^@/, '')
    .replace(/[*`"':\s]*\((?:new|new file|modified|updated|created|edited)\)[*`"':\s]*$/i, '')
    .replace(/[*`"':\s]+$/, '')
  if (known.includes(bare)) return bare
  // No path ends in a dot, sentences do.
  const path = bare.replace(/[.,;!?]+$/, '')
  return /^[^\s<>|?*]+$/.test(path) && /[./\\]/.test(path) && /[\p{L}\p{N}_]/u.test(path) ? path : undefined
}

/** Without a fence and empty lines that follow a block whose last marker is missing. */
function withoutEnd(lines: readonly string[]): readonly string[] {
  let end = lines.length
  while (end > 0 && (lines[end - 1]!.trim() === '' || FENCE.test(lines[end - 1]!))) end--
  return lines.slice(0, end)
}

function shown(lines: readonly string[], at: number): string {
  return at === lines.length ? 'the end of the reply' : `${lines[at]!.trim()} in line ${at + 1}`
}
