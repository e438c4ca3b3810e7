// Mixtures of experts (arXiv:2401.04088, 2401.06066): the choice, and products with the chosen experts' matrices.
import { columns, type Op, type RouteParams } from '../../graph/ops.ts'
import { dot, type Kernel, type Memory, readVector, rowReader, YIELD_AFTER } from './memory.ts'

/** Of the weights' sum, lest a division by nearly nothing spoils them. */
const LEAST_SUM = 2 ** -14

export function route(op: Op<'route'>, memory: Memory): Kernel {
  const [input] = op.inputs
  const [logits, out] = [memory.tensor(input!), memory.tensor(op.outputs[0]!)]
  const experts = columns(input!)
  const bias = op.weights[0] && readVector(op.weights[0], memory)
  const { used } = op.params
  return batch => {
    for (let t = 0; t < batch.tokens.length; t++) {
      const { ids, weights } = choose(logits.subarray(t * experts, (t + 1) * experts), op.params, bias)
      out.set(ids, 2 * used * t)
      out.set(weights, 2 * used * t + used)
    }
  }
}

/** The chosen of one row of logits, the best first. */
function choose(
  logits: Float32Array,
  { scores, groups, used, normalize, scale }: RouteParams,
  bias: Float32Array | undefined,
): { ids: number[]; weights: number[] } {
  const probabilities =
    scores === 'softmax' ? softmax(logits) : Array.from(logits, x => 1 / (1 + Math.exp(-x)))
  const judged = probabilities.map((p, i) => p + (bias?.[i] ?? 0))
  if (groups) {
    const size = judged.length / groups.count
    const members = (group: number) => judged.slice(group * size, (group + 1) * size)
    const worth = Array.from({ length: groups.count }, (_, group) => {
      const [first, second] = members(group).sort((a, b) => b - a)
      return groups.by === 'best' ? first! : first! + (second ?? 0)
    })
    const kept = new Set(best(worth, groups.used))
    judged.forEach((_, i) => {
      if (!kept.has(Math.floor(i / size))) judged[i] = -Infinity
    })
  }
  const ids = best(judged, used)
  const weights = ids.map(id => probabilities[id]!)
  const sum = normalize
    ? Math.max(
        LEAST_SUM,
        weights.reduce((a, b) => a + b),
      )
    : 1
  return { ids, weights: weights.map(weight => (weight / sum) * scale) }
}

function softmax(logits: Float32Array): number[] {
  const greatest = logits.reduce((a, b) => Math.max(a, b))
  const powers = Array.from(logits, x => Math.exp(x - greatest))
  const total = powers.reduce((a, b) => a + b)
  return powers.map(power => power / total)
}

/** Indices of the `count` greatest, the greatest first; of equals the first. */
function best(values: readonly number[], count: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]! || a - b)
  return order.slice(0, count)
}

export function matmulExperts(op: Op<'matmulExperts'>, memory: Memory): Kernel {
  const { used, sum } = op.params
  const [x, routed] = [memory.tensor(op.inputs[0]!), memory.tensor(op.inputs[1]!)]
  const parts = op.weights.map((weight, i) => ({
    out: memory.tensor(op.outputs[i]!),
    experts: weight.shape[0]!,
    outer: weight.shape[1]!,
    inner: weight.shape[2]!,
    readRow: rowReader(weight, memory),
  }))
  return function* (batch) {
    let work = 0
    for (const { out, experts, outer, inner, readRow } of parts) {
      const assigned = assignments(routed, batch.tokens.length, used, experts)
      if (sum) out.fill(0, 0, batch.tokens.length * outer)
      for (const [expert, places] of assigned.entries()) {
        for (let o = 0; o < outer && places.length > 0; o++) {
          const row = readRow(expert * outer + o)
          for (const place of places) {
            const token = Math.floor(place / used)
            if (sum) {
              const weight = routed[2 * used * token + used + (place % used)]!
              out[token * outer + o]! += weight * dot(x, place * inner, row)
            } else out[place * outer + o] = dot(x, token * inner, row)
          }
        }
        work += places.length * outer * inner
        if (work > YIELD_AFTER) {
          work = 0
          yield
        }
      }
    }
  }
}

/** By expert, its places: token · used + rank among the token's choices. */
function assignments(routed: Float32Array, tokens: number, used: number, experts: number): number[][] {
  const byExpert: number[][] = Array.from({ length: experts }, () => [])
  for (let t = 0; t < tokens; t++)
    for (let i = 0; i < used; i++) byExpert[routed[2 * used * t + i]!]!.push(t * used + i)
  return byExpert
}
