// A tokenizer from SentencePiece's own file, `tokenizer.model`. (Messages: sentencepiece_model.proto)
import { ModelFormatError, UnsupportedModelError } from '../errors.ts'
import { byteOfPiece } from './alphabet.ts'
import { Charsmap } from './charsmap.ts'
import { Json } from './json.ts'
import { MOST } from './merge.ts'
import { normalize } from './normalize.ts'
import { type PipelineToken, PipelineTokenizer } from './pipeline.ts'
import { fields } from './protobuf.ts'
import { SpmModel } from './spm.ts'
import { pieceBytes } from './text-models.ts'
import { TokenType } from './token-type.ts'
import type { Tokenizer } from './tokenizer.ts'
import { UnigramModel } from './unigram.ts'
import { SPACE } from './words.ts'

/** Values of `model_type`. */
const UNIGRAM = 1
const BPE = 2

/** What the file says. */
export interface SentencePieceModel {
  readonly pieces: string[]
  readonly types: number[]
  readonly scores: number[]
  readonly trainer: Trainer
  readonly normalizer: NormalizerSpec
}

/** Of the trainer's and the normalizer's settings what matters here, with SentencePiece's defaults. */
interface Trainer {
  modelType: number
  spaceIsSuffix: boolean
  byteFallback: boolean
  unknown: number
  bos: number
  eos: number
}

interface NormalizerSpec {
  charsmap: Uint8Array
  addDummyPrefix: boolean
  removeExtraSpaces: boolean
  escapeSpaces: boolean
}

/**
 * Throws ModelFormatError or UnsupportedModelError naming what is wrong. The file does not say what texts begin or end
 * with: they begin with BOS if there is one (LLaMA, Gemma), else they end with EOS (T5), unless `config`, a
 * tokenizer_config.json, says otherwise. `ends` are further ids that end a generation.
 */
export function tokenizerFromSentencePiece(
  bytes: Uint8Array,
  file: string,
  { config, ends }: { readonly config?: unknown; readonly ends?: readonly number[] } = {},
): Tokenizer {
  const model = readSentencePiece(bytes, file)
  const { pieces, types, trainer, normalizer } = model
  const { addDummyPrefix, removeExtraSpaces, escapeSpaces } = normalizer
  const charsmap = readCharsmap(normalizer.charsmap, file)
  const space = escapeSpaces ? SPACE : ' '
  const valid = (id: number) => (types[id] === undefined ? undefined : id)
  const asked = (key: string) => new Json(config ?? {}, file).optional(key)?.flag()
  const [bos, eos] = [valid(trainer.bos), valid(trainer.eos)]
  return new PipelineTokenizer({
    pieces,
    added: addedTokens(model),
    normalize: text => {
      const normalized = normalize(text, { charsmap, removeExtraSpaces })
      return ((addDummyPrefix && normalized !== '' ? ' ' : '') + normalized).replaceAll(' ', space)
    },
    cut: (text, first, visit) => visit(text, first),
    model: encoder(model, valid(trainer.unknown), file),
    decoder: {
      bytes: token => pieceBytes(token, byteOfPiece(token) !== undefined && trainer.byteFallback),
      strip: { content: ' ', count: addDummyPrefix || removeExtraSpaces ? 1 : 0 },
    },
    bos,
    eos,
    prefix: bos !== undefined && (asked('add_bos_token') ?? true) ? [bos] : [],
    suffix: eos !== undefined && (asked('add_eos_token') ?? bos === undefined) ? [eos] : [],
    ends,
  })
}

function encoder(
  { pieces, types, scores, trainer }: SentencePieceModel,
  unknown: number | undefined,
  file: string,
) {
  const { modelType, spaceIsSuffix, byteFallback } = trainer
  if (spaceIsSuffix) throw new UnsupportedModelError(`${file}: treat_whitespace_as_suffix: expected false`)
  if (modelType === BPE) return new SpmModel({ pieces, types, scores, unknown })
  if (modelType !== UNIGRAM)
    throw new UnsupportedModelError(
      `${file}: model_type: expected ${UNIGRAM} (unigram) or ${BPE} (BPE), found ${modelType}`,
    )
  return new UnigramModel({
    pieces,
    scores,
    usable: id => types[id] === TokenType.normal,
    unknown,
    byteFallback,
  })
}

