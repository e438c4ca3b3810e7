// DeepSeek's first mixture (arXiv:2401.06066): LLaMA with a few dense layers, then many small experts and some that every token
// goes to.
import { architecture } from './architecture.ts'
import { attention, baseConfig, decoder, headConfig, norm } from './blocks.ts'
import { expertsConfig, mixtureLayer } from './experts.ts'
import { ropeConfig } from './rope.ts'

export const deepseek = architecture({
  names: ['deepseek'],

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const heads = headConfig(meta, base)
    const hidden = meta.count('feed_forward_length')
    return {
      ...base,
      ...heads,
      hidden,
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      rope: ropeConfig(meta, heads.keyDim, 'adjacent', options),
      dense: meta.count('leading_dense_block_count', 0, 0),
      experts: expertsConfig(meta, { dim: base.dim, hidden, normalize: false }),
      shared: meta.count('expert_shared_count', 0, 0),
    }
  },

  forward(g, c, w) {
    return decoder(g, w, c, (x, b) => {
      const y = g.add(x, attention(g, b, norm(g, b, 'attn_norm', x, c), c))
      return g.add(y, mixtureLayer(g, b, norm(g, b, 'ffn_norm', y, c), c))
    })
  },
})
