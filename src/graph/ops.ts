// THE operation table: what each operation takes, its parameters and the types that a Program is made of.
// Plain data only; knows nothing of models, files or backends.

/** `T`: tokens in this step; `R`: rows that want logits. The only dimensions that change per step. */
export type Dim = number | 'T' | 'R'

/** `f32` values live in the arena; `cache` tensors hold no bytes, they order reads after writes. */
export type DType = 'f32' | 'cache'

export interface Tensor {
  readonly id: number
  readonly name: string
  readonly dtype: DType
  /** Row-major, outermost first: `[T, dim]`. */
  readonly shape: readonly Dim[]
}

/** A tensor of the model file; `shape` is row-major, `[rows, columns]` for a matrix. */
export interface Weight {
  readonly name: string
  /** Name of its block format, as in src/quant. */
  readonly type: string
  readonly shape: readonly number[]
}

/** `gelu` is the approximation by tanh (arXiv:1606.08415), which all models here were trained with. */
export type Activation = 'silu' | 'gelu' | 'sigmoid'

/**
 * Rotary embedding (arXiv:2104.09864), reduced to what every variant ends in: an angular frequency a pair.
 * Linear and YaRN scaling are folded into `frequencies` while recording; a weight of divisors (`rope_freqs`,
 * one a pair) is an operand. Pairs beyond `frequencies.length` pass unrotated.
 */
export interface RopeParams {
  readonly headDim: number
  /** Which two elements make pair i: (2i, 2i+1) or (i, i + pairs). */
  readonly layout: 'adjacent' | 'halves'
  /** Radians a position, one a rotated pair. */
  readonly frequencies: readonly number[]
  /** Factor on the rotated values (YaRN's attention factor); 1 leaves lengths as they are. */
  readonly magnitude: number
}

export interface AttentionParams {
  /** Index into `Program.caches`. */
  readonly cache: number
  readonly heads: number
  /** Factor on the scores before softmax. */
  readonly scale: number
  /** Scores become `softcap · tanh(score / softcap)` (Gemma 2, arXiv:2408.00118). */
  readonly softcap?: number
}

/** How a router's logits become experts and their weights; the steps are taken in this order. */
export interface RouteParams {
  /** What makes a probability of a logit. */
  readonly scores: 'softmax' | 'sigmoid'
  /**
   * Only experts of the best groups may be chosen (DeepSeek): `count` groups of neighbours, `used` of them kept, each
   * judged by its best expert or by the sum of its best two.
   */
  readonly groups?: { readonly count: number; readonly used: number; readonly by: 'best' | 'bestTwo' }
  /** Experts that a token goes to. */
  readonly used: number
  /** Whether the weights of the chosen are divided by their sum. */
  readonly normalize: boolean
  /** Factor on the weights. */
  readonly scale: number
}

/**
 * Parameters by operation. Its keys ARE the operation set; every backend switches over them.
 * Operands in order (`?`: only if the parameter says so); tensors are `[T or R, columns]`:
 *
 * | operation | inputs | weights | outputs |
 * |---|---|---|---|
 * | embed | | table `[vocabulary, dim]` | `[T, dim]`: the rows of the step's token ids, times `scale` if there is one |
 * | rows | `[T, dim]` | | `[R, dim]`: the rows that want logits |
 * | matmul | x `[·, in]`, residual? `[·, out]` | norm? `[in]`, then a part: weight `[out, in]`, bias? `[out]` | one a part: `norm(x) · weightᵀ + bias + residual` |
 * | rmsNorm | `[·, k·n]` | gain `[n]` | same shape; each run of n elements is normalised by itself |
 * | layerNorm | `[·, n]` | gain `[n]`, bias? `[n]` | same shape |
 * | add | a, b, of one shape | | a + b |
 * | slice | `[·, runs·width]` | | `[·, runs·(to - from)]`: columns from..to of each run of `width` |
 * | concat | a `[·, runs·m]`, b `[·, runs·n]` | | `[·, runs·(m + n)]`: run by run, a's columns and then b's |
 * | rope | `[T, heads·headDim]` | divisors? `[pairs]` | same shape, rotated by the token's position |
 * | cacheWrite | k `[T, kvHeads·keyDim]`, v `[T, kvHeads·valueDim]` (not in a latent group), q? `[T, heads·keyDim]` | divisors? | cache, q? rotated |
 * | attention | q `[T, heads·keyDim]`, cache | | `[T, heads·valueDim]` |
 * | activate | x | | activation(x) |
 * | gate | gate `[·, n]` or `[·, 1]`, up `[·, n]` | | activation(gate) · up |
 * | softcap | x | | `cap · tanh(x / cap)` |
 * | matmulHeads | x `[T, heads·in]` | `[heads·stride, in]`, or with `transposed` `[heads·stride, out]` | `[T, heads·out]`: each head times its own rows |
 * | route | router logits `[T, experts]` | selection bias? `[experts]` | `[T, 2·used]`: ids of the chosen, then their weights |
 * | matmulExperts | x, routed | one a part: `[experts, out, in]` | see `sum` |
 */
