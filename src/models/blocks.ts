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
  readonly rope: RopeConfig
  /** Positions that a token sees, its own included; undefined: all. */
  readonly window: number | undefined
}

export function baseConfig(meta: Meta, w: Weights): BaseConfig {
  const table = w.tensors.get('token_embd.weight')
  return {
    layers: meta.count('block_count'),
    dim: meta.count('embedding_length'),
    vocabulary: table?.shape.length === 2 ? table.shape[0]! : meta.count('vocab_size'),
    contextLength: meta.count('context_length'),
  }
}

/** `x · weightᵀ`, plus a bias if the file has one; `name` without `.weight`. x is `[·, inner]`. */
export function linear(g: Graph, w: Weights, name: string, x: Tensor, outer: number, inner: number): Tensor {
  return g.matmul(x, w.need(`${name}.weight`, [outer, inner]), w.optional(`${name}.bias`, [outer]))
}

/** Grouped-query attention (arXiv:2305.13245) with rotary positions; x is `[T, dim]`, and so is the answer. */
export function attention(g: Graph, w: Weights, x: Tensor, c: AttentionConfig): Tensor {
  const { dim, heads, keyDim, valueDim } = c
  const kvHeads = c.kvHeads[g.layer]!
  const group: CacheGroup = c.window === undefined ? { kind: 'full' } : { kind: 'window', window: c.window }
  const cache = g.cache(group, { kvHeads, keyDim, valueDim })
  const divisors = w.shared('rope_freqs.weight', [c.rope.rotated / 2])
  const rotate = (y: Tensor) => g.rope(y, ropeParams(c.rope, keyDim), divisors)

  const q = rotate(linear(g, w, 'attn_q', x, heads * keyDim, dim))
  const k = rotate(linear(g, w, 'attn_k', x, kvHeads * keyDim, dim))
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
