// A tokenizer from the `tokenizer.ggml.*` keys of a model file. Knows the keys, not the file.
import { ModelFormatError, UnsupportedModelError } from '../errors.ts'
import { SpmTokenizer } from './spm.ts'
import type { Tokenizer } from './tokenizer.ts'

type Metadata = { get(key: string): unknown }

const NORMAL = 1

/** Texts of tokens that end a generation, whatever the file says. */
const ENDS = [
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '<EOT>',
  '<|end_of_text|>',
]

export function hasTokenizer(metadata: Metadata): boolean {
  return metadata.get('tokenizer.ggml.model') !== undefined
}

/** Throws ModelFormatError or UnsupportedModelError naming the key. */
export function tokenizerFromGguf(metadata: Metadata, file: string): Tokenizer {
  const model = metadata.get('tokenizer.ggml.model')
  if (model !== 'llama')
    throw new UnsupportedModelError(`${file}: tokenizer.ggml.model: expected llama, found ${String(model)}`)
  const fail = (key: string, expected: string, found: string): never => {
    throw new ModelFormatError({ file, field: `tokenizer.ggml.${key}`, expected, found })
  }
  const pieces = metadata.get('tokenizer.ggml.tokens')
  if (!Array.isArray(pieces) || !pieces.every(piece => typeof piece === 'string'))
    return fail('tokens', 'an array of texts', typeof pieces)
  const numbers = (key: string, fallback: number): ArrayLike<number> => {
    const value = metadata.get(`tokenizer.ggml.${key}`)
    if (value === undefined) return new Float32Array(pieces.length).fill(fallback)
    if (!ArrayBuffer.isView(value)) return fail(key, 'an array of numbers', typeof value)
    const list = value as unknown as ArrayLike<number>
    return list.length === pieces.length ? list : fail(key, `${pieces.length} numbers`, `${list.length}`)
  }
  const id = (key: string): number | undefined => {
    const value = metadata.get(`tokenizer.ggml.${key}_token_id`)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || value < 0 || value >= pieces.length)
      return fail(`${key}_token_id`, `an id below ${pieces.length}`, String(value))
    return value
  }
  const flag = (key: string, fallback: boolean): boolean => {
    const value = metadata.get(`tokenizer.ggml.${key}`) ?? fallback
    return typeof value === 'boolean' ? value : fail(key, 'true or false', typeof value)
  }
  const ends = [id('eos'), id('eot'), id('eom'), ...ENDS.map(text => pieces.indexOf(text))]
  return new SpmTokenizer({
    pieces,
    scores: numbers('scores', 0),
    types: numbers('token_type', NORMAL),
    bos: id('bos') ?? (pieces.length > 1 ? 1 : undefined),
    unknown: id('unknown'),
    addBos: flag('add_bos_token', true),
    addSpacePrefix: flag('add_space_prefix', true),
    endOfGeneration: new Set(ends.filter(end => end !== undefined && end >= 0) as number[]),
  })
}
