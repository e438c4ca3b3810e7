// SentencePiece BPE as LLaMA and Mistral files have it: pieces with scores, merged best score first, and bytes for
// what no piece covers. Knows no file format. (Kudo and Richardson, https://arxiv.org/abs/1808.06226)
import { byteIds } from './alphabet.ts'
import { type MergeRules, mergeSymbols } from './merge.ts'
import { PairTable } from './pairs.ts'
import { TokenType } from './token-type.ts'
import { eachSpacedWord, spacesBeginWords, WordCache } from './words.ts'

export interface SpmOptions {
  /** By id, as they are written in the file. */
  readonly pieces: readonly string[]
  /** By id: a TokenType. */
  readonly types: ArrayLike<number>
  /** By id: pieces of a higher score are made first. */
  readonly scores: ArrayLike<number>
  /** For what neither a piece nor byte tokens cover. */
  readonly unknown: number | undefined
}

/** As many pairs are remembered; text of many languages has more. */
const REMEMBERED = 1 << 20

export class SpmModel {
  readonly #options: SpmOptions
  readonly #bytes: Int32Array
  readonly #words = new WordCache(word => this.#encodeWord(word))
  /** Not before there is text: loading a model is to take no time. */
  #built: { readonly rules: PieceMerges; readonly spaced: boolean } | undefined

  constructor(options: SpmOptions) {
    const { pieces, types } = options
    this.#options = options
    this.#bytes = byteIds(pieces, id => types[id] === TokenType.byte)
  }

  /** Appends the ids of a text in which spaces are written as ▁. */
  encode(text: string, out: number[]): void {
    this.#built ??= { rules: new PieceMerges(this.#options), spaced: spacesBeginWords(this.#options.pieces) }
    if (this.#built.spaced) eachSpacedWord(text, word => this.#words.push(word, out))
    else this.#words.push(text, out)
  }

  #encodeWord(word: string): readonly number[] {
    const { rules } = this.#built!
    const symbols = new Int32Array(word.length)
    let count = 0
    for (const character of word) symbols[count++] = rules.characterSymbol(character)
    rules.beginWord()
    const left = mergeSymbols(rules, symbols, count)
    const ids: number[] = []
    for (let i = 0; i < left; i++) this.#push(symbols[i]!, ids)
    return ids
  }

  #push(symbol: number, ids: number[]): void {
    const { rules } = this.#built!
    const parts = rules.partsOf(symbol)
    if (parts) for (const part of parts) this.#push(part, ids)
    else if (symbol < this.#options.pieces.length) ids.push(symbol)
    else this.#pushBytes(rules.text(symbol), ids)
  }

  #pushBytes(text: string, ids: number[]): void {
    for (const byte of new TextEncoder().encode(text)) {
      const id = this.#bytes[byte]! >= 0 ? this.#bytes[byte] : this.#options.unknown
      if (id !== undefined) ids.push(id)
    }
  }
}

/** Places among the scores, the highest first; equal scores share one. */
function ranksOf(scores: ArrayLike<number>): Int32Array {
  const ids = new Int32Array(scores.length)
  let falls = true
  for (let id = 1; id < ids.length; id++) {
    ids[id] = id
    if (scores[id]! > scores[id - 1]!) falls = false
  }
  // Most vocabularies are in this order already.
  if (!falls) ids.sort((a, b) => scores[b]! - scores[a]!)
  const ranks = new Int32Array(ids.length)
  for (let i = 1, rank = 0; i < ids.length; i++) {
    if (scores[ids[i]!] !== scores[ids[i - 1]!]) rank++
    ranks[ids[i]!] = rank
  }
  return ranks
}

/** Two symbols merge where their texts together are a piece. Symbols: ids, then characters that are no piece. */
class PieceMerges implements MergeRules {
  readonly #pieces: readonly string[]
  readonly #types: ArrayLike<number>
  readonly #ids = new Map<string, number>()
  /** By id: place among the scores, the highest first; equal scores share it. */
  readonly #ranks: Int32Array
  #pairs = new PairTable(1 << 12)
  /** Characters that are no piece, met so far. */
  readonly #strangers: string[] = []
  /** Of the present word: what unused pieces were made of. */
  readonly #parts = new Map<number, readonly [number, number]>()

  constructor({ pieces, types, scores }: SpmOptions) {
    this.#pieces = pieces
    this.#types = types
    // Of equal pieces the first counts.
    for (let id = pieces.length - 1; id >= 0; id--) this.#ids.set(pieces[id]!, id)
    this.#ranks = ranksOf(scores)
  }

  beginWord(): void {
    this.#parts.clear()
  }

  /** The two symbols that an unused piece was made of: it only leads to longer ones. */
  partsOf(symbol: number): readonly [number, number] | undefined {
    return this.#parts.get(symbol)
  }

  text(symbol: number): string {
    return this.#pieces[symbol] ?? this.#strangers[symbol - this.#pieces.length]!
  }

  characterSymbol(character: string): number {
    const known = this.#ids.get(character)
    if (known !== undefined) return known
    const symbol = this.#pieces.length + this.#strangers.push(character) - 1
    this.#ids.set(character, symbol)
    return symbol
  }

  find(left: number, right: number): number {
    const found = this.#pairs.get(left, right) ?? this.#look(left, right)
    if (found >= 0 && this.#types[found] === TokenType.unused) this.#parts.set(found, [left, right])
    return found
  }

  #look(left: number, right: number): number {
    const found = this.#ids.get(this.text(left) + this.text(right)) ?? -1
    if (this.#pairs.size === REMEMBERED) this.#pairs = new PairTable(1 << 12)
    this.#pairs.set(left, right, found)
    return found
  }

  rank(id: number): number {
    return this.#ranks[id]!
  }

  symbol(id: number): number {
    return id
  }
}
