// Where a rule lets characters of a class follow each other: what saves looking at all tokens that are made of them.
import { LAST_CHARACTER } from './expression.ts'
import type { Fragments } from './fragments.ts'
import type { CharacterClass, FreeText } from './matcher.ts'

const MOST = 0xffff
/** Classes of fewer ASCII characters are not worth it. */
const WORTH = 16

/** What may follow a place freely. */
export interface FreePlace extends FreeText {
  readonly furthest: number
  readonly place: number
  /** The place behind its first character, and the rule of those beyond ASCII. */
  readonly to: number
  readonly rule: number | undefined
}

export class FreePlaces {
  readonly #fragments: Fragments
  readonly #distances: ArrayLike<number>
  readonly #known = new Map<number, FreePlace | undefined>()
  readonly #classes = new Map<number, PlaceClass | undefined>()

  constructor(fragments: Fragments, distances: ArrayLike<number>) {
    this.#fragments = fragments
    this.#distances = distances
  }

  /** What may follow freely. `furthest` counts to the end of the place's rule. */
  at(place: number): FreePlace | undefined {
    if (this.#known.has(place)) return this.#known.get(place)
    const path: number[] = []
    const seen = new Set<number>()
    let here: number | undefined = place
    while (here !== undefined && !seen.has(here) && !this.#known.has(here)) {
      path.push(here)
      seen.add(here)
      here = this.#next(here)
    }
    const known = here === undefined ? undefined : this.#known.get(here)
    const loops = here !== undefined && seen.has(here)
    let most = loops ? MOST : (known?.most ?? 0)
    let furthest = known?.furthest ?? 0
    if (loops) for (const each of path) furthest = Math.max(furthest, this.#distances[each]!)
    for (const each of path.reverse()) {
      const found = this.#class(each)
      most = Math.min(most + 1, MOST)
      if (found) furthest = Math.max(furthest, this.#distances[found.to]!)
      const free = found && furthest < Number.POSITIVE_INFINITY
      const { to, rule } = found ?? {}
      this.#known.set(each, free ? { ...found.text, place: each, to: to!, rule, most, furthest } : undefined)
    }
    return this.#known.get(place)
  }

  /** All classes of characters that may follow freely somewhere. */
  *classes(): Generator<CharacterClass> {
    const seen = new Set<string>()
    for (const place of this.#fragments.places.keys()) {
      const found = this.#class(place)
      if (!found || seen.has(found.key)) continue
      seen.add(found.key)
      yield found.text
    }
  }

  /** The place behind a character of the class of `place` whose own class has all of that. */
  #next(place: number): number | undefined {
    const found = this.#class(place)
    if (!found) return undefined
    return this.#standsFor(found.to).find(to => {
      const next = this.#class(to)
      return next !== undefined && hasAll(next.text, found.text)
    })
  }

  #standsFor(place: number): number[] {
    const all = new Set([place])
    for (const each of all) for (const skip of this.#fragments.places[each]!.skips) all.add(skip)
    return [...all]
  }

  /** The most characters that lead from a place to the same one. */
  #class(place: number): PlaceClass | undefined {
    if (this.#classes.has(place)) return this.#classes.get(place)
    const found = this.#classify(place)
    this.#classes.set(place, found)
    return found
  }

  #classify(place: number): PlaceClass | undefined {
    const { edges, calls } = this.#fragments.places[place]!
    const counts = new Map<number, number>()
    for (const { first, last, to } of edges)
      counts.set(to, (counts.get(to) ?? 0) + Math.max(0, Math.min(last, 0x7f) - first + 1))
    const [best] = [...counts].sort((a, b) => b[1] - a[1])
    if (!best || best[1] < WORTH) return undefined
    const to = best[0]
    const ascii = new Uint32Array(4)
    for (const edge of edges)
      if (edge.to === to)
        for (let byte = edge.first; byte <= Math.min(edge.last, 0x7f); byte++)
          ascii[byte >> 5]! |= 1 << (byte & 31)
    const called = calls.find(call => call.to === to && this.#fragments.classes.has(call.rule))
    const ranges = called && this.#fragments.classes.get(called.rule)!
    const beyond = ranges?.length === 1 && ranges[0]![0] === 0x80 && ranges[0]![1] === LAST_CHARACTER
    const others = beyond ? undefined : ranges
    const key = `${ascii.join()}${beyond}${others?.join()}`
    return { to, text: { ascii, beyond, others }, rule: called?.rule, key }
  }
}

/** Whether all characters of a class are in another one; where it is a part of those beyond ASCII, the same part. */
export function hasAll(characters: CharacterClass, part: CharacterClass): boolean {
  if (!part.ascii.every((word, i) => (word & ~characters.ascii[i]!) === 0)) return false
  if (part.others) return part.others === characters.others
  return !part.beyond || characters.beyond
}

interface PlaceClass {
  readonly to: number
  /** That of the characters beyond ASCII. */
  readonly rule: number | undefined
  readonly text: CharacterClass
  readonly key: string
}
