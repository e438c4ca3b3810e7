// The models of tokenizer.json, which give a word its ids.
import { BpeModel } from './bpe.ts'
import type { Json } from './json.ts'
import { MOST } from './merge.ts'
import type { Merge } from './merges.ts'
import { UnigramModel } from './unigram.ts'

/** Ids are no higher than this above the number of tokens: holes cost memory. */
const MOST_HOLES = 1 << 20

export interface HfModel {
  encode(word: string, out: number[]): void
}

/** Pieces by id, from a vocabulary and the tokens added to it. */
export function piecesFromJson(model: Json, added: readonly Json[]): string[] {
  const vocabulary = model.get('vocab')
  const list = Array.isArray(vocabulary.value)
  const count = list ? vocabulary.array().length : vocabulary.entries().length
  const limit = Math.min(count + added.length + MOST_HOLES, MOST)
  const pieces: string[] = []
  if (list) for (let i = 0; i < count; i++) pieces.push(pair(vocabulary, i)[0])
  else
    for (const [piece, id] of vocabulary.entries()) {
      if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= limit)
        vocabulary.get(piece).fail(`an id below ${limit}`)
      else pieces[id] = piece
    }
  for (const token of added) pieces[token.get('id').count(limit)] = token.get('content').text()
  return Array.from(pieces, piece => piece ?? '')
}

/** A piece of a unigram model and its score. */
function pair(vocabulary: Json, index: number): readonly [string, number] {
  const value = (vocabulary.value as readonly unknown[])[index]
  if (Array.isArray(value) && typeof value[0] === 'string' && Number.isFinite(value[1]))
    return [value[0], value[1]]
  return vocabulary.at(index).fail('a piece and its score')
}

/** `byteLevel` says that words are merged as bytes. */
export function modelFromJson(model: Json, pieces: readonly string[], byteLevel: boolean): HfModel {
  // Old files do not name the model.
  const type = model.optional('merges') ? model.optional('type') : model.get('type')
  const kind = type?.oneOf(['BPE', 'Unigram']) ?? 'BPE'
  return kind === 'BPE' ? bpe(model, pieces, byteLevel) : unigram(model, pieces, byteLevel)
}

function bpe(model: Json, pieces: readonly string[], byteLevel: boolean): HfModel {
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix'])
    if (model.textOr(key, '') !== '') model.get(key).unsupported('nothing')
  const dropout = model.optional('dropout')
  if (dropout && dropout.value !== 0) dropout.unsupported('nothing')
  const merges = model.get('merges')
  if (merges.array().length >= MOST) merges.fail(`fewer than ${MOST} merges`, `${merges.array().length}`)
  const unknown = model.optional('unk_token')?.text()
  const id = unknown === undefined ? -1 : pieces.indexOf(unknown)
  if (unknown !== undefined && id < 0) model.get('unk_token').fail('a token of the vocabulary')
  return new BpeModel({
    pieces,
    merges: merges.array().map((_, i) => mergeOf(merges, i)),
    symbols: byteLevel ? 'bytes' : 'characters',
    ignoreMerges: model.flagOr('ignore_merges', false),
    byteFallback: model.flagOr('byte_fallback', false),
    unknown: id < 0 ? undefined : id,
    fuseUnknown: model.flagOr('fuse_unk', false),
  })
}

function mergeOf(merges: Json, index: number): Merge {
  const merge = merges.array()[index]
  if (typeof merge === 'string' && merge.indexOf(' ', 1) > 0) return merge
  if (Array.isArray(merge) && merge.length === 2 && merge.every(half => typeof half === 'string'))
    return merge as unknown as Merge
  return merges.at(index).fail('two texts')
}

function unigram(model: Json, pieces: readonly string[], byteLevel: boolean): HfModel {
  if (byteLevel) model.unsupported('BPE behind ByteLevel', 'Unigram')
  const vocabulary = model.get('vocab')
  const scores = vocabulary.array().map((_, i) => pair(vocabulary, i)[1])
  return new UnigramModel({
    pieces,
    scores,
    usable: id => id < scores.length,
    unknown: model.optional('unk_id')?.count(scores.length),
    byteFallback: model.flagOr('byte_fallback', false),
  })
}
