// What a conformance case is: plain data that any backend, or a driver in another language, can replay. `define`
// makes one from a recording and a play of steps.
import type { Batch, KvDType, Limits, Want, WeightSource } from '../../src/backends/backend.ts'
import { Graph } from '../../src/graph/graph.ts'
import { columns, type Program, type Tensor, type Weight } from '../../src/graph/ops.ts'
import { type WeightType, weightBytes } from '../../src/quant/packed.ts'
import type { QuantName } from '../../src/quant/quants.ts'
import { evenBlocks, floatBytes, randomBytes } from './bytes.ts'
import { Random, range } from './random.ts'
import { type Fork, Sequences } from './sequences.ts'

export interface CaseWeight {
  readonly type: WeightType
  /** Row-major. */
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
  /** A backend that maps weights finds this one so many bytes behind an aligned address. */
  readonly misalign: number
}

export interface Step {
  readonly batch: Batch
  readonly want: Want
  /** For an evaluator without block tables: which sequence each row of the tables is, -1 for none. */
  readonly sequences: readonly number[]
  /** Sequences that begin, before this step, as others' first positions. */
  readonly forks: readonly Fork[]
}

export interface ConformanceCase {
  readonly name: string
  readonly program: Program
  readonly weights: Readonly<Record<string, CaseWeight>>
  readonly limits: Limits
  readonly steps: readonly Step[]
  /** Greatest NMSE of a step's logits, for backends that compute with float activations. */
  readonly tolerance: number
  /** Cases of one outcome end in the same logits, row by row, whatever their program and steps. */
  readonly outcome?: string
}

/** A case that is not made yet: its weights may be large. */
export interface CaseMaker {
  readonly name: string
  readonly make: () => ConformanceCase
  /** The case with its program as it was recorded, where it is rewritten. */
  readonly makeRecorded: (() => ConformanceCase) | undefined
}

export interface CaseOptions {
  /** Seeds the weights; cases of one outcome share it. Default: the name. */
  readonly seed?: string
  readonly outcome?: string
  /** Rewrites of the recorded program, in order. */
  readonly passes?: readonly ((program: Program) => Program)[]
  readonly kvDType?: KvDType
  /** Rows of the input tables: token ids are below it. */
  readonly vocabulary?: number
  readonly maxTokens?: number
  readonly maxRows?: number
  readonly maxSequences?: number
  readonly maxBlocks?: number
  /** Blocks in each group's pool. */
  readonly poolBlocks?: number
  readonly guard?: boolean
}

/** Numbers of tokens in a step: one, few, and more than any tile. */
export const TOKEN_COUNTS = [1, 2, 7, 33]

/** An odd number of rows, so that ends of tables are met. */
const VOCABULARY = 199

/**
 * `record` answers `[T, n]`, whose wanted rows become the logits, or `[R, n]` logits. Capacities are more than
 * the steps need, so that guards lie behind the last row in use too.
 */
export function define(
  name: string,
  options: CaseOptions,
  record: (recorder: Recorder) => Tensor,
  play: (sequences: Sequences) => void,
): CaseMaker {
  return {
    name,
    make: () => make(name, options, record, play),
    makeRecorded: options.passes?.length
      ? () => make(name, { ...options, passes: [] }, record, play)
      : undefined,
  }
}

function make(
  name: string,
  options: CaseOptions,
  record: (recorder: Recorder) => Tensor,
  play: (sequences: Sequences) => void,
): ConformanceCase {
  const { seed = name, passes = [], kvDType = 'f32', vocabulary = VOCABULARY, outcome } = options
  const recorder = new Recorder(seed, vocabulary)
  const { g } = recorder
  const last = record(recorder)
  const recorded = g.finish(last.shape[0] === 'R' ? last : g.rows(last))
  const program = passes.reduce((result, pass) => pass(result), recorded)
  const limits: Limits = {
    maxTokens: options.maxTokens ?? 40,
    maxRows: options.maxRows ?? 40,
    maxSequences: options.maxSequences ?? 5,
    maxBlocks: options.maxBlocks ?? 5,
    poolBlocks: program.groups.map(() => options.poolBlocks ?? 24),
    kvDType,
    guard: options.guard ?? true,
  }
  const sequences = new Sequences(seed, program.groups, limits, vocabulary)
  play(sequences)
  return {
    name,
    program,
    weights: recorder.weights,
    limits,
    steps: sequences.steps,
    tolerance: kvDType === 'f16' && program.caches.length > 0 ? 1e-6 : 1e-9,
    ...(outcome === undefined ? {} : { outcome }),
  }
}

/** Plays one fresh sequence for each number of tokens. */
export function eachTokenCount(sequences: Sequences): void {
  for (const count of TOKEN_COUNTS) sequences.step([[sequences.create(), count]])
}

/** A Graph, and random weights for it. */
export class Recorder {
  readonly g = new Graph()
  readonly weights: Record<string, CaseWeight> = {}
  readonly random: Random

  constructor(
    seed: string,
    readonly vocabulary: number,
  ) {
    this.random = new Random(seed)
  }

  /** Random values about as great as 1, whatever the type. */
  weight(type: WeightType, shape: readonly number[], misalign = 0): Weight {
    return this.#keep(type, shape, randomBytes(type, shape, this.random), misalign)
  }

  /** Blocks in which all bytes are `byte` but those of random scales. */
  even(type: QuantName, shape: readonly [number, number], byte: number): Weight {
    return this.#keep(type, shape, evenBlocks(type, shape[0] * shape[1], byte, this.random), 0)
  }

  values(shape: readonly number[], values: ArrayLike<number>, misalign = 0): Weight {
    return this.#keep('F32', shape, floatBytes(values), misalign)
  }

  /** For norms: of one sign, between half of `size` and `size`. */
  gain(length: number, size = 1): Weight {
    const values = range(length).map(() => this.random.between(0.5, 1) * size)
    return this.values([length], values)
  }

  /** `[T, width]`: row `token` of a random table, times `scale`. */
  input(width: number, scale = 1): Tensor {
    const values = range(this.vocabulary * width).map(() => this.random.between(-scale, scale))
    return this.g.embed(this.values([this.vocabulary, width], values))
  }

  /** Tensors side by side. There is no such operation: each is multiplied by ones at its place, and all are added. */
  join(tensors: readonly Tensor[]): Tensor {
    const total = tensors.reduce((sum, tensor) => sum + columns(tensor), 0)
    let first = 0
    return tensors
      .map(tensor => {
        const width = columns(tensor)
        const place = new Float32Array(total * width)
        for (let i = 0; i < width; i++) place[(first + i) * width + i] = 1
        first += width
        return this.g.matmul(tensor, this.values([total, width], place))
      })
      .reduce((sum, part) => this.g.add(sum, part))
  }

  #keep(type: WeightType, shape: readonly number[], bytes: Uint8Array, misalign: number): Weight {
    const name = `w${Object.keys(this.weights).length}`
    this.weights[name] = { type, shape, bytes, misalign }
    return { name, type, shape }
  }
}

/** The weights as a backend takes them; pieces lie as misaligned in their buffers as the case says. */
export function weightSource({ weights }: ConformanceCase): WeightSource {
  return {
    piece(name) {
      const { type, shape, bytes, misalign } = weights[name]!
      return {
        type,
        shape,
        bytes: weightBytes(type, shape),
        async read(offset, length) {
          const place = new Uint8Array(misalign + length).subarray(misalign)
          place.set(bytes.subarray(offset, offset + length))
          return place
        },
      }
    },
  }
}
