// Sets of stacks of places, as they pile up where rules call rules. Equal sets are the same object.

/** Some stacks: by their uppermost places, what lies below. */
export interface Stacks {
  readonly id: number
  /** The empty stack is among them. */
  readonly empty: boolean
  /** In order; `below` has for each of them what lies below it. */
  readonly tops: readonly number[]
  readonly below: readonly Stacks[]
  /** Bytes that the shortest of them still asks for. */
  readonly distance: number
}

/** Where rules go back to: places, each with the stacks below it, and whether all rules may be at their end. */
export interface Popped {
  readonly ends: boolean
  readonly places: ReadonlyMap<number, Stacks>
}

export class StackSets {
  readonly bottom: Stacks
  /** By the ids of two sets. */
  readonly #unions = new Map<string, Stacks>()
  readonly #popped = new Map<Stacks, Popped>()
  readonly #known = new Map<string, Stacks>()
  readonly #distances: ArrayLike<number>

  /** `distances`: by place, bytes to the end of its rule. */
  constructor(distances: ArrayLike<number>) {
    this.#distances = distances
    this.bottom = this.#intern(true, [], [])
  }

  push(place: number, below: Stacks): Stacks {
    return this.#intern(false, [place], [below])
  }

  union(a: Stacks, b: Stacks): Stacks {
    if (a === b) return a
    const key = a.id < b.id ? `${a.id},${b.id}` : `${b.id},${a.id}`
    const known = this.#unions.get(key)
    if (known) return known
    const tops: number[] = []
    const below: Stacks[] = []
    for (let i = 0, j = 0; i < a.tops.length || j < b.tops.length; ) {
      const left = a.tops[i] ?? Number.POSITIVE_INFINITY
      const right = b.tops[j] ?? Number.POSITIVE_INFINITY
      tops.push(Math.min(left, right))
      if (left === right) below.push(this.union(a.below[i++]!, b.below[j++]!))
      else below.push(left < right ? a.below[i++]! : b.below[j++]!)
    }
    const all = this.#intern(a.empty || b.empty, tops, below)
    this.#unions.set(key, all)
    return all
  }

  /** Behind the end of a rule: its stacks' uppermost places, and those below where nothing more need be read. */
  popped(stacks: Stacks): Popped {
    const known = this.#popped.get(stacks)
    if (known) return known
    // From below upwards: stacks are as deep as texts are long.
    const waiting = [stacks]
    for (let next = waiting.at(-1); next; next = waiting.at(-1)) {
      const { tops, below } = next
      const first = below.filter((each, i) => this.#distances[tops[i]!] === 0 && !this.#popped.has(each))
      if (first.length > 0) waiting.push(...first)
      else this.#popped.set(waiting.pop()!, this.#pop(next))
    }
    return this.#popped.get(stacks)!
  }

  /** What lies below has been popped already. */
  #pop(stacks: Stacks): Popped {
    const places = new Map<number, Stacks>()
    const add = (place: number, below: Stacks) => {
      const before = places.get(place)
      places.set(place, before ? this.union(before, below) : below)
    }
    let ends = stacks.empty
    stacks.tops.forEach((top, i) => {
      const below = stacks.below[i]!
      add(top, below)
      if (this.#distances[top] !== 0) return
      const further = this.#popped.get(below)!
      ends ||= further.ends
      for (const [place, under] of further.places) add(place, under)
    })
    return { ends, places }
  }

  #intern(empty: boolean, tops: readonly number[], below: readonly Stacks[]): Stacks {
    let key = empty ? '.' : ''
    for (let i = 0; i < tops.length; i++) key += `${tops[i]}:${below[i]!.id},`
    const known = this.#known.get(key)
    if (known) return known
    let distance = empty ? 0 : Number.POSITIVE_INFINITY
    for (let i = 0; i < tops.length; i++)
      distance = Math.min(distance, this.#distances[tops[i]!]! + below[i]!.distance)
    const made = { id: this.#known.size, empty, tops, below, distance }
    this.#known.set(key, made)
    return made
  }
}
