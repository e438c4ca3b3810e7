// config.json becomes GGUF's metadata, and metadata config.json. What the keys are called is in hf-names.ts.
import { UnsupportedModelError } from '../../errors.ts'
import type { Json } from '../../tokenizer/json.ts'
import { f32, u32, type WritableValue } from '../gguf/values.ts'
import { type Family, type Field, families } from '../hf-names.ts'
import type { Metadata, TensorInfo } from '../model-file.ts'
import { type QuantizedOptions, SCALED } from './quantized.ts'
import { type RopeShape, ropeFromJson, ropeToJson } from './rope.ts'

/** No key of a config is larger. */
const MOST = 2 ** 32
/** No model is near. */
const MOST_LAYERS = 4096

export interface ModelConfig {
  readonly family: Family
  /** All but the tokenizer's. */
  readonly metadata: Record<string, WritableValue>
  /** Those that no file holds: rope's divisors. */
  readonly tensors: readonly TensorInfo[]
  readonly layers: number
  readonly experts: number
  /** Layers behind the last that guess tokens ahead, which torchless leaves out. */
  readonly extraLayers: number
  /** The output matrix is the embedding, whatever lies in the files. */
  readonly tied: boolean
  readonly quantization: QuantizedOptions
}

/** Throws a ModelFormatError or an UnsupportedModelError naming the key of config.json. */
export function readConfig(whole: Json): ModelConfig {
  // Models that also know images keep what the text model is in a part of its own.
  const text = whole.optional('text_config')
  const own = text ?? whole
  const modelType = (own.optional('model_type') ?? whole.get('model_type')).text()
  const family = families.find(each => each.modelType === modelType)
  if (!family)
    return whole
      .get('model_type')
      .unsupported(`one of ${families.map(each => each.modelType).join(', ')}`, `"${modelType}"`)
  const config = own.with({ ...family.defaults, ...Object.fromEntries(own.entries()) })
  checkKnown(config, family)

  const prefix = `${family.architecture}.`
  const values: Record<string, WritableValue> = {}
  for (const field of family.fields) {
    const found = fieldValue(config, field)
    if (found !== undefined) values[field.ours] = found
  }
  const heads = config.get('num_attention_heads').count(MOST)
  const sizes = family.latent ? latentSizes(config, heads) : headSizes(config, heads)
  const rope = readRope(config, sizes.rotated, family)
  const all = { ...values, ...sizes.values, ...rope.keys, ...extras(config, family) }
  return {
    family,
    metadata: {
      'general.architecture': family.architecture,
      ...Object.fromEntries(Object.entries(all).map(([key, found]) => [prefix + key, found])),
    },
    tensors: rope.tensors,
    layers: config.get('num_hidden_layers').count(MOST_LAYERS),
    experts: expertsIn(config, family),
    extraLayers: config.optional('num_nextn_predict_layers')?.count(MOST_LAYERS) ?? 0,
    quantization: readQuantization(whole),
    tied: config.flagOr('tie_word_embeddings', whole.flagOr('tie_word_embeddings', false)),
  }
}

/** What the tensors of quantized weights do not show. */
function readQuantization(config: Json): QuantizedOptions {
  const settings = config.optional('quantization_config')
  const method = settings?.optional('quant_method')?.oneOf(['fp8', 'gptq', 'awq'])
  const size = settings?.optional('weight_block_size')
  if (size && !size.items().every(side => side.value === SCALED)) size.unsupported(`[${SCALED}, ${SCALED}]`)
  if (method === 'awq') settings?.optional('version')?.oneOf(['gemm', 'GEMM'])
  const format = settings?.optional('checkpoint_format')?.oneOf(['gptq', 'gptq_v2'])
  return { zerosFromOne: format !== 'gptq_v2' }
}

function expertsIn(config: Json, { fields }: Family): number {
  const field = fields.find(({ ours }) => ours === 'expert_count')
  return field ? config.get(field.theirs).count(MOST) : 0
}