/** Control tokens are looked for in the text, user-defined ones in what the normalizer makes of it. */
function addedTokens({ pieces, types }: SentencePieceModel): PipelineToken[] {
  return pieces.flatMap((piece, id) => {
    if (types[id] === TokenType.userDefined)
      return { id, text: piece.replaceAll(SPACE, ' '), special: false, normalized: piece }
    if (types[id] !== TokenType.control && types[id] !== TokenType.unknown) return []
    return { id, text: piece, special: true, normalized: undefined }
  })
}

function readCharsmap(bytes: Uint8Array, file: string): Charsmap | undefined {
  if (bytes.length === 0) return undefined
  const charsmap = Charsmap.parse(bytes)
  if (charsmap) return charsmap
  throw new ModelFormatError({
    file,
    field: 'normalizer_spec.precompiled_charsmap',
    expected: 'a map of characters',
    found: 'sizes that do not fit',
  })
}

/** Reads and checks a tokenizer.model. */
export function readSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  const trainer: Trainer = {
    modelType: UNIGRAM,
    spaceIsSuffix: false,
    byteFallback: false,
    unknown: 0,
    bos: 1,
    eos: 2,
  }
  const normalizer: NormalizerSpec = {
    charsmap: new Uint8Array(0),
    addDummyPrefix: true,
    removeExtraSpaces: true,
    escapeSpaces: true,
  }
  const model: SentencePieceModel = { pieces: [], types: [], scores: [], trainer, normalizer }
  for (const field of fields(bytes, file, 'the model')) {
    if (field.number === 1) readPiece(field.bytes, file, model)
    else if (field.number === 2) readTrainer(field.bytes, file, trainer)
    else if (field.number === 3) readNormalizer(field.bytes, file, normalizer)
  }
  const count = model.pieces.length
  if (count > 0 && count < MOST) return model
  throw new ModelFormatError({ file, field: 'pieces', expected: `1 to ${MOST - 1}`, found: `${count}` })
}

function readPiece(bytes: Uint8Array, file: string, { pieces, types, scores }: SentencePieceModel): void {
  const where = `pieces[${pieces.length}]`
  const fail = (field: string, expected: string, found: string): never => {
    throw new ModelFormatError({ file, field: `${where}.${field}`, expected, found })
  }
  let [piece, score, type] = ['', 0, TokenType.normal as number]
  for (const field of fields(bytes, file, where)) {
    if (field.number === 1) piece = new TextDecoder('utf-8', { ignoreBOM: true }).decode(field.bytes)
    else if (field.number === 2) score = readFloat(field.bytes)
    else if (field.number === 3) type = field.value
  }
  if (!Number.isFinite(score)) fail('score', 'a finite number of 32 bits', `${score}`)
  if (type < TokenType.normal || type > TokenType.byte) fail('type', '1 to 6', `${type}`)
  if (type === TokenType.byte && byteOfPiece(piece) === undefined)
    fail('piece', 'a byte such as <0x0A>', `"${piece}"`)
  pieces.push(piece)
  types.push(type)
  scores.push(score)
}

function readFloat(bytes: Uint8Array): number {
  if (bytes.length !== 4) return Number.NaN
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)
}

function readTrainer(bytes: Uint8Array, file: string, trainer: Trainer): void {
  for (const { number, value } of fields(bytes, file, 'trainer_spec')) {
    if (number === 3) trainer.modelType = value
    else if (number === 24) trainer.spaceIsSuffix = value !== 0
    else if (number === 35) trainer.byteFallback = value !== 0
    else if (number === 40) trainer.unknown = value
    else if (number === 41) trainer.bos = value
    else if (number === 42) trainer.eos = value
  }
}

function readNormalizer(bytes: Uint8Array, file: string, normalizer: NormalizerSpec): void {
  for (const { number, value, bytes: inner } of fields(bytes, file, 'normalizer_spec')) {
    if (number === 2) normalizer.charsmap = inner
    else if (number === 3) normalizer.addDummyPrefix = value !== 0
    else if (number === 4) normalizer.removeExtraSpaces = value !== 0
    else if (number === 5) normalizer.escapeSpaces = value !== 0
  }
}
