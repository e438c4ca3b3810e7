// A tokenizer from the `tokenizer.ggml.*` keys of a model file. Knows the keys, not the file.
import { ModelFormatError, UnsupportedModelError } from '../errors.ts'
import { byteOfPiece } from './alphabet.ts'
import { Charsmap } from './charsmap.ts'
import { endsByText } from './ends.ts'
import { MOST } from './merge.ts'
import { pretokenizers } from './pretokenize.ts'
import { byteBpe, lineBpe, spmText, unigramText } from './text-models.ts'
import { TokenType } from './token-type.ts'
import type { Tokenizer } from './tokenizer.ts'
import { type Vocabulary, VocabularyTokenizer } from './vocabulary.ts'

type Metadata = { get(key: string): unknown }

export function hasTokenizer(metadata: Metadata): boolean {
  return metadata.get('tokenizer.ggml.model') !== undefined
}

/** Throws ModelFormatError or UnsupportedModelError naming the key. */
export function tokenizerFromGguf(metadata: Metadata, file: string): Tokenizer {
  const keys = new Keys(metadata, file)
  const model = metadata.get('tokenizer.ggml.model')
  if (model === 'llama') return spm(keys)
  if (model === 'gpt2') return bpe(keys, keys.pretokenizer())
  if (model === 'gemma4') return bpe(keys, 'gemma4')
  if (model === 't5') return unigram(keys)
  throw new UnsupportedModelError(
    `${file}: tokenizer.ggml.model: expected llama, gpt2, gemma4 or t5, found ${String(model)}`,
  )
}

function spm(keys: Keys): Tokenizer {
  const common = vocabulary(keys, { addBos: true, addEos: false, bos: 1, eos: 2 })
  const model = spmText(common, {
    scores: keys.numbers('scores', common.pieces.length, 0),
    unknown: keys.id('unknown', common.pieces.length),
    spacePrefix: keys.flag('add_space_prefix', true) ? 'all' : 'none',
  })
  return new VocabularyTokenizer(common, model)
}

/** Pre-tokenizers of models that write spaces as ▁ and have no letters for bytes. */
const OVER_CHARACTERS = ['gemma4', 'granite-embed-multi-311m', 'sarvam-moe']

function bpe(keys: Keys, name: string): Tokenizer {
  const pretokenizer = pretokenizers[name]!
  const merges = keys.texts('merges')
  const wrong = merges.findIndex(merge => merge.indexOf(' ', 1) < 0)
  if (wrong >= 0) keys.fail(`merges[${wrong}]`, 'two texts with a space between', `"${merges[wrong]}"`)
  const common = vocabulary(keys, { addBos: pretokenizer.addBos ?? false, addEos: false })
  if (!OVER_CHARACTERS.includes(name))
    return new VocabularyTokenizer(common, byteBpe(common, merges, pretokenizer))
  const unknown = keys.id('unknown', common.pieces.length)
  // Files of Gemma 4 that say otherwise are mistaken.
  const forced = name === 'gemma4' ? { ...common, addBos: true } : common
  return new VocabularyTokenizer(forced, lineBpe(common, merges, unknown, pretokenizer))
}

function unigram(keys: Keys): Tokenizer {
  const common = vocabulary(keys, { addBos: false, addEos: true, eos: 1 })
  const { pieces, types } = common
  const charsmap = keys.bytes('precompiled_charsmap')
  const model = unigramText(common, {
    scores: keys.numbers('scores', pieces.length, 0),
    usable: id => types[id] === TokenType.normal || types[id] === TokenType.unused,
    unknown: keys.id('unknown', pieces.length) ?? (pieces.length > 2 ? 2 : undefined),
    byteFallback: false,
    spacePrefix: keys.flag('add_space_prefix', false) ? 'all' : 'none',
    removeExtraSpaces: keys.flag('remove_extra_whitespaces', false),
    charsmap:
      charsmap &&
      (Charsmap.parse(charsmap) ??
        keys.fail('precompiled_charsmap', 'a map of characters', 'sizes that do not fit')),
  })
  return new VocabularyTokenizer(common, model)
}

interface Defaults {
  readonly addBos: boolean
  readonly addEos: boolean
  readonly bos?: number
  readonly eos?: number
}

