// What makes encoding quick: words are encoded once, and texts are cut where no piece reaches across.

/** How SentencePiece writes a space. */
export const SPACE = '▁'

/** Words of up to so many characters are remembered, and so many of them. */
const SHORT = 32
const REMEMBERED = 1 << 16

/** Remembers the ids of words. */
export class WordCache {
  readonly #encode: (word: string) => readonly number[]
  readonly #words = new Map<string, readonly number[]>()

  constructor(encode: (word: string) => readonly number[]) {
    this.#encode = encode
  }

  /** Appends the ids of a word. */
  push(word: string, out: number[]): void {
    const ids = this.#words.get(word) ?? this.#remember(word)
    for (let i = 0; i < ids.length; i++) out.push(ids[i]!)
  }

  #remember(word: string): readonly number[] {
    const ids = this.#encode(word)
    if (word.length > SHORT) return ids
    if (this.#words.size === REMEMBERED) this.#words.clear()
    this.#words.set(word, ids)
    return ids
  }
}

/** Whether ▁ only begins pieces (or fills them): then nothing merges over the place where another character meets it. */
export function spacesBeginWords(pieces: Iterable<string>): boolean {
  // A search that most pieces end; expressions take longer to begin.
  for (const piece of pieces) if (piece.indexOf(SPACE, 1) > 0 && /[^▁]▁/.test(piece)) return false
  return true
}

/** Calls `visit` for each part of a text that is cut before every ▁ behind another character. */
export function eachSpacedWord(text: string, visit: (word: string) => void): void {
  let done = 0
  for (let at = text.indexOf(SPACE, 1); at >= 0; at = text.indexOf(SPACE, at + 1)) {
    if (text[at - 1] === SPACE) continue
    visit(text.slice(done, at))
    done = at
  }
  if (done < text.length) visit(text.slice(done))
}
