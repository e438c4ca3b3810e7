// The oracle of the reference backend: every operation by its textbook formula in float64. Keeps keys and values
// by sequence and position, and so knows nothing of blocks, slots and tables.
import type { KvDType } from '../../src/backends/backend.ts'
import type { Activation, Op, RopeParams, RouteParams, Tensor, Weight } from '../../src/graph/ops.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { f16ToF32, f32ToF16 } from '../../src/quant/half.ts'
import { isPacked, type PackedName } from '../../src/quant/packed.ts'
import type { CaseWeight, ConformanceCase, Step } from './case.ts'
import type { InputRounding } from './limits.ts'

type Matrix = Float64Array[]

export interface NaiveOptions {
  /** Inputs of matmuls are rounded first, as fast kernels do. Default: none are. */
  readonly rounding?: InputRounding
}

/** All logits of each step, row after row. */
export function naive(c: ConformanceCase, options: NaiveOptions = {}): Float64Array[] {
  const evaluator = new Evaluator(c, options)
  return c.steps.map(step => evaluator.step(step))
}

interface CachedRow {
  readonly key: Float64Array
  readonly value: Float64Array
}

class Evaluator {
  readonly #case: ConformanceCase
  readonly #options: NaiveOptions
  /** By cache, sequence and position. */
  readonly #cached: Map<number, (CachedRow | undefined)[]>[]
  readonly #decoded = new Map<string, Matrix>()

  constructor(c: ConformanceCase, options: NaiveOptions) {
    this.#case = c
    this.#options = options
    this.#cached = c.program.caches.map(() => new Map())
  }

