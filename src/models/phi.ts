// Phi-2 (arXiv:2309.05463): attention and feed-forward network side by side, layer norms, biases everywhere, heads rotated in
// part. Phi-3 to Phi-4-mini and Phi-3.5-MoE (arXiv:2404.14219, 2503.01743): as LLaMA, with fused projections and longrope.
import { architecture } from './architecture.ts'
import { attention, baseConfig, decoder, gatedMlp, headConfig, linear, norm } from './blocks.ts'
import { experts, expertsConfig } from './experts.ts'
import { ropeConfig } from './rope.ts'

export const phi2 = architecture({
  names: ['phi2'],

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const heads = headConfig(meta, base)
    return {
      ...base,
      ...heads,
      hidden: meta.count('feed_forward_length'),
      eps: meta.number('attention.layer_norm_epsilon', undefined, 0),
      centered: true,
      rope: ropeConfig(meta, heads.keyDim, 'halves', options),
    }
  },

  forward(g, c, w) {
    const { dim, hidden } = c
    return decoder(g, w, c, (x, b) => {
      const normed = norm(g, b, 'attn_norm', x, c)
      const inner = g.activate(linear(g, b, 'ffn_up', normed, hidden, dim), 'gelu')
      const mlp = linear(g, b, 'ffn_down', inner, dim, hidden)
      return g.add(g.add(x, attention(g, b, normed, c)), mlp)
    })
  },
})

export const phi3 = architecture({
  names: ['phi3', 'phimoe'],

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const heads = headConfig(meta, base)
    const hidden = meta.count('feed_forward_length')
    const window = meta.optionalCount('attention.sliding_window')
    return {
      ...base,
      ...heads,
      hidden,
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      rope: ropeConfig(meta, heads.keyDim, 'halves', options),
      window,
      experts: expertsConfig(meta, { dim: base.dim, hidden, normalize: true }),
    }
  },

  forward(g, c, w) {
    const { dim } = c
    return decoder(g, w, c, (x, b) => {
      const y = g.add(x, attention(g, b, norm(g, b, 'attn_norm', x, c), c))
      const normed = norm(g, b, 'ffn_norm', y, c)
      const mlp = c.experts
        ? experts(g, b, normed, c.experts)
        : gatedMlp(g, b, normed, { dim, hidden: c.hidden, act: 'silu' })
      return g.add(y, mlp)
    })
  },
})
