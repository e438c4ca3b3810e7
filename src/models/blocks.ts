// The parts that families are made of. They never ask which model they are in: what is optional exists if the
// file has it.
import type { Graph } from '../graph/graph.ts'
import type { Activation, CacheGroup, Tensor } from '../graph/ops.ts'
import type { BaseConfig } from './architecture.ts'
import type { Meta } from './meta.ts'
import { type RopeConfig, ropeParams } from './rope.ts'
import type { Weights } from './weights.ts'

export interface AttentionConfig {
  readonly dim: number
  readonly heads: number
  /** By layer. */
  readonly kvHeads: readonly number[]
  readonly keyDim: number
  readonly valueDim: number
  /** Of the norms of heads, where a file has them. */
  readonly eps: number
  readonly rope: RopeConfig
  /** Positions that a token sees, its own included; undefined: all. */
  readonly window: number | undefined
}

/** No model is near; a file that says more is damaged. */
const MOST_LAYERS = 4096

export function baseConfig(meta: Meta, w: Weights): BaseConfig {
  const table = w.tensors.get('token_embd.weight')
  return {
    layers: meta.count('block_count', undefined, 1, MOST_LAYERS),
    dim: meta.count('embedding_length'),
    vocabulary: table?.shape.length === 2 ? table.shape[0]! : meta.count('vocab_size'),
    contextLength: meta.count('context_length'),
  }
}

/** Query heads, and by layer the KV heads that they share evenly; sizes of a head's keys and values. */
export function headConfig(meta: Meta, { layers, dim }: { readonly layers: number; readonly dim: number }) {
  const heads = meta.count('attention.head_count')
  const kvHeads = meta.countPerLayer('attention.head_count_kv', layers, heads)
  if (kvHeads.some(count => heads % count !== 0))
    meta.fail('attention.head_count_kv', `divisors of the ${heads} heads`, kvHeads)
  if (!meta.has('attention.key_length') && dim % heads !== 0)
    meta.fail('attention.head_count', `a divisor of the embedding length ${dim}`, heads)
  const keyDim = meta.count('attention.key_length', dim / heads)
  return { heads, kvHeads, keyDim, valueDim: meta.count('attention.value_length', keyDim) }
}

/** `x · weightᵀ`, plus a bias if the file has one; `name` without `.weight`. x is `[·, inner]`. */
export function linear(g: Graph, w: Weights, name: string, x: Tensor, outer: number, inner: number): Tensor {
  return g.matmul(x, w.need(`${name}.weight`, [outer, inner]), w.optional(`${name}.bias`, [outer]))
}

/**
 * Grouped-query attention (arXiv:2305.13245) with rotary positions, and norms of the heads where the file has them; x is
 * `[T, dim]`, and so is the answer.
 */
export function attention(g: Graph, w: Weights, x: Tensor, c: AttentionConfig): Tensor {
  const { dim, heads, keyDim, valueDim } = c
  const kvHeads = c.kvHeads[g.layer]!
  const group: CacheGroup = c.window === undefined ? { kind: 'full' } : { kind: 'window', window: c.window }
  const cache = g.cache(group, { kvHeads, keyDim, valueDim })
  const divisors = w.shared('rope_freqs.weight', [c.rope.rotated / 2])
  const rotate = (y: Tensor) => g.rope(y, ropeParams(c.rope, keyDim), divisors)
  const normed = (name: string, y: Tensor) => {
    const gain = w.optional(`${name}.weight`, [keyDim])
    return gain ? g.rmsNorm(y, gain, c.eps) : y
  }

  const q = rotate(normed('attn_q_norm', linear(g, w, 'attn_q', x, heads * keyDim, dim)))
  const k = rotate(normed('attn_k_norm', linear(g, w, 'attn_k', x, kvHeads * keyDim, dim)))
  const v = linear(g, w, 'attn_v', x, kvHeads * valueDim, dim)
  const seen = g.attention(q, g.cacheWrite(k, v, cache), { cache, heads, scale: keyDim ** -0.5 })
  return linear(g, w, 'attn_output', seen, dim, heads * valueDim)
}

/** Feed-forward network with a gated linear unit; x is `[T, dim]`, and so is the answer. */
export function gatedMlp(
  g: Graph,
  w: Weights,
  x: Tensor,
  dim: number,
  hidden: number,
  act: Activation,
): Tensor {
  const gate = linear(g, w, 'ffn_gate', x, hidden, dim)
  const up = linear(g, w, 'ffn_up', x, hidden, dim)
  return linear(g, w, 'ffn_down', g.gate(gate, up, act), dim, hidden)
}

/** `[R, vocabulary]` logits of x (`[R, dim]`); models without an output matrix reuse the embedding table. */
export function outputLogits(g: Graph, w: Weights, x: Tensor, { vocabulary, dim }: BaseConfig): Tensor {
  const shape = [vocabulary, dim]
  return g.matmul(x, w.optional('output.weight', shape) ?? w.need('token_embd.weight', shape))
}
