// Rotary embedding as metadata describes it, reduced to the frequencies and the magnitude that the graph takes.
import type { RopeParams } from '../graph/ops.ts'
import type { ConfigOptions } from './architecture.ts'
import type { Meta } from './meta.ts'

export interface RopeConfig {
  readonly layout: RopeParams['layout']
  /** Elements of a head that are rotated; the rest pass. */
  readonly rotated: number
  readonly base: number
  readonly scaling: RopeScaling
  /** Factor on the rotated values, beside that of the scaling. */
  readonly attentionFactor: number
  /** Tensor of divisors of the frequencies; it need not be there. */
  readonly divisors: string
}

export type RopeScaling =
  | { readonly type: 'none' }
  | { readonly type: 'linear'; readonly factor: number }
  | {
      readonly type: 'yarn'
      readonly factor: number
      readonly originalContext: number
      readonly betaFast: number
      readonly betaSlow: number
      /** Factor on the rotated values. */
      readonly magnitude: number
    }

/**
 * Reads `rope.*`; heads have `headDim` elements, and GGUF's q and k rows are laid out for `layout`. Readers of other formats
 * say by `rope.layout` where rows lie otherwise, as none is moved.
 */
export function ropeConfig(
  meta: Meta,
  headDim: number,
  layout: RopeParams['layout'],
  options?: ConfigOptions,
): RopeConfig {
  return {
    ...plainRope(meta, headDim, layout, meta.number('rope.freq_base', 10_000)),
    scaling: scaling(meta),
    attentionFactor: meta.number('rope.scaling.attn_factor', 1),
    divisors: options ? divisors(meta, options) : 'rope_freqs.weight',
  }
}

/** Nothing stretched. */
export function plainRope(
  meta: Meta,
  headDim: number,
  layout: RopeParams['layout'],
  base: number,
): RopeConfig {
  const rotated = meta.count('rope.dimension_count', headDim)
  if (rotated > headDim || rotated % 2 !== 0)
    meta.fail('rope.dimension_count', `an even number up to the head size ${headDim}`, rotated)
  if (base <= 0) meta.fail('rope.freq_base', 'a positive number', base)
  const found = meta.text('rope.layout', layout)
  if (found !== 'adjacent' && found !== 'halves') meta.fail('rope.layout', 'adjacent or halves', found)
  const none = { type: 'none' } as const
  return { layout: found, rotated, base, scaling: none, attentionFactor: 1, divisors: 'rope_freqs.weight' }
}

/** Longrope (arXiv:2402.13753): one set of divisors for the original context, another for longer ones. */
function divisors(meta: Meta, { maxSeqLen, weights }: ConfigOptions): string {
  const [short, long] = ['rope_factors_short.weight', 'rope_factors_long.weight'] as const
  if (!weights.has(long)) return 'rope_freqs.weight'
  const original = meta.count('rope.scaling.original_context_length', meta.count('context_length'))
  const [taken, other] = maxSeqLen > original ? [long, short] : [short, long]
  weights.passOver(other)
  return taken
}

function scaling(meta: Meta): RopeScaling {
  const factor = meta.number('rope.scaling.factor', meta.number('rope.scale_linear', 0)) || 1
  const type = meta.text('rope.scaling.type', 'linear')
  if (type === 'none' || type === 'longrope' || (type === 'linear' && factor === 1)) return { type: 'none' }
  if (factor <= 0) meta.fail('rope.scaling.factor', 'a positive number', factor)
  if (type === 'linear') return { type, factor }
  if (type !== 'yarn') return meta.fail('rope.scaling.type', 'none, linear, yarn or longrope', type)
  return {
    type,
    factor,
    originalContext: meta.count('rope.scaling.original_context_length', meta.count('context_length')),
    betaFast: meta.number('rope.scaling.yarn_beta_fast', 32),
    betaSlow: meta.number('rope.scaling.yarn_beta_slow', 1),
    magnitude: 1 + 0.1 * Math.log(factor),
  }
}

/** What the rope operation takes, for heads of `headDim` elements. */
export function ropeParams(config: RopeConfig, headDim: number): RopeParams {
  const { layout, rotated, base, scaling, attentionFactor: magnitude } = config
  const plain = Array.from({ length: rotated / 2 }, (_, i) => base ** ((-2 * i) / rotated))
  switch (scaling.type) {
    case 'none':
      return { headDim, layout, frequencies: plain, magnitude }
    case 'linear':
      return { headDim, layout, frequencies: plain.map(f => f / scaling.factor), magnitude }
    case 'yarn': {
      const keep = yarnRamp(config, scaling)
      const frequencies = plain.map((f, i) => f * keep(i) + (f / scaling.factor) * (1 - keep(i)))
      return { headDim, layout, frequencies, magnitude: magnitude * scaling.magnitude }
    }
    default:
      return scaling satisfies never
  }
}

/**
 * YaRN (arXiv:2309.00071, section 3.2, with the ramp over pairs as in its authors' code): pairs that turn more than betaFast times over the original context keep
 * their frequency (1), those that turn less than betaSlow times are interpolated (0), with a ramp between.
 */
function yarnRamp(
  { rotated, base }: RopeConfig,
  { originalContext, betaFast, betaSlow }: RopeScaling & { type: 'yarn' },
): (pair: number) => number {
  const pairTurning = (turns: number) =>
    (rotated * Math.log(originalContext / (turns * 2 * Math.PI))) / (2 * Math.log(base))
  const low = Math.max(0, Math.floor(pairTurning(betaFast)))
  const high = Math.min(rotated - 1, Math.ceil(pairTurning(betaSlow)))
  return pair => 1 - Math.min(1, Math.max(0, (pair - low) / Math.max(0.001, high - low)))
}
