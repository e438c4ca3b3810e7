// The CPU backend: native kernels over mapped weights. A whole step is one foreign call, beside the event loop.
import { cpus, totalmem } from 'node:os'
import { BackendUnavailableError, DisposedError, SourceError } from '../../errors.ts'
import { type NativeLibrary, nativeLibrary } from '../../ffi/library.ts'
import { checkGuards, PATTERN } from '../../graph/guard.ts'
import { columns, type Program } from '../../graph/ops.ts'
import { type Plan, plan } from '../../graph/plan.ts'
import type { Backend, Batch, Executable, InputSquares, Limits, Logits, Want } from '../backend.ts'
import { emptySquares } from '../squares.ts'
import { weightBytesRead } from '../traffic.ts'
import { flatten } from './flatten.ts'
import { lazyWeights } from './lazy.ts'
import { leastLazyMemory } from './lazy-plan.ts'
import { type CpuLibrary, cpuLibrary, UNREADABLE } from './library.ts'
import { programMemory } from './memory.ts'
import { type NativeWeights, nativeWeights } from './weights.ts'

const GUARD_BYTES = 64
/** Weights are read once for so many tokens; more leave the caches. */
export const STEP_TOKENS = 512
const MEASURED_SECONDS = 0.25
/**
 * Steps of less work, in bytes of weights read times tokens, take some ten milliseconds at most. They are not worth the two changes of
 * thread of a call beside JavaScript, which are half a millisecond and leave the threads of the pool asleep or in the way.
 */
const SHORT_WORK = 2 ** 28
/** Milliseconds of short steps after which the event loop has its turn. */
const SHORT_TURN = 5

export interface CpuOptions {
  /** Threads that compute. Default: the least of physical cores, allowed processors and the control group's quota. */
  readonly threads?: number | undefined
  /** Bytes of memory for weights, which otherwise stay on disk. Default: all weights in memory. */
  readonly lazyMemory?: number | undefined
  /** Whether threads stay on the NUMA node that their part of the weights lies on: for all models of the process. */
  readonly numa?: boolean | undefined
  /** Told in one line before the native library is built, and where `numa` changes nothing. */
  readonly notice?: ((line: string) => void) | undefined
}

/** Rejects with BackendUnavailableError where there is no native library and none can be built. */
export async function cpuBackend(options: CpuOptions = {}): Promise<Backend> {
  return cpuBackendOf(await nativeLibrary({ notice: options.notice }), options)
}

/** The backend of one build of the native library. */
export function cpuBackendOf(native: NativeLibrary, options: CpuOptions = {}): Backend {
  const { threads, lazyMemory, numa, notice } = options
  const library = cpuLibrary(native)
  if (numa && library.bindNodes('') < 2)
    notice?.('numa: this machine has one node, or the system does not tell; threads run where it likes')
  const team = threads ?? library.os.defaultThreads()
  const model = cpus()[0]?.model.trim() || process.arch
  return {
    name: 'cpu',
    device: {
      name: `${model}, ${team} ${team === 1 ? 'thread' : 'threads'}, ${library.level}`,
      memory: totalmem(),
      threads: team,
    },
    stepTokens: STEP_TOKENS,
    fewTokens: library.fewTokens,
    async compile(program, source, limits) {
      const weights = await (lazyMemory === undefined
        ? nativeWeights(program, source, library.os, limits.guard === true)
        : lazyWeights(program, source, library.os, lazyMemory))
      try {
        return new CpuExecutable(library, program, weights, limits, team)
      } catch (error) {
        weights.release()
        throw error
      }
    },
    memory(program, limits) {
      const available = library.os.availableMemory()
      if (available === 0) return undefined
      const leastLazy = lazyMemory === undefined ? leastLazyMemory(program) : undefined
      return { ...programMemory(library, program, limits, lazyMemory), leastLazy, available }
    },
    measure: () =>
      inTurn(async () => ({
        readRate: await library.measureRead(team, MEASURED_SECONDS),
        int8Rate: await library.measureInt8(team, MEASURED_SECONDS / 4),
      })),
    async dispose() {},
  }
}

/** Steps of all models wait for each other: they would share the same threads, and Node has only four for such calls. */
let turn: Promise<unknown> = Promise.resolve()

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work)
  turn = result.catch(() => {})
  return result
}

let lastTurn = 0

/** Lets the event loop run if short steps have kept it waiting. */
async function eventLoopTurn(): Promise<void> {
  if (performance.now() - lastTurn < SHORT_TURN) return
  await new Promise(resolve => setImmediate(resolve))
  lastTurn = performance.now()
}

