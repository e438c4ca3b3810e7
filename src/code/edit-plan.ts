// What edits would make of files: each file's edits are tried in their order on its text, and all of them count or none.
import type { EditBlock, WholeFile } from './edit-block.ts'
import { leftOut } from './elision.ts'
import { lineChanges, type Piece } from './line-changes.ts'
import { findMatch } from './match.ts'
import { nearestLines } from './nearest.ts'
import { joinLines, replaceLines, splitLines, type TextLines } from './text-lines.ts'

/** A change of one file that can be made. */
export interface FileChange {
  readonly path: string
  /** The file's text; undefined where there is none. */
  readonly before: string | undefined
  readonly after: string | undefined
  /** How each block found its lines, in the order of the blocks, and warnings. */
  readonly notes: readonly string[]
}

export interface RejectedEdit {
  readonly path: string
  /** Of the reply, from 1. */
  readonly line: number
  readonly reason: string
  /** What the file has where the lines were searched, for the model. */
  readonly nearest?: string | undefined
}

/** A file as it is: its text, nothing, or why it may not be edited. */
export type CurrentFile =
  | { readonly kind: 'text'; readonly text: string }
  /** `likely`: files of that name elsewhere. */
  | { readonly kind: 'missing'; readonly likely?: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string }

export type FilePlan =
  | { readonly change: FileChange; readonly rejected: readonly [] }
  | { readonly change: undefined; readonly rejected: readonly RejectedEdit[] }

/** All blocks of one file. Where one of them cannot be made, none is, and every one that fails is told. */
export function planBlocks(file: CurrentFile, blocks: readonly EditBlock[]): FilePlan {
  const [{ path }] = blocks as [EditBlock]
  if (file.kind === 'refused') return refused(blocks, file.reason)
  const before = file.kind === 'text' ? file.text : undefined
  const usual = before === undefined ? undefined : splitLines(before).usual
  let text = before
  const notes: string[] = []
  const rejected: RejectedEdit[] = []
  for (const block of blocks) {
    const made = applyBlock(text, block, usual, file.kind === 'missing' ? file.likely : undefined)
    if ('reason' in made) rejected.push({ path, line: block.line, ...made })
    else {
      // What is emptied or taken away and made anew is written as it was.
      text = before && made.text && !text ? likeBefore(before, made.text) : made.text
      notes.push(made.how)
      if (block.unclosed) notes.push('the last marker was missing')
    }
  }
  if (rejected.length > 0) return { change: undefined, rejected }
  if (text === before) return refused(blocks.slice(0, 1), 'nothing would change')
  return { change: { path, before, after: text, notes }, rejected: [] }
}

export function planWhole(file: CurrentFile, { path, text, line }: WholeFile): FilePlan {
  if (file.kind === 'refused') return refused([{ path, line }], file.reason)
  const before = file.kind === 'text' ? file.text : undefined
  const elided = leftOut(text.split('\n'), before === undefined ? [] : splitLines(before).lines)
  if (elided !== undefined) return refused([{ path, line }], leavesOut(elided))
  const after = before === undefined ? text : likeBefore(before, text)
  if (before === after) return refused([{ path, line }], 'nothing would change')
  return { change: { path, before, after, notes: ['written whole'] }, rejected: [] }
}

function refused(edits: readonly { path: string; line: number }[], reason: string): FilePlan {
  return { change: undefined, rejected: edits.map(({ path, line }) => ({ path, line, reason })) }
}

type Applied =
  | { readonly text: string | undefined; readonly how: string }
  | { readonly reason: string; readonly nearest?: string }

function applyBlock(
  text: string | undefined,
  { search, replace }: EditBlock,
  usual: string | undefined,
  likely: readonly string[] = [],
): Applied {
  if (search.every(line => line.trim() === '')) {
    if (text !== undefined && text !== '')
      return { reason: 'the file exists; an empty SEARCH part makes a new one and would lose what it holds' }
    const made = replace.length === 0 ? '' : `${replace.join('\n')}\n`
    return { text: made, how: text === undefined ? 'new file' : 'empty file' }
  }
  if (text === undefined) {
    const other = likely.length > 0 ? ` (there is ${likely.join(', ')})` : ''
    return { reason: `there is no such file${other}; an empty SEARCH part makes a new one` }
  }
  const file = splitLines(text, usual)
  const match = findMatch(file.lines, search, replace)
  if (match.kind === 'ambiguous')
    return {
      reason: `the lines stand there ${match.lines.length} times, in lines ${listed(match.lines)}; more lines around them tell which is meant`,
    }
  if (match.kind === 'missing') return missing(file, search, replace)
  // A block that takes all lines away takes the file away.
  if (replace.length === 0 && match.end - match.start === file.lines.length)
    return { text: undefined, how: 'deletes the file' }
  const lines = match.pieces.flatMap(({ lines }) => lines)
  const elided = leftOut(lines, file.lines)
  if (elided !== undefined) return { reason: leavesOut(elided) }
  return { text: joinLines(replaced(file, match.pieces)), how: match.how }
}

function replaced(text: TextLines, pieces: readonly Piece[]): TextLines {
  return pieces.reduceRight((made, { start, end, lines }) => replaceLines(made, start, end, lines), text)
}

function leavesOut(line: string): string {
  return `the new lines leave some out (${line.trim()}); write all of them`
}

function missing(file: TextLines, search: readonly string[], replace: readonly string[]): Applied {
  if (replace.some(line => line.trim() !== '') && findMatch(file.lines, replace, replace).kind === 'found')
    return { reason: 'the new lines stand there already' }
  const near = nearestLines(file.lines, search)
  return {
    reason: 'the lines to search are not in the file',
    ...(near && { nearest: near.lines.map((line, i) => `${near.start + i + 1}: ${line}`).join('\n') }),
  }
}

/** A text written anew with the line endings and the mark of the one it stands for, and without a last line feed where that had none. */
function likeBefore(before: string, text: string): string {
  const old = splitLines(before)
  return joinLines(replaced(old, lineChanges(old.lines, splitLines(text).lines)))
}

function listed(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).join(', ')
  return numbers.length > 10 ? `${shown} and ${numbers.length - 10} more` : shown
}
