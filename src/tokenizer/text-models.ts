// Models as GGUF files have them: what is done to a text before its words or lines are encoded, and bytes of pieces.
import { byteOfPiece, lettersToBytes } from './alphabet.ts'
import { BpeModel, type BpeOptions } from './bpe.ts'
import { type Normalization, normalize } from './normalize.ts'
import { type Pretokenizer, WordSplitter } from './pretokenize.ts'
import { SpmModel } from './spm.ts'
import { TokenType } from './token-type.ts'
import { UnigramModel, type UnigramOptions } from './unigram.ts'
import type { TextModel, Vocabulary } from './vocabulary.ts'
import { SPACE } from './words.ts'

/** As GPT-2 introduced it: a text is cut into words, and the bytes of each are merged. */
export function byteBpe(
  { pieces }: Vocabulary,
  merges: BpeOptions['merges'],
  { patterns, ignoreMerges = false }: Pretokenizer,
): TextModel {
  const splitter = new WordSplitter(patterns)
  const model = new BpeModel({
    pieces,
    merges,
    symbols: 'bytes',
    ignoreMerges,
    byteFallback: false,
    unknown: undefined,
    fuseUnknown: false,
  })
  return {
    spacePrefix: 'none',
    encode: (text, _prefix, out) => splitter.split(text, word => model.encode(word, out)),
    bytes: id => lettersToBytes(pieces[id] ?? ''),
  }
}

/** As Gemma 4 has it: the characters of whole lines are merged, spaces written as ▁. */
export function lineBpe(
  { pieces, types }: Vocabulary,
  merges: BpeOptions['merges'],
  unknown: number | undefined,
  { patterns }: Pretokenizer,
): TextModel {
  const splitter = new WordSplitter(patterns)
  const model = new BpeModel({
    pieces,
    merges,
    symbols: 'characters',
    ignoreMerges: false,
    byteFallback: true,
    unknown,
    fuseUnknown: true,
  })
  return {
    spacePrefix: 'none',
    encode: (text, _prefix, out) =>
      splitter.split(text.replaceAll(' ', SPACE), line => model.encode(line, out)),
    bytes: id => pieceBytes(pieces[id] ?? '', types[id] === TokenType.byte),
  }
}

export interface SpmTextOptions {
  readonly scores: ArrayLike<number>
  readonly unknown: number | undefined
  readonly spacePrefix: TextModel['spacePrefix']
}

/** SentencePiece BPE, as LLaMA and Mistral have it. */
export function spmText({ pieces, types }: Vocabulary, options: SpmTextOptions): TextModel {
  const model = new SpmModel({ pieces, types, ...options })
  return {
    spacePrefix: options.spacePrefix,
    encode: (text, prefix, out) => model.encode(((prefix ? ' ' : '') + text).replaceAll(' ', SPACE), out),
    bytes: id => pieceBytes(pieces[id] ?? '', types[id] === TokenType.byte),
  }
}

export interface UnigramTextOptions extends Omit<UnigramOptions, 'pieces'>, Normalization {
  readonly spacePrefix: TextModel['spacePrefix']
}

/** SentencePiece's unigram model, as T5 has it. */
export function unigramText({ pieces, types }: Vocabulary, options: UnigramTextOptions): TextModel {
  const model = new UnigramModel({ ...options, pieces })
  return {
    spacePrefix: options.spacePrefix,
    encode: (text, prefix, out) => {
      const normalized = normalize(text, options)
      // As llama.cpp has it, nothing comes before spaces alone.
      const before = prefix && /[^ ]/.test(normalized) ? ' ' : ''
      model.encode((before + normalized).replaceAll(' ', SPACE), out)
    },
    bytes: id => pieceBytes(pieces[id] ?? '', types[id] === TokenType.byte),
  }
}

/** The bytes of a piece as SentencePiece writes it. */
export function pieceBytes(piece: string, isByte: boolean): Uint8Array {
  const byte = isByte ? byteOfPiece(piece) : undefined
  return byte === undefined ? new TextEncoder().encode(piece.replaceAll(SPACE, ' ')) : Uint8Array.of(byte)
}
