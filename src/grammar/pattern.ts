// Patterns of JSON Schemas: a subset of ECMAScript's regular expressions, as the language of all texts in which they match.
import {
  ANY_CHARACTER,
  characters,
  choice,
  complement,
  type Expression,
  empty,
  normalized,
  oneOf,
  type Ranges,
  repeat,
  sequence,
} from './expression.ts'
import { differenceOf, intersectionOf, type Regular, regular, unionOf } from './regular.ts'

/** A pattern that is none, or that cannot be honoured; the message says why. */
export class PatternError extends Error {}

const DIGITS = oneOf('0123456789')
const WORD = normalized([...DIGITS, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]])
const LINE_ENDS: Ranges = normalized([...oneOf('\n\r'), [0x2028, 0x2029]])
const SPACE: Ranges = normalized([
  ...[...oneOf('\t\v\f \u00a0\u1680\u202f\u205f\u3000\ufeff'), ...LINE_ENDS],
  [0x2000, 0x200a],
])
const CLASSES: Record<string, Ranges> = { d: DIGITS, w: WORD, s: SPACE }
const CONTROLS: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 }
/** The beginning of a group, with a name or without. */
const GROUP = /\((?:\?:|\?<[^=!>][^>]*>)?(?!\?)/uy
const MOST_REPEATED = 10_000
const DEEPEST = 100

/** Languages that are kept. */
const KEPT = 32
const languages = new Map<string, Regular>()

/** Throws PatternError, and TooLargeError where its automaton is too large. */
export function patternLanguage(pattern: string): Regular {
  const known = languages.get(pattern)
  if (known) return known
  const language = compile(pattern)
  if (languages.size >= KEPT) languages.delete(languages.keys().next().value!)
  languages.set(pattern, language)
  return language
}

function compile(pattern: string): Regular {
  try {
    new RegExp(pattern, 'u')
  } catch (error) {
    throw new PatternError((error as Error).message)
  }
  const parser = new Parser(pattern)
  return union(parser.whole().map(languageOf))
}

const anything = repeat(characters(ANY_CHARACTER), 0)

/** An alternative of the whole pattern. */
interface Alternative {
  readonly body: Expression
  readonly fromStart: boolean
  readonly toEnd: boolean
  /** What must, or must not, stand at its beginning. */
  readonly ahead: readonly { readonly alternatives: readonly Alternative[]; readonly negated: boolean }[]
}

function languageOf({ body, fromStart, toEnd, ahead }: Alternative): Regular {
  let language = regular(sequence(fromStart ? empty : anything, body, toEnd ? empty : anything))
  for (const { alternatives, negated } of ahead) {
    const seen = union(alternatives.map(each => languageOf({ ...each, fromStart: true })))
    language = negated ? differenceOf(language, seen) : intersectionOf(language, seen)
  }
  return language
}

function union(languages: readonly Regular[]): Regular {
  return languages.reduce(unionOf)
}

/** Reads what RegExp has found to be a pattern. */
class Parser {
  readonly #pattern: string
  #at = 0
  #depth = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  whole(): Alternative[] {
    const alternatives = this.#outer()
    if (this.#at < this.#pattern.length) this.#refuse(')')
    return alternatives
  }

  /** Alternatives that may be bound to the ends of the text. */
  #outer(): Alternative[] {
    if (++this.#depth > DEEPEST) this.#refuse(`groups more than ${DEEPEST} deep`)
    const all: Alternative[] = []
    do all.push(...this.#outerAlternative())
    while (this.#take('|'))
    this.#depth--
    return all
  }

  #outerAlternative(): Alternative[] {
    // A group around an alternative may hold anchors, too.
    const inner = this.#wholeGroup()
    if (inner) return inner
    const fromStart = this.#take('^')
    const ahead: Alternative['ahead'][number][] = []
    for (let look = this.#match(/\(\?[=!]/uy); look; look = this.#match(/\(\?[=!]/uy)) {
      if (!fromStart) this.#refuse('a lookahead that is not at the beginning')
      ahead.push({ alternatives: this.#outer(), negated: look === '(?!' })
      this.#take(')')
    }
    const body = this.#terms()
    return [{ body, fromStart, toEnd: this.#take('$'), ahead }]
  }

  #wholeGroup(): Alternative[] | undefined {
    const start = this.#at
    if (!this.#match(GROUP)) return undefined
    const alternatives = this.#outer()
    const closed = this.#take(')')
    if (closed && (this.#at === this.#pattern.length || /[|)]/.test(this.#pattern[this.#at]!)))
      return alternatives
    this.#at = start
    return undefined
  }

  #alternatives(): Expression {
    if (++this.#depth > DEEPEST) this.#refuse(`groups more than ${DEEPEST} deep`)
    const options = [this.#terms()]
    while (this.#take('|')) options.push(this.#terms())
    this.#depth--
    return choice(...options)
  }

  #terms(): Expression {
    const parts: Expression[] = []
    while (this.#at < this.#pattern.length && !/[|)]/.test(this.#pattern[this.#at]!)) {
      if (this.#pattern[this.#at] === '$' && /^\$(?:$|[|)])/.test(this.#pattern.slice(this.#at))) break
      parts.push(this.#term())
    }
    return sequence(...parts)
  }

  #term(): Expression {
    const one = this.#atom()
    const often = this.#match(/[*+?]\??|\{\d+(?:,\d*)?\}\??/uy)
    if (often === undefined) return one
    // Whether as much or as little as possible is taken makes no difference to what matches.
    const sign = often[0]!
    if (sign === '*') return repeat(one, 0)
    if (sign === '+') return repeat(one, 1)
    if (sign === '?') return repeat(one, 0, 1)
    const [, least, comma, most] = /\{(\d+)(,?)(\d*)\}/.exec(often)!
    const last = comma === '' ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most)
    if (Number(least) > MOST_REPEATED || (Number.isFinite(last) && last > MOST_REPEATED))
      this.#refuse(`more than ${MOST_REPEATED} repetitions`)
    return repeat(one, Number(least), last)
  }

  #atom(): Expression {
    if (this.#match(GROUP) !== undefined) {
      const group = this.#alternatives()
      if (!this.#take(')')) this.#refuse('an anchor within a group')
      return group
    }
    const refused = this.#match(/\^|\$|\(\?<?[=!]|\(\?[^:<]|\\[bB]|\\[1-9]|\\k/uy)
    if (refused !== undefined) this.#refuse(`${refused} here`)
    if (this.#take('.')) return characters(complement(LINE_ENDS))
    return characters(this.#take('[') ? this.#brackets() : this.#member())
  }

  #brackets(): Ranges {
    const negated = this.#take('^')
    const parts: Ranges[number][] = []
    while (!this.#take(']')) {
      const first = this.#bracketed()
      const isRange =
        first.length === 1 &&
        first[0]![0] === first[0]![1] &&
        this.#pattern[this.#at] === '-' &&
        this.#pattern[this.#at + 1] !== ']'
      if (isRange) {
        this.#at++
        parts.push([first[0]![0], this.#bracketed()[0]![0]])
      } else parts.push(...first)
    }
    return negated ? complement(parts) : normalized(parts)
  }

  /** A member of a class, where \b is a character. */
  #bracketed(): Ranges {
    return this.#take('\\b') ? [[8, 8]] : this.#member()
  }

  /** One character, or an escape that stands for several. */
  #member(): Ranges {
    const property = this.#match(/\\[pP]\{[\w=]+\}/uy)
    if (property !== undefined) return propertyRanges(property)
    const known = this.#match(/\\[dDwWsS]/uy)?.[1]
    if (known !== undefined) {
      const ranges = CLASSES[known.toLowerCase()]!
      return known === known.toLowerCase() ? ranges : complement(ranges)
    }
    const code = this.#character()
    return [[code, code]]
  }

  #character(): number {
    const pair = this.#match(/\\u[dD][89abAB][\dA-Fa-f]{2}\\u[dD][c-fC-F][\dA-Fa-f]{2}/uy)
    if (pair !== undefined) return (JSON.parse(`"${pair}"`) as string).codePointAt(0)!
    const hex = /^\\(?:x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|u\{([\dA-Fa-f]+)\})/.exec(
      this.#pattern.slice(this.#at),
    )
    if (hex) {
      this.#at += hex[0].length
      return Number.parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16)
    }
    const control = this.#match(/\\c[A-Za-z]/uy)
    if (control !== undefined) return control.charCodeAt(2) & 31
    const escaped = this.#take('\\')
    const code = this.#pattern.codePointAt(this.#at)!
    this.#at += code > 0xffff ? 2 : 1
    return (escaped ? CONTROLS[String.fromCodePoint(code)] : undefined) ?? code
  }

  #take(written: string): boolean {
    if (!this.#pattern.startsWith(written, this.#at)) return false
    this.#at += written.length
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#pattern)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  #refuse(what: string): never {
    throw new PatternError(`${what} is not supported`)
  }
}

const properties = new Map<string, Ranges>()

/** The characters of a Unicode property, as this runtime knows them. */
function propertyRanges(written: string): Ranges {
  const known = properties.get(written)
  if (known) return known
  const pattern = new RegExp(written, 'u')
  const ranges: [number, number][] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    if (!pattern.test(String.fromCodePoint(code))) continue
    const before = ranges.at(-1)
    if (before?.[1] === code - 1) before[1] = code
    else ranges.push([code, code])
  }
  properties.set(written, ranges)
  return ranges
}