class CpuExecutable implements Executable {
  readonly #library: CpuLibrary
  readonly #program: Program
  readonly #weights: NativeWeights
  readonly #plan: Plan
  readonly #guarded: boolean
  readonly #handle: number
  /** By a step of one token. */
  readonly #bytesRead: number
  /** Ends when the last step asked for has ended. */
  #last: Promise<unknown> = Promise.resolve()
  #disposed = false

  constructor(
    library: CpuLibrary,
    program: Program,
    weights: NativeWeights,
    limits: Limits,
    threads: number,
  ) {
    this.#library = library
    this.#program = program
    this.#weights = weights
    this.#guarded = limits.guard === true
    this.#plan = plan(program, limits, this.#guarded ? GUARD_BYTES : 0)
    const addresses = ({ name }: { name: string }) => weights.addresses(name)
    const list = flatten(program, { plan: this.#plan, limits, threads, addresses, lazy: weights.lazy })
    this.#handle = library.compile(list, list.length)
    if (this.#handle === 0)
      throw new BackendUnavailableError(
        `the cpu backend cannot have the memory that it needs: ${this.#plan.bytes} bytes of results, and address space for its caches`,
      )
    if (limits.collectSquares) library.collectSquares(this.#handle)
    this.#bytesRead = weightBytesRead(program)
  }

  step(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits> {
    if (this.#disposed) return Promise.reject(new DisposedError('executable'))
    const step = inTurn(() => this.#run(batch, want, signal))
    this.#last = step.catch(() => {})
    return step
  }

  inputSquares(): readonly InputSquares[] {
    if (this.#disposed) throw new DisposedError('executable')
    // A matmul in pieces has the same input in each.
    const runs = this.#weights.lazy?.runs
    return this.#program.ops.flatMap((op, i) => {
      const squares = emptySquares(op)
      const run = runs ? runs.findIndex(run => run.op === op) : i
      if (squares) this.#library.squares(this.#handle, run, squares.sums, squares.counts)
      return squares ?? []
    })
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return this.#last as Promise<void>
    this.#disposed = true
    this.#last = this.#last.then(() => {
      this.#library.free(this.#handle)
      this.#weights.release()
    })
    await this.#last
  }

  async #run(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits> {
    const { tokens, positions, sequence, slots, lengths, tables, rows, copies, repeatable = true } = batch
    const inputs = [tokens, positions, sequence, slots, lengths, tables, rows, copies] as const
    const counts = [tokens.length, rows.length, copies.length / 3] as const
    this.#library.setBatch(this.#handle, ...inputs, ...counts, Number(repeatable))
    if (this.#guarded) this.#library.fillArena(this.#handle, PATTERN)

    const top = want === 'full' ? 0 : want === 'argmax' ? 1 : want.top
    // Who waits for a disk must not keep JavaScript waiting.
    const short = this.#weights.lazy === undefined && this.#bytesRead * tokens.length <= SHORT_WORK
    if (short) await eventLoopTurn()
    const stop = () => this.#library.stop(this.#handle)
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop)
    try {
      const outcome = short
        ? this.#library.stepAtOnce(this.#handle, top)
        : await this.#library.step(this.#handle, top)
      if (outcome === UNREADABLE) throw this.#readError()
      if (outcome !== 0) throw signal?.reason
    } finally {
      signal?.removeEventListener('abort', stop)
    }
    this.#weights.check()
    if (this.#guarded) this.#checkGuards(tokens.length, rows.length)
    return this.#result(rows.length, want)
  }

  #readError(): SourceError {
    const { file, problem } = this.#library.readProblem(this.#handle)
    return new SourceError(this.#weights.nameOf!(file), problem)
  }

  #result(rows: number, want: Want): Logits {
    const vocabulary = columns(this.#program.logits)
    const width = want === 'full' ? vocabulary : want === 'argmax' ? 1 : Math.min(want.top, vocabulary)
    const values = new Float32Array(rows * width)
    const ids = want === 'full' ? undefined : new Int32Array(rows * width)
    this.#library.result(this.#handle, ids ?? null, values)
    return { rows, width, ids, values }
  }

  #checkGuards(T: number, R: number): void {
    const arena = new Int32Array(this.#plan.bytes / 4)
    this.#library.readArena(this.#handle, new Uint8Array(arena.buffer), 0, arena.byteLength)
    checkGuards(this.#program, this.#plan, arena, { T, R })
  }
}
