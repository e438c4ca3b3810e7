// A tokenizer of GGUF's keys as HuggingFace's files: SentencePiece's become a tokenizer.model, byte-level BPE a tokenizer.json; a
// tokenizer_config.json has what neither says.
import { UnsupportedModelError } from '../errors.ts'
import { GPT2, type Pretokenizer, pretokenizers } from './pretokenize.ts'
import { TokenType } from './token-type.ts'

type Metadata = ReadonlyMap<string, unknown>

/** Texts, and the bytes of tokenizer.model, by the names of the files. */
export type HfFiles = Record<string, string | Uint8Array>

const special = { bos_token: 'bos', eos_token: 'eos', unk_token: 'unknown', pad_token: 'padding' } as const

/** No files where there is no tokenizer. Throws an UnsupportedModelError for one that such files do not hold. */
export function hfTokenizerFiles(metadata: Metadata): HfFiles {
  const model = metadata.get('tokenizer.ggml.model')
  if (model === undefined) return {}
  const keys = new Keys(metadata)
  if (model !== 'llama' && model !== 't5' && model !== 'gpt2')
    throw new UnsupportedModelError(
      `tokenizer.ggml.model: expected llama, t5 or gpt2, found ${String(model)}`,
    )
  const name = model === 'gpt2' ? 'tokenizer.json' : 'tokenizer.model'
  return {
    [name]: model === 'gpt2' ? JSON.stringify(tokenizerJson(keys)) : tokenizerModel(keys, model === 't5'),
    'tokenizer_config.json': JSON.stringify(configJson(keys, model), undefined, 2),
  }
}

class Keys {
  readonly pieces: readonly string[]
  readonly types: ArrayLike<number>

  constructor(readonly metadata: Metadata) {
    const pieces = this.get('tokens')
    this.pieces = Array.isArray(pieces) ? (pieces as readonly string[]) : []
    this.types = (this.get('token_type') as ArrayLike<number> | undefined) ?? []
  }

  get(key: string): unknown {
    return this.metadata.get(`tokenizer.ggml.${key}`)
  }

  type(id: number): number {
    return this.types[id] ?? TokenType.normal
  }

  id(name: string): number | undefined {
    const id = this.get(`${name}_token_id`)
    return typeof id === 'number' && id < this.pieces.length ? id : undefined
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.get(key)
    return typeof value === 'boolean' ? value : fallback
  }
}

function configJson(keys: Keys, model: string): Record<string, unknown> {
  const config: Record<string, unknown> = {
    tokenizer_class:
      model === 'gpt2' ? 'PreTrainedTokenizerFast' : model === 't5' ? 'T5Tokenizer' : 'LlamaTokenizer',
    add_bos_token: addsBos(keys, model),
    add_eos_token: keys.flag('add_eos_token', model === 't5'),
    add_prefix_space: keys.flag('add_space_prefix', model === 'llama'),
    clean_up_tokenization_spaces: false,
  }
  for (const [name, key] of Object.entries(special)) {
    const id = keys.id(key)
    if (id !== undefined) config[name] = keys.pieces[id]
  }
  const templates: { name: string; template: unknown }[] = []
  for (const [key, template] of keys.metadata) {
    if (key === 'tokenizer.chat_template') templates.unshift({ name: 'default', template })
    else if (key.startsWith('tokenizer.chat_template.'))
      templates.push({ name: key.slice('tokenizer.chat_template.'.length), template })
  }
  if (templates.length === 1 && templates[0]!.name === 'default')
    config.chat_template = templates[0]!.template
  else if (templates.length > 0) config.chat_template = templates
  return config
}

/** Where a file does not say whether texts begin with BOS, its model or its pre-tokenizer does. */
function addsBos(keys: Keys, model: string): boolean {
  const usual = model === 'llama' || (model === 'gpt2' && (pretokenizerOf(keys).addBos ?? false))
  return keys.flag('add_bos_token', usual)
}

function pretokenizerOf(keys: Keys): Pretokenizer {
  const name = String(keys.get('pre') ?? 'default')
  const found = Object.hasOwn(pretokenizers, name) ? pretokenizers[name] : undefined
  if (found) return found
  throw new UnsupportedModelError(`tokenizer.ggml.pre: expected one that torchless knows, found ${name}`)
}

