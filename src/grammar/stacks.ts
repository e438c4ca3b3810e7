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

export class StackSets {
  readonly bottom: Stacks
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
    const tops: number[] = []
    const below: Stacks[] = []
    for (let i = 0, j = 0; i < a.tops.length || j < b.tops.length; ) {
      const left = a.tops[i] ?? Number.POSITIVE_INFINITY
      const right = b.tops[j] ?? Number.POSITIVE_INFINITY
      tops.push(Math.min(left, right))
      if (left === right) below.push(this.union(a.below[i++]!, b.below[j++]!))
      else below.push(left < right ? a.below[i++]! : b.below[j++]!)
    }
    return this.#intern(a.empty || b.empty, tops, below)
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
