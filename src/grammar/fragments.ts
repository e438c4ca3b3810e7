// Rules as automata over bytes with calls of other rules: built from expressions, then made deterministic where that stays small.
import { type Expression, type Grammar, intersection, type Ranges } from './expression.ts'
import { type ByteRanges, utf8Ranges } from './utf8-ranges.ts'

/** A place within a rule. Deterministic ones have no `skips`, and one way at most for each byte and rule. */
export interface Place {
  /** The rule may end here. */
  ends: boolean
  readonly bytes: ByteEdge[]
  readonly calls: Call[]
  /** Places that may be taken for this one. */
  readonly skips: number[]
}

export interface ByteEdge {
  readonly first: number
  readonly last: number
  readonly to: number
}

/** A rule, by number, and the place behind it. */
export interface Call {
  readonly rule: number
  readonly to: number
}

/** All rules that a root calls, and their places together. */
export interface Fragments {
  /** By rule: its name and its first place. */
  readonly rules: readonly { readonly name: string; readonly start: number }[]
  readonly places: readonly Place[]
  /** The rule of all characters beyond ASCII, if one calls it. */
  readonly beyond: number | undefined
  readonly root: number
}

/** A grammar of more places is refused. */
const MOST_PLACES = 2 ** 20
/** Rules of up to so many places are written out where they are called, if they do not call themselves. */
const WRITTEN_OUT = 60
/** What is repeated becomes a rule of its own where all copies together would have more places. */
const MOST_COPIED = 100_000
/** A rule stays as it is where a deterministic one would have so many times its places. */
const GROWTH = 4
/** Classes of up to so many ranges of bytes beyond ASCII are written out. */
const FEW_SEQUENCES = 4

const ASCII: Ranges = [[0, 0x7f]]
const BEYOND: Ranges = [[0x80, 0x10ffff]]

/** The grammar takes too many places. */
export class TooLargeError extends Error {}

/** Throws TooLargeError. All rules that are called must be there. */
export function buildFragments(grammar: Grammar): Fragments {
  return new Builder(grammar).build()
}

class Builder {
  readonly #grammar: Grammar
  readonly #rules: { name: string; start: number }[] = []
  readonly #places: Place[] = []
  readonly #numbers = new Map<string, number>()
  /** Rules that are still to be built: what makes their places, given the one behind. */
  readonly #waiting: { readonly rule: number; readonly build: (next: number) => number }[] = []
  readonly #sizes = new Map<Expression, number>()
  readonly #recursive: ReadonlySet<string>
  /** Of the rule that is being built. */
  #drafts: Place[] = []

  constructor(grammar: Grammar) {
    this.#grammar = grammar
    this.#recursive = recursiveRules(grammar)
  }

  build(): Fragments {
    const root = this.#numberOf(this.#grammar.root)
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) {
      this.#drafts = []
      const end = this.#place()
      this.#drafts[end]!.ends = true
      this.#rules[next.rule]!.start = this.#finish(next.build(end))
    }
    const beyond = this.#numbers.get(className(BEYOND))
    return { rules: this.#rules, places: this.#places, beyond, root }
  }

  #numberOf(name: string): number {
    return this.#number(name, next => this.#expression(this.#grammar.rules.get(name)!, next))
  }

  #number(name: string, build: (next: number) => number): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const rule = this.#rules.length
    this.#rules.push({ name, start: -1 })
    this.#numbers.set(name, rule)
    this.#waiting.push({ rule, build })
    return rule
  }

  #place(...skips: number[]): number {
    checkSize(this.#places.length + this.#drafts.length)
    return this.#drafts.push({ ends: false, bytes: [], calls: [], skips }) - 1
  }

  /** Where the expression begins that goes on in `next`. */
  #expression(expression: Expression, next: number): number {
    switch (expression.kind) {
      case 'text': {
        const bytes = Array.from(new TextEncoder().encode(expression.text), byte => [byte, byte] as const)
        return this.#bytes(bytes, next)
      }
      case 'characters':
        return this.#characters(expression.ranges, next)
      case 'sequence':
        return expression.parts.reduceRight((to, part) => this.#expression(part, to), next)
      case 'choice':
        return this.#place(...expression.options.map(option => this.#expression(option, next)))
      case 'repeat':
        return this.#repeat(expression, next)
      case 'rule':
        if (this.#writesOut(expression.name))
          return this.#expression(this.#grammar.rules.get(expression.name)!, next)
        return this.#call(this.#numberOf(expression.name), next)
      case 'graph': {
        const places = expression.nodes.map(({ ends }) => this.#place(...(ends ? [next] : [])))
        for (const [i, { edges }] of expression.nodes.entries())
          for (const { on, to } of edges)
            this.#drafts[places[i]!]!.skips.push(this.#expression(on, places[to]!))
        return places[0]!
      }
    }
    return expression satisfies never
  }

  #repeat({ of, least, most }: Expression & { kind: 'repeat' }, next: number): number {
    const copies = most === Number.POSITIVE_INFINITY ? least + 1 : most
    const written = (to: number) => this.#expression(of, to)
    if (copies === 1 || copies * this.#size(of) <= MOST_COPIED)
      return this.#copies(written, least, most, next)
    // A name that nobody writes.
    const called = this.#number(`\0${this.#rules.length}`, written)
    return this.#copies(to => this.#call(called, to), least, most, next)
  }

  #copies(one: (next: number) => number, least: number, most: number, next: number): number {
    let place = next
    if (most === Number.POSITIVE_INFINITY) {
      place = this.#place(next)
      this.#drafts[place]!.skips.push(one(place))
    }
    // Each but the needed ones may be the last.
    else for (let i = least; i < most; i++) place = this.#place(next, one(place))
    for (let i = 0; i < least; i++) place = one(place)
    return place
  }

  #call(rule: number, to: number): number {
    const place = this.#place()
    this.#drafts[place]!.calls.push({ rule, to })
    return place
  }

  #bytes(ranges: ByteRanges, next: number): number {
    return ranges.reduceRight((to, [first, last]) => {
      const place = this.#place()
      this.#drafts[place]!.bytes.push({ first, last, to })
      return place
    }, next)
  }

  #characters(ranges: Ranges, next: number): number {
    const place = this.#place()
    const draft = this.#drafts[place]!
    for (const [first, last] of intersection(ranges, ASCII)) draft.bytes.push({ first, last, to: next })
    const beyond = intersection(ranges, BEYOND)
    if (beyond.length === 0) return place
    const spelled = (to: number) => this.#place(...utf8Ranges(beyond).map(bytes => this.#bytes(bytes, to)))
    if (beyond.length <= FEW_SEQUENCES && utf8Ranges(beyond).length <= FEW_SEQUENCES)
      draft.skips.push(spelled(next))
    else draft.calls.push({ rule: this.#number(className(beyond), spelled), to: next })
    return place
  }

  #writesOut(name: string): boolean {
    return !this.#recursive.has(name) && this.#size(this.#grammar.rules.get(name)!) <= WRITTEN_OUT
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
        return this.#writesOut(expression.name) ? this.#size(this.#grammar.rules.get(expression.name)!) : 1
      case 'graph':
        return expression.nodes.reduce((size, { edges }) => size + sum(edges.map(({ on }) => on)), 0)
    }
    return expression satisfies never
  }

  /** Takes the drafts over, as places of the whole; answers their first one. */
  #finish(start: number): number {
    const made = determinize(this.#drafts, start) ?? this.#drafts
    const from = this.#places.length
    checkSize(from + made.length)
    const moved = <T extends { to: number }>(edge: T): T => ({ ...edge, to: edge.to + from })
    for (const { ends, bytes, calls, skips } of made)
      this.#places.push({
        ends,
        bytes: bytes.map(moved),
        calls: calls.map(moved),
        skips: skips.map(skip => skip + from),
      })
    return made === this.#drafts ? from + start : from
  }
}

