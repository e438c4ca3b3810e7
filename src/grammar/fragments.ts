// A grammar as automata over bytes, one for each rule: places with ways over bytes and calls of other rules.
import { byTarget, determinize, draft, MOST_PLACES, type Place, TooLargeError } from './drafts.ts'
import { type Expression, type Grammar, intersection, type Ranges } from './expression.ts'
import { type ByteRanges, utf8Ranges } from './utf8-ranges.ts'

/** All rules that a root calls, and their places together. Edges are bytes; rules have numbers. */
export interface Fragments {
  /** By rule: its name and its first place. */
  readonly rules: readonly { readonly name: string; readonly start: number }[]
  readonly places: readonly Place<number>[]
  /** By rule: the characters beyond ASCII that it stands for, one of them. */
  readonly classes: ReadonlyMap<number, Ranges>
  readonly root: number
}

/** Rules of up to so many places are written out where they are called, if they do not call themselves. */
const WRITTEN_OUT = 60
/** What is repeated becomes a rule of its own where all copies together would have more places. */
const MOST_COPIED = 100_000
/** Classes of up to so many ranges of bytes beyond ASCII are written out. */
const FEW_SEQUENCES = 4

const ASCII: Ranges = [[0, 0x7f]]
const BEYOND: Ranges = [[0x80, 0x10ffff]]

/** Throws TooLargeError. All rules that are called must be there. */
export function buildFragments(grammar: Grammar): Fragments {
  return new Builder(grammar).build()
}

class Builder {
  readonly #grammar: Grammar
  readonly #rules: { name: string; start: number }[] = []
  readonly #places: Place<number>[] = []
  readonly #numbers = new Map<string, number>()
  /** Rules that are still to be built: what makes their places and answers the first. */
  readonly #waiting: { readonly rule: number; readonly build: () => number }[] = []
  readonly #sizes = new Map<Expression, number>()
  readonly #recursive: ReadonlySet<string>
  readonly #classes = new Map<number, Ranges>()
  /** Rules for what is repeated, by names that nobody writes. */
  readonly #repeated = new Map<string, Expression>()

  constructor(grammar: Grammar) {
    this.#grammar = grammar
    const { recursive, order } = recursiveRules(grammar)
    this.#recursive = recursive
    // What is called comes first: then nothing has to be measured in the midst of much else.
    for (const name of order) this.#size(grammar.rules.get(name)!)
  }

  build(): Fragments {
    const root = this.#ruleNamed(this.#grammar.root)
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop())
      this.#rules[next.rule]!.start = next.build()
    return { rules: this.#rules, places: this.#places, classes: this.#classes, root }
  }

