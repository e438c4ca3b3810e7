// SentencePiece BPE as LLaMA and Mistral files have it: pieces with scores, merged best score first, and bytes for
// what no piece covers. Knows no file format. (Kudo and Richardson, https://arxiv.org/abs/1808.06226)
import { type MergeRules, mergeSymbols } from './merge.ts'
import { PairTable } from './pairs.ts'
import { TokenType, type Vocabulary, VocabularyTokenizer } from './vocabulary.ts'

export interface SpmVocabulary extends Vocabulary {
  /** By id: pieces of a higher score are made first. */
  readonly scores: ArrayLike<number>
  /** For what neither a piece nor byte tokens cover. */
  readonly unknown: number | undefined
  /** Texts begin with a space. */
  readonly addSpacePrefix: boolean
}

/** How SentencePiece writes a space. */
const SPACE = '▁'
/** As many pairs are remembered; text of many languages has more. */
const REMEMBERED = 1 << 20

export class SpmTokenizer extends VocabularyTokenizer {
  readonly #v: SpmVocabulary
  #built: PieceMerges | undefined
  readonly #bytes = new Int32Array(256).fill(-1)

  constructor(vocabulary: SpmVocabulary) {
    super(vocabulary, vocabulary.addSpacePrefix)
    this.#v = vocabulary
    vocabulary.pieces.forEach((piece, id) => {
      if (vocabulary.types[id] === TokenType.byte) this.#bytes[byteOf(piece)] = id
    })
  }

  protected encodeText(text: string, first: boolean, out: number[]): void {
    // Not before there is text: loading a model is to take no time.
    this.#built ??= new PieceMerges(this.#v)
    const rules = this.#built
    const { addSpacePrefix, pieces } = this.#v
    const written = ((first && addSpacePrefix ? ' ' : '') + text).replaceAll(' ', SPACE)
    const symbols = new Int32Array(written.length)
    let count = 0
    for (const character of written) symbols[count++] = rules.characterSymbol(character)
    const left = mergeSymbols(rules, symbols, count)
    for (let i = 0; i < left; i++) {
      const symbol = symbols[i]!
      if (symbol < pieces.length) out.push(symbol)
      else this.#pushBytes(rules.text(symbol), out)
    }
  }

  #pushBytes(text: string, out: number[]): void {
    for (const byte of new TextEncoder().encode(text)) {
      const id = this.#bytes[byte]! >= 0 ? this.#bytes[byte] : this.#v.unknown
      if (id !== undefined) out.push(id)
    }
  }

  protected pieceBytes(id: number): Uint8Array {
    const piece = this.#v.pieces[id] ?? ''
    if (this.#v.types[id] === TokenType.byte) return Uint8Array.of(byteOf(piece))
    return new TextEncoder().encode(piece.replaceAll(SPACE, ' '))
  }
}

/** Two symbols merge where their texts together are a piece. Symbols: ids, then characters that are no piece. */
class PieceMerges implements MergeRules {
  readonly #pieces: readonly string[]
  readonly #ids = new Map<string, number>()
  /** By id: place among the scores, the highest first; equal scores share it. */
  readonly #ranks: Int32Array
  #pairs = new PairTable(1 << 12)
  /** Characters that are no piece, met so far. */
  readonly #strangers: string[] = []

  constructor({ pieces, scores }: SpmVocabulary) {
    this.#pieces = pieces
    pieces.forEach((piece, id) => {
      if (!this.#ids.has(piece)) this.#ids.set(piece, id)
    })
    const ordered = [...new Set(Array.from(scores))].sort((a, b) => b - a)
    const places = new Map(ordered.map((score, place) => [score, place]))
    this.#ranks = Int32Array.from(scores, score => places.get(score)!)
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
    const known = this.#pairs.get(left, right)
    if (known !== undefined) return known
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

/** The byte that a piece like `<0x0A>` stands for. */
function byteOf(piece: string): number {
  return Number.parseInt(piece.slice(1, -1), 16)
}
