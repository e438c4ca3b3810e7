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
  type RouteParams,
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

  /** `[T, dim]`: the table's rows of the step's token ids, times `scale`. `table` is `[vocabulary, dim]`. */
  embed(table: Weight, scale = 1): Tensor {
    return this.#record(
      'embed',
      scale === 1 ? {} : { scale },
      [],
      [table],
      ['T', matrix('embed', table).columns],
    )
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

  /** Layer norm (arXiv:1607.06450) of each row of `x` (`[·, n]`), or, not `centered`, an RMS norm with a bias; gain and bias are `[n]`. */
  layerNorm(x: Tensor, gain: Weight, bias: Weight | undefined, params: OpParams['layerNorm']): Tensor {
    for (const weight of bias ? [gain, bias] : [gain]) vector('layerNorm', weight, columns(x))
    return this.#record('layerNorm', params, [x], bias ? [gain, bias] : [gain], x.shape)
  }

  /** Columns `from`..`to` of each run of `width` columns of `x`. */
  slice(x: Tensor, width: number, from: number, to: number): Tensor {
    const all = columns(x)
    if (all % width !== 0) fail('slice', x.name, `columns that are a multiple of ${width}`, `${all}`)
    if (from < 0 || from >= to || to > width) fail('slice', x.name, `a part of ${width}`, `${from} to ${to}`)
    return this.#record('slice', { width, from, to }, [x], [], [x.shape[0]!, (all / width) * (to - from)])
  }

  /** `runs` times some columns of `a` and then some of `b`. */
  concat(a: Tensor, b: Tensor, runs = 1): Tensor {
    if (a.shape[0] !== b.shape[0]) fail('concat', b.name, `as many rows as ${a.name}`, show(b.shape))
    for (const x of [a, b])
      if (columns(x) % runs !== 0) fail('concat', x.name, `columns in ${runs} runs`, `${columns(x)}`)
    return this.#record('concat', { runs }, [a, b], [], [a.shape[0]!, columns(a) + columns(b)])
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

  /** Writes k (`[T, kvHeads·keyDim]`) and v, which latent groups lack, into the step's slots; attention reads what it answers. */
  cacheWrite(k: Tensor, v: Tensor | undefined, cache: number): Tensor {
    const { group, kvHeads, keyDim, valueDim } = this.#cacheAt('cacheWrite', cache)
    expectColumns('cacheWrite', k, kvHeads * keyDim)
    const latent = this.#groups[group]!.kind === 'latent'
    if (latent !== (v === undefined))
      fail('cacheWrite', k.name, latent ? 'no values in a latent group' : 'values', v?.name ?? 'none')
    if (v) expectColumns('cacheWrite', v, kvHeads * valueDim)
    const written = this.#record('cacheWrite', { cache }, v ? [k, v] : [k], [], [], undefined, 'cache')
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

  activate(x: Tensor, act: Activation): Tensor {
    return this.#record('activate', { act }, [x], [], x.shape)
  }

  /** Gated linear unit (arXiv:2002.05202): `act(gate) · up`, element by element; a gate of one column is for the whole row. */
  gate(gate: Tensor, up: Tensor, act: Activation): Tensor {
    if (columns(gate) !== 1 || gate.shape[0] !== up.shape[0]) sameShape('gate', gate, up)
    return this.#record('gate', { act }, [gate, up], [], up.shape)
  }

  /** `cap · tanh(x / cap)`. */
  softcap(x: Tensor, cap: number): Tensor {
    return this.#record('softcap', { cap }, [x], [], x.shape)
  }

  /**
   * Each head of x (`[T, heads·in]`) times its own `rows` rows of the weight, those from `head·stride + first`: `[T, heads·rows]`.
   * With `transposed` x has `rows` elements a head, which weigh the rows: `[T, heads·columns]`.
   */
  matmulHeads(x: Tensor, weight: Weight, params: OpParams['matmulHeads']): Tensor {
    const { heads, stride, first, rows, transposed } = params
    const shape =
      weight.shape.length === 3 ? [weight.shape[0]! * weight.shape[1]!, weight.shape[2]!] : weight.shape
    const inner = shape[1] ?? 0
    if (shape.length !== 2 || shape[0] !== heads * stride)
      fail('matmulHeads', weight.name, `${heads * stride} rows`, show(weight.shape))
    if (first < 0 || rows < 1 || first + rows > stride)
      fail('matmulHeads', weight.name, `a part of ${stride} rows`, `${first} to ${first + rows}`)
    expectColumns('matmulHeads', x, heads * (transposed ? rows : inner))
    return this.#record('matmulHeads', params, [x], [weight], ['T', heads * (transposed ? inner : rows)])
  }

  /** Chooses experts: `logits` are `[T, experts]`; `bias` (`[experts]`) counts for the choice, not for the weights. */
  route(logits: Tensor, params: RouteParams, bias?: Weight): Tensor {
    const experts = columns(logits)
    const { used, groups } = params
    if (used < 1 || used > experts) fail('route', logits.name, `1 to ${experts} experts used`, `${used}`)
    if (groups && (experts % groups.count !== 0 || groups.used > groups.count || groups.used < 1))
      fail('route', logits.name, `groups of ${experts} experts`, `${groups.used} of ${groups.count}`)
    if (groups && used > (experts / groups.count) * groups.used)
      fail('route', logits.name, `no more experts than the groups have`, `${used}`)
    if (bias) vector('route', bias, experts)
    return this.#record('route', params, [logits], bias ? [bias] : [], ['T', 2 * used])
  }

  /**
   * x (`[T, in]`) times the chosen experts' matrices (`weight` is `[experts, out, in]`): `[T, used·out]`. With `sum` each chosen
   * expert has its own run of x (`[T, used·in]`), and the answer is their weighted sum, `[T, out]`.
   */
  matmulExperts(x: Tensor, routed: Tensor, weight: Weight, params: OpParams['matmulExperts']): Tensor {
    const { used, sum } = params
    const [experts, outer, inner] = weight.shape
    if (weight.shape.length !== 3 || !experts || !outer || !inner)
      fail('matmulExperts', weight.name, 'three dimensions', show(weight.shape))
    expectColumns('matmulExperts', x, sum ? used * inner! : inner!)
    expectColumns('matmulExperts', routed, 2 * used)
    const name = weight.name.replace(/\.weight$/, '')
    const width = sum ? outer! : used * outer!
    return this.#record('matmulExperts', params, [x, routed], [weight], ['T', width], name)
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
