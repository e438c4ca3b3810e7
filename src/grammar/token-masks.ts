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
  readonly #masks = new Map<State, TokenBits>()

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

  /** The tokens that may come in this state, those that end the text among them. Not to be changed. */
  allowed(state: State): TokenBits {
    const known = this.#masks.get(state)
    if (known) return known
    const bits = this.#compute(state)
    if (this.#masks.size >= KEPT) this.#masks.delete(this.#masks.keys().next().value!)
    this.#masks.set(state, bits)
    return bits
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

  #compute(start: State): TokenBits {
    const { byte, depth, end, firstToken, tokens, nodes, size } = this.#trie
    const matcher = this.#matcher
    const bits = new Uint32Array((size + 31) >> 5)
    /** Sets the tokens of the nodes from `from` to before `to`. */
    const allow = (from: number, to: number) => {
      for (let i = firstToken[from]!; i < firstToken[to]!; i++) {
        const id = tokens[i]!
        bits[id >> 5]! |= 1 << (id & 31)
      }
    }
    /** By depth: the state behind the node of the present path. */
    const states: State[] = [start]
    const free = matcher.free?.(start)
    for (let node = free && this.#trie.covers(0, free) ? nodes : 1; node < nodes; ) {
      const state = matcher.step(states[depth[node]! - 1]!, byte[node]!)
      if (state === undefined) {
        node = end[node]!
        continue
      }
      const text = end[node]! > node + 1 ? matcher.free?.(state) : undefined
      const next = text && this.#trie.covers(node, text) ? end[node]! : node + 1
      allow(node, next)
      states[depth[node]!] = state
      node = next
    }
    if (free && this.#trie.covers(0, free)) allow(1, nodes)
    const ends = matcher.mayEnd(start)
    for (const id of this.#ends) {
      if (ends) bits[id >> 5]! |= 1 << (id & 31)
      else bits[id >> 5]! &= ~(1 << (id & 31))
    }
    return bits
  }
}
