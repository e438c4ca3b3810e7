// Byte-level BPE as GPT-2 introduced it: a text is cut into words, a word into bytes, and neighbours are merged in the
// order of a list. Knows no file format. (Sennrich et al., https://arxiv.org/abs/1508.07909; Radford et al. 2019)
import { type MergeRules, mergeSymbols } from './merge.ts'
import { PairTable } from './pairs.ts'
import { type Pretokenizer, WordSplitter } from './pretokenize.ts'
import { type Vocabulary, VocabularyTokenizer } from './vocabulary.ts'

export interface BpeVocabulary extends Vocabulary {
  /** Two symbols with a space between, the first merged first. */
  readonly merges: readonly string[]
  readonly pretokenizer: Pretokenizer
}

/** Words of up to so many characters are remembered, and so many of them. */
const SHORT = 32
const REMEMBERED = 1 << 16

export class BpeTokenizer extends VocabularyTokenizer {
  readonly #v: BpeVocabulary
  readonly #splitter: WordSplitter
  readonly #words = new Map<string, readonly number[]>()
  #built: ListedMerges | undefined

  constructor(vocabulary: BpeVocabulary) {
    super(vocabulary, false)
    this.#v = vocabulary
    this.#splitter = new WordSplitter(vocabulary.pretokenizer)
  }

  protected encodeText(text: string, _first: boolean, out: number[]): void {
    this.#splitter.split(text, word => {
      for (const id of this.#encodeWord(word)) out.push(id)
    })
  }

  #encodeWord(word: string): readonly number[] {
    const known = this.#words.get(word)
    if (known) return known
    const ids = this.#mergeWord(word)
    if (word.length > SHORT) return ids
    if (this.#words.size === REMEMBERED) this.#words.clear()
    this.#words.set(word, ids)
    return ids
  }

  #mergeWord(word: string): readonly number[] {
    // Putting the list together takes longer than all else about a small model: not before there is text.
    this.#built ??= new ListedMerges(this.#v)
    const rules = this.#built
    const bytes = new TextEncoder().encode(word)
    if (this.#v.pretokenizer.ignoreMerges) {
      const whole = rules.id(Array.from(bytes, byte => ALPHABET[byte]).join(''))
      if (whole !== undefined) return [whole]
    }
    const symbols = Int32Array.from(bytes, byte => rules.byteSymbol(byte))
    const left = mergeSymbols(rules, symbols, symbols.length)
    const ids: number[] = []
    for (let i = 0; i < left; i++) rules.emit(symbols[i]!, ids)
    return ids
  }

  protected pieceBytes(id: number): Uint8Array {
    const piece = this.#v.pieces[id] ?? ''
    const bytes = Array.from(piece, character => BYTES.get(character))
    // A piece that is not written in the alphabet stands for its own text.
    return bytes.includes(undefined)
      ? new TextEncoder().encode(piece)
      : Uint8Array.from(bytes as readonly number[])
  }
}

/** The list of merges, looked up by what they merge. Symbols: ids, then what the list makes that is no piece. */
class ListedMerges implements MergeRules {
  readonly #size: number
  readonly #symbols = new Map<string, number>()
  readonly #others: string[] = []
  readonly #pairs: PairTable
  /** By place in the list. */
  readonly #merged: Int32Array
  readonly #byteSymbols: Int32Array

  constructor({ pieces, merges }: BpeVocabulary) {
    this.#size = pieces.length
    pieces.forEach((piece, id) => {
      if (!this.#symbols.has(piece)) this.#symbols.set(piece, id)
    })
    this.#byteSymbols = Int32Array.from(ALPHABET, character => this.#symbol(character))
    this.#pairs = new PairTable(merges.length)
    this.#merged = Int32Array.from(merges, (merge, rank) => {
      const middle = merge.indexOf(' ', 1)
      const [first, second] = [merge.slice(0, middle), merge.slice(middle + 1)]
      const [left, right] = [this.#symbol(first), this.#symbol(second)]
      if (this.#pairs.get(left, right) === undefined) this.#pairs.set(left, right, rank)
      return this.#symbol(first + second)
    })
  }

  #symbol(text: string): number {
    const known = this.#symbols.get(text)
    if (known !== undefined) return known
    const symbol = this.#size + this.#others.push(text) - 1
    this.#symbols.set(text, symbol)
    return symbol
  }

  byteSymbol(byte: number): number {
    return this.#byteSymbols[byte]!
  }

  /** The piece that is written so. */
  id(text: string): number | undefined {
    const symbol = this.#symbols.get(text)
    return symbol !== undefined && symbol < this.#size ? symbol : undefined
  }

  /** A symbol that is no piece is given byte by byte; a byte that is no piece, not at all. */
  emit(symbol: number, out: number[]): void {
    if (symbol < this.#size) return void out.push(symbol)
    for (const character of this.#others[symbol - this.#size]!) {
      const id = this.id(character)
      if (id !== undefined) out.push(id)
    }
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

/**
 * GPT-2's letters for bytes: a byte that Latin-1 prints is that character, the others are the characters from U+0100
 * on, in order.
 */
export const ALPHABET: readonly string[] = alphabet()
const BYTES = new Map(ALPHABET.map((character, byte) => [character, byte]))

function alphabet(): string[] {
  let other = 0x100
  const printed = (byte: number) =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad && byte <= 0xff)
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printed(byte) ? byte : other++))
}
