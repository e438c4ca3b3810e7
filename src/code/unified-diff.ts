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
        { kind: 'range' as const, text: `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@` },
        ...lines.map(text => ({ kind: kinds[text[0] as '+'] ?? ('same' as const), text })),
      ])
    : [...replaced(before, '-'), ...replaced(after, '+')]
  const count = (kind: DiffLine['kind']) => lines.filter(line => line.kind === kind).length
  return { lines: [...header, ...lines], added: count('added'), removed: count('removed') }
}

/** All lines of a text, as gone or new ones. */
function replaced(text: string | undefined, sign: '+' | '-'): DiffLine[] {
  if (!text) return []
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map(line => ({ kind: kinds[sign], text: sign + line }))
}
