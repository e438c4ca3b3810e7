// Unigram models with SentencePiece's normalization before them.
import type { Charsmap } from './charsmap.ts'
import { pieceBytes } from './text-models.ts'
import { UnigramModel, type UnigramOptions } from './unigram.ts'
import { type TextModel, TokenType, type Vocabulary } from './vocabulary.ts'
import { SPACE } from './words.ts'

export interface UnigramTextOptions extends Omit<UnigramOptions, 'pieces'> {
  readonly spacePrefix: TextModel['spacePrefix']
  /** Drop spaces at both ends, and all but one of several. */
  readonly removeExtraSpaces: boolean
  readonly charsmap: Charsmap | undefined
}

export class UnigramText implements TextModel {
  readonly spacePrefix: TextModel['spacePrefix']
  readonly #vocabulary: Vocabulary
  readonly #model: UnigramModel
  readonly #normalize: (text: string) => string

  constructor(vocabulary: Vocabulary, options: UnigramTextOptions) {
    this.spacePrefix = options.spacePrefix
    this.#vocabulary = vocabulary
    this.#model = new UnigramModel({ ...options, pieces: vocabulary.pieces })
    this.#normalize = text => normalize(text, options)
  }

  encode(text: string, prefix: boolean, out: number[]): void {
    const normalized = this.#normalize(text)
    if (normalized === '') return
    this.#model.encode(((prefix ? ' ' : '') + normalized).replaceAll(' ', SPACE), out)
  }

  bytes(id: number): Uint8Array {
    const { pieces, types } = this.#vocabulary
    return pieceBytes(pieces[id] ?? '', types[id] === TokenType.byte)
  }
}

/** What SentencePiece does to a text before it is cut, but for the space before it. */
export function normalize(
  text: string,
  { charsmap, removeExtraSpaces }: Pick<UnigramTextOptions, 'charsmap' | 'removeExtraSpaces'>,
): string {
  const mapped = charsmap ? charsmap.apply(text) : text
  return removeExtraSpaces ? mapped.split(' ').filter(Boolean).join(' ') : mapped
}
