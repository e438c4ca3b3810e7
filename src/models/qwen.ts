// Qwen 2 and 2.5 (arXiv:2407.10671), whose projections have biases; Qwen 3 (arXiv:2505.09388), whose heads have norms; and the
// mixtures of both. Which of these a file has is seen by its tensors.
import { architecture } from './architecture.ts'
import { attention, baseConfig, decoder, gatedMlp, headConfig, linear, norm } from './blocks.ts'
import { experts, expertsConfig } from './experts.ts'
import { ropeConfig } from './rope.ts'

export const qwen = architecture({
  names: ['qwen2', 'qwen2moe', 'qwen3', 'qwen3moe'],

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const heads = headConfig(meta, base)
    const hidden = meta.count('feed_forward_length', meta.optionalCount('expert_feed_forward_length'))
    return {
      ...base,
      ...heads,
      hidden,
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      rope: ropeConfig(meta, heads.keyDim, 'halves', options),
      experts: expertsConfig(meta, { dim: base.dim, hidden, normalize: meta.architecture === 'qwen3moe' }),
      sharedHidden: meta.count('expert_shared_feed_forward_length', hidden),
    }
  },

  forward(g, c, w) {
    const { dim } = c
    return decoder(g, w, c, (x, b) => {
      const y = g.add(x, attention(g, b, norm(g, b, 'attn_norm', x, c), c))
      const normed = norm(g, b, 'ffn_norm', y, c)
      // In a mixture some layers may be dense.
      if (!c.experts || !b.has('ffn_gate_inp.weight'))
        return g.add(y, gatedMlp(g, b, normed, { dim, hidden: c.hidden, act: 'silu' }))
      const z = g.add(y, experts(g, b, normed, c.experts))
      if (!b.has('ffn_gate_inp_shexp.weight')) return z
      // The shared expert, as far as a gate of its own lets it through.
      const shared = { dim, hidden: c.sharedHidden, act: 'silu', suffix: '_shexp' } as const
      const open = linear(g, b, 'ffn_gate_inp_shexp', normed, 1, dim) // [T, 1]
      return g.add(z, g.gate(open, gatedMlp(g, b, normed, shared), 'sigmoid'))
    })
  },
})
