// One plain function an operation: float64 sums over float32 tensors, nothing clever. These lines define
// what every other backend must compute.
import {
  type Activation,
  columns,
  matmulOperands,
  type Op,
  type RopeParams,
  type Tensor,
  type Weight,
} from '../../graph/ops.ts'
import { decodeRows } from '../../quant/decode.ts'
import type { QuantName } from '../../quant/quants.ts'
import { type Batch, BLOCK_SIZE } from '../backend.ts'
import type { ReferenceCache } from './cache.ts'

/** What kernels work on: tensors in the arena, weights as in the file, caches. */
export interface Memory {
  /** The tensor's values at full capacity. */
  tensor(tensor: Tensor): Float32Array
  weight(weight: Weight): { readonly type: QuantName; readonly bytes: Uint8Array }
  cache(index: number): ReferenceCache
  /** How far back the group's tokens see, their own position included; undefined: to the start. */
  window(group: number): number | undefined
  /** Columns of `Batch.tables`. */
  readonly maxBlocks: number
  readonly maxSequences: number
}

/** Runs one operation on a step; a long one yields where it may be interrupted. */
export type Kernel = (batch: Batch) => Iterable<void> | void

/** Multiplications between two yields: some 10 ms. */
const YIELD_AFTER = 8e6

export function kernel(op: Op, memory: Memory): Kernel {
  switch (op.kind) {
    case 'embed':
      return embed(op, memory)
    case 'rows':
      return rows(op, memory)
    case 'matmul':
      return matmul(op, memory)
    case 'rmsNorm':
      return rmsNorm(op, memory)
    case 'add':
      return add(op, memory)
    case 'rope':
      return rope(op, memory)
    case 'cacheWrite':
      return cacheWrite(op, memory)
    case 'attention':
      return attention(op, memory)
    case 'gate':
      return gate(op, memory)
    default:
      return op satisfies never
  }
}

function embed(op: Op<'embed'>, memory: Memory): Kernel {
  const out = memory.tensor(op.outputs[0]!)
  const width = columns(op.outputs[0]!)
  const readRow = rowReader(op.weights[0]!, memory)
  return batch => {
    for (let t = 0; t < batch.tokens.length; t++) out.set(readRow(batch.tokens[t]!), t * width)
  }
}

function rows(op: Op<'rows'>, memory: Memory): Kernel {
  const [x, out] = [memory.tensor(op.inputs[0]!), memory.tensor(op.outputs[0]!)]
  const width = columns(op.inputs[0]!)
  return batch => {
    batch.rows.forEach((from, to) => {
      out.set(x.subarray(from * width, (from + 1) * width), to * width)
    })
  }
}

function matmul(op: Op<'matmul'>, memory: Memory): Kernel {
  const { x: input, residual: base, norm, parts } = matmulOperands(op)
  const inner = columns(input)
  const source = memory.tensor(input)
  const normed = norm && new Float32Array(source.length)
  const gain = norm && readVector(norm.gain, memory)
  const residual = base && memory.tensor(base)
  const compiled = parts.map(({ weight, bias, output }) => ({
    out: memory.tensor(output),
    outputs: columns(output),
    readRow: rowReader(weight, memory),
    bias: bias && readVector(bias, memory),
  }))

  return function* (batch) {
    const count = rowCount(input, batch)
    if (norm) normalize(source, normed!, gain!, norm.eps, count * inner)
    const x = normed ?? source
    let work = 0
    for (const { out, outputs, readRow, bias } of compiled) {
      for (let o = 0; o < outputs; o++) {
        const weights = readRow(o)
        for (let t = 0; t < count; t++) {
          const at = t * outputs + o
          out[at] = dot(x, t * inner, weights) + (bias?.[o] ?? 0) + (residual?.[at] ?? 0)
        }
        work += count * inner
        if (work > YIELD_AFTER) {
          work = 0
          yield
        }
      }
    }
  }
}

