// A backend that computes hashes in place of a model: the logits of a token tell exactly which tokens it saw, at
// which positions, and what those saw. A wrong slot, table, length, copy or window is a wrong number.
import type { Backend, Batch, Executable, Limits, Logits, Want } from '../../src/backends/backend.ts'
import { BLOCK_SIZE } from '../../src/backends/backend.ts'
import { selectLogits } from '../../src/backends/logits.ts'
import { Engine, type EngineOptions } from '../../src/engine/engine.ts'
import { DisposedError } from '../../src/errors.ts'
import type { CacheGroup, Program } from '../../src/graph/ops.ts'

export const VOCABULARY = 50

export interface MockStep {
  readonly tokens: number
  readonly sequences: number
  /** Tokens of each sequence. */
  readonly parts: readonly number[]
  readonly copies: number
  readonly want: Want
  readonly repeatable: boolean | undefined
}

export class MockBackend implements Backend {
  readonly name = 'mock'
  readonly device = { name: 'mock', memory: 0 }
  readonly stepTokens = 16
  fewTokens?: number
  /** The steps so far. */
  readonly steps: MockStep[] = []
  /** Whether what was compiled is disposed. */
  disposed = false
  /** Called in each step after the blocks are copied and before anything is written. */
  during: (signal: AbortSignal | undefined) => void | Promise<void> = () => {}

  async compile(program: Program, _: unknown, limits: Limits): Promise<Executable> {
    return new MockExecutable(this, program.groups, limits)
  }

  async dispose() {}

  /** Tokens computed so far. */
  get computed(): number {
    return this.steps.reduce((sum, { tokens }) => sum + tokens, 0)
  }
}

/** An engine on a mock backend, of 16 tokens a step; small, unless `options` say otherwise. */
export async function mockEngine(
  groups: readonly CacheGroup[] = [{ kind: 'full' }],
  options: Partial<EngineOptions> = {},
  fewTokens = options.repeatable ? 2 : undefined,
): Promise<{ engine: Engine; backend: MockBackend }> {
  const backend = new MockBackend()
  if (fewTokens !== undefined) backend.fewTokens = fewTokens
  const logits = { id: 0, name: 'logits', dtype: 'f32', shape: ['R', VOCABULARY] } as const
  const program = { ops: [], groups, caches: [], tensorCount: 1, logits }
  const weights = {
    piece: () => {
      throw new Error('a mock has no weights')
    },
  }
  const small = { maxSeqLen: 128, kvDType: 'f32', maxRows: 8, maxSequences: 4 } as const
  return { engine: await Engine.create(program, weights, backend, { ...small, ...options }), backend }
}

/** Rows of logits after each of `tokens`, worked out from the plain array. */
export function expectedRows(groups: readonly CacheGroup[], tokens: readonly number[]): Float32Array[] {
  const hashes: number[] = []
  return tokens.map((token, position) => {
    const hash = hashOf(groups, token, position, (group, p) => inGroup(hashes[p]!, group))
    hashes.push(hash)
    return rowOf(hash)
  })
}

/** Rows of logits as separate arrays. */
export function rowsOf({ rows, width, values }: Logits): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width))
}

/** Free blocks of the fullest pool. */
export function freeBlocks(engine: Engine): number {
  return Math.min(...engine.freeBlocks)
}

class MockExecutable implements Executable {
  /** By group and slot; 0 is undefined. */
  readonly #cells: readonly Int32Array[]
  #running: Promise<unknown> | undefined
  #disposed = false

  constructor(
    readonly backend: MockBackend,
    readonly groups: readonly CacheGroup[],
    readonly limits: Limits,
  ) {
    this.#cells = limits.poolBlocks.map(blocks => new Int32Array(blocks * BLOCK_SIZE))
  }

