// Finds where a pattern matches, one match after the other.
import { translate } from './regex.ts'

/** The longest match that is looked for where the runtime's matcher cannot hold a longer one. */
const LONGEST = 1 << 20

export class Matcher {
  /** The last match: from `begin` to before `end`. */
  begin = 0
  end = 0
  /** The same pattern, matching at `lastIndex` only, and from there on. */
  readonly #here: RegExp
  readonly #ahead: RegExp

  /** Throws RangeError naming what is not supported of the pattern. */
  constructor(pattern: string) {
    const source = translate(pattern)
    this.#here = new RegExp(source, 'uy')
    this.#ahead = new RegExp(source, 'ug')
  }

  /** Finds the first match at `from` or later; it may be empty. */
  find(text: string, from: number): boolean {
    try {
      return this.#findAt(text, from) || this.#findAfter(text, from)
    } catch (error) {
      // A single word of millions of characters: the matcher's stack has a fixed size.
      if (!(error instanceof RangeError)) throw error
      return this.#findShort(text, from)
    }
  }

  #findAt(text: string, at: number): boolean {
    this.#here.lastIndex = at
    if (!this.#here.test(text)) return false
    this.begin = at
    this.end = this.#here.lastIndex
    return true
  }

  #findAfter(text: string, at: number): boolean {
    this.#ahead.lastIndex = at
    const match = this.#ahead.exec(text)
    if (!match) return false
    this.begin = match.index
    this.end = this.#ahead.lastIndex
    return true
  }

  #findShort(text: string, from: number): boolean {
    for (let at = from; at < text.length; at += characterLength(text, at)) {
      this.#here.lastIndex = 0
      if (!this.#here.test(text.slice(at, at + LONGEST))) continue
      this.begin = at
      this.end = at + this.#here.lastIndex
      return true
    }
    return false
  }
}

/** UTF-16 code units of the character at a place. */
export function characterLength(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
}
