// Records a forward pass. Each method checks the shapes of its operands, and answers the tensor that the
// operation will make; nothing is computed here.
import { ShapeError } from '../errors.ts'
import {
  type Activation,
  type Cache,
  type CacheGroup,
  columns,
  type Dim,
  type DType,
  type Op,
  type OpKind,
  type OpParams,
  type Program,
  type RopeParams,
  type Tensor,
  type Weight,
} from './ops.ts'

export class Graph {
  /** Block that the next operations belong to; see `Op.layer`. */
  layer = -1
  readonly #ops: Op[] = []
  readonly #groups: CacheGroup[] = []
  readonly #caches: Cache[] = []
  /** What was recorded here: tensors of another graph have other ids. */
  readonly #made = new Set<Tensor>()
  /** By written cache tensor: index of the cache. */
  readonly #written = new Map<Tensor, number>()

  /** `[T, dim]`: the table's rows of the step's token ids. `table` is `[vocabulary, dim]`. */
  embed(table: Weight): Tensor {
    return this.#record('embed', {}, [], [table], ['T', matrix('embed', table).columns])
  }

  /** `[R, dim]`: the rows of `x` (`[T, dim]`) that want logits. */
  rows(x: Tensor): Tensor {
    if (x.shape[0] !== 'T') fail('rows', x.name, 'a first dimension of T', show(x.shape))
    return this.#record('rows', {}, [x], [], ['R', ...x.shape.slice(1)])
  }

  /** `x · weightᵀ + bias`; x is `[·, in]`, weight `[out, in]`, bias `[out]`; answers `[·, out]`. */
  matmul(x: Tensor, weight: Weight, bias?: Weight): Tensor {
    const { rows, columns: inner } = matrix('matmul', weight)
    if (columns(x) !== inner) fail('matmul', weight.name, `${columns(x)} columns as in ${x.name}`, `${inner}`)
    if (bias) vector('matmul', bias, rows)
    const params = { biases: [bias !== undefined], residual: false }
    const name = weight.name.replace(/\.weight$/, '')
    return this.#record('matmul', params, [x], bias ? [weight, bias] : [weight], [x.shape[0]!, rows], name)
  }

  /** Root-mean-square norm (arXiv:1910.07467) of each run of `gain`'s length, times the gain. */
  rmsNorm(x: Tensor, gain: Weight, eps: number): Tensor {
    const length = gain.shape[0] ?? 0
    vector('rmsNorm', gain, length)
    if (length === 0 || columns(x) % length !== 0)
      fail('rmsNorm', gain.name, `a length that divides ${columns(x)}`, `${length}`)
    return this.#record('rmsNorm', { eps }, [x], [gain], x.shape)
  }

  add(a: Tensor, b: Tensor): Tensor {
    sameShape('add', a, b)
    return this.#record('add', {}, [a, b], [], a.shape)
  }

  /** Rotates each head of `x` (`[T, heads·headDim]`); `divisors` (`[pairs]`) divide the frequencies. */
  rope(x: Tensor, params: RopeParams, divisors?: Weight): Tensor {
    const pairs = params.frequencies.length
    if (x.shape[0] !== 'T') fail('rope', x.name, 'a first dimension of T', show(x.shape))
    if (columns(x) % params.headDim !== 0)
      fail('rope', x.name, `columns that are a multiple of the head size ${params.headDim}`, `${columns(x)}`)
    if (pairs * 2 > params.headDim)
      fail('rope', x.name, `at most ${params.headDim / 2} pairs a head`, `${pairs} frequencies`)
    if (divisors) vector('rope', divisors, pairs)
    return this.#record('rope', params, [x], divisors ? [divisors] : [], x.shape)
  }

  /** Declares the cache of the present layer; layers with the same `group` share a pool. Answers its index. */
  cache(group: CacheGroup, size: Omit<Cache, 'group' | 'layer'>): number {
    let index = this.#groups.findIndex(other => JSON.stringify(other) === JSON.stringify(group))
    if (index < 0) index = this.#groups.push(group) - 1
    return this.#caches.push({ group: index, layer: this.layer, ...size }) - 1
  }

