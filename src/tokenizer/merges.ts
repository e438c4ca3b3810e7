// The list of merges of a byte-pair encoding, looked up by what they merge.
import type { MergeRules } from './merge.ts'
import { PairTable } from './pairs.ts'

/** Two symbols, the second of which may follow a space in one text. */
export type Merge = string | readonly [left: string, right: string]

/** Symbols: ids, then texts that are no piece, in the order in which they were met. */
export class ListedMerges implements MergeRules {
  readonly #pieces: readonly string[]
  readonly #symbols = new Map<string, number>()
  readonly #others: string[] = []
  readonly #pairs: PairTable
  /** By place in the list. */
  readonly #merged: Int32Array

  /** Merges that come first in the list are made first. */
  constructor(pieces: readonly string[], merges: readonly Merge[]) {
    this.#pieces = pieces
    pieces.forEach((piece, id) => {
      if (!this.#symbols.has(piece)) this.#symbols.set(piece, id)
    })
    this.#pairs = new PairTable(merges.length)
    this.#merged = Int32Array.from(merges, (merge, rank) => {
      const [first, second] = typeof merge === 'string' ? halves(merge) : merge
      const [left, right] = [this.symbolOf(first), this.symbolOf(second)]
      if (this.#pairs.get(left, right) === undefined) this.#pairs.set(left, right, rank)
      return this.symbolOf(first + second)
    })
  }

  symbolOf(text: string): number {
    const known = this.#symbols.get(text)
    if (known !== undefined) return known
    const symbol = this.#pieces.length + this.#others.push(text) - 1
    this.#symbols.set(text, symbol)
    return symbol
  }

  /** The piece that is written so. */
  id(text: string): number | undefined {
    const symbol = this.#symbols.get(text)
    return symbol !== undefined && symbol < this.#pieces.length ? symbol : undefined
  }

  text(symbol: number): string {
    return this.#pieces[symbol] ?? this.#others[symbol - this.#pieces.length]!
  }

  find(left: number, right: number): number {
    return this.#pairs.get(left, right) ?? -1
  }

  rank(merge: number): number {
    return merge
  }

  symbol(merge: number): number {
    return this.#merged[merge]!
  }
}

/** Of a merge that is written as one text. */
export function halves(merge: string): readonly [string, string] {
  const middle = merge.indexOf(' ', 1)
  return [merge.slice(0, middle), merge.slice(middle + 1)]
}
