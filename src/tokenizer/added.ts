// Tokens that are found in a text before anything is merged: control tokens, and what users added to a vocabulary.
import type { SpecialPlaces } from './tokenizer.ts'

interface Node {
  readonly next: Map<number, Node>
  /** A token whose text ends here. */
  token: { readonly id: number; readonly special: boolean } | undefined
}

export interface AddedToken {
  readonly text: string
  readonly id: number
  /** Found only where the text may write special tokens. */
  readonly special: boolean
}

export class AddedTokens {
  readonly #root: Node = { next: new Map(), token: undefined }
  /** By UTF-16 code unit: whether any token begins with it. */
  readonly #begins = new Uint8Array(0x10000)

  constructor(tokens: Iterable<AddedToken>) {
    for (const { text, id, special } of tokens) {
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
      node.token ??= { id, special }
    }
  }

  /** The text's parts in order: texts (never empty) and ids of the tokens between them, the longest at each place. */
  *split(text: string, special: boolean | SpecialPlaces): Generator<string | number> {
    let done = 0
    for (let at = 0; at < text.length; at++) {
      if (this.#begins[text.charCodeAt(at)] === 0) continue
      const found = this.#longest(text, at, special)
      if (!found) continue
      if (at > done) yield text.slice(done, at)
      yield found.id
      done = found.end
      at = done - 1
    }
    if (done < text.length) yield text.slice(done)
  }

  #longest(
    text: string,
    at: number,
    special: boolean | SpecialPlaces,
  ): { id: number; end: number } | undefined {
    let found: { id: number; end: number } | undefined
    let node: Node | undefined = this.#root
    const allowed = (end: number) => (typeof special === 'function' ? special(at, end) : special)
    for (let end = at; node; node = node.next.get(text.charCodeAt(end++))) {
      if (node.token && (!node.token.special || allowed(end))) found = { id: node.token.id, end }
    }
    return found
  }
}
