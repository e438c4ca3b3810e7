// What all vocabularies have in common: added tokens around the text, and bytes that become characters again.
import { type AddedToken, AddedTokens } from './added.ts'
import { TokenType } from './token-type.ts'
import type { EncodeOptions, StreamOptions, Tokenizer } from './tokenizer.ts'

export interface Vocabulary {
  /** By id, as they are written in the file. */
  readonly pieces: readonly string[]
  /** By id: a TokenType. */
  readonly types: ArrayLike<number>
  readonly bos: number | undefined
  readonly eos: number | undefined
  /** Whether texts begin with BOS, and end with EOS. */
  readonly addBos: boolean
  readonly addEos: boolean
  readonly endOfGeneration: ReadonlySet<number>
  /** Tokens that take the spaces before or behind them along. */
  readonly lstrip?: ReadonlySet<number>
  readonly rstrip?: ReadonlySet<number>
}

/** What makes ids of a text between added tokens, and bytes of an id. */
export interface TextModel {
  /**
   * Texts begin with a space that is not part of them: the first one, or each that follows an added token, too. It is
   * dropped when they are decoded.
   */
  readonly spacePrefix: 'none' | 'first' | 'all'
  /** Appends the ids of a text; `prefix` says whether a space is to come first. */
  encode(text: string, prefix: boolean, out: number[]): void
  /** The bytes that a piece stands for that is neither control nor user-defined. */
  bytes(id: number): Uint8Array
}

export class VocabularyTokenizer implements Tokenizer {
  readonly #vocabulary: Vocabulary
  readonly #model: TextModel
  readonly #added: AddedTokens

  constructor(vocabulary: Vocabulary, model: TextModel) {
    this.#vocabulary = vocabulary
    this.#model = model
    this.#added = new AddedTokens(addedTokens(vocabulary))
  }

  get size(): number {
    return this.#vocabulary.pieces.length
  }

  get bos(): number | undefined {
    return this.#vocabulary.bos
  }

  get endOfGeneration(): ReadonlySet<number> {
    return this.#vocabulary.endOfGeneration
  }

  encode(text: string, { bos = false, eos = false, special = false }: EncodeOptions = {}): number[] {
    const out: number[] = []
    const { spacePrefix } = this.#model
    const vocabulary = this.#vocabulary
    if (bos && vocabulary.addBos && vocabulary.bos !== undefined) out.push(vocabulary.bos)
    let prefix = spacePrefix !== 'none'
    for (const part of this.#added.split(text, special)) {
      if (typeof part === 'number') out.push(part)
      else this.#model.encode(part, prefix, out)
      prefix = spacePrefix === 'all' && typeof part === 'number'
    }
    if (eos && vocabulary.addEos && vocabulary.eos !== undefined) out.push(vocabulary.eos)
    return out
  }

  decode(ids: readonly number[], options: { readonly special?: boolean } = {}): string {
    const decode = this.stream(options)
    return ids.map(id => decode(id)).join('') + decode()
  }

  stream({ special = false, continues = false }: StreamOptions = {}): (id?: number) => string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const { spacePrefix } = this.#model
    let dropSpace = spacePrefix !== 'none' && !continues
    return id => {
      if (id === undefined) return decoder.decode()
      const type = this.#vocabulary.types[id]
      const added = type === TokenType.control || type === TokenType.userDefined
      const bytes = this.#bytes(id)
      const from = dropSpace && !added && bytes[0] === 0x20 ? 1 : 0
      // The next text was encoded with a space of its own. Control tokens are not written in a text.
      dropSpace = spacePrefix === 'all' ? added : dropSpace && type === TokenType.control
      return isSpecial(type) && !special ? '' : decoder.decode(bytes.subarray(from), { stream: true })
    }
  }

  piece(id: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes(id))
  }

  bytes(id: number): Uint8Array | undefined {
    const type = this.#vocabulary.types[id]
    return this.#vocabulary.pieces[id] === undefined || isSpecial(type) ? undefined : this.#bytes(id)
  }

  #bytes(id: number): Uint8Array {
    const { pieces, types } = this.#vocabulary
    const literal = isSpecial(types[id]) || types[id] === TokenType.userDefined
    return literal ? new TextEncoder().encode(pieces[id]) : this.#model.bytes(id)
  }
}

/** Whether a token stands for no text of its own. */
function isSpecial(type: number | undefined): boolean {
  return type === TokenType.control || type === TokenType.unknown
}

function* addedTokens({ pieces, types, lstrip, rstrip }: Vocabulary): Generator<AddedToken> {
  for (let id = 0; id < pieces.length; id++) {
    const text = pieces[id]!
    const special = isSpecial(types[id])
    if (special || types[id] === TokenType.userDefined)
      yield { text, id, special, lstrip: lstrip?.has(id) ?? false, rstrip: rstrip?.has(id) ?? false }
  }
}
