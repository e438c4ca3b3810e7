// Matrix products.
import { columns, matmulOperands, type Op } from '../../graph/ops.ts'
import { dot, type Kernel, type Memory, readVector, rowCount, rowReader, YIELD_AFTER } from './memory.ts'
import { normalize } from './norms.ts'

export function matmul(op: Op<'matmul'>, memory: Memory): Kernel {
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

/** Each head's run of x times the head's own rows of the weight. */
export function matmulHeads(op: Op<'matmulHeads'>, memory: Memory): Kernel {
  const { heads, stride, first, rows, transposed } = op.params
  const [x, out] = [memory.tensor(op.inputs[0]!), memory.tensor(op.outputs[0]!)]
  const weight = op.weights[0]!
  const inner = weight.shape.at(-1)!
  const readRow = rowReader(weight, memory)
  return function* (batch) {
    const tokens = batch.tokens.length
    if (transposed) out.fill(0, 0, tokens * heads * inner)
    for (let head = 0; head < heads; head++) {
      for (let r = 0; r < rows; r++) {
        const row = readRow(head * stride + first + r)
        for (let t = 0; t < tokens; t++) {
          const run = t * heads + head
          if (!transposed) out[run * rows + r] = dot(x, run * inner, row)
          else for (let i = 0; i < inner; i++) out[run * inner + i]! += x[run * rows + r]! * row[i]!
        }
      }
      yield
    }
  }
}
