// SentencePiece BPE as LLaMA and Mistral files have it: pieces with scores, merged best score first, and bytes for
// what no piece covers. Knows no file format. (Kudo and Richardson, https://arxiv.org/abs/1808.06226)
import { byteIds } from './alphabet.ts'
import { type MergeRules, mergeSymbols } from './merge.ts'
import { PairTable } from './pairs.ts'
import { pieceBytes } from './text-models.ts'
import { type TextModel, TokenType, type Vocabulary } from './vocabulary.ts'
import { eachSpacedWord, SPACE, spacesBeginWords, WordCache } from './words.ts'

export interface SpmOptions {
  /** By id: pieces of a higher score are made first. */
  readonly scores: ArrayLike<number>
  /** For what neither a piece nor byte tokens cover. */
  readonly unknown: number | undefined
  readonly spacePrefix: TextModel['spacePrefix']
  /** What is done to a text first. Default: nothing. */
  readonly normalize?: (text: string) => string
}

/** As many pairs are remembered; text of many languages has more. */
const REMEMBERED = 1 << 20

export class SpmModel implements TextModel {
  readonly spacePrefix: TextModel['spacePrefix']
  readonly #vocabulary: Vocabulary
  readonly #options: SpmOptions
  readonly #bytes: Int32Array
  readonly #words = new WordCache(word => this.#encodeWord(word))
  /** Not before there is text: loading a model is to take no time. */
  #built: { readonly rules: PieceMerges; readonly spaced: boolean } | undefined

  constructor(vocabulary: Vocabulary, options: SpmOptions) {
    const { pieces, types } = vocabulary
    this.spacePrefix = options.spacePrefix
    this.#vocabulary = vocabulary
    this.#options = options
    this.#bytes = byteIds(pieces, id => types[id] === TokenType.byte)
  }

  encode(text: string, prefix: boolean, out: number[]): void {
    const { scores, normalize } = this.#options
    this.#built ??= {
      rules: new PieceMerges(this.#vocabulary, scores),
      spaced: spacesBeginWords(this.#vocabulary.pieces),
    }
    const normalized = normalize ? normalize(text) : text
    if (normalized === '') return
    const written = ((prefix ? ' ' : '') + normalized).replaceAll(' ', SPACE)
    if (this.#built.spaced) eachSpacedWord(written, word => this.#words.push(word, out))
    else this.#words.push(written, out)
  }

  bytes(id: number): Uint8Array {
    const { pieces, types } = this.#vocabulary
    return pieceBytes(pieces[id] ?? '', types[id] === TokenType.byte)
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
    else if (symbol < this.#vocabulary.pieces.length) ids.push(symbol)
    else this.#pushBytes(rules.text(symbol), ids)
  }

  #pushBytes(text: string, ids: number[]): void {
    for (const byte of new TextEncoder().encode(text)) {
      const id = this.#bytes[byte]! >= 0 ? this.#bytes[byte] : this.#options.unknown
      if (id !== undefined) ids.push(id)
    }
  }
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

  constructor({ pieces, types }: Vocabulary, scores: ArrayLike<number>) {
    this.#pieces = pieces
    this.#types = types
    pieces.forEach((piece, id) => {
      if (!this.#ids.has(piece)) this.#ids.set(piece, id)
    })
    const ordered = [...new Set(Array.from(scores))].sort((a, b) => b - a)
    const places = new Map(ordered.map((score, place) => [score, place]))
    this.#ranks = Int32Array.from(scores, score => places.get(score)!)
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
