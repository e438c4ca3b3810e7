// SentencePiece's unigram model: of all ways to cut a text into pieces, the one with the highest sum of scores.
// (Kudo, https://arxiv.org/abs/1804.10959; found by Viterbi's algorithm)
import { byteIds } from './alphabet.ts'
import { characterLength } from './matcher.ts'
import { PairTable } from './pairs.ts'

export interface UnigramOptions {
  /** By id, as they are written in the file. */
  readonly pieces: readonly string[]
  /** By id: logarithms of probabilities. */
  readonly scores: ArrayLike<number>
  /** Whether texts are cut into this piece. */
  readonly usable: (id: number) => boolean
  /** For characters that no piece covers; several in a row are one. */
  readonly unknown: number | undefined
  /** Unknown characters become pieces such as <0x0A>, where all their bytes are pieces. */
  readonly byteFallback: boolean
}

/** How much less likely an unknown character is than the least likely piece. */
const UNKNOWN_PENALTY = 10
const UNKNOWN = -1

interface Built {
  readonly trie: Trie
  readonly unknownScore: number
  readonly bytes: Int32Array
}

export class UnigramModel {
  readonly #options: UnigramOptions
  /** Not before there is text: loading a model is to take no time. */
  #built: Built | undefined

  constructor(options: UnigramOptions) {
    this.#options = options
  }

  /** Appends the ids of a text. */
  encode(text: string, out: number[]): void {
    this.#built ??= build(this.#options)
    const count = text.length
    const best = new Float64Array(count + 1).fill(Number.NEGATIVE_INFINITY)
    /** By end: the best piece that ends there, and where it begins. */
    const ids = new Int32Array(count + 1)
    const begins = new Int32Array(count + 1)
    best[0] = 0
    for (let at = 0; at < count; ) {
      const next = at + characterLength(text, at)
      if (!this.#extend(text, at, next, best, ids, begins)) {
        const score = best[at]! + this.#built.unknownScore
        if (score > best[next]!) {
          best[next] = score
          ids[next] = UNKNOWN
          begins[next] = at
        }
      }
      at = next
    }
    const ends: number[] = []
    for (let end = count; end > 0; end = begins[end]!) ends.push(end)
    this.#push(text, ends.reverse(), ids, out)
  }

  /** Tries all pieces that begin at `at`. Whether one of them is the single character. */
  #extend(
    text: string,
    at: number,
    next: number,
    best: Float64Array,
    ids: Int32Array,
    begins: Int32Array,
  ): boolean {
    const { trie } = this.#built!
    let single = false
    let node = Trie.root
    for (let end = at; end < text.length; ) {
      node = trie.child(node, text.charCodeAt(end++))
      if (node < 0) break
      const id = trie.value(node)
      if (id < 0) continue
      if (end === next) single = true
      const score = best[at]! + this.#options.scores[id]!
      if (score > best[end]!) {
        best[end] = score
        ids[end] = id
        begins[end] = at
      }
    }
    return single
  }

  #push(text: string, ends: readonly number[], ids: Int32Array, out: number[]): void {
    let begin = 0
    let unknownFrom = -1
    for (const end of ends) {
      if (ids[end] === UNKNOWN) {
        if (unknownFrom < 0) unknownFrom = begin
      } else {
        if (unknownFrom >= 0) this.#pushUnknown(text.slice(unknownFrom, begin), out)
        unknownFrom = -1
        out.push(ids[end]!)
      }
      begin = end
    }
    if (unknownFrom >= 0) this.#pushUnknown(text.slice(unknownFrom), out)
  }

  #pushUnknown(text: string, out: number[]): void {
    const { byteFallback, unknown } = this.#options
    const bytes = Array.from(new TextEncoder().encode(text), byte => this.#built!.bytes[byte]!)
    if (byteFallback && !bytes.includes(-1)) for (const id of bytes) out.push(id)
    else if (unknown !== undefined) out.push(unknown)
  }
}

function build({ pieces, scores, usable }: UnigramOptions): Built {
  const trie = new Trie()
  let least = Number.POSITIVE_INFINITY
  pieces.forEach((piece, id) => {
    if (piece === '' || !usable(id)) return
    trie.add(piece, id)
    least = Math.min(least, scores[id]!)
  })
  return {
    trie,
    unknownScore: (Number.isFinite(least) ? least : 0) - UNKNOWN_PENALTY,
    bytes: byteIds(pieces, () => true),
  }
}

/** Texts, looked up one UTF-16 code unit after the other. */
class Trie {
  static readonly root = 0
  readonly #children = new PairTable(1 << 10)
  /** By node: the id of the text that ends there, or -1. */
  readonly #values: number[] = [-1]

  add(text: string, id: number): void {
    let node = Trie.root
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      let next = this.child(node, unit)
      if (next < 0) {
        next = this.#values.push(-1) - 1
        this.#children.set(node, unit, next)
      }
      node = next
    }
    if (this.#values[node] === -1) this.#values[node] = id
  }

  /** The node behind another, or -1. */
  child(node: number, unit: number): number {
    return this.#children.get(node, unit) ?? -1
  }

  value(node: number): number {
    return this.#values[node]!
  }
}
