// Writes a planned Program as the flat list of numbers that native/executable.cpp parses once. Every number is a
// double: exact for sizes and addresses below 2⁵³. Reading order is writing order; there are no tags in between.
import { UnsupportedModelError } from '../../errors.ts'
import {
  type Activation,
  type Cache,
  columns,
  matmulOperands,
  type Op,
  type OpKind,
  type Program,
  type RopeParams,
  type Tensor,
  type Weight,
} from '../../graph/ops.ts'
import type { Plan } from '../../graph/plan.ts'
import { type Packed, packedType, partBytes, placeBytes, type WeightType } from '../../quant/packed.ts'
import { bytesFor, type QuantName } from '../../quant/quants.ts'
import type { Limits } from '../backend.ts'
import type { LazyPlan, MatmulPiece, Run } from './lazy-plan.ts'
import { ABI_VERSION } from './library.ts'

/** In the order of `OpKind` in native/program.h. */
const kinds: readonly OpKind[] = [
  'embed',
  'rows',
  'matmul',
  'rmsNorm',
  'add',
  'rope',
  'cacheWrite',
  'attention',
  'gate',
  'layerNorm',
  'slice',
  'concat',
  'activate',
  'softcap',
  'matmulHeads',
  'route',
  'matmulExperts',
]

/** In the order of `Activation` in native/program.h. */
const activations: readonly Activation[] = ['silu', 'gelu', 'sigmoid']

/** In the order of `Type` in native/program.h. */
export const nativeTypes: readonly (QuantName | Packed['layout'])[] = [
  'F32',
  'F16',
  'BF16',
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q4_K',
  'Q5_K',
  'Q6_K',
  'Q2_K',
  'Q3_K',
  'IQ4_NL',
  'IQ4_XS',
  'TQ1_0',
  'TQ2_0',
  'MXFP4',
  'IQ1_S',
  'IQ1_M',
  'IQ2_XXS',
  'IQ2_XS',
  'IQ2_S',
  'IQ3_XXS',
  'IQ3_S',
  'F8_E4M3',
  'F8_E5M2',
  'GPTQ',
  'AWQ',
]

/** Numbers, scales, zero points and groups. */
const MOST_PARTS = 4
/** Types of which native code expects what says where parts are. */
const MAY_HAVE_PARTS: ReadonlySet<string> = new Set(['F8_E4M3', 'F8_E5M2'])
const NO_PARTS = new Array<number>(6 + MOST_PARTS - 1).fill(0)

export interface FlattenOptions {
  readonly plan: Plan
  readonly limits: Limits
  readonly threads: number
  /** Where a weight lies: one address, or one for each slice of its first dimension, of matrices in parts for each part of each. */
  readonly addresses: (weight: Weight) => readonly number[]
  /** How weights come from disk, if they do. */
  readonly lazy?: LazyPlan | undefined
}

/**
 * header: abi, threads, maxTokens, maxRows, maxSequences, maxBlocks, kv, arena bytes, logits tensor;
 * count, then caches; count, then rope tables; count, then operations; count, then reads of lazy weights; count, then
 * their experts, and memory for these; 1 if weights are lazy.
 */
export function flatten(program: Program, options: FlattenOptions): Float64Array {
  return new Flattener(program, options).list()
}

class Flattener {
  readonly #program: Program
  readonly #options: FlattenOptions
  readonly #ropes: { readonly params: RopeParams; readonly divisors: Weight | undefined }[] = []

  constructor(program: Program, options: FlattenOptions) {
    this.#program = program
    this.#options = options
  }

  list(): Float64Array {
    const { limits, plan, threads, lazy } = this.#options
    const { caches, ops, logits } = this.#program
    // Operations first: they name the rope tables.
    const runs = lazy?.runs ?? ops.map(op => ({ op }))
    const flatOps = runs.flatMap(run => this.#run(run))
    const reads = lazy?.reads ?? []
    return Float64Array.from([
      ABI_VERSION,
      threads,
      limits.maxTokens,
      limits.maxRows,
      limits.maxSequences,
      limits.maxBlocks,
      limits.kvDType === 'f16' ? 1 : 0,
      plan.bytes,
      ...this.#tensor(logits),
      caches.length,
      ...caches.flatMap(cache => this.#cache(cache)),
      this.#ropes.length,
      ...this.#ropes.flatMap(({ params, divisors }) => this.#rope(params, divisors)),
      runs.length,
      ...flatOps,
      reads.length,
      ...reads.flatMap(({ op, file, offset, bytes, needed, to, kept, after }) => [
        ...[op, file, offset, bytes, needed, to, Number(kept), after],
      ]),
      ...this.#experts(),
      Number(lazy !== undefined),
    ])
  }

  /** Count, then matrices that are read when they are chosen; the memory for them. */
  #experts(): number[] {
    const { experts = [], slots = { start: 0, bytes: 0, count: 0 } } = this.#options.lazy ?? {}
    const list = experts.flatMap(({ route, op, rows, slabRows, rowBytes, places }) => [
      ...[route, op, rows, slabRows, rowBytes, places.length],
      ...places.flatMap(({ file, offset }) => [file, offset]),
    ])
    return [experts.length, ...list, slots.start, slots.bytes, slots.count]
  }

  /** An operation as it runs: whole, or a piece of it. */
  #run(run: Run): number[] {
    const { op, piece } = run
    if (piece !== undefined && op.kind === 'matmul')
      return this.#op(op, [op.outputs[piece.part]!], this.#matmul(op, [piece]))
    return this.#op(op, op.outputs, this.#specifics(run))
  }

