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
  readonly window?: number | undefined
  /** Factor on the scores; default `keyDim ** -0.5`. */
  readonly scale?: number | undefined
  /** Scores are squeezed into ±softcap. */
  readonly softcap?: number | undefined
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

export interface NormConfig {
  readonly dim: number
  readonly eps: number
  /** A layer norm rather than an RMS norm. Default false. */
  readonly centered?: boolean
}

/** Norm of rows of x (`[·, dim]`), with a bias if the file has one. */
export function norm(
  g: Graph,
  w: Weights,
  name: string,
  x: Tensor,
  { dim, eps, centered = false }: NormConfig,
): Tensor {
  const gain = w.need(`${name}.weight`, [dim])
  const bias = w.optional(`${name}.bias`, [dim])
  return bias || centered ? g.layerNorm(x, gain, bias, { eps, centered }) : g.rmsNorm(x, gain, eps)
}

/** Queries, keys and values of x, from one matrix or from three. */
function project(g: Graph, w: Weights, x: Tensor, widths: readonly [number, number, number], dim: number) {
  const [q, k, v] = widths
  if (!w.has('attn_qkv.weight'))
    return ['attn_q', 'attn_k', 'attn_v'].map((name, i) => linear(g, w, name, x, widths[i]!, dim))
  const all = linear(g, w, 'attn_qkv', x, q + k + v, dim)
  return [
    g.slice(all, q + k + v, 0, q),
    g.slice(all, q + k + v, q, q + k),
    g.slice(all, q + k + v, q + k, q + k + v),
  ]
}

/**
 * Grouped-query attention (arXiv:2305.13245) with rotary positions, and norms of the heads where the file has them; x is
 * `[T, dim]`, and so is the answer.
 */
export function attention(g: Graph, w: Weights, x: Tensor, c: AttentionConfig): Tensor {
  const { dim, heads, keyDim, valueDim, softcap } = c
  const kvHeads = c.kvHeads[g.layer]!
  const group: CacheGroup = c.window === undefined ? { kind: 'full' } : { kind: 'window', window: c.window }
  const cache = g.cache(group, { kvHeads, keyDim, valueDim })
  const divisors = w.shared(c.rope.divisors, [c.rope.rotated / 2])
  const rotate = (y: Tensor) => g.rope(y, ropeParams(c.rope, keyDim), divisors)
  const normed = (name: string, y: Tensor) => {
    const gain = w.optional(`${name}.weight`, [keyDim])
    return gain ? g.rmsNorm(y, gain, c.eps) : y
  }

  const [q, k, v] = project(g, w, x, [heads * keyDim, kvHeads * keyDim, kvHeads * valueDim], dim)
  const [queries, keys] = [rotate(normed('attn_q_norm', q!)), rotate(normed('attn_k_norm', k!))]
  const scale = c.scale ?? keyDim ** -0.5
  const seen = g.attention(queries, g.cacheWrite(keys, v!, cache), {
    ...{ cache, heads, scale },
    ...(softcap && { softcap }),
  })
  return linear(g, w, 'attn_output', seen, dim, heads * valueDim)
}

export interface MlpConfig {
  readonly dim: number
  readonly hidden: number
  readonly act: Activation
  /** Behind the names of the weights, `_shexp` for a shared expert. */
  readonly suffix?: string
}

/** Feed-forward network with a gated linear unit, the gate in a matrix of its own or before `up`; x is `[T, dim]`, and so is the answer. */
export function gatedMlp(
  g: Graph,
  w: Weights,
  x: Tensor,
  { dim, hidden, act, suffix = '' }: MlpConfig,
): Tensor {
  const name = (part: string) => `ffn_${part}${suffix}`
  const project = () => {
    const fused = !w.has(`${name('gate')}.weight`) && w.rows(`${name('up')}.weight`) === 2 * hidden
    if (!fused) return ['gate', 'up'].map(part => linear(g, w, name(part), x, hidden, dim))
    const both = linear(g, w, name('up'), x, 2 * hidden, dim)
    return [g.slice(both, 2 * hidden, 0, hidden), g.slice(both, 2 * hidden, hidden, 2 * hidden)]
  }
  const [gate, up] = project()
  return linear(g, w, name('down'), g.gate(gate!, up!, act), dim, hidden)
}

/** One block: x (`[T, dim]`) becomes what the next one takes. */
export type Layer = (x: Tensor, block: Weights, index: number) => Tensor

/**
 * What all decoders have in common: embeddings (times `scale`), the layers one after the other, a norm, and the output matrix,
 * which may be the embedding table. Answers `[R, vocabulary]` logits.
 */
export function decoder(g: Graph, w: Weights, c: BaseConfig & NormConfig, layer: Layer, scale = 1): Tensor {
  const table = [c.vocabulary, c.dim]
  let x = g.embed(w.need('token_embd.weight', table), scale)
  for (let i = 0; i < c.layers; i++) {
    g.layer = i
    x = layer(x, w.block(i), i)
  }
  g.layer = c.layers
  const last = norm(g, w, 'output_norm', g.rows(x), c)
  const matrix = w.optional('output.weight', table) ?? w.need('token_embd.weight', table)
  return g.matmul(last, matrix, w.optional('output.bias', [c.vocabulary]))
}
