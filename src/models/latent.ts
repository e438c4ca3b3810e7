// Multi-head latent attention (arXiv:2405.04434): the cache holds one compressed row a token for all heads.
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/ops.ts'
import { linear, norm } from './blocks.ts'
import { type RopeConfig, ropeParams } from './rope.ts'
import type { Weights } from './weights.ts'

export interface LatentConfig {
  readonly dim: number
  readonly heads: number
  /** Of a query and of a key: elements without position, then elements with it. */
  readonly plain: number
  readonly rotated: number
  readonly valueDim: number
  /** Width of the compressed keys and values. */
  readonly latent: number
  /** Width of the compressed queries; undefined: they are not compressed. */
  readonly queryLatent: number | undefined
  readonly eps: number
  readonly rope: RopeConfig
  readonly scale: number
}

/**
 * Attention in its absorbed form (arXiv:2405.04434, section 2.1.2): instead of expanding each cached row into keys and values of all
 * heads, queries are brought into the rows' own space, and what was seen is expanded afterwards.
 */
export function latentAttention(g: Graph, w: Weights, x: Tensor, c: LatentConfig): Tensor {
  const { dim, heads, plain, rotated, valueDim, latent, eps } = c
  const cache = g.cache({ kind: 'latent' }, { kvHeads: 1, keyDim: latent + rotated, valueDim: latent })
  const rotate = (y: Tensor) => g.rope(y, ropeParams(c.rope, rotated))

  const q = queries(g, w, x, c) // [T, heads·(plain + rotated)]
  const plainQ = g.slice(q, plain + rotated, 0, plain)
  const rotatedQ = rotate(g.slice(q, plain + rotated, plain, plain + rotated))
  const query = g.concat(absorb(g, w, plainQ, c), rotatedQ, heads) // [T, heads·(latent + rotated)]

  const row = linear(g, w, 'attn_kv_a_mqa', x, latent + rotated, dim)
  const compressed = norm(g, w, 'attn_kv_a_norm', g.slice(row, latent + rotated, 0, latent), {
    dim: latent,
    eps,
  })
  const key = g.concat(compressed, rotate(g.slice(row, latent + rotated, latent, latent + rotated)))

  const seen = g.attention(query, g.cacheWrite(key, undefined, cache), { cache, heads, scale: c.scale })
  return linear(g, w, 'attn_output', expand(g, w, seen, c), dim, heads * valueDim)
}

/** `[T, heads·(plain + rotated)]`, straight from x or by way of a compressed row. */
function queries(
  g: Graph,
  w: Weights,
  x: Tensor,
  { dim, heads, plain, rotated, queryLatent, eps }: LatentConfig,
): Tensor {
  const width = heads * (plain + rotated)
  if (queryLatent === undefined) return linear(g, w, 'attn_q', x, width, dim)
  const compressed = norm(g, w, 'attn_q_a_norm', linear(g, w, 'attn_q_a', x, queryLatent, dim), {
    dim: queryLatent,
    eps,
  })
  return linear(g, w, 'attn_q_b', compressed, width, queryLatent)
}

/** Queries `[T, heads·plain]` in the space of the cached rows, `[T, heads·latent]`. */
function absorb(g: Graph, w: Weights, q: Tensor, { heads, plain, valueDim, latent }: LatentConfig): Tensor {
  if (w.has('attn_k_b.weight')) {
    const perHead = { heads, stride: latent, first: 0, rows: latent, transposed: false }
    return g.matmulHeads(q, w.need('attn_k_b.weight', [heads, latent, plain]), perHead)
  }
  // Older files keep both in one matrix, a head's keys before its values.
  const stride = plain + valueDim
  const both = w.need('attn_kv_b.weight', [heads * stride, latent])
  return g.matmulHeads(q, both, { heads, stride, first: 0, rows: plain, transposed: true })
}

/** What the heads saw, `[T, heads·latent]`, as values, `[T, heads·valueDim]`. */
function expand(
  g: Graph,
  w: Weights,
  seen: Tensor,
  { heads, plain, valueDim, latent }: LatentConfig,
): Tensor {
  if (w.has('attn_v_b.weight')) {
    const perHead = { heads, stride: valueDim, first: 0, rows: valueDim, transposed: false }
    return g.matmulHeads(seen, w.need('attn_v_b.weight', [heads, valueDim, latent]), perHead)
  }
  const stride = plain + valueDim
  const both = w.need('attn_kv_b.weight', [heads * stride, latent])
  return g.matmulHeads(seen, both, { heads, stride, first: plain, rows: valueDim, transposed: false })
}