function tokenizerJson(keys: Keys): unknown {
  const { pieces } = keys
  const { patterns, ignoreMerges = false } = pretokenizerOf(keys)
  const isAdded = (id: number) =>
    [TokenType.control, TokenType.userDefined].some(type => type === keys.type(id))
  const ids = pieces.map((_, id) => id)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: ids.filter(isAdded).map(id => ({
      ...{ id, content: pieces[id], single_word: false, lstrip: false, rstrip: false, normalized: false },
      special: keys.type(id) === TokenType.control,
    })),
    normalizer: null,
    pre_tokenizer: pretokenizerJson(patterns),
    post_processor: frameJson(keys),
    decoder: byteLevel(),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: Object.fromEntries(ids.filter(id => !isAdded(id)).map(id => [pieces[id], id])),
      merges: keys.get('merges') ?? [],
    },
  }
}

function byteLevel(useRegex = false): unknown {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: useRegex }
}

function pretokenizerJson(patterns: Pretokenizer['patterns']): unknown {
  if (patterns.length === 1 && patterns[0] === GPT2) return byteLevel(true)
  const splits = patterns.map(pattern => {
    if (typeof pattern !== 'string')
      throw new UnsupportedModelError(
        'tokenizer.ggml.pre: expected one that is a list of patterns, found one that cuts into threes',
      )
    return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
  })
  return { type: 'Sequence', pretokenizers: [...splits, byteLevel()] }
}

/** What texts begin and end with. */
function frameJson(keys: Keys): unknown {
  const around = [
    ...(addsBos(keys, 'gpt2') ? (['bos'] as const) : []),
    undefined,
    ...(keys.flag('add_eos_token', false) ? (['eos'] as const) : []),
  ]
  const tokens: Record<string, unknown> = {}
  const single = around.flatMap((name): Record<string, unknown>[] => {
    if (name === undefined) return [{ Sequence: { id: 'A', type_id: 0 } }]
    const id = keys.id(name)
    if (id === undefined) return []
    const text = keys.pieces[id]!
    tokens[text] = { id: text, ids: [id], tokens: [text] }
    return [{ SpecialToken: { id: text, type_id: 0 } }]
  })
  if (single.length === 1) return null
  const second = single.map(part => ('Sequence' in part ? { Sequence: { id: 'B', type_id: 1 } } : part))
  return { type: 'TemplateProcessing', single, pair: [...single, ...second], special_tokens: tokens }
}

/** A message of sentencepiece_model.proto: pieces, the trainer's and the normalizer's settings. */
function tokenizerModel(keys: Keys, unigram: boolean): Uint8Array {
  const { pieces } = keys
  const scores = keys.get('scores') as ArrayLike<number> | undefined
  const bytes = (name: string) => keys.get(name) as Uint8Array | undefined
  const fields = pieces.map((piece, id) =>
    message(1, [text(1, piece), float(2, scores?.[id] ?? 0), number(3, keys.type(id))]),
  )
  const charsmap = bytes('precompiled_charsmap')
  const trainer = [
    number(3, unigram ? 1 : 2),
    number(35, Number(!unigram)),
    ...(['unknown', 'bos', 'eos', 'padding'] as const).map((name, i) => number(40 + i, keys.id(name) ?? -1)),
  ]
  const normalizer = [
    text(1, charsmap ? 'nmt_nfkc' : 'identity'),
    ...(charsmap ? [field(2, charsmap)] : []),
    number(3, Number(keys.flag('add_space_prefix', !unigram))),
    number(4, Number(keys.flag('remove_extra_whitespaces', false))),
    number(5, 1),
  ]
  return joined([...fields, message(2, trainer), message(3, normalizer)])
}

function varint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}

/** Kinds 0 (a number), 5 (32 bits) and 2 (bytes) of protobuf's fields. */
function number(id: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(BigInt(id * 8)), ...varint(BigInt(value))])
}

function float(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return joined([Uint8Array.from(varint(BigInt(id * 8 + 5))), bytes])
}

function field(id: number, bytes: Uint8Array): Uint8Array {
  const head = [...varint(BigInt(id * 8 + 2)), ...varint(BigInt(bytes.length))]
  return joined([Uint8Array.from(head), bytes])
}

function text(id: number, value: string): Uint8Array {
  return field(id, new TextEncoder().encode(value))
}

function message(id: number, fields: readonly Uint8Array[]): Uint8Array {
  return field(id, joined(fields))
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
