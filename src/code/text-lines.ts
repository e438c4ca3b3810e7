// A text as lines that keep their own endings, so that an edit leaves those of all others alone.

export interface TextLines {
  /** A byte order mark, or nothing. */
  readonly mark: string
  readonly lines: readonly string[]
  /** `\n`, `\r\n` or `\r` of each line; the last one may have none. */
  readonly endings: readonly string[]
  /** What new lines end in. */
  readonly usual: string
}

/** The text of a file, its mark included; undefined for what is no UTF-8, or has zero bytes. */
export function decoded(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** `usual`: where what the text was before says it better. Default: as most of its lines end. */
export function splitLines(text: string, usual?: string): TextLines {
  const mark = text.startsWith('\ufeff') ? '\ufeff' : ''
  const lines: string[] = []
  const endings: string[] = []
  for (const [whole, line, ending] of text.slice(mark.length).matchAll(/([^\r\n]*)(\r\n|\n|\r|$)/g)) {
    if (whole === '') continue
    lines.push(line!)
    endings.push(ending!)
  }
  return { mark, lines, endings, usual: usual ?? usualEnding(endings) }
}

export function joinLines({ mark, lines, endings }: TextLines): string {
  return mark + lines.map((line, i) => line + endings[i]!).join('')
}

/** Puts lines in the place of `[start, end)`. New ones end as most others do; a text without a last line feed stays without. */
export function replaceLines(
  text: TextLines,
  start: number,
  end: number,
  made: readonly string[],
): TextLines {
  const { mark, usual } = text
  const replaced = text.endings.slice(start, end)
  const open = end === text.lines.length && (text.endings.at(-1) ?? usual) === ''
  const endings = made.map((_, i) => {
    // Lines that stand for others one by one end as they did.
    return (replaced.length === made.length && replaced[i]) || usual
  })
  const all = text.endings.toSpliced(start, end - start, ...endings)
  // Lines behind the last one give it an end.
  if (open && start > 0 && made.length > 0) all[start - 1] ||= usual
  if (open && all.length > 0) all[all.length - 1] = ''
  return { mark, usual, lines: text.lines.toSpliced(start, end - start, ...made), endings: all }
}

function usualEnding(endings: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const ending of endings) if (ending !== '') counts.set(ending, (counts.get(ending) ?? 0) + 1)
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? '\n'
}
