// DeepSeek V2, V2-Lite, V3 and R1 (arXiv:2405.04434, 2412.19437): multi-head latent attention, whose cache holds one compressed row a
// token for all heads, and DeepSeek's mixture of experts.
import { architecture } from './architecture.ts'
import { baseConfig, decoder, norm } from './blocks.ts'
import { expertsConfig, mixtureLayer } from './experts.ts'
import { type LatentConfig, latentAttention } from './latent.ts'
import type { Meta } from './meta.ts'
import { type RopeConfig, ropeConfig } from './rope.ts'

export const deepseek2 = architecture({
  names: ['deepseek2'],

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const hidden = meta.count('feed_forward_length')
    const rotated = meta.count('rope.dimension_count')
    // Files for absorbed attention give the cache's sizes under the plain keys.
    const key = meta.optionalCount('attention.key_length_mla') ?? meta.count('attention.key_length')
    if (key <= rotated) meta.fail('attention.key_length', `more than the ${rotated} rotated elements`, key)
    return {
      ...base,
      heads: meta.count('attention.head_count'),
      plain: key - rotated,
      rotated,
      valueDim: meta.optionalCount('attention.value_length_mla') ?? meta.count('attention.value_length'),
      latent: meta.count('attention.kv_lora_rank'),
      queryLatent: meta.optionalCount('attention.q_lora_rank'),
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      ...latentRope(meta, key, ropeConfig(meta, rotated, 'adjacent', options)),
      hidden,
      dense: meta.count('leading_dense_block_count', 0, 0),
      experts: expertsConfig(meta, { dim: base.dim, hidden, normalize: false }),
      shared: meta.count('expert_shared_count', 0, 0),
    }
  },

  forward(g, c, w) {
    return decoder(g, w, c, (x, b) => {
      const y = g.add(x, latentAttention(g, b, norm(g, b, 'attn_norm', x, c), c))
      return g.add(y, mixtureLayer(g, b, norm(g, b, 'ffn_norm', y, c), c))
    })
  },
})

/**
 * YaRN as DeepSeek applies it: the magnitude goes into the scores' scale, squared, for the elements without position have to
 * grow as well; `yarn_log_multiplier` is a tenth of the models' mscale_all_dim.
 */
function latentRope(meta: Meta, keyDim: number, rope: RopeConfig): Pick<LatentConfig, 'rope' | 'scale'> {
  const multiplier = meta.number('rope.scaling.yarn_log_multiplier', 0)
  if (rope.scaling.type !== 'yarn' || multiplier === 0) return { rope, scale: keyDim ** -0.5 }
  const magnitude = 1 + multiplier * Math.log(rope.scaling.factor)
  return {
    rope: { ...rope, scaling: { ...rope.scaling, magnitude: 1 } },
    scale: magnitude ** 2 * keyDim ** -0.5,
  }
}
