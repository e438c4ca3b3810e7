// Where a rule lets characters of a class follow each other: what saves looking at all tokens that are made of them.
import type { Fragments } from './fragments.ts'
import type { FreeText } from './matcher.ts'

const MOST = 0xffff
/** Classes of fewer ASCII characters are not worth it. */
const WORTH = 16

export class FreePlaces {
  readonly #fragments: Fragments
  readonly #distances: ArrayLike<number>
  readonly #known = new Map<number, FreeText | undefined>()
  readonly #classes = new Map<number, PlaceClass | undefined>()

  constructor(fragments: Fragments, distances: ArrayLike<number>) {
    this.#fragments = fragments
    this.#distances = distances
  }

  /** What may follow freely. Behind each character of it the way to the end is no longer than before. */
  at(place: number): FreeText | undefined {
    if (this.#known.has(place)) return this.#known.get(place)
    const path: number[] = []
    const seen = new Set<number>()
    let most: number
    for (let here = place; ; ) {
      if (this.#known.has(here)) {
        most = this.#known.get(here)?.most ?? 0
        break
      }
      path.push(here)
      seen.add(here)
      const next = this.#next(here)
      if (next === undefined || seen.has(next)) {
        // A loop has no end; elsewhere one character is free if its class has a way on at all.
        most = next === undefined ? (this.#goesOn(here) ? 1 : 0) : MOST
        path.pop()
        this.#set(here, most)
        if (next !== undefined) for (const each of path) this.#set(each, MOST)
        if (next !== undefined) path.length = 0
        break
      }
      here = next
    }
    for (const each of path.reverse()) this.#set(each, ++most)
    return this.#known.get(place)
  }

  #set(place: number, most: number): void {
    const found = this.#class(place)
    this.#known.set(place, found && most > 0 ? { ...found.text, most: Math.min(most, MOST) } : undefined)
  }

  #goesOn(place: number): boolean {
    const found = this.#class(place)
    return found !== undefined && this.#distances[found.to]! <= this.#distances[place]!
  }

  /** The place behind a character of the class of `place` whose own class is the same. */
  #next(place: number): number | undefined {
    const found = this.#class(place)
    if (!found || !this.#goesOn(place)) return undefined
    return this.#standsFor(found.to).find(
      to => this.#class(to)?.key === found.key && this.#distances[to]! <= this.#distances[place]!,
    )
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
    const { bytes, calls } = this.#fragments.places[place]!
    const counts = new Map<number, number>()
    for (const { first, last, to } of bytes)
      counts.set(to, (counts.get(to) ?? 0) + Math.max(0, Math.min(last, 0x7f) - first + 1))
    const [best] = [...counts].sort((a, b) => b[1] - a[1])
    if (!best || best[1] < WORTH) return undefined
    const to = best[0]
    const ascii = new Uint32Array(4)
    for (const edge of bytes)
      if (edge.to === to)
        for (let byte = edge.first; byte <= Math.min(edge.last, 0x7f); byte++)
          ascii[byte >> 5]! |= 1 << (byte & 31)
    const beyond = calls.some(call => call.rule === this.#fragments.beyond && call.to === to)
    return { to, text: { ascii, beyond }, key: `${ascii.join()}${beyond}` }
  }
}

interface PlaceClass {
  readonly to: number
  readonly text: Omit<FreeText, 'most'>
  readonly key: string
}
