// SentencePiece's precompiled map of characters (`precompiled_charsmap`): what Unicode normalization and the model's
// makers want replaced. A double array in 32-bit words, then the replacements, each with a zero byte at its end.
// (Layout: darts-clone; see also Kanda et al., https://doi.org/10.1007/s10115-018-1200-3)

export interface Replacement {
  /** Bytes of the text that are replaced. */
  readonly length: number
  readonly by: Uint8Array
}

/** Replacements are a few characters; much longer ones would make short texts endless. */
const LONGEST = 1024

/** Bits of a word: the label of the way there, whether a text ends here, and how far on the children lie. */
const LABEL = 0x800000ff
const LEAF = 0x100
const WIDE = 0x200
const OFFSET_SHIFT = 10

export class Charsmap {
  readonly #words: Uint32Array
  readonly #replacements: Uint8Array

  private constructor(words: Uint32Array, replacements: Uint8Array) {
    this.#words = words
    this.#replacements = replacements
  }

  /** Undefined where the sizes in it do not fit, or replacements are too long. */
  static parse(bytes: Uint8Array): Charsmap | undefined {
    if (bytes.length < 8) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const size = view.getUint32(0, true)
    if (size === 0 || size % 4 !== 0 || size > bytes.length - 4 || bytes.at(-1) !== 0) return undefined
    const replacements = bytes.subarray(4 + size)
    for (let begin = 0, end = 0; begin < replacements.length; begin = end + 1) {
      end = replacements.indexOf(0, begin)
      if (end - begin > LONGEST) return undefined
    }
    const words = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
    return new Charsmap(words, replacements)
  }

  /** What replaces the longest (or the shortest) beginning of the bytes from `at` on that is in the map. */
  find(bytes: Uint8Array, at: number, which: 'longest' | 'shortest'): Replacement | undefined {
    let found: Replacement | undefined
    let node = children(this.#words[0]!)
    for (let i = at; i < bytes.length && bytes[i] !== 0; i++) {
      node ^= bytes[i]!
      const word = this.#words[node]
      if (word === undefined || (word & LABEL) >>> 0 !== bytes[i]) break
      node ^= children(word)
      if ((word & LEAF) === 0) continue
      const by = this.#replacement(this.#words[node] ?? 0)
      found = { length: i - at + 1, by }
      if (which === 'shortest') break
    }
    return found
  }

  /** The text with all beginnings replaced, the longest each time. */
  apply(text: string): string {
    const bytes = new TextEncoder().encode(text)
    const out: number[] = []
    for (let at = 0; at < bytes.length; ) {
      const found = this.find(bytes, at, 'longest')
      if (found) for (const byte of found.by) out.push(byte)
      const length = found?.length ?? utf8Length(bytes[at]!)
      if (!found) for (const byte of bytes.subarray(at, at + length)) out.push(byte)
      at += length
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(out))
  }

  #replacement(word: number): Uint8Array {
    const begin = word & 0x7fffffff
    // A place beyond the end holds nothing.
    return this.#replacements.subarray(begin, Math.max(begin, this.#replacements.indexOf(0, begin)))
  }
}

function children(word: number): number {
  return ((word >>> OFFSET_SHIFT) << ((word & WIDE) >>> 6)) >>> 0
}

function utf8Length(first: number): number {
  if (first < 0xc0) return 1
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
}
