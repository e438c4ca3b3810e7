// Tokenizers that are a chain of steps: added tokens, a normalizer, a cutter of words, a model, a decoder.
import { type AddedToken, AddedTokens } from './added.ts'
import { endsByText } from './ends.ts'
import type { EncodeOptions, StreamOptions, Tokenizer } from './tokenizer.ts'

/** `text` is what it stands for when decoded. */
export interface PipelineToken extends AddedToken {
  /** As it is looked for in the normalized text, or undefined if it is looked for in the text as it is. */
  readonly normalized: string | undefined
}

/** Calls `visit` with the words of a text, and whether they begin it. */
export type WordCutter = (text: string, first: boolean, visit: (word: string, first: boolean) => void) => void

export interface Decoder {
  /** The bytes of a token; `first` if no token is before it. */
  bytes(token: string, first: boolean): Uint8Array
  /** So many of these characters are taken from the beginning of the text. */
  readonly strip: { readonly content: string; readonly count: number }
}

export interface PipelineParts {
  /** By id, as they are written in the file. */
  readonly pieces: readonly string[]
  readonly added: readonly PipelineToken[]
  readonly normalize: (text: string) => string
  readonly cut: WordCutter
  readonly model: { encode(word: string, out: number[]): void }
  readonly decoder: Decoder
  readonly bos: number | undefined
  readonly eos: number | undefined
  /** What texts begin and end with. */
  readonly prefix: readonly number[]
  readonly suffix: readonly number[]
  /** Further ids that end a generation. */
  readonly ends?: readonly number[] | undefined
}

export class PipelineTokenizer implements Tokenizer {
  readonly bos: number | undefined
  readonly endOfGeneration: ReadonlySet<number>
  readonly #parts: PipelineParts
  /** Looked for in the text as it is, then in what the normalizer makes of the rest. */
  readonly #raw: AddedTokens
  readonly #normalized: AddedTokens
  readonly #special: ReadonlySet<number>
  readonly #literal: ReadonlyMap<number, string>

  constructor(parts: PipelineParts) {
    this.#parts = parts
    this.bos = parts.bos
    const { added, pieces } = parts
    this.#raw = new AddedTokens(added.filter(token => token.normalized === undefined))
    this.#normalized = new AddedTokens(
      added.flatMap(token => (token.normalized === undefined ? [] : { ...token, text: token.normalized })),
    )
    this.#special = new Set(added.filter(token => token.special).map(token => token.id))
    this.#literal = new Map(added.map(token => [token.id, token.text]))
    const ids = new Map(pieces.map((piece, id) => [piece, id]))
    const ends = endsByText(
      text => ids.get(text),
      id => !this.#literal.has(id),
    )
    const named = [...(parts.eos === undefined ? [] : [parts.eos]), ...(parts.ends ?? [])]
    this.endOfGeneration = new Set([...named, ...ends])
  }

  get size(): number {
    return this.#parts.pieces.length
  }

  encode(text: string, { bos = false, eos = false, special = false }: EncodeOptions = {}): number[] {
    const { normalize, prefix, suffix } = this.#parts
    const out: number[] = bos ? [...prefix] : []
    let first = true
    // Places in the text tell nothing of places in what it was normalized to.
    const everywhere = special === true
    for (const part of this.#raw.split(text, special)) {
      if (typeof part === 'number') out.push(part)
      else
        for (const inner of this.#normalized.split(normalize(part), everywhere)) {
          if (typeof inner === 'number') out.push(inner)
          else this.#encodeText(inner, first, out)
          first = false
        }
      first = false
    }
    if (eos) out.push(...suffix)
    return out
  }

  #encodeText(text: string, first: boolean, out: number[]): void {
    this.#parts.cut(text, first, word => this.#parts.model.encode(word, out))
  }

  decode(ids: readonly number[], options: { readonly special?: boolean } = {}): string {
    const decode = this.stream(options)
    return ids.map(id => decode(id)).join('') + decode()
  }

  stream({ special = false, continues = false }: StreamOptions = {}): (id?: number) => string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const { content, count } = this.#parts.decoder.strip
    let first = !continues
    let left = continues || content === '' ? 0 : count
    const strip = (text: string) => {
      if (left === 0 || text === '') return text
      const stripped = stripStart(text, content, left)
      // What is not stripped ends the beginning.
      left = stripped === '' ? left - text.length / content.length : 0
      return stripped
    }
    return id => {
      if (id === undefined) return strip(decoder.decode())
      if (this.#special.has(id) && !special) return ''
      const bytes = this.#bytes(id, first)
      first = false
      return strip(decoder.decode(bytes, { stream: true }))
    }
  }

  piece(id: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes(id, false))
  }

  bytes(id: number): Uint8Array | undefined {
    const known = this.#parts.pieces[id] !== undefined || this.#literal.has(id)
    return known && !this.#special.has(id) ? this.#bytes(id, false) : undefined
  }

  #bytes(id: number, first: boolean): Uint8Array {
    const literal = this.#literal.get(id)
    if (literal !== undefined) return new TextEncoder().encode(literal)
    return this.#parts.decoder.bytes(this.#parts.pieces[id] ?? '', first)
  }
}

/** The text without the first `count` of these characters, as far as they come first. */
export function stripStart(text: string, content: string, count: number): string {
  let from = 0
  for (let i = 0; i < count && content !== '' && text.startsWith(content, from); i++) from += content.length
  return text.slice(from)
}