function checkSize(places: number): void {
  if (places >= MOST_PLACES) throw new TooLargeError(`it takes more than ${MOST_PLACES} places`)
}

function className(ranges: Ranges): string {
  return `[${ranges.join(';')}]`
}

/** Rules that call themselves, directly or through others. */
function recursiveRules({ rules }: Grammar): Set<string> {
  const called = new Map([...rules].map(([name, expression]) => [name, calledRules(expression)]))
  const recursive = new Set<string>()
  // Tarjan's strongly connected components.
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (name: string) => {
    order.set(name, order.size)
    low.set(name, order.get(name)!)
    stack.push(name)
    for (const next of called.get(name) ?? []) {
      if (!order.has(next)) visit(next)
      if (stack.includes(next)) low.set(name, Math.min(low.get(name)!, low.get(next)!))
    }
    if (low.get(name) !== order.get(name)) return
    const component = stack.splice(stack.indexOf(name))
    if (component.length > 1 || called.get(name)?.has(name)) for (const each of component) recursive.add(each)
  }
  for (const name of rules.keys()) if (!order.has(name)) visit(name)
  return recursive
}

/** Rules that an expression names. */
export function calledRules(expression: Expression, into = new Set<string>()): Set<string> {
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

/** The same rule with one way for each byte and call, beginning in place 0; undefined where it would grow too much. */
function determinize(places: readonly Place[], start: number): Place[] | undefined {
  const most = GROWTH * places.length + 64
  const made: Place[] = []
  const numbers = new Map<string, number>()
  const sets: (readonly number[])[] = []
  const closures = new Closures(places)
  const numberOf = (starts: readonly number[]): number => {
    const set = closures.of(starts)
    const key = set.join()
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, sets.length)
    return sets.push(set) - 1
  }
  numberOf([start])
  for (let i = 0; i < sets.length; i++) {
    if (sets.length > most) return undefined
    const members = sets[i]!.map(place => places[place]!)
    const byByte: number[][] = []
    const byRule = new Map<number, number[]>()
    for (const { bytes, calls } of members) {
      for (const { first, last, to } of bytes)
        for (let byte = first; byte <= last; byte++) (byByte[byte] ??= []).push(to)
      for (const { rule, to } of calls) byRule.set(rule, [...(byRule.get(rule) ?? []), to])
    }
    const bytes: ByteEdge[] = []
    byByte.forEach((starts, byte) => {
      const to = numberOf(starts)
      const before = bytes.at(-1)
      if (before?.to === to && before.last === byte - 1)
        bytes[bytes.length - 1] = { first: before.first, last: byte, to }
      else bytes.push({ first: byte, last: byte, to })
    })
    const calls = [...byRule].map(([rule, starts]) => ({ rule, to: numberOf(starts) }))
    made.push({ ends: members.some(({ ends }) => ends), bytes, calls, skips: [] })
  }
  return made
}

/** Sets of the places that some places may be taken for: those where something happens, in order. */
class Closures {
  readonly #places: readonly Place[]
  readonly #seen: Uint32Array
  #round = 0

  constructor(places: readonly Place[]) {
    this.#places = places
    this.#seen = new Uint32Array(places.length)
  }

  of(starts: readonly number[]): readonly number[] {
    const round = ++this.#round
    const found: number[] = []
    const left = [...starts]
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      if (this.#seen[place] === round) continue
      this.#seen[place] = round
      const { ends, bytes, calls, skips } = this.#places[place]!
      if (ends || bytes.length > 0 || calls.length > 0) found.push(place)
      left.push(...skips)
    }
    return found.sort((a, b) => a - b)
  }
}
