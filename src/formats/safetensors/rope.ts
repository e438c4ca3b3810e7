// Rotary positions in config.json and in GGUF's keys: the base, what part of a head is turned, and how it is stretched.
// (transformers' modeling_rope_utils.py)
import { UnsupportedModelError } from '../../errors.ts'
import type { Json } from '../../tokenizer/json.ts'
import { f32, u32, type WritableValue } from '../gguf/values.ts'
import type { TensorInfo } from '../model-file.ts'
import { vector } from './computed.ts'

/** Of a head. */
export interface RopeShape {
  /** Elements that are turned. */
  readonly rotated: number
  readonly context: number
  /** The context that it was trained for at first, where config.json says it outside of `rope_scaling`. */
  readonly beforeStretching?: number | undefined
  readonly base: number
  /** Whether YaRN's magnitude goes into the scores' scale, as DeepSeek has it. */
  readonly latent: boolean
}

export interface Rope {
  /** Behind `ARCHITECTURE.rope.`. */
  readonly keys: Record<string, WritableValue>
  /** Divisors of frequencies. */
  readonly tensors: readonly TensorInfo[]
}

/** Of the context that a model was trained for before its positions were stretched. */
const ORIGINAL = 'original_max_position_embeddings'
const NONE: Rope = { keys: {}, tensors: [] }

/** What `rope_scaling` says; older files call its `rope_type` `type`, newer ones keep the base in it, too. */
export function ropeFromJson(scaling: Json | undefined, shape: RopeShape): Rope {
  const type = scaling?.optional('rope_type') ?? scaling?.optional('type')
  if (!scaling || !type) return NONE
  const factor = () => scaling.get('factor').number(Number.MIN_VALUE)
  const kind = type.oneOf(['default', 'dynamic', 'linear', 'llama3', 'longrope', 'su', 'yarn'])
  switch (kind) {
    case 'default':
    // Dynamic scaling begins behind the context that the file states.
    case 'dynamic':
      return NONE
    case 'linear':
      return { keys: { 'scaling.type': 'linear', 'scaling.factor': f32(factor()) }, tensors: [] }
    case 'llama3':
      return { keys: {}, tensors: [vector('rope_freqs.weight', llama3Divisors(scaling, shape))] }
    case 'longrope':
    case 'su':
      return longrope(scaling, shape)
    case 'yarn':
      return yarn(scaling, factor(), shape)
    default:
      return kind satisfies never
  }
}

export interface Llama3Scaling {
  readonly factor: number
  readonly lowFrequencyFactor: number
  readonly highFrequencyFactor: number
  readonly originalContext: number
}

/** Long waves are stretched, short ones left as they are, those between in part (LLaMA 3.1's model.py, `apply_scaling`). */
export function stretchedWaves(
  { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContext }: Llama3Scaling,
  { rotated, base }: Pick<RopeShape, 'rotated' | 'base'>,
): number[] {
  return Array.from({ length: rotated / 2 }, (_, i) => {
    const turns = originalContext / (2 * Math.PI * base ** ((2 * i) / rotated))
    if (turns > high) return 1
    if (turns < low) return factor
    const kept = (turns - low) / (high - low)
    return 1 / ((1 - kept) / factor + kept)
  })
}

function llama3Divisors(scaling: Json, shape: RopeShape): number[] {
  const number = (key: string) => scaling.get(key).number(Number.MIN_VALUE)
  const [low, high] = [number('low_freq_factor'), number('high_freq_factor')]
  if (low >= high) scaling.get('high_freq_factor').fail(`more than low_freq_factor, ${low}`)
  const given = {
    factor: number('factor'),
    lowFrequencyFactor: low,
    highFrequencyFactor: high,
    originalContext: number(ORIGINAL),
  }
  return stretchedWaves(given, shape)
}

/** arXiv:2402.13753: divisors for each pair, and a magnitude that follows from how much further the context reaches. */
function longrope(scaling: Json, { rotated, context, beforeStretching }: RopeShape): Rope {
  const original = scaling.optional(ORIGINAL)?.count(2 ** 32) ?? beforeStretching ?? context
  const divisors = (key: string) => {
    const list = scaling.get(key).items()
    if (list.length !== rotated / 2) scaling.get(key).fail(`${rotated / 2} numbers`, `${list.length}`)
    return list.map(divisor => divisor.number(Number.MIN_VALUE))
  }
  const reach = scaling.optional('factor')?.number(1) ?? context / original
  const usual = reach > 1 ? Math.sqrt(1 + Math.log(reach) / Math.log(original)) : 1
  // Phi-3.5-MoE names the magnitudes for short and for long texts; they are the same.
  const [short, long] = ['short_mscale', 'long_mscale'].map(key => scaling.optional(key)?.number(0))
  if (short !== long) scaling.get('short_mscale').unsupported(`${long}, as long_mscale`)
  const magnitude = scaling.optional('attention_factor')?.number(0) ?? long ?? usual
  return {
    keys: {
      'scaling.type': 'longrope',
      'scaling.original_context_length': u32(original),
      'scaling.attn_factor': f32(magnitude),
    },
    tensors: [
      vector('rope_factors_short.weight', divisors('short_factor')),
      vector('rope_factors_long.weight', divisors('long_factor')),
    ],
  }
}