  /** Writes k (`[T, kvHeads·keyDim]`) and v into the step's slots; attention reads what it answers. */
  cacheWrite(k: Tensor, v: Tensor, cache: number): Tensor {
    const { kvHeads, keyDim, valueDim } = this.#cacheAt('cacheWrite', cache)
    expectColumns('cacheWrite', k, kvHeads * keyDim)
    expectColumns('cacheWrite', v, kvHeads * valueDim)
    const written = this.#record('cacheWrite', { cache }, [k, v], [], [], undefined, 'cache')
    this.#written.set(written, cache)
    return written
  }

  /**
   * Causal softmax attention of q (`[T, heads·keyDim]`) over the cached rows of each token's sequence, up to
   * and including its own position, within the group's window. Heads share KV heads in consecutive runs.
   */
  attention(q: Tensor, written: Tensor, params: OpParams['attention']): Tensor {
    const { kvHeads, keyDim, valueDim } = this.#cacheAt('attention', params.cache)
    if (written.dtype !== 'cache') fail('attention', written.name, 'a written cache', written.dtype)
    if (this.#written.get(written) !== params.cache)
      fail('attention', written.name, `cache ${params.cache}`, `cache ${this.#written.get(written)}`)
    if (params.heads % kvHeads !== 0)
      fail('attention', q.name, `heads that are a multiple of ${kvHeads} KV heads`, `${params.heads}`)
    expectColumns('attention', q, params.heads * keyDim)
    return this.#record('attention', params, [q, written], [], ['T', params.heads * valueDim])
  }

  /** Gated linear unit (arXiv:2002.05202): `act(gate) · up`, element by element. */
  gate(gate: Tensor, up: Tensor, act: Activation): Tensor {
    sameShape('gate', gate, up)
    return this.#record('gate', { act }, [gate, up], [], gate.shape)
  }

  /** Ends the recording; `logits` is `[R, vocabulary]`. */
  finish(logits: Tensor): Program {
    if (logits.shape[0] !== 'R') fail('finish', logits.name, 'a first dimension of R', show(logits.shape))
    return {
      ops: [...this.#ops],
      groups: [...this.#groups],
      caches: [...this.#caches],
      tensorCount: this.#made.size,
      logits,
    }
  }

  #cacheAt(op: OpKind, index: number): Cache {
    return this.#caches[index] ?? fail(op, 'cache', `an index below ${this.#caches.length}`, `${index}`)
  }

  #record<K extends OpKind>(
    kind: K,
    params: OpParams[K],
    inputs: readonly Tensor[],
    weights: readonly Weight[],
    shape: readonly Dim[],
    name = `${kind}.${this.layer}`,
    dtype: DType = 'f32',
  ): Tensor {
    for (const input of inputs) {
      if (!this.#made.has(input)) fail(kind, input.name, 'a tensor of this graph', 'one of another')
      if (input.dtype === 'cache' && kind !== 'attention') fail(kind, input.name, 'values', 'a written cache')
    }
    const output: Tensor = { id: this.#made.size, name, dtype, shape }
    this.#made.add(output)
    this.#ops.push({ kind, layer: this.layer, params, inputs, weights, outputs: [output] } as unknown as Op)
    return output
  }
}

function matrix(op: OpKind, weight: Weight): { rows: number; columns: number } {
  const [rows, inner] = weight.shape
  if (weight.shape.length !== 2 || !rows || !inner) fail(op, weight.name, 'a matrix', show(weight.shape))
  return { rows, columns: inner }
}

function vector(op: OpKind, weight: Weight, length: number): void {
  if (weight.shape.length !== 1 || weight.shape[0] !== length)
    fail(op, weight.name, `shape [${length}]`, show(weight.shape))
}

function expectColumns(op: OpKind, x: Tensor, expected: number): void {
  if (x.shape[0] !== 'T' || columns(x) !== expected) fail(op, x.name, `shape [T, ${expected}]`, show(x.shape))
}

function sameShape(op: OpKind, a: Tensor, b: Tensor): void {
  if (show(a.shape) !== show(b.shape)) fail(op, b.name, `shape ${show(a.shape)} as ${a.name}`, show(b.shape))
}

function show(shape: readonly Dim[]): string {
  return `[${shape.join(', ')}]`
}

function fail(op: string, operand: string, expected: string, found: string): never {
  throw new ShapeError(`${op}: ${operand}: expected ${expected}, found ${found}`)
}
