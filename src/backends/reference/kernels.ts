// One plain function an operation: float64 sums over float32 tensors, nothing clever. These lines define
// what every other backend must compute.
import { type Activation, columns, type Op, type Tensor } from '../../graph/ops.ts'
import { attention, cacheWrite, rope } from './attention.ts'
import { matmulExperts, route } from './experts.ts'
import { matmul, matmulHeads } from './matmul.ts'
import { type Kernel, type Memory, rowCount, rowReader } from './memory.ts'
import { layerNorm, rmsNorm } from './norms.ts'

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
    case 'layerNorm':
      return layerNorm(op, memory)
    case 'add':
      return add(op, memory)
    case 'slice':
      return slice(op, memory)
    case 'concat':
      return concat(op, memory)
    case 'rope':
      return rope(op, memory)
    case 'cacheWrite':
      return cacheWrite(op, memory)
    case 'attention':
      return attention(op, memory)
    case 'activate':
      return elementwise(op, memory, activation(op.params.act))
    case 'gate':
      return gate(op, memory)
    case 'softcap':
      return elementwise(op, memory, x => op.params.cap * Math.tanh(x / op.params.cap))
    case 'matmulHeads':
      return matmulHeads(op, memory)
    case 'route':
      return route(op, memory)
    case 'matmulExperts':
      return matmulExperts(op, memory)
    default:
      return op satisfies never
  }
}

function embed(op: Op<'embed'>, memory: Memory): Kernel {
  const out = memory.tensor(op.outputs[0]!)
  const width = columns(op.outputs[0]!)
  const readRow = rowReader(op.weights[0]!, memory)
  const { scale = 1 } = op.params
  return batch => {
    for (let t = 0; t < batch.tokens.length; t++) {
      const row = readRow(batch.tokens[t]!)
      for (let i = 0; i < width; i++) out[t * width + i] = row[i]! * scale
    }
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

function add(op: Op<'add'>, memory: Memory): Kernel {
  const [input] = op.inputs as [Tensor]
  const [a, b, out] = [memory.tensor(input), memory.tensor(op.inputs[1]!), memory.tensor(op.outputs[0]!)]
  return batch => {
    const length = rowCount(input, batch) * columns(input)
    for (let i = 0; i < length; i++) out[i] = a[i]! + b[i]!
  }
}

function slice(op: Op<'slice'>, memory: Memory): Kernel {
  const { width, from, to } = op.params
  const [input] = op.inputs as [Tensor]
  const [x, out] = [memory.tensor(input), memory.tensor(op.outputs[0]!)]
  return batch => {
    const runs = (rowCount(input, batch) * columns(input)) / width
    for (let run = 0; run < runs; run++)
      out.set(x.subarray(run * width + from, run * width + to), run * (to - from))
  }
}

function concat(op: Op<'concat'>, memory: Memory): Kernel {
  const [a, b] = op.inputs as [Tensor, Tensor]
  const [left, right, out] = [memory.tensor(a), memory.tensor(b), memory.tensor(op.outputs[0]!)]
  const [m, n] = [columns(a) / op.params.runs, columns(b) / op.params.runs]
  return batch => {
    for (let run = 0; run < rowCount(a, batch) * op.params.runs; run++) {
      out.set(left.subarray(run * m, (run + 1) * m), run * (m + n))
      out.set(right.subarray(run * n, (run + 1) * n), run * (m + n) + m)
    }
  }
}

function elementwise(op: Op<'activate' | 'softcap'>, memory: Memory, of: (x: number) => number): Kernel {
  const [input] = op.inputs as [Tensor]
  const [x, out] = [memory.tensor(input), memory.tensor(op.outputs[0]!)]
  return batch => {
    const length = rowCount(input, batch) * columns(input)
    for (let i = 0; i < length; i++) out[i] = of(x[i]!)
  }
}

function gate(op: Op<'gate'>, memory: Memory): Kernel {
  const [input, other] = op.inputs as [Tensor, Tensor]
  const [g, up, out] = [memory.tensor(input), memory.tensor(other), memory.tensor(op.outputs[0]!)]
  const act = activation(op.params.act)
  const run = columns(other) / columns(input)
  return batch => {
    const length = rowCount(input, batch) * columns(other)
    for (let i = 0; i < length; i++) out[i] = act(g[Math.floor(i / run)]!) * up[i]!
  }
}

function activation(act: Activation): (x: number) => number {
  switch (act) {
    case 'silu':
      return x => x / (1 + Math.exp(-x))
    case 'gelu':
      return x => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    case 'sigmoid':
      return x => 1 / (1 + Math.exp(-x))
    default:
      return act satisfies never
  }
}
