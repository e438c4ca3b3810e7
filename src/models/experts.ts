// Mixtures of experts: how a file describes them, and the block that takes a feed-forward network's place.
import type { Graph } from '../graph/graph.ts'
import type { RouteParams, Tensor } from '../graph/ops.ts'
import { gatedMlp, linear, type MlpConfig } from './blocks.ts'
import type { Meta } from './meta.ts'
import type { Weights } from './weights.ts'

export interface ExpertsConfig extends MlpConfig {
  readonly experts: number
  readonly route: RouteParams
}

/** `expert_gating_func` of GGUF files; files older than the key are of models that use softmax. */
const scoresByNumber: Readonly<Record<number, RouteParams['scores']>> = {
  0: 'softmax',
  1: 'softmax',
  2: 'sigmoid',
}

/**
 * Reads `expert_*`. What old files do not say is the family's: whether weights are `normalize`d. Undefined without experts.
 */
export function expertsConfig(
  meta: Meta,
  { dim, hidden, normalize }: { readonly dim: number; readonly hidden: number; readonly normalize: boolean },
): ExpertsConfig | undefined {
  const experts = meta.count('expert_count', 0, 0)
  if (experts === 0) return undefined
  const gating = meta.count('expert_gating_func', 0, 0)
  const scores =
    scoresByNumber[gating] ?? meta.fail('expert_gating_func', '1 (softmax) or 2 (sigmoid)', gating)
  const used = meta.count('expert_used_count', undefined, 1, experts)
  return {
    dim,
    hidden: meta.count('expert_feed_forward_length', hidden),
    act: 'silu',
    experts,
    route: {
      scores,
      ...groups(meta, scores, experts),
      used,
      normalize: meta.flag('expert_weights_norm', normalize),
      // Zero is what a file says that has none.
      scale: meta.number('expert_weights_scale', 1, 0) || 1,
    },
  }
}

/** DeepSeek-V2 judges a group by its best expert, V3 by its best two. */
function groups(meta: Meta, scores: RouteParams['scores'], experts: number): Pick<RouteParams, 'groups'> {
  const count = meta.count('expert_group_count', 1, 0)
  if (count <= 1) return {}
  if (experts % count !== 0) meta.fail('expert_group_count', `a divisor of the ${experts} experts`, count)
  const used = meta.count('expert_group_used_count', count, 1, count)
  return { groups: { count, used, by: scores === 'sigmoid' ? 'bestTwo' : 'best' } }
}

/** The chosen experts' gated networks, weighted and added; x is `[T, dim]`, and so is the answer. */
export function experts(
  g: Graph,
  w: Weights,
  x: Tensor,
  { dim, hidden, act, experts, route }: ExpertsConfig,
): Tensor {
  const { used } = route
  const bias = w.optional('exp_probs_b.bias', [experts])
  const routed = g.route(linear(g, w, 'ffn_gate_inp', x, experts, dim), route, bias)
  const into = (name: string) =>
    g.matmulExperts(x, routed, w.need(`${name}.weight`, [experts, hidden, dim]), { used, sum: false })
  const inner = g.gate(into('ffn_gate_exps'), into('ffn_up_exps'), act)
  return g.matmulExperts(inner, routed, w.need('ffn_down_exps.weight', [experts, dim, hidden]), {
    used,
    sum: true,
  })
}

export interface MixtureConfig {
  readonly dim: number
  /** Of the dense layers. */
  readonly hidden: number
  /** Layers before the first mixture. */
  readonly dense: number
  readonly experts: ExpertsConfig | undefined
  /** Experts that every token goes to; they lie in one matrix. */
  readonly shared: number
}

/** DeepSeek's feed-forward layer (arXiv:2401.06066): dense at first, then chosen experts and shared ones. */
export function mixtureLayer(g: Graph, w: Weights, x: Tensor, c: MixtureConfig): Tensor {
  const { dim, hidden } = c
  if (!c.experts || g.layer < c.dense) return gatedMlp(g, w, x, { dim, hidden, act: 'silu' })
  const chosen = experts(g, w, x, c.experts)
  if (c.shared === 0) return chosen
  const shared = { dim, hidden: c.shared * c.experts.hidden, act: 'silu', suffix: '_shexp' } as const
  return g.add(chosen, gatedMlp(g, w, x, shared))
}
