// Which tokens may come next: a matcher of bytes taken through the tree of a vocabulary.
import { hasAll } from './free-text.ts'
import type { ByteMatcher, FreeText } from './matcher.ts'
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
    const matcher = this.#matcher
    const walk = new Walk(this.#trie, matcher, limit, matcher.mayEnd(start))
    // Some byte leads nearer to an end.
    walk.nearest = matcher.distance?.(start) ?? 0
    walk.below(0, start)
    for (const id of this.#ends) {
      if (matcher.mayEnd(start)) walk.bits[id >> 5]! |= 1 << (id & 31)
      else walk.bits[id >> 5]! &= ~(1 << (id & 31))
    }
    return walk
  }
}

/** One way through the tree, and what it finds. */
class Walk<State> implements Mask {
  readonly bits: TokenBits
  some: boolean
  furthest = 0
  nearest = Number.POSITIVE_INFINITY
  readonly #trie: VocabularyTrie
  readonly #matcher: ByteMatcher<State>
  readonly #limit: number
  /** By depth: the state behind the node of the present path. */
  readonly #states: State[] = []

  constructor(trie: VocabularyTrie, matcher: ByteMatcher<State>, limit: number, some: boolean) {
    this.bits = new Uint32Array((trie.size + 31) >> 5)
    this.#trie = trie
    this.#matcher = matcher
    this.#limit = limit
    this.some = some
  }

  /** All tokens below a node, behind which there is `state`. */
  below(node: number, state: State): void {
    const { depth, end } = this.#trie
    const free = this.#matcher.free?.(state)
    if (free && this.#covers(node, state, free))
      this.#allow(node + 1, end[node]!, this.#furthest(state, free))
    else if (!(free?.uniform && this.#trie.isLarge(node) && this.#freely(node, state, free))) {
      this.#states[depth[node]!] = state
      this.#each(node + 1, end[node]!)
    }
  }

  /** The same where much of it is free; false where nothing was done. */
  #freely(node: number, state: State, free: FreeText): boolean {
    const { depth, end } = this.#trie
    const tokens = this.#trie.tokensOf(node, free)
    const states = this.#statesBehind(state, free, tokens.further.length)
    if (states === undefined) return false
    const furthest = this.#furthest(state, free)
    if (furthest <= this.#limit) {
      const mask = tokens.mask(free.most)
      for (let i = 0; i < mask.length; i++) this.bits[i]! |= mask[i]!
      this.some = true
      this.furthest = Math.max(this.furthest, furthest)
    } else {
      // None of them, unless some are near enough and others are not.
      const nearest = Math.min(...states.slice(1).map(each => this.#distance(each)))
      if (nearest <= this.#limit) return false
      this.nearest = Math.min(this.nearest, nearest)
    }
    const leave = (first: number, characters: number) => {
      const before = states[characters]
      if (before === undefined) return
      this.#states[depth[first]! - 1] = before
      this.#each(first, end[first]!)
    }
    const { exits, before } = tokens
    for (let i = 0; i < exits.length; i++) leave(exits[i]!, before[i]!)
    const further = tokens.further[free.most] ?? []
    if (further.length > 0 && this.#goesOn(states[free.most]!, free))
      for (const first of further) leave(first, free.most)
    return true
  }

  /** Whether any character of a class may follow. */
  #goesOn(state: State, { ascii, beyond, others }: FreeText): boolean {
    for (let byte = 0; byte < 0x100; byte++) {
      const within = byte < 0x80 ? (ascii[byte >> 5]! >>> (byte & 31)) & 1 : beyond || others
      if (within && this.#matcher.step(state, byte) !== undefined) return true
    }
    return false
  }

  /** By number of characters of a free text, up to `longest`: the state behind it. Undefined where it depends on more. */
  #statesBehind(start: State, free: FreeText, longest: number): State[] | undefined {
    const matcher = this.#matcher
    const word = free.ascii.findIndex(bits => bits !== 0)
    if (word < 0) return undefined
    const sample = 32 * word + (31 - Math.clz32(free.ascii[word]!))
    const states = [start]
    while (states.length <= Math.min(longest, free.most)) {
      const before = states.at(-1)!
      const state = matcher.step(before, sample)!
      states.push(state)
      if (state === before) while (states.length <= longest) states.push(state)
      else if (states.length <= free.most) {
        const next = matcher.free?.(state)
        if (!next?.uniform || !hasAll(next, free)) return undefined
      }
    }
    return states
  }

  /** The nodes from `node` to before `to`: some that lie side by side, and all below them. */
  #each(node: number, to: number): void {
    const { byte, depth, end, height } = this.#trie
    const states = this.#states
    while (node < to) {
      const state = this.#matcher.step(states[depth[node]! - 1]!, byte[node]!)
      if (state === undefined) {
        node = end[node]!
        continue
      }
      states[depth[node]!] = state
      const last = end[node]!
      const distance = this.#distance(state)
      // Each byte brings an end nearer by one at most: what comes below is neither near enough nor the nearest.
      if (distance - height[node]! >= Math.max(this.#limit + 1, this.nearest)) {
        node = last
        continue
      }
      const free = last > node + 1 ? this.#matcher.free?.(state) : undefined
      if (free && this.#covers(node, state, free)) {
        this.#allow(node, last, this.#furthest(state, free))
        node = last
      } else {
        this.#allow(node, node + 1, distance)
        const done = free?.uniform && this.#trie.isLarge(node) && this.#freely(node, state, free)
        node = done ? last : node + 1
      }
    }
  }

  /** Whether all that is below a node may follow. */
  #covers(node: number, state: State, free: FreeText): boolean {
    return this.#trie.covers(node, free) && this.#furthest(state, free) <= this.#limit
  }

  #furthest(state: State, free: FreeText): number {
    // A character that is cut off may have three bytes to go.
    return (free.furthest ?? this.#distance(state)) + (free.beyond || free.others ? 3 : 0)
  }

  /** Sets the tokens of the nodes from `from` to before `to`, behind which an end is so far. */
  #allow(from: number, to: number, distance: number): void {
    const { firstToken, tokens } = this.#trie
    const last = firstToken[to]!
    if (firstToken[from] === last) return
    if (distance < this.nearest) this.nearest = distance
    if (distance > this.#limit) return
    if (distance > this.furthest) this.furthest = distance
    this.some = true
    for (let i = firstToken[from]!; i < last; i++) {
      const id = tokens[i]!
      this.bits[id >> 5]! |= 1 << (id & 31)
    }
  }

  #distance(state: State): number {
    return this.#matcher.distance?.(state) ?? 0
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
