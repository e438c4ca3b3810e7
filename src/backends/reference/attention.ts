// Positions, caches and attention.
import { columns, type Op, type RopeParams } from '../../graph/ops.ts'
import { BLOCK_SIZE } from '../backend.ts'
import { dot, type Kernel, type Memory, readVector } from './memory.ts'

export function rope(op: Op<'rope'>, memory: Memory): Kernel {
  const [x, out] = [memory.tensor(op.inputs[0]!), memory.tensor(op.outputs[0]!)]
  const width = columns(op.inputs[0]!)
  const rotate = rotation(op.params, op.weights[0] && readVector(op.weights[0], memory))
  return batch => {
    out.set(x.subarray(0, batch.tokens.length * width))
    batch.positions.forEach((position, t) => {
      rotate(out.subarray(t * width, (t + 1) * width), position)
    })
  }
}

export function cacheWrite(op: Op<'cacheWrite'>, memory: Memory): Kernel {
  const cache = memory.cache(op.params.cache)
  const k = memory.tensor(op.inputs[0]!)
  const v = op.inputs[1] && memory.tensor(op.inputs[1])
  const keyWidth = columns(op.inputs[0]!)
  const [q, qOut] = op.inputs[2] ? [memory.tensor(op.inputs[2]), memory.tensor(op.outputs[1]!)] : []
  const queryWidth = op.inputs[2] ? columns(op.inputs[2]) : 0
  const rotate =
    op.params.rope && rotation(op.params.rope, op.weights[0] && readVector(op.weights[0], memory))
  const rotated = new Float32Array(rotate ? k.length : 0)

  return batch => {
    const tokens = batch.tokens.length
    if (rotate) rotated.set(k.subarray(0, tokens * keyWidth))
    if (q) qOut!.set(q.subarray(0, tokens * queryWidth))
    for (let t = 0; t < tokens; t++) {
      const position = batch.positions[t]!
      rotate?.(rotated.subarray(t * keyWidth, (t + 1) * keyWidth), position)
      if (q) rotate?.(qOut!.subarray(t * queryWidth, (t + 1) * queryWidth), position)
      cache.write(batch.slots[cache.spec.group * tokens + t]!, rotate ? rotated : k, v, t)
    }
  }
}

/** Online softmax (arXiv:1805.02867): one pass over the cached rows, each read once for all heads that share it. */
export function attention(op: Op<'attention'>, memory: Memory): Kernel {
  const { heads, scale, softcap } = op.params
  const cache = memory.cache(op.params.cache)
  const { group, kvHeads, keyDim, valueDim } = cache.spec
  const window = memory.window(group)
  const shared = heads / kvHeads
  const [q, out] = [memory.tensor(op.inputs[0]!), memory.tensor(op.outputs[0]!)]
  const [key, value] = [new Float32Array(keyDim), new Float32Array(valueDim)]
  const sums = new Float64Array(shared * valueDim)
  const [greatest, totals] = [new Float64Array(shared), new Float64Array(shared)]

  return function* (batch) {
    for (let t = 0; t < batch.tokens.length; t++) {
      const position = batch.positions[t]!
      const first = window ? Math.max(0, position - window + 1) : 0
      const table = (group * memory.maxSequences + batch.sequence[t]!) * memory.maxBlocks
      for (let kvHead = 0; kvHead < kvHeads; kvHead++) {
        sums.fill(0)
        totals.fill(0)
        greatest.fill(-Infinity)
        for (let p = first; p <= position; p++) {
          const slot = batch.tables[table + Math.floor(p / BLOCK_SIZE)]! * BLOCK_SIZE + (p % BLOCK_SIZE)
          cache.key(slot, kvHead, key)
          cache.value(slot, kvHead, value)
          for (let h = 0; h < shared; h++) {
            const head = kvHead * shared + h
            const plain = scale * dot(q, (t * heads + head) * keyDim, key)
            const score = softcap ? softcap * Math.tanh(plain / softcap) : plain
            const peak = Math.max(greatest[h]!, score)
            const shrink = Math.exp(greatest[h]! - peak)
            const weight = Math.exp(score - peak)
            greatest[h] = peak
            totals[h] = totals[h]! * shrink + weight
            for (let i = 0; i < valueDim; i++) {
              const at = h * valueDim + i
              sums[at] = sums[at]! * shrink + weight * value[i]!
            }
          }
        }
        for (let i = 0; i < sums.length; i++)
          out[(t * heads + kvHead * shared) * valueDim + i] = sums[i]! / totals[Math.floor(i / valueDim)]!
      }
      yield
    }
  }
}

/** Rotates every head of a row in place. */
function rotation(
  params: RopeParams,
  divisors?: Float32Array,
): (row: Float32Array, position: number) => void {
  const { headDim, layout, frequencies, magnitude } = params
  const pairs = frequencies.length
  const [step, apart] = layout === 'adjacent' ? [2, 1] : [1, pairs]
  return (row, position) => {
    for (let i = 0; i < pairs; i++) {
      const angle = (position * frequencies[i]!) / (divisors?.[i] ?? 1)
      const [cos, sin] = [Math.cos(angle) * magnitude, Math.sin(angle) * magnitude]
      for (let a = i * step; a < row.length; a += headDim) {
        const [x, y] = [row[a]!, row[a + apart]!]
        row[a] = x * cos - y * sin
        row[a + apart] = x * sin + y * cos
      }
    }
  }
}