export interface OpParams {
  embed: { readonly scale?: number }
  rows: Record<never, never>
  matmul: {
    /** RMS-normalise x first, with the norm weight as gain. */
    readonly norm?: { readonly eps: number }
    /** For each part, whether a bias follows its weight. */
    readonly biases: readonly boolean[]
    /** Add the second input to the only part. */
    readonly residual: boolean
  }
  rmsNorm: { readonly eps: number }
  /** Not `centered`: the mean is left in, as in rmsNorm. */
  layerNorm: { readonly eps: number; readonly centered: boolean }
  add: Record<never, never>
  slice: { readonly width: number; readonly from: number; readonly to: number }
  concat: { readonly runs: number }
  rope: RopeParams
  cacheWrite: {
    /** Index into `Program.caches`. */
    readonly cache: number
    /** Rotate k (and q) on the way. */
    readonly rope?: RopeParams
  }
  attention: AttentionParams
  activate: { readonly act: Activation }
  gate: { readonly act: Activation }
  softcap: { readonly cap: number }
  /** Head h takes the rows from `h·stride + first`, `rows` of them; `transposed`: x times them, not they times x. */
  matmulHeads: {
    readonly heads: number
    readonly stride: number
    readonly first: number
    readonly rows: number
    readonly transposed: boolean
  }
  route: RouteParams
  matmulExperts: {
    readonly used: number
    /**
     * false: x is `[T, in]`, answers `[T, used·out]` for each part, a run for each chosen expert. true: x is `[T, used·in]`,
     * answers `[T, out]`, the sum over the chosen experts, each times its weight.
     */
    readonly sum: boolean
  }
}

export type OpKind = keyof OpParams

/** One recorded operation. Nothing in it changes per step. */
export type Op<K extends OpKind = OpKind> = {
  [P in K]: {
    readonly kind: P
    /** Block of the model it belongs to; -1 before the first block, the block count after the last. */
    readonly layer: number
    readonly params: OpParams[P]
    readonly inputs: readonly Tensor[]
    readonly weights: readonly Weight[]
    readonly outputs: readonly Tensor[]
  }
}[K]

/** Caches whose rows live and die together share a group: one block pool and one block table a sequence. */
export type CacheGroup =
  | { readonly kind: 'full' }
  /** Only the last `window` positions (the token's own included) are ever read. */
  | { readonly kind: 'window'; readonly window: number }
  /** Rows hold keys alone; a value is the first `valueDim` elements of its key (multi-head latent attention, arXiv:2405.04434). */
  | { readonly kind: 'latent' }

/** The key/value cache of one layer. */
export interface Cache {
  /** Index into `Program.groups`. */
  readonly group: number
  readonly layer: number
  readonly kvHeads: number
  readonly keyDim: number
  readonly valueDim: number
}

/** A forward pass, recorded: plain data that prints, compares and crosses to any backend. */
export interface Program {
  readonly ops: readonly Op[]
  readonly groups: readonly CacheGroup[]
  readonly caches: readonly Cache[]
  /** Number of tensor ids in use: ids are below it. */
  readonly tensorCount: number
  /** `[R, vocabulary]` */
  readonly logits: Tensor
}

/** Elements in a row: the product of all dimensions but the first. */
export function columns(tensor: Tensor): number {
  return tensor.shape.slice(1).reduce<number>((product, dim) => product * (dim as number), 1)
}

/** A matmul's operands by role, from their order in the table above. */
export function matmulOperands(op: Op<'matmul'>) {
  let next = 0
  const norm = op.params.norm ? { gain: op.weights[next++]!, eps: op.params.norm.eps } : undefined
  const parts = op.params.biases.map((biased, i) => ({
    weight: op.weights[next++]!,
    bias: biased ? op.weights[next++]! : undefined,
    output: op.outputs[i]!,
  }))
  return { x: op.inputs[0]!, residual: op.params.residual ? op.inputs[1]! : undefined, norm, parts }
}

/** Every weight of a program once, in order of first use. */
export function programWeights(program: Program): Weight[] {
  const seen = new Map<string, Weight>()
  for (const op of program.ops) for (const weight of op.weights) seen.set(weight.name, weight)
  return [...seen.values()]
}

/** Bytes that one position of `cache` takes with elements of `elementBytes`. */
export function cacheRowBytes({ groups }: Program, cache: Cache, elementBytes: number): number {
  const latent = groups[cache.group]!.kind === 'latent'
  return cache.kvHeads * (cache.keyDim + (latent ? 0 : cache.valueDim)) * elementBytes
}