  step(step: Step): Float64Array {
    for (const { from, to, length } of step.forks)
      for (const cached of this.#cached) cached.set(to, (cached.get(from) ?? []).slice(0, length))
    const values = new Map<number, Matrix>()
    for (const op of this.#case.program.ops) {
      const made = this.#run(op, step, tensor => values.get(tensor.id)!)
      made.forEach((matrix, i) => {
        values.set(op.outputs[i]!.id, matrix)
      })
    }
    return Float64Array.from(values.get(this.#case.program.logits.id)!.flatMap(row => [...row]))
  }

  /** The values of the operation's outputs, one matrix each. */
  #run(op: Op, step: Step, of: (tensor: Tensor) => Matrix): Matrix[] {
    const { tokens, positions, rows } = step.batch
    const x = op.inputs.map(of)
    switch (op.kind) {
      case 'embed': {
        const table = this.#matrix(op.weights[0]!)
        const { scale = 1 } = op.params
        return [[...tokens].map(token => table[token]!.map(value => value * scale))]
      }
      case 'rows':
        return [[...rows].map(row => x[0]![row]!)]
      case 'matmul':
        return this.#matmul(op, x)
      case 'rmsNorm':
        return [x[0]!.map(row => rmsNorm(row, this.#vector(op.weights[0]!), op.params.eps))]
      case 'add':
        return [x[0]!.map((row, r) => row.map((value, i) => value + x[1]![r]![i]!))]
      case 'layerNorm': {
        const { eps, centered } = op.params
        const [gain, bias] = op.weights.map(weight => this.#vector(weight))
        return [x[0]!.map(row => layerNorm(row, gain!, bias, eps, centered))]
      }
      case 'slice': {
        const { width, from, to } = op.params
        return [x[0]!.map(row => row.filter((_, i) => i % width >= from && i % width < to))]
      }
      case 'concat': {
        const { runs } = op.params
        return [x[0]!.map((row, r) => interleave([row, x[1]![r]!], runs))]
      }
      case 'activate':
        return [x[0]!.map(row => row.map(activation[op.params.act]))]
      case 'gate': {
        const act = activation[op.params.act]
        const gateOf = (row: Float64Array, i: number) => act(row.length === 1 ? row[0]! : row[i]!)
        return [x[1]!.map((row, r) => row.map((value, i) => gateOf(x[0]![r]!, i) * value))]
      }
      case 'softcap':
        return [x[0]!.map(row => row.map(value => op.params.cap * Math.tanh(value / op.params.cap)))]
      case 'matmulHeads':
        return [this.#matmulHeads(op, x[0]!)]
      case 'route':
        return [x[0]!.map(row => routed(row, op.params, op.weights[0] && this.#vector(op.weights[0])))]
      case 'matmulExperts':
        return op.weights.map(weight => this.#matmulExperts(op, weight, x[0]!, x[1]!))
      case 'rope':
        return [this.#rotate(op.params, op.weights[0], x[0]!, positions)]
      case 'cacheWrite':
        return this.#cacheWrite(op, x, step)
      case 'attention':
        return [this.#attention(op, x[0]!, step)]
      default:
        return op satisfies never
    }
  }

  /** One list of weights: the norm's gain if there is one, then for each part its matrix and perhaps its bias. */
  #matmul(op: Op<'matmul'>, x: Matrix[]): Matrix[] {
    const { norm, biases, residual } = op.params
    const weights = [...op.weights]
    const gain = norm ? this.#vector(weights.shift()!) : undefined
    const input = gain ? x[0]!.map(row => rmsNorm(row, gain, norm!.eps)) : x[0]!
    const rounded = { '8 bits': lazy(() => input.map(eightBits)), bf16: lazy(() => input.map(toBf16)) }
    return biases.map(biased => {
      const weight = weights.shift()!
      const matrix = this.#matrix(weight)
      const bias = biased ? this.#vector(weights.shift()!) : undefined
      const rounding = this.#options.rounding?.(weight.type)
      return (rounding ? rounded[rounding]() : input).map((row, r) =>
        Float64Array.from(matrix, (weightRow, o) => {
          let sum = bias ? bias[o]! : 0
          if (residual) sum += x[1]![r]![o]!
          return sum + inner(row, weightRow)
        }),
      )
    })
  }

  /** x times a matrix of some rows of the weight, x as the backend rounds it for weights of this type. */
  #times(x: Float64Array, { type }: Weight, rows: Matrix): Float64Array {
    const rounding = this.#options.rounding?.(type)
    const input = rounding === '8 bits' ? eightBits(x) : rounding === 'bf16' ? toBf16(x) : x
    return Float64Array.from(rows, row => inner(input, row))
  }

  #matmulHeads({ params, weights }: Op<'matmulHeads'>, x: Matrix): Matrix {
    const { heads, stride, first, rows, transposed } = params
    const all = this.#matrix(weights[0]!)
    return x.map(row => {
      const answers = Array.from({ length: heads }, (_, head) => {
        const run = row.subarray((head * row.length) / heads, ((head + 1) * row.length) / heads)
        const own = all.slice(head * stride + first, head * stride + first + rows)
        if (!transposed) return this.#times(run, weights[0]!, own)
        return own[0]!.map((_, i) => own.reduce((sum, weightRow, r) => sum + run[r]! * weightRow[i]!, 0))
      })
      return interleave(answers, 1)
    })
  }

  #matmulExperts(op: Op<'matmulExperts'>, weight: Weight, x: Matrix, choices: Matrix): Matrix {
    const { used, sum } = op.params
    const outer = weight.shape[1]!
    const all = this.#matrix(weight)
    return x.map((row, t) => {
      const answers = Array.from({ length: used }, (_, k) => {
        const expert = choices[t]![k]!
        const run = sum ? row.subarray((k * row.length) / used, ((k + 1) * row.length) / used) : row
        return this.#times(run, weight, all.slice(expert * outer, (expert + 1) * outer))
      })
      if (!sum) return interleave(answers, 1)
      return answers[0]!.map((_, i) =>
        answers.reduce((total, answer, k) => total + choices[t]![used + k]! * answer[i]!, 0),
      )
    })
  }

  #cacheWrite(op: Op<'cacheWrite'>, [k, v, q]: Matrix[], step: Step): Matrix[] {
    const { rope, cache } = op.params
    const { keyDim, valueDim } = this.#case.program.caches[cache]!
    const { positions } = step.batch
    const rotate = (x: Matrix) => (rope ? this.#rotate(rope, op.weights[0], x, positions) : x)
    const store = this.#case.limits.kvDType
    rotate(k!).forEach((key, t) => {
      this.#history(cache, step, t)[positions[t]!] = {
        key: stored(key, store),
        value: stored(v ? v[t]! : key.filter((_, i) => i % keyDim < valueDim), store),
      }
    })
    return q ? [[], rotate(q)] : [[]]
  }

  /** Scores of all visible positions, their softmax, the weighted sum: nothing is streamed. */
  #attention(op: Op<'attention'>, q: Matrix, step: Step): Matrix {
    const { cache, heads, scale, softcap } = op.params
    const { group, kvHeads, keyDim, valueDim } = this.#case.program.caches[cache]!
    const spec = this.#case.program.groups[group]!
    return q.map((row, t) => {
      const end = step.batch.positions[t]! + 1
      const seen = this.#history(cache, step, t).slice(
        spec.kind === 'window' ? Math.max(0, end - spec.window) : 0,
        end,
      )
      const out = new Float64Array(heads * valueDim)
      // A row that was never written: the token's answer is undefined, and nobody may want it.
      if (seen.length === 0 || seen.includes(undefined)) return out.fill(Number.NaN)
      for (let head = 0; head < heads; head++) {
        const kvHead = Math.floor((head * kvHeads) / heads)
        const query = row.slice(head * keyDim, (head + 1) * keyDim)
        const scores = seen
          .map(cached => scale * inner(query, cached!.key.subarray(kvHead * keyDim, (kvHead + 1) * keyDim)))
          .map(score => (softcap ? softcap * Math.tanh(score / softcap) : score))
        const greatest = scores.reduce((a, b) => Math.max(a, b))
        const powers = scores.map(score => Math.exp(score - greatest))
        const total = powers.reduce((a, b) => a + b)
        seen.forEach((cached, i) => {
          for (let d = 0; d < valueDim; d++)
            out[head * valueDim + d]! += (powers[i]! / total) * cached!.value[kvHead * valueDim + d]!
        })
      }
      return out
    })
  }

  /** What token t's sequence has written to a cache, by position. */
  #history(cache: number, step: Step, t: number): (CachedRow | undefined)[] {
    const id = step.sequences[step.batch.sequence[t]!]!
    const cached = this.#cached[cache]!
    if (!cached.has(id)) cached.set(id, [])
    return cached.get(id)!
  }

  /** Pair i of each head, taken as a complex number, times magnitude · e^(i · angle). */
  #rotate(params: RopeParams, divisors: Weight | undefined, x: Matrix, positions: Int32Array): Matrix {
    const { headDim, layout, frequencies, magnitude } = params
    const divisor = divisors ? this.#vector(divisors) : undefined
    const pairs = frequencies.length
    return x.map((row, t) => {
      const out = row.slice()
      for (let head = 0; head < row.length / headDim; head++)
        frequencies.forEach((frequency, i) => {
          const angle = positions[t]! * (frequency / (divisor ? divisor[i]! : 1))
          const re = head * headDim + (layout === 'adjacent' ? 2 * i : i)
          const im = head * headDim + (layout === 'adjacent' ? 2 * i + 1 : pairs + i)
          out[re] = magnitude * (row[re]! * Math.cos(angle) - row[im]! * Math.sin(angle))
          out[im] = magnitude * (row[re]! * Math.sin(angle) + row[im]! * Math.cos(angle))
        })
      return out
    })
  }

  #vector(weight: Weight): Float64Array {
    return this.#matrix(weight)[0]!
  }

  /** Rows of a weight; a vector is one row. */
  #matrix({ name, shape }: Weight): Matrix {
    let rows = this.#decoded.get(name)
    if (!rows) {
      const width = shape.at(-1)!
      const all = decode(this.#case.weights[name]!)
      rows = Array.from({ length: all.length / width }, (_, r) => all.subarray(r * width, (r + 1) * width))
      this.#decoded.set(name, rows)
    }
    return rows
  }
}

function decode({ type, shape, bytes }: CaseWeight): Float64Array {
  if (isPacked(type)) return decodeParts(type, shape, bytes)
  const elements = shape.reduce((product, dim) => product * dim, 1)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const each = (value: (i: number) => number) => Float64Array.from({ length: elements }, (_, i) => value(i))
  switch (type) {
    case 'F32':
      return each(i => view.getFloat32(4 * i, true))
    case 'F16':
      return each(i => half(view.getUint16(2 * i, true)))
    case 'BF16':
      return each(i => {
        const word = new DataView(new ArrayBuffer(4))
        word.setUint16(0, view.getUint16(2 * i, true))
        return word.getFloat32(0)
      })
    default: {
      const out = new Float32Array(elements)
      decodeRows(type)(bytes, 0, out, 0, elements)
      return Float64Array.from(out)
    }
  }
}

/** Matrices in parts by what their publishers say: words of 32 bits. */
function decodeParts(type: PackedName, shape: readonly number[], bytes: Uint8Array): Float64Array {
  const [rows, columns] = shape.slice(-2) as [number, number]
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const values: number[] = []
  let at = 0
  const take = (size: number) => {
    at += size
    return at - size
  }
  const [layout, group] = [/^(?:F8_E4M3|F8_E5M2|GPTQ|AWQ)/.exec(type)![0], Number(/_(\d+)/.exec(type)![1])]
  const wide = type.endsWith('_F32')
  while (at < bytes.length) {
    if (layout.startsWith('F8')) {
      const [numbers, scales, across] = [take(rows * columns), at, Math.ceil(columns / 128)]
      take(4 * Math.ceil(rows / 128) * across)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < columns; c++) {
          const scale = view.getFloat32(scales + 4 * ((r >> 7) * across + (c >> 7)), true)
          values.push(scale * eightBitFloat(bytes[numbers + r * columns + c]!, layout === 'F8_E4M3' ? 4 : 5))
        }
      continue
    }
    const groups = columns / group
    const [numbers, scales] = [take((rows * columns) / 2), take((wide ? 4 : 2) * rows * groups)]
    const [zeros, order] = [take((rows * groups) / 2), type.includes('_ACT') ? take(4 * columns) : undefined]
    const four = (word: number, which: number) => (view.getUint32(word, true) >>> (4 * which)) & 15
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) {
        const g = order === undefined ? Math.floor(c / group) : view.getInt32(order + 4 * c, true)
        const index = g * rows + r
        const scale = wide
          ? view.getFloat32(scales + 4 * index, true)
          : half(view.getUint16(scales + 2 * index, true))
        const inEight = layout === 'AWQ' ? [0, 2, 4, 6, 1, 3, 5, 7].indexOf(r % 8) : r % 8
        const zero = four(zeros + 4 * (g * (rows / 8) + (r >> 3)), inEight)
        const number =
          layout === 'AWQ'
            ? four(numbers + 4 * (c * (rows / 8) + (r >> 3)), inEight)
            : four(numbers + 4 * ((c >> 3) * rows + r), c % 8)
        values.push(scale * (number - zero - (/^GPTQ_\d/.test(type) ? 1 : 0)))
      }
  }
  return Float64Array.from(values)
}

/** arXiv:2209.05433, finite. */
function eightBitFloat(byte: number, exponentBits: number): number {
  const mantissaBits = 7 - exponentBits
  const [exponent, bias] = [(byte & 127) >> mantissaBits, 2 ** (exponentBits - 1) - 1]
  const fraction = (byte & (2 ** mantissaBits - 1)) / 2 ** mantissaBits
  const size = exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias)
  return byte & 128 ? -size : size
}

