// The reference backend: plain TypeScript, slow and simple, the oracle for every operation of every other.
import { totalmem } from 'node:os'
import { DisposedError } from '../../errors.ts'
import { checkGuards, fillGuards } from '../../graph/guard.ts'
import { columns, type Program, programWeights } from '../../graph/ops.ts'
import { type Plan, plan } from '../../graph/plan.ts'
import type { WeightType } from '../../quant/packed.ts'
import type {
  Backend,
  Batch,
  Executable,
  InputSquares,
  Limits,
  Logits,
  Want,
  WeightSource,
} from '../backend.ts'
import { selectLogits } from '../logits.ts'
import { ReferenceCache } from './cache.ts'
import { kernel } from './kernels.ts'
import type { Kernel, Memory } from './memory.ts'
import { squareAdder } from './squares.ts'

/** Milliseconds of computing after which a step lets the event loop run. */
const SLICE = 25
const GUARD_BYTES = 64

export function referenceBackend(): Backend {
  return {
    name: 'reference',
    device: { name: 'plain JavaScript, one thread', memory: totalmem(), threads: 1 },
    stepTokens: 64,
    async compile(program, weights, limits) {
      return new ReferenceExecutable(program, await readWeights(program, weights), limits)
    },
    async dispose() {},
  }
}

interface LoadedWeight {
  readonly type: WeightType
  readonly bytes: Uint8Array
}

async function readWeights(program: Program, source: WeightSource): Promise<Map<string, LoadedWeight>> {
  const loaded = new Map<string, LoadedWeight>()
  for (const { name } of programWeights(program)) {
    const piece = source.piece(name)
    loaded.set(name, { type: piece.type, bytes: await piece.read(0, piece.bytes) })
  }
  return loaded
}

class ReferenceExecutable implements Executable {
  readonly #program: Program
  readonly #limits: Limits
  readonly #plan: Plan
  readonly #arena: ArrayBuffer
  readonly #caches: ReferenceCache[]
  readonly #kernels: Kernel[]
  readonly #squares: InputSquares[] = []
  /** Ends when the last step asked for has ended. */
  #last: Promise<unknown> = Promise.resolve()
  #disposed = false
  #breathed = performance.now()

  constructor(program: Program, weights: ReadonlyMap<string, LoadedWeight>, limits: Limits) {
    this.#program = program
    this.#limits = limits
    this.#plan = plan(program, limits, limits.guard ? GUARD_BYTES : 0)
    this.#arena = new ArrayBuffer(this.#plan.bytes)
    this.#caches = program.caches.map(
      cache => new ReferenceCache(cache, limits.kvDType, program.groups[cache.group]!.kind === 'latent'),
    )
    const memory: Memory = {
      tensor: ({ id }) => new Float32Array(this.#arena, this.#plan.offsets[id]!, this.#plan.sizes[id]! / 4),
      weight: ({ name }) => weights.get(name)!,
      cache: index => this.#caches[index]!,
      window: group => {
        const spec = program.groups[group]!
        return spec.kind === 'window' ? spec.window : undefined
      },
      maxBlocks: limits.maxBlocks,
      maxSequences: limits.maxSequences,
    }
    this.#kernels = program.ops.flatMap(op => {
      const adder = limits.collectSquares ? squareAdder(op, memory) : undefined
      if (!adder) return kernel(op, memory)
      this.#squares.push(adder.squares)
      return [adder.add, kernel(op, memory)]
    })
  }

  step(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits> {
    if (this.#disposed) return Promise.reject(new DisposedError('executable'))
    const step = this.#last.then(() => this.#run(batch, want, signal))
    this.#last = step.catch(() => {})
    return step
  }

  inputSquares(): readonly InputSquares[] {
    return this.#squares
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    await this.#last
    this.#caches.length = 0
    this.#kernels.length = 0
  }

  async #run(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits> {
    for (let i = 0; i < batch.copies.length; i += 3) {
      const [group, from, to] = batch.copies.subarray(i, i + 3) as unknown as [number, number, number]
      for (const cache of this.#caches) if (cache.spec.group === group) cache.copyBlock(from, to)
    }
    signal?.throwIfAborted()
    const words = this.#limits.guard ? new Int32Array(this.#arena) : undefined
    if (words) fillGuards(words)
    for (const run of this.#kernels) {
      await this.#breathe(signal)
      for (const _ of run(batch) ?? []) await this.#breathe(signal)
    }
    if (words) checkGuards(this.#program, this.#plan, words, { T: batch.tokens.length, R: batch.rows.length })
    return selectLogits(this.#logits(batch.rows.length), want)
  }

  /** Lets the rest of the program run, now and then: also between steps that are short each. */
  #breathe(signal?: AbortSignal): Promise<void> | undefined {
    if (performance.now() - this.#breathed < SLICE) return undefined
    return new Promise<void>(resolve => setTimeout(resolve)).then(() => {
      this.#breathed = performance.now()
      signal?.throwIfAborted()
    })
  }

  #logits(rows: number): Logits {
    const { logits } = this.#program
    const width = columns(logits)
    const values = new Float32Array(this.#arena, this.#plan.offsets[logits.id]!, rows * width).slice()
    return { rows, width, ids: undefined, values }
  }
}
