// Norms.
import { columns, type Op, type Tensor } from '../../graph/ops.ts'
import { type Kernel, type Memory, readVector, rowCount } from './memory.ts'

export function rmsNorm(op: Op<'rmsNorm'>, memory: Memory): Kernel {
  const [input] = op.inputs as [Tensor]
  const [x, out] = [memory.tensor(input), memory.tensor(op.outputs[0]!)]
  const gain = readVector(op.weights[0]!, memory)
  return batch => {
    normalize(x, out, gain, op.params.eps, rowCount(input, batch) * columns(input))
  }
}

/** RMS norm of each run of the gain's length in the first `length` elements. */
export function normalize(
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

export function layerNorm(op: Op<'layerNorm'>, memory: Memory): Kernel {
  const [input] = op.inputs as [Tensor]
  const [x, out] = [memory.tensor(input), memory.tensor(op.outputs[0]!)]
  const { eps, centered } = op.params
  const gain = readVector(op.weights[0]!, memory)
  const bias = op.weights[1] && readVector(op.weights[1], memory)
  const n = columns(input)
  return batch => {
    for (let start = 0; start < rowCount(input, batch) * n; start += n) {
      let [sum, squares] = [0, 0]
      if (centered) for (let i = start; i < start + n; i++) sum += x[i]!
      for (let i = start; i < start + n; i++) squares += (x[i]! - sum / n) ** 2
      const factor = 1 / Math.sqrt(squares / n + eps)
      for (let i = 0; i < n; i++)
        out[start + i] = (x[start + i]! - sum / n) * factor * gain[i]! + (bias?.[i] ?? 0)
    }
  }
}
