// A tokenizer from the `tokenizer.ggml.*` keys of a model file. Knows the keys, not the file.
import { ModelFormatError, UnsupportedModelError } from '../errors.ts'
import { BpeTokenizer } from './bpe.ts'
import { pretokenizers } from './pretokenize.ts'
import { SpmTokenizer } from './spm.ts'
import type { Tokenizer } from './tokenizer.ts'
import { TokenType, type Vocabulary } from './vocabulary.ts'

type Metadata = { get(key: string): unknown }

/** Ranks of merges and pieces share a number with positions: see merge.ts. */
const MOST = 1 << 25

/** Texts of tokens that end a generation, whatever the file says. */
const ENDS = [
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<end_of_turn>',
  '<end_of_utterance>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<EOT>',
  '_<EOT>',
  '<｜end▁of▁sentence｜>',
]

export function hasTokenizer(metadata: Metadata): boolean {
  return metadata.get('tokenizer.ggml.model') !== undefined
}

/** Throws ModelFormatError or UnsupportedModelError naming the key. */
export function tokenizerFromGguf(metadata: Metadata, file: string): Tokenizer {
  const keys = new Keys(metadata, file)
  const model = metadata.get('tokenizer.ggml.model')
  if (model === 'llama') return spm(keys)
  if (model === 'gpt2') return bpe(keys)
  throw new UnsupportedModelError(
    `${file}: tokenizer.ggml.model: expected llama or gpt2, found ${String(model)}`,
  )
}

function spm(keys: Keys): Tokenizer {
  const common = vocabulary(keys, true)
  return new SpmTokenizer({
    ...common,
    bos: common.bos ?? (common.pieces.length > 1 ? 1 : undefined),
    scores: keys.numbers('scores', common.pieces.length, 0),
    unknown: keys.id('unknown', common.pieces.length),
    addSpacePrefix: keys.flag('add_space_prefix', true),
  })
}

function bpe(keys: Keys): Tokenizer {
  const name = keys.pretokenizer()
  const pretokenizer = pretokenizers[name]!
  const merges = keys.texts('merges')
  const wrong = merges.findIndex(merge => merge.indexOf(' ', 1) < 0)
  if (wrong >= 0) keys.fail(`merges[${wrong}]`, 'two texts with a space between', `"${merges[wrong]}"`)
  return new BpeTokenizer({ ...vocabulary(keys, pretokenizer.addBos ?? false), merges, pretokenizer })
}

function vocabulary(keys: Keys, addBos: boolean): Vocabulary {
  const pieces = keys.texts('tokens')
  const types = keys.numbers('token_type', pieces.length, TokenType.normal)
  const byte = pieces.findIndex(
    (piece, id) => types[id] === TokenType.byte && !/^<0x[\dA-F]{2}>$/i.test(piece),
  )
  if (byte >= 0) keys.fail(`tokens[${byte}]`, 'a byte token such as <0x0A>', `"${pieces[byte]}"`)
  const ends = [
    ...['eos', 'eot', 'eom'].map(name => keys.id(name, pieces.length)),
    ...ENDS.map(text => pieces.indexOf(text)),
  ]
  return {
    pieces,
    types,
    bos: keys.id('bos', pieces.length),
    addBos: keys.flag('add_bos_token', addBos),
    endOfGeneration: new Set(ends.filter(end => end !== undefined && end >= 0) as number[]),
  }
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
    const wrong = Array.prototype.findIndex.call(list, number => !Number.isFinite(Number(number)))
    return wrong < 0 ? list : this.fail(`${key}[${wrong}]`, 'a finite number', String(list[wrong]))
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

  #get(key: string): unknown {
    return this.#metadata.get(`tokenizer.ggml.${key}`)
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  return Array.isArray(value) ? 'an array of something else' : typeof value
}