  #op({ kind, inputs }: Op, outputs: readonly Tensor[], specifics: readonly number[]): number[] {
    const code = kinds.indexOf(kind)
    if (code < 0) throw new UnsupportedModelError(`the cpu backend does not know the operation ${kind}`)
    return [
      code,
      inputs.length,
      ...inputs.flatMap(tensor => this.#tensor(tensor)),
      outputs.length,
      ...outputs.flatMap(tensor => this.#tensor(tensor)),
      ...specifics,
    ]
  }

  /** Of all parts, or of some of their rows. */
  #matmul(op: Op<'matmul'>, pieces?: readonly MatmulPiece[]): number[] {
    const { norm, parts, residual } = matmulOperands(op)
    const wanted = pieces ?? parts.map((_, part) => ({ part, from: 0, rows: undefined, address: undefined }))
    return [
      ...this.#weight(norm?.gain),
      norm?.eps ?? 0,
      residual ? 1 : 0,
      ...wanted.flatMap(({ part, from, rows, address }) => {
        const { weight, bias } = parts[part]!
        const taken = rows === undefined ? weight : { ...weight, shape: [rows, weight.shape.at(-1)!] }
        return [...this.#weight(taken, address, from), ...this.#weight(bias), from]
      }),
    ]
  }

  #specifics({ op, address, table, matrices }: Run): number[] {
    switch (op.kind) {
      case 'embed':
        return [...this.#weight(op.weights[0]), op.params.scale ?? 1, table?.file ?? 0, table?.offset ?? 0]
      case 'matmul':
        return this.#matmul(op)
      case 'rmsNorm':
        return [...this.#weight(op.weights[0]), op.params.eps]
      case 'rope':
        return [this.#ropeIndex(op.params, op.weights[0])]
      case 'cacheWrite': {
        const { cache, rope } = op.params
        return [cache, rope ? this.#ropeIndex(rope, op.weights[0]) : -1]
      }
      case 'attention':
        return [op.params.cache, op.params.heads, op.params.scale, op.params.softcap ?? 0]
      case 'layerNorm': {
        const { eps, centered } = op.params
        return [...this.#weight(op.weights[0]), ...this.#weight(op.weights[1]), eps, Number(centered)]
      }
      case 'slice':
        return [op.params.width, op.params.from, op.params.to]
      case 'concat':
        return [op.params.runs]
      case 'activate':
      case 'gate':
        return [activations.indexOf(op.params.act)]
      case 'softcap':
        return [op.params.cap]
      case 'matmulHeads': {
        const { heads, stride, first, rows, transposed } = op.params
        return [...this.#weight(op.weights[0], address), heads, stride, first, rows, Number(transposed)]
      }
      case 'route': {
        const { scores, groups, used, normalize, scale } = op.params
        const grouped = groups ? [groups.count, groups.used, Number(groups.by === 'bestTwo')] : [0, 0, 0]
        const judged = [used, Number(scores === 'sigmoid'), ...grouped, Number(normalize), scale]
        return [...this.#weight(op.weights[0]), ...judged]
      }
      case 'matmulExperts': {
        const { used, sum } = op.params
        const experts = op.weights[0]!.shape[0]!
        const parts = op.weights.flatMap((weight, part) => {
          const lazy = matrices?.[part]
          const inParts = packedType(weight.type) !== undefined || MAY_HAVE_PARTS.has(weight.type)
          return [
            ...this.#weight(weight),
            lazy ?? -1,
            ...(lazy === undefined || inParts ? this.#slices(weight) : []),
          ]
        })
        return [used, Number(sum), experts, ...parts]
      }
      case 'rows':
      case 'add':
        return []
      default:
        return op satisfies never
    }
  }

  /** Offset (-1 without bytes), columns, 0 for T or 1 for R. */
  #tensor(tensor: Tensor): number[] {
    if (tensor.dtype === 'cache') return [-1, 0, 0]
    return [this.#options.plan.offsets[tensor.id]!, columns(tensor), tensor.shape[0] === 'R' ? 1 : 0]
  }

  /**
   * Address (0 for none, `address` if it is another than usual), type, rows, columns, bytes of a row; of types that may have parts
   * then rows of a matrix, rows and columns that share a scale, 1 if it is F32, offset of zero points, the first row if it is a piece, and addresses.
   */
  #weight(weight: Weight | undefined, address?: number, first = 0): number[] {
    if (!weight) return [0, 0, 0, 0, 0]
    const { name, type, shape } = weight
    const width = shape.at(-1)!
    const rows = shape.slice(0, -1).reduce((product, dim) => product * dim, 1)
    const packed = packedType(type)
    const code = nativeTypes.indexOf(packed?.layout ?? (type as QuantName))
    if (code < 0)
      throw new UnsupportedModelError(`tensor ${name}: the cpu backend does not know the type ${type}`)
    if (!packed) {
      const [own] = this.#options.addresses(weight)
      const known = [address ?? own!, code, rows, width, bytesFor(type as QuantName, width)]
      return [...known, ...(MAY_HAVE_PARTS.has(type) ? NO_PARTS : [])]
    }
    const [own, ...others] = this.#parts(weight)[0]!
    const rowBytes = partBytes(packed, { rows, columns: width })[0]! / rows
    return [
      ...[address ?? own!, code, rows, width, rowBytes],
      ...[shape.at(-2)!, packed.rows, packed.group],
      ...[Number(packed.scale === 'F32'), packed.zeroOffset, first, ...others],
    ]
  }

  /** The addresses of each slice of the first dimension, of types that may have parts of all of these. */
  #slices(weight: Weight): readonly number[] {
    if (packedType(weight.type)) return this.#parts(weight).flat()
    const found = this.#options.addresses(weight)
    const slices = weight.shape[0]!
    const bytes = bytesFor(
      weight.type as QuantName,
      weight.shape.slice(1).reduce((a, b) => a * b),
    )
    const addresses =
      found.length === slices ? found : Array.from({ length: slices }, (_, i) => found[0]! + i * bytes)
    const others = MAY_HAVE_PARTS.has(weight.type) ? new Array<number>(MOST_PARTS - 1).fill(0) : []
    return addresses.flatMap(address => [address, ...others])
  }

  /** For each matrix the addresses of its numbers, scales, zero points and groups; 0 for what it has not. */
  #parts(weight: Weight): number[][] {
    const packed = packedType(weight.type)!
    const [rows, columns] = weight.shape.slice(-2) as [number, number]
    const parts = partBytes(packed, { rows, columns }).length
    const places = this.#places(weight)
    return Array.from({ length: places.length / parts }, (_, i) =>
      Array.from({ length: MOST_PARTS }, (_, part) => (part < parts ? places[i * parts + part]! : 0)),
    )
  }

  /** Parts that do not lie apart lie one behind the other. */
  #places(weight: Weight): readonly number[] {
    const addresses = this.#options.addresses(weight)
    const sizes = placeBytes(weight.type as WeightType, weight.shape)
    if (addresses.length === sizes.length) return addresses
    let next = addresses[0]!
    return sizes.map(bytes => {
      next += bytes
      return next - bytes
    })
  }

  /** Group, KV heads, key and value dim, window (0 for none), 1 if latent, blocks. */
  #cache({ group, kvHeads, keyDim, valueDim }: Cache): number[] {
    const spec = this.#program.groups[group]!
    const blocks = this.#options.limits.poolBlocks[group]!
    const window = spec.kind === 'window' ? spec.window : 0
    return [group, kvHeads, keyDim, valueDim, window, Number(spec.kind === 'latent'), blocks]
  }

  /** Head dim, 1 if pairs are adjacent, magnitude, pairs, weight of divisors, frequencies. */
  #rope({ headDim, layout, magnitude, frequencies }: RopeParams, divisors: Weight | undefined): number[] {
    const adjacent = layout === 'adjacent' ? 1 : 0
    return [headDim, adjacent, magnitude, frequencies.length, ...this.#weight(divisors), ...frequencies]
  }

  #ropeIndex(params: RopeParams, divisors: Weight | undefined): number {
    const same = (other: RopeParams) =>
      params.headDim === other.headDim &&
      params.layout === other.layout &&
      params.magnitude === other.magnitude &&
      params.frequencies.length === other.frequencies.length &&
      params.frequencies.every((frequency, i) => frequency === other.frequencies[i])
    const found = this.#ropes.findIndex(rope => rope.divisors?.name === divisors?.name && same(rope.params))
    return found >= 0 ? found : this.#ropes.push({ params, divisors }) - 1
  }
}
