// Sequences of tokens and the blocks that hold them, as an engine would keep them; `step` writes down a Batch.
// Blocks are handed out in random order, so that no two neighbours are neighbours in memory.
import { BLOCK_SIZE, type Limits, type Want } from '../../src/backends/backend.ts'
import type { CacheGroup } from '../../src/graph/ops.ts'
import type { Step } from './case.ts'
import { Random, range } from './random.ts'

export interface Sequence {
  readonly id: number
  length: number
  /** By group; -1 once given back. */
  readonly blocks: readonly number[][]
}

/** Sequence `to` starts with the first `length` positions of `from`. */
export interface Fork {
  readonly from: number
  readonly to: number
  readonly length: number
}

export interface StepOptions {
  /** Tokens whose logits are wanted, as indices into the step. Default: all. */
  readonly rows?: readonly number[]
  readonly want?: Want
  /** Positions by token, where the program has no caches; otherwise they follow from the sequences. */
  readonly positions?: readonly number[]
  /** As `Batch` has it. Default true. */
  readonly repeatable?: boolean
}

export class Sequences {
  readonly steps: Step[] = []
  readonly random: Random
  readonly #free: number[][]
  /** By group and block: sequences that hold it. */
  readonly #holders: number[][]
  #forks: Fork[] = []
  #created = 0

  constructor(
    seed: string,
    readonly groups: readonly CacheGroup[],
    readonly limits: Limits,
    readonly vocabulary: number,
  ) {
    this.random = new Random(`${seed} steps`)
    this.#free = limits.poolBlocks.map(count => this.random.shuffled(range(count)))
    this.#holders = limits.poolBlocks.map(count => new Array<number>(count).fill(0))
  }

  create(): Sequence {
    return { id: this.#created++, length: 0, blocks: this.groups.map(() => []) }
  }

  /**
   * A sequence that stands at `length` with nothing written: its last two blocks are there, what was before is
   * given back. Logits may be wanted only of tokens whose window holds nothing from before `length`.
   */
  createAt(length: number): Sequence {
    const last = Math.floor(length / BLOCK_SIZE)
    const blocks = this.groups.map((_, group) => {
      const list = new Array<number>(last + 1).fill(-1)
      for (let i = Math.max(0, last - 1); i <= last; i++) list[i] = this.#take(group)
      return list
    })
    return { id: this.#created++, length, blocks }
  }

  /** Another sequence that shares the blocks of the first `length` positions. */
  fork(from: Sequence, length = from.length): Sequence {
    const kept = Math.ceil(length / BLOCK_SIZE)
    const blocks = from.blocks.map(list => list.slice(0, kept))
    blocks.forEach((list, group) => {
      for (const block of list) if (block >= 0) this.#holders[group]![block]!++
    })
    const sequence = { id: this.#created++, length, blocks }
    this.#forks.push({ from: from.id, to: sequence.id, length })
    return sequence
  }

  /** Back to `length` positions. */
  rewind(sequence: Sequence, length: number): void {
    sequence.length = length
    sequence.blocks.forEach((list, group) => {
      for (const block of list.splice(Math.ceil(length / BLOCK_SIZE))) this.#release(group, block)
    })
  }

  drop(sequence: Sequence): void {
    this.rewind(sequence, 0)
  }

  /** Gives back the blocks that no later token of the sequence sees. */
  forget(sequence: Sequence): void {
    this.groups.forEach((group, index) => {
      if (group.kind !== 'window') return
      const list = sequence.blocks[index]!
      const first = sequence.length - group.window + 1
      for (let i = 0; (i + 1) * BLOCK_SIZE <= first; i++) {
        this.#release(index, list[i]!)
        list[i] = -1
      }
    })
  }

  /** Records one step that appends to each sequence a number of random tokens, or the tokens given. */
  step(parts: readonly (readonly [Sequence, number | readonly number[]])[], options: StepOptions = {}): void {
    const { maxSequences, maxBlocks, maxTokens, maxRows } = this.limits
    const copies: number[] = []
    const tokens: number[] = []
    const positions: number[] = []
    const sequence: number[] = []
    const slots: number[][] = this.groups.map(() => [])
    const lengths = new Int32Array(this.groups.length * maxSequences)
    const tables = new Int32Array(lengths.length * maxBlocks).fill(-1)
    const sequences = new Array<number>(maxSequences).fill(-1)
    const places = this.random.shuffled(range(maxSequences))

    parts.forEach(([member, asked], part) => {
      const row = places[part]!
      const ids =
        typeof asked === 'number' ? range(asked).map(() => this.random.below(this.vocabulary)) : asked
      const start = member.length
      member.length += ids.length
      sequences[row] = member.id
      tokens.push(...ids)
      positions.push(...range(ids.length, start))
      sequence.push(...ids.map(() => row))
      member.blocks.forEach((list, group) => {
        this.#reserve(list, group, start, member.length, copies)
        for (let p = start; p < member.length; p++)
          slots[group]!.push(list[Math.floor(p / BLOCK_SIZE)]! * BLOCK_SIZE + (p % BLOCK_SIZE))
        const place = group * maxSequences + row
        lengths[place] = member.length
        if (list.length > maxBlocks) throw new Error(`${list.length} blocks, more than ${maxBlocks}`)
        // What lies behind a sequence's last block is left from earlier steps: anything.
        for (let i = list.length; i < maxBlocks; i++)
          tables[place * maxBlocks + i] = this.random.below(this.limits.poolBlocks[group]! + 1) - 1
        tables.set(list, place * maxBlocks)
      })
    })
    const rows = options.rows ?? range(tokens.length)
    if (tokens.length > maxTokens || rows.length > maxRows)
      throw new Error(`${tokens.length} tokens, ${rows.length} rows`)
    this.steps.push({
      batch: {
        tokens: Int32Array.from(tokens),
        positions: Int32Array.from(options.positions ?? positions),
        sequence: Int32Array.from(sequence),
        slots: Int32Array.from(slots.flat()),
        lengths,
        tables,
        rows: Int32Array.from(rows),
        copies: Int32Array.from(copies),
        repeatable: options.repeatable ?? true,
      },
      want: options.want ?? 'full',
      sequences,
      forks: this.#forks,
    })
    this.#forks = []
  }

  /** Makes positions `[from, to)` writable: new blocks, and copies of those that others hold too. */
  #reserve(list: number[], group: number, from: number, to: number, copies: number[]): void {
    for (let i = Math.floor(from / BLOCK_SIZE); i * BLOCK_SIZE < to; i++) {
      const held = list[i]
      if (held !== undefined && this.#holders[group]![held] === 1) continue
      const block = this.#take(group)
      if (held !== undefined) {
        copies.push(group, held, block)
        this.#release(group, held)
      }
      list[i] = block
    }
  }

  #take(group: number): number {
    const block = this.#free[group]!.pop()
    if (block === undefined) throw new Error(`no block left in group ${group}`)
    this.#holders[group]![block] = 1
    return block
  }

  /** Released blocks are the next to be taken: their stale rows are met at once. */
  #release(group: number, block: number): void {
    if (block >= 0 && --this.#holders[group]![block]! === 0) this.#free[group]!.push(block)
  }
}
