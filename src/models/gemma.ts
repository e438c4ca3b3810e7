// Gemma 1 to 3 (arXiv:2403.08295, 2408.00118, 2503.19786): embeddings times √dim, GELU gates, tied output. Gemma 2 adds norms behind
// attention and feed-forward network, soft caps, and a window on every other layer; Gemma 3 norms of heads, five windowed layers
// to one full, and positions of their own on the windowed ones. Files hold 1 + w for norms.
import { architecture } from './architecture.ts'
import { attention, baseConfig, decoder, gatedMlp, headConfig, type Layer, norm } from './blocks.ts'
import type { Meta } from './meta.ts'
import { plainRope, ropeConfig } from './rope.ts'

interface Variant {
  /** Every so many layers one sees everything; undefined: all do. */
  readonly period: number | undefined
  readonly window: number | undefined
  readonly attentionCap: number
  readonly finalCap: number
  /** Layers of the size whose attention is scaled by the embedding, not by the heads. */
  readonly scaledByEmbedding: number | undefined
}

/** What files do not say is so in all models of the generation. */
const variants: Readonly<Record<string, Variant>> = {
  gemma: { period: undefined, window: undefined, attentionCap: 0, finalCap: 0, scaledByEmbedding: undefined },
  gemma2: { period: 2, window: 4096, attentionCap: 50, finalCap: 30, scaledByEmbedding: 46 },
  gemma3: { period: 6, window: undefined, attentionCap: 0, finalCap: 0, scaledByEmbedding: 62 },
}

export const gemma = architecture({
  names: Object.keys(variants),

  config(meta, options) {
    const base = baseConfig(meta, options.weights)
    const heads = headConfig(meta, base)
    const variant = variants[meta.architecture]!
    const byEmbedding = base.layers === variant.scaledByEmbedding
    return {
      ...base,
      ...heads,
      hidden: meta.countPerLayer('feed_forward_length', base.layers),
      eps: meta.number('attention.layer_norm_rms_epsilon', undefined, 0),
      rope: ropeConfig(meta, heads.keyDim, 'halves', options),
      localRope: localRope(meta, heads.keyDim, options),
      windows: windows(meta, variant, base.layers),
      // Checkpoints say it, GGUF files do not.
      scale: meta.number('attention.scale', (byEmbedding ? base.dim / heads.heads : heads.keyDim) ** -0.5),
      softcap: meta.number('attn_logit_softcapping', variant.attentionCap, 0) || undefined,
      finalCap: meta.number('final_logit_softcapping', variant.finalCap, 0),
    }
  },

  forward(g, c, w) {
    const { dim } = c
    const layer: Layer = (x, b, i) => {
      const after = (name: string, y: typeof x) => (b.has(`${name}.weight`) ? norm(g, b, name, y, c) : y)
      const window = c.windows[i]
      const rope = window === undefined ? c.rope : c.localRope
      const seen = attention(g, b, norm(g, b, 'attn_norm', x, c), { ...c, rope, window })
      const y = g.add(x, after('post_attention_norm', seen))
      const normed = norm(g, b, 'ffn_norm', y, c)
      const mlp = gatedMlp(g, b, normed, { dim, hidden: c.hidden[i]!, act: 'gelu' })
      return g.add(y, after('post_ffw_norm', mlp))
    }
    const logits = decoder(g, w, c, layer, Math.sqrt(dim))
    return c.finalCap > 0 ? g.softcap(logits, c.finalCap) : logits
  },
})

/** Windowed layers of Gemma 3 look near: short waves, nothing stretched. */
function localRope(meta: Meta, headDim: number, options: Parameters<typeof ropeConfig>[3]) {
  if (meta.architecture !== 'gemma3') return ropeConfig(meta, headDim, 'halves', options)
  return plainRope(meta, headDim, 'halves', meta.number('rope.freq_base_swa', 10_000, 1))
}

/** By layer, the positions that it sees; undefined: all. */
function windows(meta: Meta, { period, window }: Variant, layers: number): (number | undefined)[] {
  const size = meta.optionalCount('attention.sliding_window') ?? window
  const every = meta.flagsOrCount('attention.sliding_window_pattern', layers) ?? period
  return Array.from({ length: layers }, (_, i) => {
    if (size === undefined || every === undefined) return undefined
    const windowed = typeof every === 'number' ? (i + 1) % every !== 0 : every[i]
    return windowed ? size : undefined
  })
}