function rmsNorm(op: Op<'rmsNorm'>, memory: Memory): Kernel {
  const [input] = op.inputs as [Tensor]
  const [x, out] = [memory.tensor(input), memory.tensor(op.outputs[0]!)]
  const gain = readVector(op.weights[0]!, memory)
  return batch => {
    normalize(x, out, gain, op.params.eps, rowCount(input, batch) * columns(input))
  }
}

function add(op: Op<'add'>, memory: Memory): Kernel {
  const [input] = op.inputs as [Tensor]
  const [a, b, out] = [memory.tensor(input), memory.tensor(op.inputs[1]!), memory.tensor(op.outputs[0]!)]
  return batch => {
    const length = rowCount(input, batch) * columns(input)
    for (let i = 0; i < length; i++) out[i] = a[i]! + b[i]!
  }
}

function rope(op: Op<'rope'>, memory: Memory): Kernel {
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

function cacheWrite(op: Op<'cacheWrite'>, memory: Memory): Kernel {
  const cache = memory.cache(op.params.cache)
  const [k, v] = [memory.tensor(op.inputs[0]!), memory.tensor(op.inputs[1]!)]
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
function attention(op: Op<'attention'>, memory: Memory): Kernel {
  const { heads, scale } = op.params
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
            const score = scale * dot(q, (t * heads + head) * keyDim, key)
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

function gate(op: Op<'gate'>, memory: Memory): Kernel {
  const [input] = op.inputs as [Tensor]
  const [g, up, out] = [memory.tensor(input), memory.tensor(op.inputs[1]!), memory.tensor(op.outputs[0]!)]
  const act = activation(op.params.act)
  return batch => {
    const length = rowCount(input, batch) * columns(input)
    for (let i = 0; i < length; i++) out[i] = act(g[i]!) * up[i]!
  }
}

function activation(act: Activation): (x: number) => number {
  switch (act) {
    case 'silu':
      return x => x / (1 + Math.exp(-x))
    default:
      return act satisfies never
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

/** RMS norm of each run of the gain's length in the first `length` elements. */
function normalize(
  x: Float32Array,
  out: Float32Array,
  gain: Float32Array,
  eps: number,
  length: number,
): void {
  const n = gain.length
  for (let start = 0; start < length; start += n) {
    let squares = 0
    for (let i = start; i < start + n; i++) squares += x[i]! * x[i]!
    const factor = 1 / Math.sqrt(squares / n + eps)
    for (let i = 0; i < n; i++) out[start + i] = x[start + i]! * factor * gain[i]!
  }
}

/** Dot product of `b` with as many elements of `a` from `start`. Four sums let the additions overlap. */
function dot(a: Float32Array, start: number, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let i = 0
  for (; i + 3 < b.length; i += 4) {
    s0 += a[start + i]! * b[i]!
    s1 += a[start + i + 1]! * b[i + 1]!
    s2 += a[start + i + 2]! * b[i + 2]!
    s3 += a[start + i + 3]! * b[i + 3]!
  }
  for (; i < b.length; i++) s0 += a[start + i]! * b[i]!
  return s0 + s1 + (s2 + s3)
}

/** Reads rows of a matrix as float32; the answer is overwritten by the next read. */
function rowReader(weight: Weight, memory: Memory): (row: number) => Float32Array {
  const { type, bytes } = memory.weight(weight)
  const [count, length] = weight.shape as [number, number]
  const rowBytes = bytes.length / count
  const decode = decodeRows(type)
  const row = new Float32Array(length)
  return index => {
    decode(bytes, index * rowBytes, row, 0, length)
    return row
  }
}

function readVector(weight: Weight, memory: Memory): Float32Array {
  const { type, bytes } = memory.weight(weight)
  const out = new Float32Array(weight.shape[0]!)
  decodeRows(type)(bytes, 0, out, 0, out.length)
  return out
}

function rowCount(tensor: Tensor, batch: Batch): number {
  return tensor.shape[0] === 'R' ? batch.rows.length : batch.tokens.length
}
