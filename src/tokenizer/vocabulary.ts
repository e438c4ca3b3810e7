// What all vocabularies have in common: added tokens around the text, and bytes that become characters again.
import { AddedTokens } from './added.ts'
import type { EncodeOptions, Tokenizer } from './tokenizer.ts'

/** Values of `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export interface Vocabulary {
  /** By id, as they are written in the file. */
  readonly pieces: readonly string[]
  /** By id: a TokenType. */
  readonly types: ArrayLike<number>
  readonly bos: number | undefined
  /** Whether texts begin with BOS. */
  readonly addBos: boolean
  readonly endOfGeneration: ReadonlySet<number>
}

export abstract class VocabularyTokenizer implements Tokenizer {
  protected readonly vocabulary: Vocabulary
  readonly #added: AddedTokens
  /** Whether a space was put before the text, to be dropped again. */
  readonly #spacePrefix: boolean

  constructor(vocabulary: Vocabulary, spacePrefix: boolean) {
    this.vocabulary = vocabulary
    this.#spacePrefix = spacePrefix
    this.#added = new AddedTokens(addedTokens(vocabulary))
  }

  /** Ids of a text without added tokens; `first` if it begins the text or follows an added token. */
  protected abstract encodeText(text: string, first: boolean, out: number[]): void

  /** The bytes that a token that is not written as it is (`literal`) stands for. */
  protected abstract pieceBytes(id: number): Uint8Array

  get size(): number {
    return this.vocabulary.pieces.length
  }

  get bos(): number | undefined {
    return this.vocabulary.bos
  }

  get endOfGeneration(): ReadonlySet<number> {
    return this.vocabulary.endOfGeneration
  }

  encode(text: string, { bos = false, special = false }: EncodeOptions = {}): number[] {
    const out: number[] = []
    const { addBos, bos: id } = this.vocabulary
    if (bos && addBos && id !== undefined) out.push(id)
    let first = true
    for (const part of this.#added.split(text, special)) {
      if (typeof part === 'number') out.push(part)
      else this.encodeText(part, first, out)
      first = typeof part === 'number'
    }
    return out
  }

  decode(ids: readonly number[], options: { readonly special?: boolean } = {}): string {
    const decode = this.stream(options)
    return ids.map(id => decode(id)).join('') + decode()
  }

  stream({ special = false, continues = false } = {}): (id?: number) => string {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    let dropSpace = this.#spacePrefix && !continues
    return id => {
      if (id === undefined) return decoder.decode()
      const type = this.vocabulary.types[id]
      const added = type === TokenType.control || type === TokenType.userDefined
      const bytes = this.#bytes(id)
      const from = dropSpace && !added && bytes[0] === 0x20 ? 1 : 0
      // The next text was encoded with a space of its own.
      dropSpace = this.#spacePrefix && added
      return isSpecial(type) && !special ? '' : decoder.decode(bytes.subarray(from), { stream: true })
    }
  }

  piece(id: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes(id))
  }

  #bytes(id: number): Uint8Array {
    const { pieces, types } = this.vocabulary
    const literal = isSpecial(types[id]) || types[id] === TokenType.userDefined
    return literal ? new TextEncoder().encode(pieces[id]) : this.pieceBytes(id)
  }
}

/** Whether a token stands for no text of its own. */
function isSpecial(type: number | undefined): boolean {
  return type === TokenType.control || type === TokenType.unknown
}

function* addedTokens({ pieces, types }: Vocabulary) {
  for (const [id, text] of pieces.entries()) {
    const special = isSpecial(types[id])
    if (special || types[id] === TokenType.userDefined) yield { text, id, special }
  }
}