/** Throws where a key says that the model is another than torchless computes. */
function checkKnown(config: Json, { activations, only = {} }: Family): void {
  const activation = config.optional('hidden_activation') ?? config.optional('hidden_act')
  if (activation && !activations.includes(activation.text()))
    activation.unsupported(activations.map(name => `"${name}"`).join(' or '))
  for (const [key, known] of Object.entries(only)) {
    const found = config.optional(key)
    if (found && !known.includes(found.value))
      found.unsupported(known.map(one => (one === null ? 'nothing' : JSON.stringify(one))).join(' or '))
  }
}

function fieldValue(config: Json, { theirs, kind, fallback, optional }: Field): WritableValue | undefined {
  const found = config.optional(theirs)
  if (!found && (optional || fallback !== undefined)) {
    if (fallback === undefined) return undefined
    return typeof fallback === 'boolean' ? fallback : kind === 'count' ? u32(fallback) : f32(fallback)
  }
  const json = found ?? config.get(theirs)
  if (kind === 'flag') return json.flag()
  return kind === 'count' ? u32(json.count(MOST)) : f32(json.number())
}

/** Sizes of heads by GGUF's keys, and how many elements of a head rope turns. */
interface HeadSizes {
  readonly rotated: number
  readonly values: Record<string, WritableValue>
}

function headSizes(config: Json, heads: number): HeadSizes {
  const dim = config.get('hidden_size').count(MOST)
  const size = config.optional('head_dim')?.count(MOST) ?? dim / heads
  if (!Number.isInteger(size) || size === 0)
    config.get('num_attention_heads').fail(`a divisor of hidden_size ${dim}`)
  const part = (
    config.optional('partial_rotary_factor') ?? ropeSettings(config)?.optional('partial_rotary_factor')
  )?.number(0)
  const rotated = Math.trunc(size * (part ?? 1))
  if (rotated > size || rotated % 2 !== 0 || rotated === 0)
    config.get('partial_rotary_factor').fail(`an even part of heads of ${size} elements`)
  const kvHeads = config.optional('num_key_value_heads')?.count(MOST) ?? heads
  return {
    rotated,
    values: {
      'attention.head_count_kv': u32(kvHeads),
      'attention.key_length': u32(size),
      'attention.value_length': u32(size),
      'rope.dimension_count': u32(rotated),
    },
  }
}

function latentSizes(config: Json, heads: number): HeadSizes {
  const size = (key: string) => config.get(key).count(MOST)
  const rotated = size('qk_rope_head_dim')
  if (rotated === 0 || rotated % 2 !== 0) config.get('qk_rope_head_dim').fail('an even number')
  return {
    rotated,
    values: {
      'attention.head_count_kv': u32(heads),
      'attention.key_length': u32(size('qk_nope_head_dim') + rotated),
      'attention.value_length': u32(size('v_head_dim')),
      'rope.dimension_count': u32(rotated),
    },
  }
}

/** Newer files have one object for all of rope, of Gemma 3 one for each kind of layer. */
function ropeSettings(config: Json): Json | undefined {
  const parameters = config.optional('rope_parameters')
  return parameters?.optional('full_attention') ?? parameters
}

function readRope(config: Json, rotated: number, { ropeHalves, latent, architecture }: Family) {
  const settings = ropeSettings(config)
  const theta = settings?.optional('rope_theta') ?? config.optional('rope_theta')
  const base = theta?.number(Number.MIN_VALUE) ?? 10_000
  const shape: RopeShape = {
    rotated,
    context: config.get('max_position_embeddings').count(MOST),
    beforeStretching: config.optional('original_max_position_embeddings')?.count(MOST),
    base,
    latent: latent ?? false,
  }
  const { keys, tensors } = ropeFromJson(config.optional('rope_scaling') ?? settings, shape)
  const near = config.optional('rope_parameters')?.optional('sliding_attention')?.optional('rope_theta')
  const all: Record<string, WritableValue> = {
    freq_base: f32(base),
    ...keys,
    ...(near && architecture === 'gemma3' && { freq_base_swa: f32(near.number(Number.MIN_VALUE)) }),
    ...(ropeHalves && { layout: 'halves' }),
  }
  return {
    keys: Object.fromEntries(Object.entries(all).map(([key, value]) => [`rope.${key}`, value])),
    tensors,
  }
}