function vocabulary(keys: Keys, defaults: Defaults): Vocabulary {
  const pieces = keys.texts('tokens')
  const types = new Int32Array(keys.numbers('token_type', pieces.length, TokenType.normal))
  const byte = pieces.findIndex(
    (piece, id) => types[id] === TokenType.byte && byteOfPiece(piece) === undefined,
  )
  if (byte >= 0) keys.fail(`tokens[${byte}]`, 'a byte token such as <0x0A>', `"${pieces[byte]}"`)
  const id = (name: string, fallback?: number) =>
    keys.id(name, pieces.length) ??
    (fallback !== undefined && fallback < pieces.length ? fallback : undefined)
  const eos = id('eos', defaults.eos)
  const byText = endsByText(
    text => valid(pieces.indexOf(text)),
    end => types[end] === TokenType.normal,
  )
  // Some files take them for text.
  for (const end of byText) types[end] = TokenType.control
  const named = ['eos', 'eot', 'eom'].map(name => id(name))
  return {
    pieces,
    types,
    bos: id('bos', defaults.bos),
    eos,
    addBos: keys.flag('add_bos_token', defaults.addBos),
    addEos: keys.flag('add_eos_token', defaults.addEos),
    endOfGeneration: new Set([...named.filter(end => end !== undefined), ...byText]),
    ...strips(keys, pieces, types),
  }
}

/** What takes spaces along, which files do not say: known of a few models. */
function strips(keys: Keys, pieces: readonly string[], types: ArrayLike<number>) {
  const none = new Set<number>()
  const pre = keys.text('tokenizer.ggml.pre')
  const name = keys.text('general.name').toLowerCase()
  const only = (text: string) => new Set([pieces.indexOf(text)])
  if (['jina-v2-de', 'jina-v2-es', 'jina-v2-code'].includes(pre))
    return { lstrip: only('<mask>'), rstrip: none }
  if (name.includes('modern-bert')) return { lstrip: only('[MASK]'), rstrip: none }
  if (!name.includes('phi-3') && !name.includes('phi3')) return { lstrip: none, rstrip: none }
  const rstrip = new Set<number>()
  for (const [id, piece] of pieces.entries()) {
    const added = types[id] !== TokenType.normal && types[id] !== TokenType.byte
    if (added && !['<unk>', '<s>', '<|endoftext|>'].includes(piece)) rstrip.add(id)
  }
  return { lstrip: none, rstrip }
}

function valid(index: number): number | undefined {
  return index < 0 ? undefined : index
}

/** Values of `tokenizer.ggml.*`, each checked. */
class Keys {
  readonly #metadata: Metadata
  readonly #file: string

  constructor(metadata: Metadata, file: string) {
    this.#metadata = metadata
    this.#file = file
  }

  fail(key: string, expected: string, found: string): never {
    throw new ModelFormatError({ file: this.#file, field: `tokenizer.ggml.${key}`, expected, found })
  }

  texts(key: string): readonly string[] {
    const value = this.#get(key)
    if (!Array.isArray(value) || !value.every(text => typeof text === 'string'))
      return this.fail(key, 'an array of texts', describe(value))
    return value.length < MOST ? value : this.fail(key, `fewer than ${MOST} texts`, `${value.length}`)
  }

  /** One finite number for each piece. */
  numbers(key: string, count: number, fallback: number): ArrayLike<number> {
    const value = this.#get(key)
    if (value === undefined) return new Float32Array(count).fill(fallback)
    if (!ArrayBuffer.isView(value) || value instanceof DataView)
      return this.fail(key, 'an array of numbers', describe(value))
    const list = value as unknown as ArrayLike<number>
    if (list.length !== count) return this.fail(key, `${count} numbers`, `${list.length}`)
    if (typeof list[0] === 'bigint') return Float64Array.from(list, Number)
    for (let i = 0; i < count; i++)
      if (!Number.isFinite(list[i])) this.fail(`${key}[${i}]`, 'a finite number', String(list[i]))
    return list
  }

  id(name: string, count: number): number | undefined {
    const key = `${name}_token_id`
    const value = this.#get(key)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= count)
      return this.fail(key, `an id below ${count}`, String(value))
    return value
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#get(key) ?? fallback
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false', describe(value))
  }

  pretokenizer(): string {
    const name = this.#get('pre') ?? 'default'
    if (typeof name === 'string' && Object.hasOwn(pretokenizers, name)) return name
    throw new UnsupportedModelError(
      `${this.#file}: tokenizer.ggml.pre: expected one of ${Object.keys(pretokenizers).join(', ')}, found ${String(name)}`,
    )
  }

  /** The text of a key of the file, or an empty one. */
  text(key: string): string {
    const value = this.#metadata.get(key)
    return typeof value === 'string' ? value : ''
  }

  bytes(key: string): Uint8Array | undefined {
    const value = this.#get(key)
    if (value === undefined || value instanceof Uint8Array) return value
    if (value instanceof Int8Array) return new Uint8Array(value.buffer, value.byteOffset, value.length)
    return this.fail(key, 'an array of bytes', describe(value))
  }

  #get(key: string): unknown {
    return this.#metadata.get(`tokenizer.ggml.${key}`)
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  return Array.isArray(value) ? 'an array of something else' : typeof value
}
