// Regular expressions as tokenizer files write them (Oniguruma's dialect, as HuggingFace's tokenizers read it), said in
// JavaScript. Classes become ranges from the project's tables; what has no translation is refused, never guessed.
import { classRanges, classSource, complement, intersection, type Ranges, union } from './unicode.ts'

/** The pattern in JavaScript, for the flag `u`. Throws RangeError naming what is not supported. */
export function translate(pattern: string): string {
  return new Translator(pattern).run()
}

/** Matches at `lastIndex` only. Throws RangeError naming what is not supported. */
export function unicodePattern(pattern: string): RegExp {
  return new RegExp(translate(pattern), 'uy')
}

/** Groups may be so many deep. */
const DEEPEST = 100
/** Numbers of repetitions above this are no tokenizer's. */
const MOST_REPEATED = 1000

const range = (begin: number, last = begin): Ranges => [[begin, last + 1]]
const named = (name: string): (() => Ranges) => {
  return () => classRanges(name)
}
const not = (ranges: () => Ranges): (() => Ranges) => {
  return () => complement(ranges())
}

/** By the letter behind the backslash. */
const CLASS_ESCAPES: Readonly<Record<string, () => Ranges>> = {
  s: named('White_Space'),
  S: not(named('White_Space')),
  d: named('Nd'),
  D: not(named('Nd')),
  w: named('Word'),
  W: not(named('Word')),
  h: () => union(range(0x30, 0x39), range(0x41, 0x46), range(0x61, 0x66)),
}

const POSIX: Readonly<Record<string, () => Ranges>> = {
  alpha: () => union(classRanges('L'), classRanges('M')),
  digit: named('Nd'),
  alnum: () => union(classRanges('L'), classRanges('M'), classRanges('Nd')),
  upper: named('Lu'),
  lower: named('Ll'),
  space: named('White_Space'),
  punct: () => union(classRanges('P'), classRanges('S')),
  cntrl: named('Cc'),
  xdigit: CLASS_ESCAPES.h!,
  word: named('Word'),
}

const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 }

const WORD = () => classSource(classRanges('Word'))
/** Places, by how they are written. */
const ANCHORS: Readonly<Record<string, () => string>> = {
  '^': () => '(?<=\\n|^)',
  $: () => '(?=\\n|$)',
  '\\A': () => '^',
  '\\z': () => '$',
  '\\Z': () => '(?=\\n?$)',
  '\\b': () => `(?:(?<=${WORD()})(?!${WORD()})|(?<!${WORD()})(?=${WORD()}))`,
  '\\B': () => `(?:(?<=${WORD()})(?=${WORD()})|(?<!${WORD()})(?!${WORD()}))`,
}

class Translator {
  readonly #pattern: string
  #at = 0
  #depth = 0
  #atomics = 0
  #ignoreCase = false

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  run(): string {
    const out = this.#alternatives()
    if (this.#at < this.#pattern.length) this.#fail('a closing bracket without an opening one')
    return out
  }

  #fail(what: string): never {
    throw new RangeError(`${what} at ${this.#at} in /${this.#pattern.slice(0, 200)}/`)
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#pattern)
    if (match) this.#at = pattern.lastIndex
    return match
  }

  #alternatives(): string {
    if (++this.#depth > DEEPEST) this.#fail(`groups more than ${DEEPEST} deep`)
    const ignoreCase = this.#ignoreCase
    let out = ''
    while (this.#at < this.#pattern.length && this.#pattern[this.#at] !== ')')
      out += this.#take('|') ? '|' : this.#repeated()
    this.#depth--
    this.#ignoreCase = ignoreCase
    return out
  }

  /** One thing and how often it comes. */
  #repeated(): string {
    let out = this.#one()
    for (;;) {
      const match = this.#match(/(?:[*+?]|\{(\d*)(,?)(\d*)\})([?+]?)/uy)
      if (!match) return out
      const [whole, least, comma, most, mode] = match
      const counted = whole[0] === '{'
      // Of a count, a plus repeats the repetition: nothing that tokenizers write.
      if ((counted && mode === '+') || (least === '' && most === '')) this.#fail(`the repetition ${whole}`)
      if (Number(least ?? 0) > MOST_REPEATED || Number(most ?? 0) > MOST_REPEATED)
        this.#fail(`more than ${MOST_REPEATED} repetitions`)
      const often = counted ? `{${least || 0}${comma}${most}}` : whole[0]!
      if (mode === '+') out = this.#atomic(`(?:${out})${often}`)
      else out = `(?:${out})${often}${mode}`
    }
  }

