// Files of torchless-rs and its exporter (https://github.com/rglonek/torchless-rs, docs/formats/model-formats.md): what their
// metadata, tokenizer and tensor names are called in GGUF. They hold LLaMA's and Mistral's architecture.
import { UnsupportedModelError } from '../../errors.ts'
import { scoresOfMerges } from '../../tokenizer/gguf-keys.ts'
import type { Json } from '../../tokenizer/json.ts'
import { f32, u32, type WritableValue } from '../gguf/values.ts'
import { llamaNames, sharedNames } from '../hf-names.ts'
import type { TensorInfo } from '../model-file.ts'

/** Counts that other families than these need; 0 is how exporters write none. */
const FOREIGN = ['n_routed_experts', 'swiglu_limit', 'attention_sliding_window']
/** More pieces than any vocabulary has. */
const MOST_PIECES = 2 ** 22
/** Values of `tokenizer.ggml.token_type`. */
const [NORMAL, UNKNOWN, CONTROL, UNUSED, BYTE] = [1, 2, 3, 5, 6]

/** The metadata as GGUF's, `tokenizer.ggml.*` included. Throws if a value is wrong, or none that torchless knows. */
export function referenceMetadata(header: Json): Record<string, WritableValue> {
  const metadata = header.get('metadata')
  const text = (key: string) => metadata.optional(key)?.text()
  const number = (key: string) => {
    const value = metadata.get(key).text()
    const parsed = Number(value)
    return value.trim() !== '' && Number.isFinite(parsed)
      ? parsed
      : metadata.get(key).fail('a number in a text')
  }
  const count = (key: string) => {
    const value = number(key)
    const whole = Number.isInteger(value) && value >= 0 && value < 2 ** 32
    return u32(whole ? value : metadata.get(key).fail('a whole number below 2^32'))
  }
  const given = (key: string) => !['None', '0', '', undefined].includes(text(key))
  if (text('act_type') !== undefined && text('act_type') !== 'silu')
    metadata.get('act_type').unsupported('"silu"')
  for (const key of FOREIGN)
    if (text(key) !== undefined && number(key) !== 0) metadata.get(key).unsupported('0')
  return {
    'general.architecture': 'llama',
    'llama.embedding_length': count('hidden_size'),
    'llama.feed_forward_length': count('intermediate_size'),
    'llama.block_count': count('n_layers'),
    'llama.attention.head_count': count('n_heads'),
    'llama.attention.head_count_kv': count('n_kv_heads'),
    'llama.vocab_size': count('vocab_size'),
    'llama.context_length': count('max_position_embeddings'),
    'llama.attention.layer_norm_rms_epsilon': f32(number('norm_eps')),
    'llama.rope.freq_base': f32(number('rope_theta')),
    // Rows of queries and keys are in HuggingFace's order.
    'llama.rope.layout': 'halves',
    ...(given('sliding_window') && { 'llama.attention.sliding_window': count('sliding_window') }),
    ...(given('head_dim') && {
      'llama.attention.key_length': count('head_dim'),
      'llama.attention.value_length': count('head_dim'),
    }),
    ...tokenizerMetadata(header.get('tokenizer'), Number(text('vocab_size'))),
  }
}

/** SentencePiece's scores from the order of merges. Ids of the model that the vocabulary leaves out get pieces that no text has. */
function tokenizerMetadata(tokenizer: Json, modelSize: number): Record<string, WritableValue> {
  const vocabulary = tokenizer.get('vocab')
  const entries = vocabulary.entries()
  const pieces: string[] = []
  for (const [piece, id] of entries) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MOST_PIECES)
      vocabulary.get(piece).fail(`an id below ${MOST_PIECES}`)
    else pieces[id] = piece
  }
  if (entries.length === 0) return {}
  const size = Math.min(Math.max(pieces.length, modelSize), MOST_PIECES)
  const types = new Int32Array(size).fill(NORMAL)
  for (let id = 0; id < size; id++) {
    const piece = pieces[id]
    if (piece === undefined) {
      pieces[id] = `[PAD${id}]`
      types[id] = UNUSED
    } else if (/^<0x[0-9A-F]{2}>$/.test(piece)) types[id] = BYTE
    else if (piece === '<unk>') types[id] = UNKNOWN
    else if (piece === '<s>' || piece === '</s>') types[id] = CONTROL
  }
  const id = (piece: string, key: string) => {
    const found = pieces.indexOf(piece)
    return found < 0 ? {} : { [`tokenizer.ggml.${key}_token_id`]: u32(found) }
  }
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': pieces,
    'tokenizer.ggml.scores': scoresOf(pieces, tokenizer.get('merges')),
    'tokenizer.ggml.token_type': types,
    ...id('<s>', 'bos'),
    ...id('</s>', 'eos'),
    ...id('<unk>', 'unknown'),
    'tokenizer.ggml.add_bos_token': true,
    'tokenizer.ggml.add_space_prefix': true,
  }
}

function scoresOf(pieces: readonly string[], merges: Json): Float32Array {
  const pairs = merges.array().map((merge, rank) => {
    const halves = typeof merge === 'string' ? merge.split(' ') : merge
    if (!Array.isArray(halves) || halves.length !== 2 || !halves.every(half => typeof half === 'string'))
      return merges.at(rank).fail('two texts with a space between')
    return [halves[0], halves[1]] as [string, string]
  })
  return scoresOfMerges(pieces, pairs)
}

/** The tensors by GGUF's names. */
export function referenceTensors(
  tensors: ReadonlyMap<string, TensorInfo>,
  file: string,
): Map<string, TensorInfo> {
  const renamed = new Map<string, TensorInfo>()
  for (const [theirs, tensor] of tensors) {
    if (theirs.endsWith('rotary_emb.inv_freq')) continue
    const name = ggufName(theirs)
    if (name === undefined || renamed.has(name))
      throw new UnsupportedModelError(
        `${file}: tensor ${theirs}: expected one that LLaMA or Mistral has, once`,
      )
    renamed.set(name, { ...tensor, name })
  }
  return renamed
}

function ggufName(name: string): string | undefined {
  const [, layer, stem, kind] = /^(?:model\.layers\.(\d{1,4})\.)?(.+)\.(weight|bias)$/s.exec(name) ?? []
  if (stem === undefined) return undefined
  const names = layer === undefined ? sharedNames : llamaNames
  if (!Object.hasOwn(names, stem)) return undefined
  return `${layer === undefined ? '' : `blk.${layer}.`}${names[stem]}.${kind}`
}

/** What torchless-rs calls a tensor of GGUF; undefined if it knows none like it. */
export function referenceName(name: string): string | undefined {
  const [, layer, stem, kind] = /^(?:blk\.(\d{1,4})\.)?(.+)\.(weight|bias)$/s.exec(name) ?? []
  const names = layer === undefined ? sharedNames : llamaNames
  const theirs = Object.keys(names).find(key => names[key] === stem)
  if (theirs === undefined) return undefined
  return `${layer === undefined ? '' : `model.layers.${layer}.`}${theirs}.${kind}`
}