/** What is said in another way than in GGUF. */
function extras(config: Json, { latent }: Family): Record<string, WritableValue> {
  const found: Record<string, WritableValue> = {}
  const scores = config.optional('scoring_func')?.oneOf(['softmax', 'sigmoid'])
  if (scores) found.expert_gating_func = u32(scores === 'sigmoid' ? 2 : 1)
  if (latent && config.optional('topk_method')?.value === 'greedy') found.expert_group_count = u32(1)
  const scalar = config.optional('query_pre_attn_scalar')
  if (scalar) found['attention.scale'] = f32(scalar.number(Number.MIN_VALUE) ** -0.5)
  const pattern = windowPattern(config)
  if (pattern !== undefined) found['attention.sliding_window_pattern'] = pattern
  return found
}

/** Every how many layers one sees everything, or which layers do not. */
function windowPattern(config: Json): WritableValue | undefined {
  const types = config.optional('layer_types')?.items()
  if (types?.some(type => type.oneOf(['sliding_attention', 'full_attention']) === 'sliding_attention'))
    return types.map(type => type.value === 'sliding_attention')
  const every = config.optional('sliding_window_pattern')
  return every && u32(every.count(MOST_LAYERS))
}

export interface WrittenModel {
  readonly metadata: Metadata
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** The values of a tensor of numbers that config.json holds, if the model has it. */
  readonly divisors: (tensor: string) => readonly number[] | undefined
}

/** The family that holds a model. Throws an UnsupportedModelError if none does. */
export function familyOf({ metadata }: Pick<WrittenModel, 'metadata'>): Family {
  const architecture = String(metadata.get('general.architecture'))
  const number = (key: string) => Number(metadata.get(`${architecture}.${key}`) ?? 0)
  const named: Readonly<Record<string, string>> = {
    llama:
      number('expert_count') > 0 ? 'mixtral' : number('attention.sliding_window') > 0 ? 'mistral' : 'llama',
    deepseek2: number('expert_gating_func') === 2 ? 'deepseek_v3' : 'deepseek_v2',
  }
  const family = families.find(
    each => each.architecture === architecture && (named[architecture] ?? each.modelType) === each.modelType,
  )
  if (family) return family
  throw new UnsupportedModelError(
    `architecture: expected one that HuggingFace's checkpoints have, found ${architecture}`,
  )
}

