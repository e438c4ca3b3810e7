// Changes of a file as a unified diff, line by line, for whoever shows it.
import { structuredPatch } from 'diff'

export interface DiffLine {
  readonly kind: 'header' | 'range' | 'added' | 'removed' | 'same'
  /** Without a line feed. */
  readonly text: string
}

export interface FileDiff {
  readonly lines: readonly DiffLine[]
  readonly added: number
  readonly removed: number
}

/** Milliseconds after which a diff is given up: two long texts that have little in common. */
const MOST_TIME = 2000
const NOWHERE = '/dev/null'
const kinds = { '+': 'added', '-': 'removed', ' ': 'same' } as const

/** `undefined` is a file that does not exist. Three lines around each change. */
export function unifiedDiff(path: string, before: string | undefined, after: string | undefined): FileDiff {
  const names = [
    before === undefined ? NOWHERE : `a/${path}`,
    after === undefined ? NOWHERE : `b/${path}`,
  ] as const
  const header: DiffLine[] = [
    { kind: 'header', text: `--- ${names[0]}` },
    { kind: 'header', text: `+++ ${names[1]}` },
  ]
  const patch = structuredPatch(...names, before ?? '', after ?? '', '', '', {
    context: 3,
    timeout: MOST_TIME,
  })
  const lines: DiffLine[] = patch
    ? patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
        { kind: 'range' as const, text: `@@ -${range(oldStart, oldLines)} +${range(newStart, newLines)} @@` },
        ...lines.map(text => ({ kind: kinds[text[0] as '+'] ?? ('same' as const), text })),
      ])
    : replaced(before ?? '', after ?? '')
  const count = (kind: DiffLine['kind']) => lines.filter(line => line.kind === kind).length
  return { lines: [...header, ...lines], added: count('added'), removed: count('removed') }
}

/** Nothing begins behind the line before. */
function range(start: number, count: number): string {
  return `${count === 0 ? start - 1 : start},${count}`
}

/** All lines gone and new ones in their place. */
function replaced(before: string, after: string): DiffLine[] {
  const [old, made] = [signed(before, '-'), signed(after, '+')]
  const count = (lines: readonly DiffLine[]) => lines.filter(({ kind }) => kind !== 'same').length
  const where = `@@ -${range(1, count(old))} +${range(1, count(made))} @@`
  return [{ kind: 'range', text: where }, ...old, ...made]
}

function signed(text: string, sign: '+' | '-'): DiffLine[] {
  const lines = text.split('\n')
  const open = lines.pop()!
  const all: DiffLine[] = [...lines, ...(open === '' ? [] : [open])].map(line => ({
    kind: kinds[sign],
    text: sign + line,
  }))
  return open === '' ? all : [...all, { kind: 'same', text: '\\ No newline at end of file' }]
}
