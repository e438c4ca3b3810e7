// A grammar as an automaton over bytes: a state is a set of places, each with the stacks of places that its rule goes back to.
import { GrammarError } from '../errors.ts'
import { leftRecursion, orderWithoutReading, shortestDistances } from './distances.ts'
import { TooLargeError } from './drafts.ts'
import type { Grammar } from './expression.ts'
import { buildFragments, type Fragments } from './fragments.ts'
import { type FreePlace, FreePlaces } from './free-text.ts'
import type { ByteMatcher, CharacterClass, FreeText } from './matcher.ts'
import { StackSets, type Stacks } from './stacks.ts'

export interface GrammarState {
  /** Places where a byte may be read, in order, and the stacks of each. */
  readonly places: readonly number[]
  readonly stacks: readonly Stacks[]
  readonly ends: boolean
  /** Bytes that the shortest text from here to an end has. */
  readonly distance: number
  /** By class of bytes: the state behind, null where there is none, undefined where it is not known yet. */
  readonly next: (GrammarState | null | undefined)[]
  free: FreeText | undefined | 'unknown'
}

export class GrammarMatcher implements ByteMatcher<GrammarState> {
  readonly start: GrammarState
  readonly #fragments: Fragments
  readonly #distances: Float64Array
  readonly #order: Int32Array
  readonly #stackSets: StackSets
  readonly #freePlaces: FreePlaces
  readonly #states = new Map<string, GrammarState>()
  /** Bytes that all places treat alike have the same class. */
  readonly #classes: Uint8Array

