// LLaMA 1 to 3 (arXiv:2302.13971, 2407.21783) and Mistral (arXiv:2310.06825), whose files call themselves llama.
import { UnsupportedModelError } from '../errors.ts'
import { architecture } from './architecture.ts'
import { attention, baseConfig, gatedMlp, headConfig, outputLogits } from './blocks.ts'
import { ropeConfig } from './rope.ts'

export const llama = architecture({
  names: ['llama'],

  config(meta, { weights }) {
    const base = baseConfig(meta, weights)
    if (meta.count('expert_count', 0, 0) > 0)
      throw new UnsupportedModelError('mixtures of experts (llama.expert_count > 0) are not supported')
    const heads = headConfig(meta, base)
    return {
      ...base,
      ...heads,
      hidden: meta.countPerLayer('feed_forward_length', base.layers),
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      rope: ropeConfig(meta, heads.keyDim, 'adjacent'),
      window: meta.has('attention.sliding_window') ? meta.count('attention.sliding_window') : undefined,
    }
  },

  forward(g, c, w) {
    let x = g.embed(w.need('token_embd.weight', [c.vocabulary, c.dim])) // [T, dim]
    for (let i = 0; i < c.layers; i++) {
      g.layer = i
      const b = w.block(i)
      const normed = g.rmsNorm(x, b.need('attn_norm.weight', [c.dim]), c.eps)
      x = g.add(x, attention(g, b, normed, c))
      const hidden = g.rmsNorm(x, b.need('ffn_norm.weight', [c.dim]), c.eps)
      x = g.add(x, gatedMlp(g, b, hidden, c.dim, c.hidden[i]!, 'silu'))
    }
    g.layer = c.layers
    const last = g.rmsNorm(g.rows(x), w.need('output_norm.weight', [c.dim]), c.eps) // [R, dim]
    return outputLogits(g, w, last, c)
  },
})
