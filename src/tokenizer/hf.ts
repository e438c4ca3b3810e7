// A tokenizer from HuggingFace's tokenizer.json (and tokenizer_config.json beside it). Knows the values, not the files.
import { type AddedToken, AddedTokens } from './added.ts'
import { endsByText } from './ends.ts'
import { decoderFromJson, type HfDecoder, stripStart } from './hf-decoders.ts'
import { type HfModel, modelFromJson, piecesFromJson } from './hf-models.ts'
import { type Normalizer, normalizerFromJson } from './hf-normalizers.ts'
import { pretokenizerFromJson, type WordCutter } from './hf-pretokenizers.ts'
import { frameFromJson } from './hf-template.ts'
import { Json } from './json.ts'
import type { EncodeOptions, StreamOptions, Tokenizer } from './tokenizer.ts'

/**
 * Throws ModelFormatError where a value is wrong, UnsupportedModelError where it is nothing that torchless knows, both
 * naming the value. `config` is undefined where there is no tokenizer_config.json.
 */
export function tokenizerFromJson(json: unknown, config: unknown, file: string): Tokenizer {
  const root = new Json(json, file)
  const model = root.get('model')
  const added = root.optional('added_tokens')?.items() ?? []
  const pieces = piecesFromJson(model, added)
  const normalizer = root.optional('normalizer')
  const pretokenizer = pretokenizerFromJson(root.optional('pre_tokenizer'))
  return new HfTokenizer({
    pieces,
    added: added.map(addedToken),
    normalize: normalizer ? normalizerFromJson(normalizer) : text => text,
    cut: pretokenizer.cut,
    model: modelFromJson(model, pieces, pretokenizer.byteLevel),
    decoder: decoderFromJson(root.optional('decoder')),
    ...frameFromJson(
      root,
      new Json(config ?? {}, file.replace(/tokenizer\.json$/, 'tokenizer_config.json')),
      pieces,
    ),
  })
}

interface HfAddedToken extends AddedToken {
  /** Looked for in the normalized text. */
  readonly normalized: boolean
}

function addedToken(json: Json): HfAddedToken {
  const special = json.flagOr('special', false)
  return {
    text: json.get('content').text(),
    id: json.get('id').value as number,
    special,
    lstrip: json.flagOr('lstrip', false),
    rstrip: json.flagOr('rstrip', false),
    singleWord: json.flagOr('single_word', false),
    normalized: json.flagOr('normalized', !special),
  }
}

interface Parts {
  readonly pieces: readonly string[]
  readonly added: readonly HfAddedToken[]
  readonly normalize: Normalizer
  readonly cut: WordCutter
  readonly model: HfModel
  readonly decoder: HfDecoder
  readonly bos: number | undefined
  readonly eos: number | undefined
  /** What texts begin and end with. */
  readonly prefix: readonly number[]
  readonly suffix: readonly number[]
}

class HfTokenizer implements Tokenizer {
  readonly bos: number | undefined
  readonly endOfGeneration: ReadonlySet<number>
  readonly #parts: Parts
  /** Looked for in the text as it is, then in what the normalizer makes of the rest. */
  readonly #raw: AddedTokens
  readonly #normalized: AddedTokens
  readonly #special: ReadonlySet<number>
  readonly #literal: ReadonlyMap<number, string>

  constructor(parts: Parts) {
    this.#parts = parts
    this.bos = parts.bos
    const { added, normalize, pieces } = parts
    this.#raw = new AddedTokens(added.filter(token => !token.normalized))
    this.#normalized = new AddedTokens(
      added.filter(token => token.normalized).map(token => ({ ...token, text: normalize(token.text) })),
    )
    this.#special = new Set(added.filter(token => token.special).map(token => token.id))
    this.#literal = new Map(added.map(token => [token.id, token.text]))
    const ids = new Map(pieces.map((piece, id) => [piece, id]))
    const ends = endsByText(
      text => ids.get(text),
      id => !this.#literal.has(id),
    )
    this.endOfGeneration = new Set(parts.eos === undefined ? ends : [parts.eos, ...ends])
  }

  get size(): number {
    return this.#parts.pieces.length
  }

  encode(text: string, { bos = false, eos = false, special = false }: EncodeOptions = {}): number[] {
    const { normalize, prefix, suffix } = this.#parts
    const out: number[] = bos ? [...prefix] : []
    let first = true
    for (const part of this.#raw.split(text, special)) {
      if (typeof part === 'number') out.push(part)
      else
        for (const inner of this.#normalized.split(normalize(part), special)) {
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

  #bytes(id: number, first: boolean): Uint8Array {
    const literal = this.#literal.get(id)
    if (literal !== undefined) return new TextEncoder().encode(literal)
    return this.#parts.decoder.bytes(this.#parts.pieces[id] ?? '', first)
  }
}