/** IEEE 754 binary16, finite. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31
  const size = exponent === 0 ? (bits & 1023) * 2 ** -24 : (1024 + (bits & 1023)) * 2 ** (exponent - 25)
  return bits & 0x8000 ? -size : size
}

function stored(row: Float64Array, kvDType: KvDType): Float64Array {
  return kvDType === 'f32' ? row : row.map(value => f16ToF32(f32ToF16(value)))
}

/** Each 32 values as whole numbers to 127 times a scale, computed in float32. */
function eightBits(row: Float64Array): Float64Array {
  const out = new Float64Array(row.length)
  for (let start = 0; start < row.length; start += 32) {
    const run = Float32Array.from(row.subarray(start, start + 32))
    const scale = Math.fround(run.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127)
    const inverse = scale > 0 ? Math.fround(1 / scale) : 0
    run.forEach((x, i) => {
      out[start + i] = roundHalfEven(Math.fround(x * inverse)) * scale
    })
  }
  return out
}

function toBf16(row: Float64Array): Float64Array {
  const words = new Uint32Array(Float32Array.from(row).buffer)
  return Float64Array.from(new Float32Array(words.map(roundWord).buffer))
}

/** The upper half of a float32, rounded to nearest, ties to even. */
function roundWord(word: number): number {
  return ((word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000) >>> 0
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  if (x - floor !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** Runs of the gain's length, each by itself. */
function rmsNorm(row: Float64Array, gain: Float64Array, eps: number): Float64Array {
  const out = row.slice()
  for (let start = 0; start < row.length; start += gain.length) {
    const run = row.subarray(start, start + gain.length)
    const size = Math.sqrt(inner(run, run) / run.length + eps)
    run.forEach((value, i) => {
      out[start + i] = (value / size) * gain[i]!
    })
  }
  return out
}

function layerNorm(
  row: Float64Array,
  gain: Float64Array,
  bias: Float64Array | undefined,
  eps: number,
  centered: boolean,
): Float64Array {
  const mean = centered ? row.reduce((a, b) => a + b) / row.length : 0
  const shifted = row.map(value => value - mean)
  const size = Math.sqrt(inner(shifted, shifted) / row.length + eps)
  return shifted.map((value, i) => (value / size) * gain[i]! + (bias ? bias[i]! : 0))
}

/** Of each run in turn, what each row has of it. */
function interleave(rows: readonly Float64Array[], runs: number): Float64Array {
  const out: number[] = []
  for (let run = 0; run < runs; run++)
    for (const row of rows) out.push(...row.slice((run * row.length) / runs, ((run + 1) * row.length) / runs))
  return Float64Array.from(out)
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const activation: Readonly<Record<Activation, (x: number) => number>> = {
  silu: x => x * sigmoid(x),
  gelu: x => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
  sigmoid,
}

/** Ids of the chosen experts, the best first, and their weights: RouteParams step by step. */
function routed(logits: Float64Array, params: RouteParams, bias: Float64Array | undefined): Float64Array {
  const { scores, groups, used, normalize, scale } = params
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0)
  const probabilities = logits.map(logit => (scores === 'softmax' ? Math.exp(logit) / total : sigmoid(logit)))
  const judged = probabilities.map((p, i) => p + (bias ? bias[i]! : 0))
  const inOrder = (values: Float64Array) => [...values.keys()].sort((a, b) => values[b]! - values[a]!)
  const groupOf = (expert: number) => Math.floor((expert * groups!.count) / judged.length)
  let candidates = inOrder(judged)
  if (groups) {
    const worth = Float64Array.from({ length: groups.count }, (_, group) => {
      const members = candidates.filter(expert => groupOf(expert) === group)
      const counted = members.slice(0, groups.by === 'best' ? 1 : 2)
      return counted.reduce((sum, expert) => sum + judged[expert]!, 0)
    })
    const kept = inOrder(worth).slice(0, groups.used)
    candidates = candidates.filter(expert => kept.includes(groupOf(expert)))
  }
  const chosen = candidates.slice(0, used)
  const sum = normalize ? chosen.reduce((all, expert) => all + probabilities[expert]!, 0) : 1
  return Float64Array.from([...chosen, ...chosen.map(expert => (probabilities[expert]! / sum) * scale)])
}