  step(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits> {
    if (this.#disposed) return Promise.reject(new DisposedError('executable'))
    if (this.#running) return Promise.reject(new Error('the step before has not ended'))
    const step = this.#run(batch, want, signal).finally(() => {
      this.#running = undefined
    })
    this.#running = step.catch(() => {})
    return step
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    await this.#running
    this.backend.disposed = true
  }

  async #run(batch: Batch, want: Want, signal?: AbortSignal): Promise<Logits> {
    this.#check(batch)
    const { tokens, positions, sequence, slots, rows, copies, repeatable } = batch
    const parts: number[] = []
    for (const s of sequence) parts[s] = (parts[s] ?? 0) + 1
    const sequences = parts.length
    const counts = { tokens: tokens.length, sequences, parts, copies: copies.length / 3 }
    this.backend.steps.push({ ...counts, want, repeatable })
    for (let i = 0; i < copies.length; i += 3) {
      const [group, from, to] = copies.subarray(i, i + 3) as unknown as [number, number, number]
      this.#cells[group]!.copyWithin(to * BLOCK_SIZE, from * BLOCK_SIZE, (from + 1) * BLOCK_SIZE)
    }
    await this.backend.during(signal)
    if (signal?.aborted) {
      slots.forEach((slot, i) => {
        this.#cells[Math.floor(i / tokens.length)]![slot] = 0
      })
      throw signal.reason
    }
    const hashes = tokens.map((token, i) => {
      const hash = hashOf(this.groups, token, positions[i]!, (group, p) =>
        this.#read(batch, group, sequence[i]!, p),
      )
      for (let group = 0; group < this.groups.length; group++)
        this.#cells[group]![slots[group * tokens.length + i]!] = inGroup(hash, group)
      return hash
    })
    const values = new Float32Array(rows.length * VOCABULARY)
    rows.forEach((token, row) => {
      values.set(rowOf(hashes[token]!), row * VOCABULARY)
    })
    return selectLogits({ rows: rows.length, width: VOCABULARY, ids: undefined, values }, want)
  }

  #read({ tables }: Batch, group: number, sequence: number, position: number): number {
    const { maxSequences, maxBlocks } = this.limits
    const table = (group * maxSequences + sequence) * maxBlocks
    const block = tables[table + Math.floor(position / BLOCK_SIZE)]!
    const cell = this.#cells[group]![block * BLOCK_SIZE + (position % BLOCK_SIZE)]
    if (!cell) throw new Error(`group ${group}: position ${position}: block ${block} holds nothing there`)
    return cell
  }

  /** What a backend relies on and would not see in the numbers. */
  #check({ tokens, positions, sequence, slots, lengths, rows }: Batch): void {
    const { maxTokens, maxRows, maxSequences } = this.limits
    const groups = this.groups.length
    if (tokens.length === 0 || tokens.length > maxTokens) throw new Error(`${tokens.length} tokens`)
    if (rows.length > maxRows) throw new Error(`${rows.length} rows`)
    const used = new Set(Array.from(slots, (slot, i) => `${Math.floor(i / tokens.length)}: ${slot}`))
    if (used.size !== groups * tokens.length) throw new Error('two tokens share a slot')
    for (let s = 0; s < maxSequences; s++) {
      const own = [...positions].filter((_, i) => sequence[i] === s)
      if (own.some((position, i) => position !== own[0]! + i)) throw new Error('positions with a gap')
      for (let group = 0; group < groups; group++)
        if (lengths[group * maxSequences + s] !== (own.at(-1) ?? -1) + 1) throw new Error('a wrong length')
    }
  }
}

/** What becomes of a token that sees what `seen` answers for the positions before its own. */
function hashOf(
  groups: readonly CacheGroup[],
  token: number,
  position: number,
  seen: (group: number, position: number) => number,
): number {
  let hash = mix(token, position)
  groups.forEach((group, index) => {
    const first = group.kind === 'window' ? Math.max(0, position - group.window + 1) : 0
    for (let p = first; p < position; p++) hash = mix(hash, seen(index, p))
  })
  return hash
}

/** What a group's cache holds of a token; never 0. */
function inGroup(hash: number, group: number): number {
  return mix(hash, group) | 1
}

/** Logits from 0 to 16, exact in float32. */
function rowOf(hash: number): Float32Array {
  return Float32Array.from({ length: VOCABULARY }, (_, id) => (mix(hash, id) >>> 8) / 2 ** 20)
}

/** The finalizer of MurmurHash3 over both. */
function mix(a: number, b: number): number {
  let hash = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) + b
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
