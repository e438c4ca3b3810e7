// Regular expressions that mean the same wherever they run: their character classes come from the project's tables,
// not from the Unicode version of the runtime.
import { PACKED_CLASSES } from './unicode.gen.ts'

type Range = readonly [begin: number, end: number]
type Packed = keyof typeof PACKED_CLASSES

const LETTERS = ['Lu', 'Ll', 'Lt', 'Lm', 'Lo'] as const
const END = 0x110000
const cache = new Map<string, readonly Range[]>()

/**
 * The pattern with `\p{...}`, `\P{...}`, `\s` and `\S` written out as ranges. Classes: L, Lu, Ll, Lt, Lm, Lo, M, N, P, S,
 * Han, White_Space. Throws RangeError for others.
 */
export function unicodePattern(pattern: string): RegExp {
  let source = ''
  let within = false
  for (const [token, kind, name] of pattern.matchAll(/\\([pP])\{(\w+)\}|\\[sS]|\\.|[^\\]/gsu)) {
    const written = classOf(token, kind, name)
    if (token === '[') within = true
    else if (token === ']') within = false
    source += !written ? token : within ? written : `[${written}]`
  }
  return new RegExp(source, 'uy')
}

/** The inside of a character class, if the token of a pattern stands for one. */
function classOf(token: string, kind: string | undefined, name: string | undefined): string | undefined {
  if (token === '\\s' || token === '\\S') return written('White_Space', token === '\\S')
  return kind && name ? written(name, kind === 'P') : undefined
}

function written(name: string, complement: boolean): string {
  const ranges = rangesOf(name)
  return (complement ? gaps(ranges) : ranges)
    .map(([begin, end]) => `${escaped(begin)}${end - begin > 1 ? `-${escaped(end - 1)}` : ''}`)
    .join('')
}

function escaped(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`
}

/** Ranges of a class, in order, with space between. */
function rangesOf(name: string): readonly Range[] {
  const known = cache.get(name)
  if (known) return known
  if (name !== 'L' && !Object.hasOwn(PACKED_CLASSES, name))
    throw new RangeError(`no table of the character class ${name}`)
  const parts = name === 'L' ? LETTERS : [name as Packed]
  const ranges: Range[] = []
  for (const [begin, end] of parts.flatMap(unpack).sort(([a], [b]) => a - b)) {
    const last = ranges.at(-1)
    if (last?.[1] === begin) ranges[ranges.length - 1] = [last[0], end]
    else ranges.push([begin, end])
  }
  cache.set(name, ranges)
  return ranges
}

function unpack(name: Packed): Range[] {
  const numbers = PACKED_CLASSES[name].split(' ').map(digits => Number.parseInt(digits, 36))
  const ranges: Range[] = []
  for (let i = 0, at = 0; i < numbers.length; i += 2) {
    const begin = at + numbers[i]!
    at = begin + numbers[i + 1]!
    ranges.push([begin, at])
  }
  return ranges
}

function gaps(ranges: readonly Range[]): Range[] {
  const begins = [0, ...ranges.map(([, end]) => end)]
  const ends = [...ranges.map(([begin]) => begin), END]
  return begins.map((begin, i): Range => [begin, ends[i]!]).filter(([begin, end]) => end > begin)
}
