// Edits as people and programs see them: what a reply brought, and diffs.
import type { EditReview, PendingEdit } from '../../api/index.ts'
import { type DiffLine, unifiedDiff } from '../../code/unified-diff.ts'
import type { Terminal } from '../terminal.ts'
import { printable } from './printable.ts'

type Paint = Terminal['paint']

/** Lines of a diff that are shown where a person did not ask for all of them. */
const MOST_LINES = 200

/** An edit for programs; `number` is what `/apply` and `/discard` call it. */
export function editJson(edit: PendingEdit, all: readonly PendingEdit[]): object {
  const { path, added, removed, notes, concerns, diff } = edit
  return { number: all.indexOf(edit) + 1, path, added, removed, notes, concerns, diff }
}

export function reviewJson({ edits, rejected, problems }: EditReview, all: readonly PendingEdit[]): object {
  return {
    edits: edits.map(edit => editJson(edit, all)),
    rejected: rejected.map(({ path, line, reason }) => ({ path, line, reason })),
    problems,
  }
}

/** A line for each edit that a reply brought or that cannot be made; empty where it has none. */
export function reviewText(review: EditReview, all: readonly PendingEdit[], paint: Paint): string {
  const lines = review.edits.map(edit => statLine(edit, all, paint))
  for (const path of review.withdrawn) lines.push(printable(`${path}: the reply takes its edit back`))
  const bad = (text: string) => lines.push(`${paint.yellow('not taken:')} ${printable(text)}`)
  for (const { path, line, reason } of review.rejected) bad(`${path}, line ${line} of the reply: ${reason}`)
  for (const problem of review.problems) bad(problem)
  return lines.join('\n')
}

/** The diff of an edit below its line, cut after a while unless `whole`. */
export function diffText(
  edit: PendingEdit,
  all: readonly PendingEdit[],
  paint: Paint,
  whole: boolean,
): string {
  const { lines } = unifiedDiff(edit.path, edit.before, edit.after)
  const shown = whole ? lines : lines.slice(0, MOST_LINES)
  const left = lines.length - shown.length
  return [
    statLine(edit, all, paint),
    ...shown.map(line => diffLine(line, paint)),
    ...(left > 0
      ? [paint.dim(`... ${left} more lines; /diff ${all.indexOf(edit) + 1} shows all of them`)]
      : []),
  ].join('\n')
}

/** Of several edits together. */
export function sumLine(edits: readonly PendingEdit[]): string {
  const sum = (count: (edit: PendingEdit) => number) => edits.reduce((all, edit) => all + count(edit), 0)
  const files = edits.length === 1 ? '1 file' : `${edits.length} files`
  return `${files}, ${sum(({ added }) => added)} lines added, ${sum(({ removed }) => removed)} removed`
}

/** What waits, and what can be done with it. */
export function waitingLine(count: number): string {
  const edits = count === 1 ? '1 edit waits' : `${count} edits wait`
  return `${edits}: /diff shows what changes, /apply makes it, /discard drops it`
}

function statLine(edit: PendingEdit, all: readonly PendingEdit[], paint: Paint): string {
  const counts = new Map<string, number>()
  for (const note of edit.notes) counts.set(note, (counts.get(note) ?? 0) + 1)
  const notes = [...counts].map(([note, count]) => (count === 1 ? note : `${note} (${count})`))
  const stat = `${paint.green(`+${edit.added}`)} ${paint.red(`-${edit.removed}`)}`
  const concerns = edit.concerns.map(concern => paint.yellow(`; ${concern}`)).join('')
  return `${all.indexOf(edit) + 1} ${paint.bold(printable(edit.path))} ${stat} ${notes.join(', ')}${concerns}`
}

function diffLine({ kind, text }: DiffLine, paint: Paint): string {
  const shown = printable(text)
  switch (kind) {
    case 'header':
      return paint.bold(shown)
    case 'range':
      return paint.cyan(shown)
    case 'added':
      return paint.green(shown)
    case 'removed':
      return paint.red(shown)
    case 'same':
      return shown
  }
}