  /** Matched once and never given back: JavaScript's lookahead is so, and a reference repeats it. */
  #atomic(inner: string): string {
    const name = `a${this.#atomics++}`
    return `(?=(?<${name}>${inner}))\\k<${name}>`
  }

  #one(): string {
    for (const [written, source] of Object.entries(ANCHORS)) if (this.#take(written)) return `(?:${source()})`
    if (this.#take('(')) return this.#group()
    if (/[*+?]/.test(this.#pattern[this.#at]!)) this.#fail('a repetition of nothing')
    if (this.#take('.')) return classSource(complement(range(10)))
    return classSource(this.#cased(this.#set()))
  }

  #group(): string {
    const flags = this.#match(/\?([imsx]*)(?:-([imsx]*))?([:)])/uy)
    if (flags) return this.#flagged(flags[1]!, flags[2] ?? '', flags[3] === ':')
    const opening = this.#match(/\?(?:[=!>]|<[=!])/uy)?.[0] ?? ''
    if (opening === '' && this.#pattern[this.#at] === '?' && !this.#match(/\?<\w+>/uy))
      this.#fail('a group of an unknown kind')
    const inner = this.#alternatives()
    if (!this.#take(')')) this.#fail('the end within a group')
    if (opening === '?>') return this.#atomic(inner)
    return `(?:${opening === '' ? inner : `(${opening}${inner})`})`
  }

  #flagged(on: string, off: string, group: boolean): string {
    if (/[msx]/.test(on + off)) this.#fail(`the flags ${on}${off}`)
    const before = this.#ignoreCase
    if (on) this.#ignoreCase = true
    if (off) this.#ignoreCase = false
    // Without a colon, they hold to the end of the group around; #alternatives puts them back.
    const inner = this.#alternatives()
    if (!group) return `(?:${inner})`
    this.#ignoreCase = before
    if (!this.#take(')')) this.#fail('the end within a group')
    return `(?:${inner})`
  }

  /** One character or class, as a set. */
  #set(): Ranges {
    if (this.#take('[')) return this.#brackets()
    if (this.#pattern[this.#at] === '\\') return this.#escape()
    return range(this.#character())
  }

  #character(): number {
    const code = this.#pattern.codePointAt(this.#at)
    if (code === undefined) this.#fail('the end')
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  #escape(): Ranges {
    const property = this.#match(/\\([pP])\{(\^?)([\w=]+)\}/uy)
    if (property) {
      const ranges = classRanges(property[3]!)
      return (property[1] === 'P') === (property[2] === '^') ? ranges : complement(ranges)
    }
    const code = this.#match(/\\(?:x\{([\dA-Fa-f]{1,6})\}|x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4}))/uy)
    if (code) return range(Number.parseInt(code[1] ?? code[2] ?? code[3]!, 16))
    this.#at++
    const letter = this.#pattern[this.#at]
    if (letter === undefined || !/[A-Za-z0-9]/.test(letter)) return range(this.#character())
    this.#at++
    if (Object.hasOwn(CLASS_ESCAPES, letter)) return CLASS_ESCAPES[letter]!()
    if (Object.hasOwn(CONTROLS, letter)) return range(CONTROLS[letter]!)
    return this.#fail(`\\${letter}`)
  }

  /** The inside of brackets, behind the opening one. */
  #brackets(): Ranges {
    if (++this.#depth > DEEPEST) this.#fail(`brackets more than ${DEEPEST} deep`)
    const negated = this.#take('^')
    let all: Ranges | undefined
    const parts: Ranges[] = []
    const close = (): Ranges => (all ? intersection(all, union(...parts)) : union(...parts))
    // A bracket that comes first is a character.
    if (this.#take(']')) parts.push(range(0x5d))
    while (!this.#take(']')) {
      if (this.#take('&&')) {
        all = close()
        parts.length = 0
      } else parts.push(this.#classMember())
    }
    this.#depth--
    const ranges = this.#cased(close())
    return negated ? complement(ranges) : ranges
  }

  #classMember(): Ranges {
    const posix = this.#match(/\[:(\^?)(\w+):\]/uy)
    if (posix) {
      const ranges = POSIX[posix[2]!]?.() ?? this.#fail(`the class ${posix[2]}`)
      return posix[1] ? complement(ranges) : ranges
    }
    const first = this.#set()
    const begin = single(first)
    const next = this.#pattern[this.#at + 1]
    if (begin === undefined || this.#pattern[this.#at] !== '-' || next === ']' || next === undefined)
      return first
    this.#at++
    const last = single(this.#set())
    if (last === undefined || last < begin) this.#fail('a range that ends before it begins')
    return range(begin, last)
  }

  /** With the other case of each letter, where case does not matter. */
  #cased(ranges: Ranges): Ranges {
    if (!this.#ignoreCase) return ranges
    const others: Ranges[] = [ranges]
    for (const [begin, end] of ranges) {
      // Long ranges are classes that hold both cases already.
      if (end - begin > 0x100) continue
      for (let code = begin; code < end; code++) others.push(...otherCases(code))
    }
    return union(...others)
  }
}

/** Letters that only differ in case, by the simple case folding of Unicode. */
function otherCases(code: number): Ranges[] {
  const text = String.fromCodePoint(code)
  const others = [text.toLowerCase(), text.toUpperCase(), ...(FOLDED.get(text.toLowerCase()) ?? [])]
  return others.filter(other => other.length === text.length).map(other => range(other.codePointAt(0)!))
}

/** Letters beyond ASCII that fold to ASCII ones. */
const FOLDED = new Map([
  ['s', ['\u017f']],
  ['k', ['\u212a']],
])

function single(ranges: Ranges): number | undefined {
  const [only] = ranges
  return ranges.length === 1 && only && only[1] - only[0] === 1 ? only[0] : undefined
}