/** config.json of a model. Throws an UnsupportedModelError for what no such file says. */
export function configOf(model: WrittenModel, family: Family): Record<string, unknown> {
  const { metadata, tensors } = model
  const value = (key: string) => metadata.get(`${family.architecture}.${key}`)
  const number = (key: string, otherwise?: number): number => {
    const found = value(key) ?? otherwise
    return typeof found === 'number' ? found : fail(key, 'a number', typeof found)
  }
  const fail = (key: string, expected: string, found: string): never => {
    throw new UnsupportedModelError(
      `metadata ${family.architecture}.${key}: expected ${expected}, as config.json has it, found ${found}`,
    )
  }
  const vocabulary = tensors.get('token_embd.weight')?.shape[0]
  const config: Record<string, unknown> = {
    architectures: [family.className],
    model_type: family.modelType,
    hidden_act: family.defaults?.hidden_act ?? family.activations[0],
    tie_word_embeddings: !tensors.has('output.weight'),
    attention_bias: tensors.has('blk.0.attn_q.bias') || tensors.has('blk.0.attn_qkv.bias'),
    lm_head_bias: tensors.has('output.bias'),
  }
  for (const { theirs, ours, kind, fallback, optional, unsaid } of family.fields) {
    const found = ours === 'vocab_size' ? (vocabulary ?? value(ours)) : (value(ours) ?? unsaid)
    const known = kind === 'flag' ? 'boolean' : 'number'
    if (found === undefined && (optional || fallback !== undefined)) config[theirs] = fallback ?? null
    else if (typeof found === known) config[theirs] = found
    else
      fail(
        ours,
        kind === 'flag' ? 'true or false' : 'one number',
        found === undefined ? 'nothing' : typeof found,
      )
  }
  const heads = number('attention.head_count')
  const dim = number('embedding_length')
  const sizes = { value, number, fail, heads, dim }
  const { rotated, settings } = family.latent ? latentJson(sizes) : headJson(sizes)
  const shape: RopeShape = {
    rotated,
    context: number('context_length'),
    base: number('rope.freq_base', 10_000),
    latent: family.latent ?? false,
  }
  const scaling = ropeToJson(key => value(`rope.${key}`), model.divisors, shape)
  return {
    ...config,
    ...settings,
    rope_theta: shape.base,
    rope_scaling: scaling,
    ...(scaling?.rope_type === 'longrope' && {
      original_max_position_embeddings: scaling.original_max_position_embeddings,
    }),
    ...extrasJson(sizes, family),
  }
}

interface Sizes {
  readonly value: (key: string) => unknown
  readonly number: (key: string, otherwise?: number) => number
  readonly fail: (key: string, expected: string, found: string) => never
  readonly heads: number
  readonly dim: number
}

function headJson({ number, fail, heads, dim }: Sizes) {
  const size = number('attention.key_length', dim / heads)
  const valueSize = number('attention.value_length', size)
  if (valueSize !== size) fail('attention.value_length', `${size}, the size of keys`, `${valueSize}`)
  const rotated = number('rope.dimension_count', size)
  return {
    rotated,
    settings: {
      num_key_value_heads: number('attention.head_count_kv', heads),
      head_dim: size,
      ...(rotated !== size && { partial_rotary_factor: rotated / size }),
    },
  }
}

function latentJson({ number, heads }: Sizes) {
  const rotated = number('rope.dimension_count')
  const key = number('attention.key_length_mla', number('attention.key_length'))
  const settings = {
    num_key_value_heads: heads,
    qk_rope_head_dim: rotated,
    qk_nope_head_dim: key - rotated,
    v_head_dim: number('attention.value_length_mla', number('attention.value_length')),
  }
  return { rotated, settings }
}

/** Layers of the models of Gemma 2 and 3 whose attention is scaled by the embedding; GGUF files do not say it. */
const scaledByEmbedding: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 }

function extrasJson({ value, number, heads, dim }: Sizes, family: Family): Record<string, unknown> {
  const { architecture, latent, only = {} } = family
  const fixed = Object.entries(only).filter(([, known]) => known.length === 1)
  const found: Record<string, unknown> = Object.fromEntries(fixed.map(([key, known]) => [key, known[0]]))
  if (latent && family.modelType === 'deepseek_v2')
    found.topk_method = number('expert_group_count', 1) > 1 ? 'group_limited_greedy' : 'greedy'
  if (latent) found.num_nextn_predict_layers = 0
  if (architecture in scaledByEmbedding) {
    const byEmbedding = number('block_count') === scaledByEmbedding[architecture]
    const usual = byEmbedding ? dim / heads : number('attention.key_length', dim / heads)
    const scale = value('attention.scale')
    found.query_pre_attn_scalar = typeof scale === 'number' ? Number((scale ** -2).toPrecision(6)) : usual
  }
  const pattern = value('attention.sliding_window_pattern')
  if (typeof pattern === 'number') found.sliding_window_pattern = pattern
  else if (Array.isArray(pattern))
    found.layer_types = pattern.map(windowed => (windowed ? 'sliding_attention' : 'full_attention'))
  return found
}
