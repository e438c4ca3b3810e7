// Byte-pair encoding: neighbours are merged in the order of a list. Knows no file format. (Sennrich et al.,
// https://arxiv.org/abs/1508.07909; over bytes: Radford et al. 2019)
import { ALPHABET, byteIds } from './alphabet.ts'
import { mergeSymbols } from './merge.ts'
import { halves, ListedMerges, type Merge } from './merges.ts'
import { eachSpacedWord, spacesBeginWords, WordCache } from './words.ts'

export interface BpeOptions {
  /** By id, as they are written in the file. */
  readonly pieces: readonly string[]
  /** First merged first. */
  readonly merges: readonly Merge[]
  /** What is merged: the bytes of a word, written in GPT-2's letters, or its characters. */
  readonly symbols: 'bytes' | 'characters'
  /** A word that is a piece is that piece, whatever the merges would make of it. */
  readonly ignoreMerges: boolean
  /** Characters that are no piece become pieces such as <0x0A>. */
  readonly byteFallback: boolean
  /** For characters that neither are pieces nor have bytes that are; without one, they are left out. */
  readonly unknown: number | undefined
  /** Several unknown characters in a row become one. */
  readonly fuseUnknown: boolean
}

interface Built {
  readonly rules: ListedMerges
  /** By byte: its symbol. */
  readonly letters: Int32Array
  /** By byte: the id of a piece such as <0x0A>, or -1. */
  readonly fallback: Int32Array
  /** Whether words may be cut at spaces: see words.ts. */
  readonly spaced: boolean
}

export class BpeModel {
  readonly #options: BpeOptions
  readonly #words = new WordCache(word => this.#encodeWord(word))
  /** Putting the list together takes longer than all else about a small model: not before there is text. */
  #built: Built | undefined

  constructor(options: BpeOptions) {
    this.#options = options
  }

  /** Appends the ids of a word, within which all that has a merge is merged. */
  encode(word: string, out: number[]): void {
    this.#built ??= build(this.#options)
    if (this.#built.spaced) eachSpacedWord(word, part => this.#words.push(part, out))
    else this.#words.push(word, out)
  }

  #encodeWord(word: string): readonly number[] {
    const { rules, letters } = this.#built!
    const bytes = this.#options.symbols === 'bytes' ? new TextEncoder().encode(word) : undefined
    if (this.#options.ignoreMerges) {
      const whole = rules.id(bytes ? Array.from(bytes, byte => ALPHABET[byte]).join('') : word)
      if (whole !== undefined) return [whole]
    }
    const symbols = new Int32Array(bytes?.length ?? word.length)
    let count = 0
    if (bytes) for (const byte of bytes) symbols[count++] = letters[byte]!
    else for (const character of word) symbols[count++] = rules.symbolOf(character)
    const left = mergeSymbols(rules, symbols, count)
    return this.#ids(symbols.subarray(0, left))
  }

  #ids(symbols: Int32Array): readonly number[] {
    const { pieces, symbols: kind, unknown, fuseUnknown } = this.#options
    const { rules } = this.#built!
    const ids: number[] = []
    let afterUnknown = false
    for (const symbol of symbols) {
      const known = symbol < pieces.length
      if (known) ids.push(symbol)
      else if (kind === 'bytes') this.#pushLetters(rules.text(symbol), ids)
      else if (!this.#pushBytes(rules.text(symbol), ids)) {
        if (unknown !== undefined && !(fuseUnknown && afterUnknown)) ids.push(unknown)
        afterUnknown = true
        continue
      }
      afterUnknown = false
    }
    return ids
  }

  /** A symbol that is no piece is given letter by letter; a letter that is no piece, not at all. */
  #pushLetters(text: string, ids: number[]): void {
    for (const letter of text) {
      const id = this.#built!.rules.id(letter)
      if (id !== undefined) ids.push(id)
    }
  }

  /** Whether all bytes of the text are pieces, which are appended then. */
  #pushBytes(text: string, ids: number[]): boolean {
    if (!this.#options.byteFallback) return false
    const found = Array.from(new TextEncoder().encode(text), byte => this.#built!.fallback[byte]!)
    if (found.includes(-1)) return false
    ids.push(...found)
    return true
  }
}

function build({ pieces, merges, symbols, ignoreMerges }: BpeOptions): Built {
  const rules = new ListedMerges(pieces, merges)
  return {
    rules,
    letters: Int32Array.from(ALPHABET, letter => rules.symbolOf(letter)),
    fallback: byteIds(pieces, () => true),
    spaced: symbols === 'characters' && !ignoreMerges && spacesBeginWords(results(merges)),
  }
}

function* results(merges: readonly Merge[]): Generator<string> {
  for (const merge of merges) yield typeof merge === 'string' ? halves(merge).join('') : merge.join('')
}
