// An expression as an automaton over characters with calls of rules, and the deterministic one that does the same.
import type { Expression, Ranges } from './expression.ts'

/** A place on the way through an expression, over edges of one kind. Deterministic ones have no `skips`, and one way at most for each character and call. */
export interface Place<Called = string> {
  /** The expression may end here. */
  ends: boolean
  readonly edges: Edge[]
  readonly calls: Call<Called>[]
  /** Places that may be taken for this one. */
  readonly skips: number[]
}

/** A character, or a byte, and the place behind it. */
export interface Edge {
  readonly first: number
  readonly last: number
  readonly to: number
}

/** A rule, and the place behind it. */
export interface Call<Called = string> {
  readonly rule: Called
  readonly to: number
}

/** No grammar has more places. */
export const MOST_PLACES = 2 ** 18
/** No expression has more ways over characters: large classes many times. */
const MOST_EDGES = 2 ** 20
/** An automaton stays as it is where a deterministic one would have so many times its places. */
const GROWTH = 4
/** The same of the places that those of a deterministic one stand for, all together: they may be each as many as there are. */
const MEMBERS = 64

/** A grammar, or a part of it, takes too many places. */
export class TooLargeError extends Error {
  constructor(problem = `it takes more than ${MOST_PLACES} places`) {
    super(problem)
  }
}

/** What becomes of an expression within others. */
export interface Folding {
  /** A rule that is written out where it is called, or undefined where it is to be called. */
  writtenOut(name: string): Expression | undefined
  /** A rule for what is repeated, if there are too many copies of it. */
  ruleFor(repeated: Expression, copies: number): string | undefined
}

/** The automaton of an expression; it begins in the place `start`. */
export function draft(expression: Expression, folding?: Folding): { places: Place[]; start: number } {
  const drafts = new Drafts(folding)
  const end = drafts.place()
  drafts.places[end]!.ends = true
  return { start: drafts.expression(expression, end), places: drafts.places }
}

class Drafts {
  readonly places: Place[] = []
  #edges = 0
  readonly #folding: Folding | undefined

  constructor(folding: Folding | undefined) {
    this.#folding = folding
  }

  place(...skips: number[]): number {
    if (this.places.length >= MOST_PLACES) throw new TooLargeError()
    return this.places.push({ ends: false, edges: [], calls: [], skips }) - 1
  }

  /** Where the expression begins that goes on in `next`. */
  expression(expression: Expression, next: number): number {
    switch (expression.kind) {
      case 'text':
        return [...expression.text].reduceRight((to, character) => {
          const code = character.codePointAt(0)!
          return this.#characters([[code, code]], to)
        }, next)
      case 'characters':
        return this.#characters(expression.ranges, next)
      case 'sequence':
        return expression.parts.reduceRight((to, part) => this.expression(part, to), next)
      case 'choice':
        return this.place(...expression.options.map(option => this.expression(option, next)))
      case 'repeat':
        return this.#repeat(expression, next)
      case 'rule': {
        const written = expression.apart ? undefined : this.#folding?.writtenOut(expression.name)
        return written ? this.expression(written, next) : this.#call(expression.name, next)
      }
      case 'graph': {
        const places = expression.nodes.map(({ ends }) => this.place(...(ends ? [next] : [])))
        for (const [i, { edges }] of expression.nodes.entries())
          for (const { on, to } of edges)
            this.places[places[i]!]!.skips.push(this.expression(on, places[to]!))
        return places[0]!
      }
    }
    return expression satisfies never
  }

  #repeat({ of, least, most }: Expression & { kind: 'repeat' }, next: number): number {
    const bounded = most !== Number.POSITIVE_INFINITY
    const rule = this.#folding?.ruleFor(of, bounded ? most : least + 1)
    const one = (to: number) => (rule === undefined ? this.expression(of, to) : this.#call(rule, to))
    let place = next
    if (!bounded) {
      place = this.place(next)
      this.places[place]!.skips.push(one(place))
    }
    // Each but the needed ones may be the last.
    else for (let i = least; i < most; i++) place = this.place(next, one(place))
    for (let i = 0; i < least; i++) place = one(place)
    return place
  }

  #call(rule: string, to: number): number {
    const place = this.place()
    this.places[place]!.calls.push({ rule, to })
    return place
  }

  #characters(ranges: Ranges, to: number): number {
    const place = this.place()
    this.#edges += ranges.length
    if (this.#edges > MOST_EDGES)
      throw new TooLargeError(`it takes more than ${MOST_EDGES} ranges of characters`)
    for (const [first, last] of ranges) this.places[place]!.edges.push({ first, last, to })
    return place
  }
}

/** The same with one way for each character and call, beginning in place 0; undefined where it would have more than `most` places. */
export function determinize(
  places: readonly Place[],
  start: number,
  most = GROWTH * places.length + 64,
  mostMembers = MEMBERS * places.length + 2 ** 16,
): Place[] | undefined {
  const made: Place[] = []
  const numbers = new Map<string, number>()
  const sets: (readonly number[])[] = []
  const closures = new Closures(places)
  let count = 0
  const numberOf = (starts: readonly number[]): number => {
    const set = closures.of(starts)
    const key = set.join()
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, sets.length)
    count += set.length
    return sets.push(set) - 1
  }
  numberOf([start])
  for (let i = 0; i < sets.length; i++) {
    if (sets.length > most || count > mostMembers) return undefined
    const members = sets[i]!.map(place => places[place]!)
    const edges: Edge[] = []
    for (const { first, last, to: starts } of divide(members.flatMap(member => member.edges))) {
      const to = numberOf(starts)
      const before = edges.at(-1)
      if (before?.to === to && before.last === first - 1)
        edges[edges.length - 1] = { first: before.first, last, to }
      else edges.push({ first, last, to })
    }
    const byRule = new Map<string, number[]>()
    for (const { calls } of members)
      for (const { rule, to } of calls) byRule.set(rule, [...(byRule.get(rule) ?? []), to])
    const calls = [...byRule].map(([rule, starts]) => ({ rule, to: numberOf(starts) }))
    made.push({ ends: members.some(({ ends }) => ends), edges, calls, skips: [] })
  }
  return made
}

/** What leads to each place. */
export function byTarget(edges: readonly Edge[]): Map<number, [number, number][]> {
  const targets = new Map<number, [number, number][]>()
  for (const { first, last, to } of edges) {
    const ranges = targets.get(to)
    if (ranges) ranges.push([first, last])
    else targets.set(to, [[first, last]])
  }
  return targets
}

/** Ranges in order that do not overlap, with all places behind each. */
function divide(edges: readonly Edge[]): { first: number; last: number; to: number[] }[] {
  if (edges.length === 1) return [{ ...edges[0]!, to: [edges[0]!.to] }]
  const ends = new Set<number>()
  for (const { first, last } of edges) ends.add(first).add(last + 1)
  const cuts = [...ends].sort((a, b) => a - b)
  const at = new Map(cuts.map((cut, i) => [cut, i]))
  const parts = cuts.map((first, i) => ({ first, last: (cuts[i + 1] ?? 0) - 1, to: [] as number[] }))
  for (const { first, last, to } of edges)
    for (let i = at.get(first)!; i < at.get(last + 1)!; i++) parts[i]!.to.push(to)
  return parts.filter(({ to }) => to.length > 0)
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
      const { ends, edges, calls, skips } = this.#places[place]!
      if (ends || edges.length > 0 || calls.length > 0) found.push(place)
      left.push(...skips)
    }
    return found.sort((a, b) => a - b)
  }
}
