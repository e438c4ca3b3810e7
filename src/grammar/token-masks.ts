// Which tokens may come next: a matcher of bytes taken through the tree of a vocabulary.
import type { ByteMatcher } from './matcher.ts'
import type { VocabularyTrie } from './vocabulary-trie.ts'

/** Masks that are kept; of 128,256 tokens each is 16 kB. */
const KEPT = 1024

/** As samplers take it: bit `id & 31` of word `id >> 5` for each id. */
export type TokenBits = Uint32Array

export class TokenMasks<State> {
  readonly #trie: VocabularyTrie
  readonly #matcher: ByteMatcher<State>
  readonly #bytesOf: (id: number) => Uint8Array | undefined
  /** Ids that end a text; the matcher says where they may come. */
  readonly #ends: ReadonlySet<number>
  readonly #masks = new Map<State, Mask>()

  constructor(
    trie: VocabularyTrie,
    matcher: ByteMatcher<State>,
    bytesOf: (id: number) => Uint8Array | undefined,
    ends: ReadonlySet<number>,
  ) {
    this.#trie = trie
    this.#matcher = matcher
    this.#bytesOf = bytesOf
    this.#ends = ends
  }

  /**
   * The tokens that may come in this state, those that end the text among them. Not to be changed. With `left` tokens to go, only those
   * behind which the text can still be brought to an end with a token a byte; where there are none, those that are nearest to it.
   */
  allowed(state: State, left = Number.POSITIVE_INFINITY): TokenBits {
    const mask = this.#known(state)
    if (mask.furthest < left) return mask.bits
    const within = this.#compute(state, left - 1)
    const { bits } = within.some ? within : this.#compute(state, within.nearest)
    return bits
  }

  #known(state: State): Mask {
    const known = this.#masks.get(state)
    if (known) return known
    const mask = this.#compute(state, Number.POSITIVE_INFINITY)
    if (this.#masks.size >= KEPT) this.#masks.delete(this.#masks.keys().next().value!)
    this.#masks.set(state, mask)
    return mask
  }

  /** The state behind a token, or undefined where it may not come. Tokens that end the text have none behind them. */
  take(state: State, id: number): State | undefined {
    const bytes = this.#ends.has(id) ? undefined : this.#bytesOf(id)
    if (!bytes || bytes.length === 0) return undefined
    let next: State | undefined = state
    for (const byte of bytes) {
      next = this.#matcher.step(next, byte)
      if (next === undefined) return undefined
    }
    return next
  }

  /** `limit`: the greatest distance to an end that is allowed behind a token. */
  #compute(start: State, limit: number): Mask {
    const { byte, depth, end, firstToken, tokens, nodes, size } = this.#trie
    const matcher = this.#matcher
    const mask: Mask = {
      bits: new Uint32Array((size + 31) >> 5),
      some: matcher.mayEnd(start),
      furthest: 0,
      nearest: Number.POSITIVE_INFINITY,
    }
    const { bits } = mask
    /** Sets the tokens of the nodes from `from` to before `to`, behind which there is `state`. */
    const allow = (from: number, to: number, state: State) => {
      if (firstToken[from] === firstToken[to]) return
      const distance = matcher.distance?.(state) ?? 0
      if (distance < mask.nearest) mask.nearest = distance
      if (distance > limit) return
      if (distance > mask.furthest) mask.furthest = distance
      mask.some = true
      for (let i = firstToken[from]!; i < firstToken[to]!; i++) {
        const id = tokens[i]!
        bits[id >> 5]! |= 1 << (id & 31)
      }
    }
    /** Whether all that is below a node may follow. */
    const covers = (node: number, state: State): boolean => {
      const free = matcher.free?.(state)
      return free !== undefined && this.#trie.covers(node, free) && (matcher.distance?.(state) ?? 0) <= limit
    }
    /** By depth: the state behind the node of the present path. */
    const states: State[] = [start]
    const all = covers(0, start)
    if (all) allow(1, nodes, start)
    for (let node = all ? nodes : 1; node < nodes; ) {
      const state = matcher.step(states[depth[node]! - 1]!, byte[node]!)
      if (state === undefined) {
        node = end[node]!
        continue
      }
      const next = end[node]! > node + 1 && covers(node, state) ? end[node]! : node + 1
      allow(node, next, state)
      states[depth[node]!] = state
      node = next
    }
    for (const id of this.#ends) {
      if (matcher.mayEnd(start)) bits[id >> 5]! |= 1 << (id & 31)
      else bits[id >> 5]! &= ~(1 << (id & 31))
    }
    return mask
  }
}

interface Mask {
  readonly bits: TokenBits
  /** Whether anything is allowed. */
  some: boolean
  /** The greatest distance to an end behind an allowed token. */
  furthest: number
  /** The least distance behind any token that the matcher takes. */
  nearest: number
}
