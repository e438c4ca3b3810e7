// Byte-pair encodings as text models: over bytes within words, or over characters as SentencePiece writes them.
import { byteOfPiece, lettersToBytes } from './alphabet.ts'
import { BpeModel, type BpeOptions } from './bpe.ts'
import { type Pretokenizer, WordSplitter } from './pretokenize.ts'
import { type TextModel, TokenType, type Vocabulary } from './vocabulary.ts'
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

/** The bytes of a piece as SentencePiece writes it. */
export function pieceBytes(piece: string, isByte: boolean): Uint8Array {
  const byte = isByte ? byteOfPiece(piece) : undefined
  return byte === undefined ? new TextEncoder().encode(piece.replaceAll(SPACE, ' ')) : Uint8Array.of(byte)
}
