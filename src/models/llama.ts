// LLaMA 1 to 3 (arXiv:2302.13971, 2407.21783), Mistral (arXiv:2310.06825) and Mixtral (arXiv:2401.04088), whose files call
// themselves llama.
import { architecture } from './architecture.ts'
import { attention, baseConfig, decoder, gatedMlp, headConfig, norm } from './blocks.ts'
import { experts, expertsConfig } from './experts.ts'
import { ropeConfig } from './rope.ts'

export const llama = architecture({
  names: ['llama'],

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const heads = headConfig(meta, base)
    const hidden = meta.countPerLayer('feed_forward_length', base.layers)
    return {
      ...base,
      ...heads,
      hidden,
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      rope: ropeConfig(meta, heads.keyDim, 'adjacent', options),
      window: meta.optionalCount('attention.sliding_window'),
      experts: expertsConfig(meta, { dim: base.dim, hidden: hidden[0]!, normalize: true }),
    }
  },

  forward(g, c, w) {
    const { dim } = c
    return decoder(g, w, c, (x, b, i) => {
      const y = g.add(x, attention(g, b, norm(g, b, 'attn_norm', x, c), c))
      const normed = norm(g, b, 'ffn_norm', y, c)
      const mlp = c.experts
        ? experts(g, b, normed, c.experts)
        : gatedMlp(g, b, normed, { dim, hidden: c.hidden[i]!, act: 'silu' })
      return g.add(y, mlp)
    })
  },
})