  #ruleNamed(name: string): number {
    return this.#rule(name, () => this.#build(this.#repeated.get(name) ?? this.#grammar.rules.get(name)!))
  }

  #rule(name: string, build: () => number): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const rule = this.#rules.length
    this.#rules.push({ name, start: -1 })
    this.#numbers.set(name, rule)
    this.#waiting.push({ rule, build })
    return rule
  }

  #place(ends = false): number {
    if (this.#places.length >= MOST_PLACES) throw new TooLargeError()
    return this.#places.push({ ends, edges: [], calls: [], skips: [] }) - 1
  }

  /** Answers the first place. */
  #build(expression: Expression): number {
    const { places, start } = draft(expression, {
      writtenOut: name => (this.#isWrittenOut(name) ? this.#grammar.rules.get(name) : undefined),
      ruleFor: (repeated, copies) => {
        if (copies <= 1 || copies * this.#size(repeated) <= MOST_COPIED) return undefined
        const name = `\0${this.#repeated.size}`
        this.#repeated.set(name, repeated)
        return name
      },
    })
    const made = determinize(places, start)
    const used = made ?? places
    const first = this.#places.length
    for (const { ends } of used) this.#place(ends)
    for (const [i, { edges, calls, skips }] of used.entries()) {
      const place = this.#places[first + i]!
      place.skips.push(...skips.map(skip => first + skip))
      place.calls.push(...calls.map(({ rule, to }) => ({ rule: this.#ruleNamed(rule), to: first + to })))
      for (const [to, ranges] of byTarget(edges)) this.#characters(place, ranges, first + to)
    }
    return made ? first : first + start
  }

  /** Adds a way over any of these characters. */
  #characters(place: Place<number>, ranges: Ranges, to: number): void {
    for (const [first, last] of intersection(ranges, ASCII)) place.edges.push({ first, last, to })
    const beyond = intersection(ranges, BEYOND)
    if (beyond.length === 0) return
    const sequences = utf8Ranges(beyond)
    if (sequences.length <= FEW_SEQUENCES) {
      this.#spell(place, sequences, to)
      return
    }
    const rule = this.#rule(className(beyond), () => {
      const start = this.#place()
      this.#spell(this.#places[start]!, sequences, this.#place(true))
      return start
    })
    this.#classes.set(rule, beyond)
    place.calls.push({ rule, to })
  }

  #spell(place: Place<number>, sequences: readonly ByteRanges[], to: number): void {
    for (const [[first, last], ...rest] of sequences as readonly [ByteRanges[0], ...ByteRanges][]) {
      const next = rest.reduceRight((behind, [first, last]) => {
        const before = this.#place()
        this.#places[before]!.edges.push({ first, last, to: behind })
        return before
      }, to)
      place.edges.push({ first: first!, last: last!, to: next })
    }
  }

  #isWrittenOut(name: string): boolean {
    const expression = this.#grammar.rules.get(name)
    return expression !== undefined && !this.#recursive.has(name) && this.#size(expression) <= WRITTEN_OUT
  }

  /** Places that an expression takes, about. */
  #size(expression: Expression): number {
    const known = this.#sizes.get(expression)
    if (known !== undefined) return known
    const size = this.#measure(expression)
    this.#sizes.set(expression, size)
    return size
  }

  #measure(expression: Expression): number {
    const sum = (all: readonly Expression[]) => all.reduce((size, one) => size + this.#size(one), 1)
    switch (expression.kind) {
      case 'text':
        return expression.text.length
      case 'characters':
        return 1
      case 'sequence':
        return sum(expression.parts)
      case 'choice':
        return sum(expression.options)
      case 'repeat': {
        const { least, most, of } = expression
        return this.#size(of) * Math.max(1, most === Number.POSITIVE_INFINITY ? least + 1 : most)
      }
      case 'rule':
        return !expression.apart && this.#isWrittenOut(expression.name)
          ? this.#size(this.#grammar.rules.get(expression.name)!)
          : 1
      case 'graph':
        return expression.nodes.reduce((size, { edges }) => size + sum(edges.map(({ on }) => on)), 0)
    }
    return expression satisfies never
  }
}

function className(ranges: Ranges): string {
  return `[${ranges.join(';')}]`
}

/** Rules that call themselves, directly or through others; and all rules, those that are called before those that call them. */
function recursiveRules({ rules }: Grammar): { recursive: Set<string>; order: readonly string[] } {
  const called = new Map([...rules].map(([name, expression]) => [name, calledRules(expression)]))
  const recursive = new Set<string>()
  // Tarjan's strongly connected components.
  const numbers = new Map<string, number>()
  const order: string[] = []
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (name: string) => {
    numbers.set(name, numbers.size)
    low.set(name, numbers.get(name)!)
    stack.push(name)
    for (const next of called.get(name) ?? []) {
      if (!numbers.has(next)) visit(next)
      if (stack.includes(next)) low.set(name, Math.min(low.get(name)!, low.get(next)!))
    }
    if (low.get(name) !== numbers.get(name)) return
    const component = stack.splice(stack.indexOf(name))
    order.push(...component)
    if (component.length > 1 || called.get(name)?.has(name)) for (const each of component) recursive.add(each)
  }
  for (const name of rules.keys()) if (!numbers.has(name)) visit(name)
  return { recursive, order }
}

/** Rules that an expression names. */
function calledRules(expression: Expression, into = new Set<string>()): Set<string> {
  switch (expression.kind) {
    case 'rule':
      into.add(expression.name)
      break
    case 'sequence':
      for (const part of expression.parts) calledRules(part, into)
      break
    case 'choice':
      for (const option of expression.options) calledRules(option, into)
      break
    case 'repeat':
      calledRules(expression.of, into)
      break
    case 'graph':
      for (const { edges } of expression.nodes) for (const { on } of edges) calledRules(on, into)
      break
    case 'text':
    case 'characters':
      break
    default:
      expression satisfies never
  }
  return into
}
