// Packs pieces of several feeds into the input buffers of one step.
import type { Batch, Limits, Want } from '../backends/backend.ts'
import type { Pending } from './pending.ts'

/** A feed's share of a step. */
export interface BatchPart {
  readonly pending: Pending
  readonly tokens: number
  /** Its rows of logits are `[firstRow, firstRow + rows)`. */
  readonly firstRow: number
  readonly rows: number
}

export class BatchBuilder {
  readonly #limits: Limits
  readonly #groups: number
  readonly #lengths: Int32Array
  readonly #tables: Int32Array
  #parts: BatchPart[] = []
  #tokens: number[] = []
  #positions: number[] = []
  #sequence: number[] = []
  #slots: number[][] = []
  #rows: number[] = []
  #copies: number[] = []
  #want: Want = 'argmax'

  constructor(limits: Limits) {
    this.#limits = limits
    this.#groups = limits.poolBlocks.length
    this.#lengths = new Int32Array(this.#groups * limits.maxSequences)
    this.#tables = new Int32Array(this.#lengths.length * limits.maxBlocks)
  }

  begin(): void {
    this.#parts = []
    this.#tokens = []
    this.#positions = []
    this.#sequence = []
    this.#slots = Array.from({ length: this.#groups }, () => [])
    this.#rows = []
    this.#copies = []
    this.#want = 'argmax'
    this.#lengths.fill(0)
  }

  /** Makes positions `[start, end)` of a feed writable; its blocks must be there. */
  reserve({ sequence }: Pending, start: number, end: number): void {
    sequence.lists.forEach((list, group) => {
      for (const { from, to } of list.reserve(start, end)) this.#copies.push(group, from, to)
    })
  }

  /** Adds the next `count` tokens of a feed, for which there is room, and whose positions are reserved. */
  add(pending: Pending, count: number): void {
    const { maxSequences, maxBlocks } = this.#limits
    const start = pending.position
    const sequence = this.#parts.length
    pending.sequence.lists.forEach((list, group) => {
      const row = group * maxSequences + sequence
      this.#lengths[row] = start + count
      this.#tables.set(list.blocks, row * maxBlocks)
      for (let p = start; p < start + count; p++) this.#slots[group]!.push(list.slot(p))
    })
    const { ids, rows } = pending.next(count)
    const firstToken = this.#tokens.length
    const firstRow = this.#rows.length
    ids.forEach((id, i) => {
      this.#tokens.push(id)
      this.#positions.push(start + i)
      this.#sequence.push(sequence)
    })
    for (const row of rows) this.#rows.push(firstToken + row)
    if (rows.length > 0) this.#want = wider(this.#want, pending.feed.want)
    this.#parts.push({ pending, tokens: count, firstRow, rows: rows.length })
  }

  /** `repeatable`: as `Batch` has it; a feed alone is in any case. */
  finish(repeatable: boolean): { batch: Batch; want: Want; parts: readonly BatchPart[] } {
    const batch = {
      tokens: Int32Array.from(this.#tokens),
      positions: Int32Array.from(this.#positions),
      sequence: Int32Array.from(this.#sequence),
      slots: Int32Array.from(this.#slots.flat()),
      lengths: this.#lengths,
      tables: this.#tables,
      rows: Int32Array.from(this.#rows),
      copies: Int32Array.from(this.#copies),
      repeatable: repeatable || this.#parts.length === 1,
    }
    return { batch, want: this.#want, parts: this.#parts }
  }
}

/** The lesser request that satisfies both. */
function wider(a: Want, b: Want): Want {
  if (a === 'full' || b === 'full') return 'full'
  if (a === 'argmax') return b
  return b === 'argmax' || b.top <= a.top ? a : b
}
