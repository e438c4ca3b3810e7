// Tokens that are found in a text before anything is merged: control tokens, and what users added to a vocabulary.
import type { SpecialPlaces } from './tokenizer.ts'
import { classRanges, type Ranges } from './unicode.ts'

interface Node {
  readonly next: Map<number, Node>
  /** A token whose text ends here. */
  token: AddedToken | undefined
}

export interface AddedToken {
  readonly text: string
  readonly id: number
  /** Found only where the text may write special tokens. */
  readonly special: boolean
  /** Takes the spaces before it, or behind it, along. */
  readonly lstrip?: boolean
  readonly rstrip?: boolean
  /** Found only where no letter, digit or underscore touches it. */
  readonly singleWord?: boolean
}

interface Found {
  readonly token: AddedToken
  readonly end: number
}

export class AddedTokens {
  readonly #root: Node = { next: new Map(), token: undefined }
  /** By UTF-16 code unit: whether any token begins with it. */
  readonly #begins = new Uint8Array(0x10000)

  constructor(tokens: Iterable<AddedToken>) {
    for (const token of tokens) {
      const { text } = token
      if (text === '') continue
      this.#begins[text.charCodeAt(0)] = 1
      let node = this.#root
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i)
        let next = node.next.get(unit)
        if (!next) {
          next = { next: new Map(), token: undefined }
          node.next.set(unit, next)
        }
        node = next
      }
      node.token ??= token
    }
  }

  /** The text's parts in order: texts (never empty) and ids of the tokens between them, the longest at each place. */
  *split(text: string, special: boolean | SpecialPlaces): Generator<string | number> {
    let done = 0
    for (let at = 0; at < text.length; at++) {
      if (this.#begins[text.charCodeAt(at)] === 0) continue
      const found = this.#longest(text, at, special)
      if (!found) continue
      const { token, end } = found
      if (!token.singleWord || standsAlone(text, at, end)) {
        const from = token.lstrip ? spacesBegin(text, done, at) : at
        if (from > done) yield text.slice(done, from)
        yield token.id
        done = token.rstrip ? spacesEnd(text, end) : end
      }
      at = Math.max(done, end) - 1
    }
    if (done < text.length) yield text.slice(done)
  }

  #longest(text: string, at: number, special: boolean | SpecialPlaces): Found | undefined {
    let found: Found | undefined
    let node: Node | undefined = this.#root
    const allowed = (end: number) => (typeof special === 'function' ? special(at, end) : special)
    for (let end = at; node; node = node.next.get(text.charCodeAt(end++))) {
      if (node.token && (!node.token.special || allowed(end))) found = { token: node.token, end }
    }
    return found
  }
}

/** Where the spaces before `at` begin, not before `least`. */
function spacesBegin(text: string, least: number, at: number): number {
  while (at > least && isWithin('White_Space', text.charCodeAt(at - 1))) at--
  return at
}

function spacesEnd(text: string, at: number): number {
  while (at < text.length && isWithin('White_Space', text.charCodeAt(at))) at++
  return at
}

function standsAlone(text: string, begin: number, end: number): boolean {
  const before = begin > 0 ? text.codePointAt(begin - (isTrail(text, begin - 1) ? 2 : 1))! : 0
  return !isWithin('Word', before) && !isWithin('Word', text.codePointAt(end) ?? 0)
}

/** Whether the second half of a character of two code units is there. */
function isTrail(text: string, at: number): boolean {
  return at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00
}

function isWithin(name: string, code: number): boolean {
  const ranges: Ranges = classRanges(name)
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]![1] <= code) low = middle + 1
    else high = middle
  }
  return low < ranges.length && ranges[low]![0] <= code
}