function yarn(scaling: Json, factor: number, { context, beforeStretching, latent }: RopeShape): Rope {
  const number = (key: string) => scaling.optional(key)?.number(0)
  const [one, all] = [number('mscale'), number('mscale_all_dim')]
  const magnitude = (scale: number) => (factor > 1 ? 1 + 0.1 * scale * Math.log(factor) : 1)
  if (latent && all && (one ?? 1) !== all) scaling.get('mscale').unsupported(`${all}, as mscale_all_dim`)
  const wanted =
    number('attention_factor') ?? (one && all ? magnitude(one) / magnitude(all) : magnitude(one || 1))
  const original = scaling.optional(ORIGINAL)?.count(2 ** 32) ?? beforeStretching ?? context
  return {
    keys: {
      'scaling.type': 'yarn',
      'scaling.factor': f32(factor),
      'scaling.original_context_length': u32(original),
      'scaling.yarn_beta_fast': f32(number('beta_fast') ?? 32),
      'scaling.yarn_beta_slow': f32(number('beta_slow') ?? 1),
      ...(latent && all
        ? { 'scaling.yarn_log_multiplier': f32(0.1 * all) }
        : { 'scaling.attn_factor': f32(wanted / magnitude(1)) }),
    },
    tensors: [],
  }
}

/** What GGUF's keys and divisors are in config.json; `value` answers what `ARCHITECTURE.rope.` and a key have. */
export function ropeToJson(
  value: (key: string) => unknown,
  divisors: (tensor: string) => readonly number[] | undefined,
  shape: RopeShape,
): Record<string, unknown> | null {
  const number = (key: string, otherwise: number) => {
    const found = value(key)
    return typeof found === 'number' ? found : otherwise
  }
  const [short, long] = [divisors('rope_factors_short.weight'), divisors('rope_factors_long.weight')]
  const original = number('scaling.original_context_length', shape.context)
  const attentionFactor = number('scaling.attn_factor', 1)
  const waves = divisors('rope_freqs.weight')
  if (short && long) return longropeJson(short, long, original, attentionFactor)
  if (waves) return knownWaves(waves, shape) ?? longropeJson(waves, waves, original, attentionFactor)
  const factor = number('scaling.factor', number('scale_linear', 1)) || 1
  const type = value('scaling.type') ?? 'linear'
  if (type === 'none' || type === 'longrope' || (type === 'linear' && factor === 1)) return null
  if (type === 'linear') return { rope_type: 'linear', type: 'linear', factor }
  if (type !== 'yarn')
    throw new UnsupportedModelError(`rope.scaling.type: expected one of HuggingFace's, found ${String(type)}`)
  const multiplier = number('scaling.yarn_log_multiplier', 0)
  // DeepSeek's are published with two digits or so: float32 has more than were meant.
  const scale = Number((10 * multiplier).toPrecision(6))
  return {
    rope_type: 'yarn',
    type: 'yarn',
    factor,
    original_max_position_embeddings: original,
    beta_fast: number('scaling.yarn_beta_fast', 32),
    beta_slow: number('scaling.yarn_beta_slow', 1),
    ...(shape.latent && multiplier !== 0
      ? { mscale: scale, mscale_all_dim: scale }
      : { attention_factor: attentionFactor * (1 + 0.1 * Math.log(factor)) }),
  }
}

function longropeJson(
  short: readonly number[],
  long: readonly number[],
  original: number,
  attentionFactor: number,
): Record<string, unknown> {
  return {
    rope_type: 'longrope',
    type: 'longrope',
    short_factor: short,
    long_factor: long,
    attention_factor: attentionFactor,
    original_max_position_embeddings: original,
  }
}

/** LLaMA 3.1's and 3.2's own divisors, by what they were computed from. */
function knownWaves(
  waves: readonly number[],
  shape: Pick<RopeShape, 'rotated' | 'base'>,
): Record<string, unknown> | undefined {
  for (const factor of [8, 32]) {
    const scaling = { factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192 }
    const same = stretchedWaves(scaling, shape).every(
      (wave, i) => Math.abs(wave - waves[i]!) <= 1e-6 * Math.abs(wave),
    )
    if (same)
      return {
        rope_type: 'llama3',
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      }
  }
  return undefined
}
