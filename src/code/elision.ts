// Lines that stand for others which a model left out.

const OPEN = String.raw`(?:\/\/|#|--|\/\*|<!--|;|%|\{\/\*)`
const DOTS = String.raw`(?:\.{3}|…)`
const CLOSE = String.raw`(?:\*\/\}?|-->)?`
/** Dots alone, in a comment or not. */
const alone = new RegExp(`^\\s*${OPEN}?\\s*${DOTS}\\s*${CLOSE}\\s*$`)
/** Comments that begin with dots, or say what is left out and end in dots: `// ... rest of the code`, `# existing code ...`. */
const comment = new RegExp(
  `^\\s*${OPEN}\\s*(?:${DOTS}.*|.*\\b(?:rest|remaining|existing|unchanged|same)\\b.*${DOTS}\\s*${CLOSE}\\s*)$`,
  'i',
)
/** Letters of such lines at most. */
const MOST = 200

/** Whether a line is dots for lines that stay. */
export function isElision(line: string): boolean {
  return line.length <= MOST && alone.test(line)
}

/** The first line of `made` that says that lines were left out, and that is not in `known`. Dots outside of comments may be code. */
export function leftOut(made: readonly string[], known: readonly string[]): string | undefined {
  const there = new Set(known.map(line => line.trim()))
  return made.find(line => line.length <= MOST && comment.test(line) && !there.has(line.trim()))
}
