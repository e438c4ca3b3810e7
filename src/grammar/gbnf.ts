// GBNF, the notation of llama.cpp's grammars: rules of literals, character classes, groups, alternatives and repetitions.
import { GrammarError } from '../errors.ts'
import {
  ANY_CHARACTER,
  characters,
  choice,
  complement,
  type Expression,
  type Grammar,
  normalized,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts'

const ROOT = 'root'
const MOST_RULES = 2000
const MOST_REPEATED = 10_000
const DEEPEST = 200

/** Throws GrammarError, with line and column. Where a rule is given twice, the later one holds. */
export function parseGbnf(source: string): Grammar {
  return new Parser(source).parse()
}

class Parser {
  readonly #source: string
  #at = 0
  #depth = 0
  readonly #rules = new Map<string, Expression>()
  /** Where each name is used first. */
  readonly #uses = new Map<string, number>()

  constructor(source: string) {
    this.#source = source
  }

  parse(): Grammar {
    this.#space(true)
    while (this.#at < this.#source.length) {
      const name = this.#match(/[\w-]+/uy) ?? this.#fail('expected the name of a rule')
      this.#space(false)
      if (!this.#take('::=')) this.#fail(`expected ::= behind the name ${name}`)
      this.#space(true)
      this.#rules.set(name, this.#alternatives(false))
      if (this.#rules.size > MOST_RULES) this.#fail(`more than ${MOST_RULES} rules`)
      if (this.#at < this.#source.length && !this.#match(/\r?\n|\r/uy))
        this.#fail('expected a sequence, | or the end of the line')
      this.#space(true)
    }
    if (!this.#rules.has(ROOT)) this.#fail(`no rule is named ${ROOT}`)
    for (const [name, at] of this.#uses)
      if (!this.#rules.has(name)) this.#fail(`no rule is named ${name}`, at)
    return { root: ROOT, rules: this.#rules }
  }

  #alternatives(nested: boolean): Expression {
    if (++this.#depth > DEEPEST) this.#fail(`groups more than ${DEEPEST} deep`)
    const options = [this.#sequence(nested)]
    while (this.#take('|')) {
      this.#space(true)
      options.push(this.#sequence(nested))
    }
    this.#depth--
    return choice(...options)
  }

  #sequence(nested: boolean): Expression {
    const parts: Expression[] = []
    for (let part = this.#item(nested); part; part = this.#item(nested)) parts.push(part)
    return sequence(...parts)
  }

  /** One thing and how often it comes; undefined where none follows. */
  #item(nested: boolean): Expression | undefined {
    let item = this.#symbol()
    if (item === undefined) {
      if (/[*+?{]/.test(this.#source[this.#at] ?? '')) this.#fail('a repetition of nothing')
      return undefined
    }
    this.#space(nested)
    for (let often = this.#repetition(); often; often = this.#repetition()) {
      item = repeat(item, ...often)
      this.#space(nested)
    }
    return item
  }

  #symbol(): Expression | undefined {
    if (this.#take('"')) return this.#literal()
    if (this.#take('[')) return this.#class()
    if (this.#take('.')) return characters(ANY_CHARACTER)
    if (this.#take('(')) {
      this.#space(true)
      const group = this.#alternatives(true)
      if (!this.#take(')')) this.#fail('expected )')
      return group
    }
    if (/[<!]/.test(this.#source[this.#at] ?? '')) this.#fail('tokens in grammars are not supported')
    const at = this.#at
    const name = this.#match(/[\w-]+/uy)
    if (name === undefined) return undefined
    if (!this.#uses.has(name)) this.#uses.set(name, at)
    return rule(name)
  }

  /** How often at least and at most. */
  #repetition(): [number, number] | undefined {
    if (this.#take('*')) return [0, Number.POSITIVE_INFINITY]
    if (this.#take('+')) return [1, Number.POSITIVE_INFINITY]
    if (this.#take('?')) return [0, 1]
    const at = this.#at
    if (!this.#take('{')) return undefined
    const found = /\s*(\d+)\s*(?:(,)\s*(\d*)\s*)?\}/uy
    found.lastIndex = this.#at
    const [whole, least, comma, most] =
      found.exec(this.#source) ?? this.#fail('expected {m}, {m,} or {m,n}', at)
    this.#at += whole.length
    const first = Number(least)
    const last = comma === undefined ? first : most ? Number(most) : Number.POSITIVE_INFINITY
    if (last < first) this.#fail(`a repetition of at least ${first} and at most ${last}`, at)
    if (first > MOST_REPEATED || (last > MOST_REPEATED && last !== Number.POSITIVE_INFINITY))
      this.#fail(`more than ${MOST_REPEATED} repetitions`, at)
    return [first, last]
  }

  #literal(): Expression {
    let content = ''
    const start = this.#at - 1
    while (!this.#take('"')) content += String.fromCodePoint(this.#character('"', start))
    return text(content)
  }

  #class(): Expression {
    const start = this.#at - 1
    const negated = this.#take('^')
    const ranges: [number, number][] = []
    while (!this.#take(']')) {
      const at = this.#at
      const first = this.#character(']', start)
      const isRange = this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']'
      if (isRange) this.#at++
      const last = isRange ? this.#character(']', start) : first
      if (last < first) this.#fail('a range that ends before it begins', at)
      ranges.push([first, last])
    }
    return characters(negated ? complement(ranges) : normalized(ranges))
  }

  /** One character as it is written between quotes or brackets. */
  #character(close: string, start: number): number {
    const at = this.#at
    const code = this.#source.codePointAt(at)
    if (code === undefined) this.#fail(`expected ${close}`, start)
    if (code !== 0x5c) {
      this.#at += code > 0xffff ? 2 : 1
      if (code >= 0xd800 && code <= 0xdfff) this.#fail('half of a surrogate pair', at)
      return code
    }
    const written =
      this.#match(/\\(?:x[\dA-Fa-f]{2}|u[\dA-Fa-f]{4}|U[\dA-Fa-f]{8}|[trn\\"[\]])/uy) ??
      this.#fail('expected one of \\n \\r \\t \\\\ \\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH', at)
    const letter = written[1]!
    if (!/[xuU]/.test(letter)) return { n: 10, r: 13, t: 9 }[letter] ?? letter.charCodeAt(0)
    const value = Number.parseInt(written.slice(2), 16)
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
      this.#fail(`${written} is no Unicode character`, at)
    return value
  }

  /** Skips blanks and comments, and ends of lines where they mean nothing. */
  #space(lines: boolean): void {
    this.#match(lines ? /(?:[ \t\r\n]+|#[^\r\n]*)*/uy : /(?:[ \t]+|#[^\r\n]*)*/uy)
  }

  #take(written: string): boolean {
    if (!this.#source.startsWith(written, this.#at)) return false
    this.#at += written.length
    return true
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source)?.[0]
    this.#at += found?.length ?? 0
    return found
  }

  #fail(problem: string, at = this.#at): never {
    const before = this.#source.slice(0, at).split(/\r\n|\n|\r/)
    throw new GrammarError(problem, { line: before.length, column: [...before.at(-1)!].length + 1 })
  }
}
