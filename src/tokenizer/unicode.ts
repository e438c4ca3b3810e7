// Character classes that are the same wherever they run: from the project's tables, not from the Unicode version of
// the runtime.
import { PACKED_CLASSES } from './unicode.gen.ts'

/** Code points from `begin` to before `end`. */
export type Range = readonly [begin: number, end: number]
/** In order, with space between. */
export type Ranges = readonly Range[]

const END = 0x110000
const cache = new Map<string, Ranges>()

/** Classes that are made of others, and names that Oniguruma gives them. */
const UNIONS: Readonly<Record<string, readonly string[]>> = {
  L: ['Lu', 'Ll', 'Lt', 'Lm', 'Lo'],
  LC: ['Lu', 'Ll', 'Lt'],
  M: ['Mn', 'Mc', 'Me'],
  N: ['Nd', 'Nl', 'No'],
  P: ['Pc', 'Pd', 'Ps', 'Pe', 'Pi', 'Pf', 'Po'],
  S: ['Sm', 'Sc', 'Sk', 'So'],
  Z: ['Zs', 'Zl', 'Zp'],
  Letter: ['L'],
  Mark: ['M'],
  Number: ['N'],
  Punctuation: ['P'],
  Punct: ['P'],
  Symbol: ['S'],
  Separator: ['Z'],
  Digit: ['Nd'],
  Space: ['White_Space'],
  Upper: ['Lu'],
  Lower: ['Ll'],
}

/** What is alphabetic without being a letter, mark or number: letters in circles and squares. */
const CIRCLED: Ranges = [
  [0x24b6, 0x24ea],
  [0x1f130, 0x1f14a],
  [0x1f150, 0x1f16a],
  [0x1f170, 0x1f18a],
]

/**
 * The code points of a class: a general category (`L`, `Lu`, ...), `C`, `Word` (what `\w` is), `White_Space` or one of
 * the scripts in the tables (`Han`, `Script=Han`). Throws RangeError for others.
 */
export function classRanges(name: string): Ranges {
  const known = cache.get(name)
  if (known) return known
  const ranges = compute(name.replace(/^(?:script|sc|general_category|gc)=/i, ''))
  cache.set(name, ranges)
  return ranges
}

function compute(name: string): Ranges {
  if (Object.hasOwn(PACKED_CLASSES, name)) return unpack(PACKED_CLASSES[name as keyof typeof PACKED_CLASSES])
  if (Object.hasOwn(UNIONS, name)) return union(...UNIONS[name]!.map(classRanges))
  if (name === 'C') return complement(union(...['L', 'M', 'N', 'P', 'S', 'Z'].map(classRanges)))
  if (name === 'Word') return union(...['L', 'M', 'Nd', 'Nl', 'Pc'].map(classRanges), CIRCLED)
  throw new RangeError(`no table of the character class ${name}`)
}

export function union(...parts: readonly Ranges[]): Ranges {
  const ranges: Range[] = []
  for (const [begin, end] of parts.flat().sort(([a], [b]) => a - b)) {
    const last = ranges.at(-1)
    if (last && last[1] >= begin) ranges[ranges.length - 1] = [last[0], Math.max(last[1], end)]
    else ranges.push([begin, end])
  }
  return ranges
}

export function complement(ranges: Ranges): Ranges {
  const begins = [0, ...ranges.map(([, end]) => end)]
  const ends = [...ranges.map(([begin]) => begin), END]
  return begins.map((begin, i): Range => [begin, ends[i]!]).filter(([begin, end]) => end > begin)
}

export function intersection(a: Ranges, b: Ranges): Ranges {
  return complement(union(complement(a), complement(b)))
}

/** A character class of a JavaScript pattern with the flag `u`. */
export function classSource(ranges: Ranges): string {
  const parts = ranges.map(([begin, end]) =>
    end - begin > 1 ? `${escaped(begin)}-${escaped(end - 1)}` : escaped(begin),
  )
  return `[${parts.join('')}]`
}

function escaped(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`
}

function unpack(packed: string): Range[] {
  const numbers = packed.split(' ').map(digits => Number.parseInt(digits, 36))
  const ranges: Range[] = []
  for (let i = 0, at = 0; i < numbers.length; i += 2) {
    const begin = at + numbers[i]!
    at = begin + numbers[i + 1]!
    ranges.push([begin, at])
  }
  return ranges
}