  /** Throws GrammarError where a rule begins with itself, no text is finite, or the grammar is too large. */
  constructor(grammar: Grammar) {
    this.#fragments = fragmentsOf(grammar)
    this.#distances = shortestDistances(this.#fragments)
    const recursive = leftRecursion(this.#fragments, this.#distances)
    if (recursive !== undefined)
      throw new GrammarError(`the rule ${recursive} begins with itself: left recursion is not supported`)
    const { rules, root } = this.#fragments
    if (this.#distances[rules[root]!.start] === Number.POSITIVE_INFINITY)
      throw new GrammarError(`the rule ${rules[root]!.name} stands for no finite text`)
    this.#order = orderWithoutReading(this.#fragments, this.#distances)
    this.#stackSets = new StackSets(this.#distances)
    this.#freePlaces = new FreePlaces(this.#fragments, this.#distances)
    this.#classes = byteClasses(this.#fragments)
    const start = this.#closure()
    start.add(rules[root]!.start, this.#stackSets.bottom)
    this.start = this.#intern(start)
  }

  step(state: GrammarState, byte: number): GrammarState | undefined {
    const byteClass = this.#classes[byte]!
    const known = state.next[byteClass]
    if (known !== undefined) return known ?? undefined
    const next = this.#step(state, byte)
    state.next[byteClass] = next ?? null
    return next
  }

  mayEnd(state: GrammarState): boolean {
    return state.ends
  }

  /** Bytes that the shortest text from here to an end has. */
  distance(state: GrammarState): number {
    return state.distance
  }

  free(state: GrammarState): FreeText | undefined {
    if (state.free === 'unknown') state.free = this.#free(state)
    return state.free
  }

  /** Classes of characters that may follow freely somewhere. */
  classes(): Iterable<CharacterClass> {
    return this.#freePlaces.classes()
  }

  #free(state: GrammarState): FreeText | undefined {
    let best: FreePlace | undefined
    for (const place of state.places) {
      const found = this.#freePlaces.at(place)
      if (found && found.most > (best?.most ?? 0)) best = found
    }
    if (!best) return undefined
    const furthest = best.furthest + state.stacks[state.places.indexOf(best.place)]!.distance
    return { ...best, furthest, uniform: this.#isUniform(state, best) }
  }

  /** Whether all that reads a character of the class goes the same way, and nothing else reads those beyond ASCII if it does. */
  #isUniform({ places, stacks }: GrammarState, { place, to, rule, ascii }: FreePlace): boolean {
    const { rules, places: all } = this.#fragments
    const below = stacks[places.indexOf(place)]!
    return places.every((other, i) => {
      if (other === place) return rule === undefined || all[place]!.edges.every(({ last }) => last < 0x80)
      const { tops, below: under, empty } = stacks[i]!
      if (rule !== undefined && other === rules[rule]!.start)
        return !empty && tops.length === 1 && tops[0] === to && under[0] === below
      return all[other]!.edges.every(({ first, last }) => {
        if (last >= 0x80 && rule !== undefined) return false
        for (let byte = first; byte <= Math.min(last, 0x7f); byte++)
          if ((ascii[byte >> 5]! >>> (byte & 31)) & 1) return false
        return true
      })
    })
  }

  #step({ places, stacks }: GrammarState, byte: number): GrammarState | undefined {
    let closure: Closure | undefined
    for (let i = 0; i < places.length; i++)
      for (const { first, last, to } of this.#fragments.places[places[i]!]!.edges) {
        if (byte < first || byte > last) continue
        closure ??= this.#closure()
        closure.add(to, stacks[i]!)
      }
    return closure && (closure.places.size > 0 || closure.ends) ? this.#intern(closure) : undefined
  }

  #closure(): Closure {
    return new Closure(this.#fragments, this.#distances, this.#order, this.#stackSets)
  }

  #intern({ places: found, ends }: Closure): GrammarState {
    const places = [...found.keys()]
      .filter(place => this.#fragments.places[place]!.edges.length > 0)
      .sort((a, b) => a - b)
    let key = ends ? '.' : ''
    let distance = ends ? 0 : Number.POSITIVE_INFINITY
    const stacks: Stacks[] = []
    for (const place of places) {
      const below = found.get(place)!
      stacks.push(below)
      key += `${place}:${below.id},`
      distance = Math.min(distance, this.#distances[place]! + below.distance)
    }
    const known = this.#states.get(key)
    if (known) return known
    const state: GrammarState = { places, stacks, ends, distance, next: [], free: 'unknown' }
    this.#states.set(key, state)
    return state
  }
}

/** Places that can be reached without reading, from those that are added. Places without an end are left out. */
class Closure {
  readonly places = new Map<number, Stacks>()
  ends = false
  readonly #fragments: Fragments
  readonly #distances: Float64Array
  readonly #stackSets: StackSets
  readonly #order: Int32Array
  /** Places whose stacks have changed, the first of the order last: what is reached by many ways waits for all of them. */
  readonly #waiting: number[] = []

  constructor(fragments: Fragments, distances: Float64Array, order: Int32Array, stackSets: StackSets) {
    this.#fragments = fragments
    this.#distances = distances
    this.#order = order
    this.#stackSets = stackSets
  }

  add(place: number, stacks: Stacks): void {
    this.#reach(place, stacks)
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) this.#spread(next)
  }

  #reach(place: number, stacks: Stacks): void {
    if (this.#distances[place] === Number.POSITIVE_INFINITY) return
    const known = this.places.get(place)
    const all = known ? this.#stackSets.union(known, stacks) : stacks
    if (all === known) return
    this.places.set(place, all)
    const waiting = this.#waiting
    let at = waiting.length
    while (at > 0 && this.#order[waiting[at - 1]!]! < this.#order[place]!) at--
    if (waiting[at - 1] === place) return
    if (at === waiting.length) waiting.push(place)
    else waiting.splice(at, 0, place)
  }

  #spread(place: number): void {
    const all = this.places.get(place)!
    const { ends, calls, skips } = this.#fragments.places[place]!
    if (ends) {
      const popped = this.#stackSets.popped(all)
      this.ends ||= popped.ends
      for (const [top, below] of popped.places) this.#reach(top, below)
    }
    for (const skip of skips) this.#reach(skip, all)
    for (const { rule, to } of calls) {
      if (this.#distances[to] === Number.POSITIVE_INFINITY) continue
      // A call that ends its rule goes back to where the rule itself would.
      const next = this.#fragments.places[to]!
      const last = next.ends && next.edges.length + next.calls.length + next.skips.length === 0
      const { start } = this.#fragments.rules[rule]!
      this.#reach(start, last ? all : this.#stackSets.push(to, all))
      // Where nothing need be read, the way back is not waited for: rules of such rules would be gone through again and again.
      if (this.#distances[start] === 0) this.#reach(to, all)
    }
  }
}

function fragmentsOf(grammar: Grammar): Fragments {
  try {
    return buildFragments(grammar)
  } catch (error) {
    if (error instanceof TooLargeError) throw new GrammarError(`the grammar is too large: ${error.message}`)
    throw error
  }
}

function byteClasses({ places }: Fragments): Uint8Array {
  const begins = new Uint8Array(257)
  for (const { edges } of places)
    for (const { first, last } of edges) {
      begins[first] = 1
      begins[last + 1] = 1
    }
  let count = -1
  return Uint8Array.from({ length: 256 }, (_, byte) => {
    if (byte === 0 || begins[byte] === 1) count++
    return count
  })
}
