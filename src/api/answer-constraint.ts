// A bound on the answer of a reply that leaves the trace of thinking before it free.
import { overlap } from '../chat/overlap.ts'
import { type ThinkingMarkers, ThinkingSplitter } from '../chat/thinking.ts'
import type { Constraint } from '../engine/constraint.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { vocabularyTrie } from './vocabulary.ts'

/** A constraint that may know where a text is whole. */
export interface AnswerBound extends Constraint {
  /** Whether nothing may follow but an end. */
  readonly over?: boolean
  /** Whether the text may be at its end. */
  readonly whole?: boolean
}

export interface AnswerParts {
  readonly tokenizer: Tokenizer
  readonly markers: ThinkingMarkers
  /** The prompt has opened the trace. */
  readonly open: boolean
  /** Tokens that the reply may have. */
  readonly left: number
  /** Of these, tokens that are kept for the answer: a trace that is still open then is closed. */
  readonly reserve: number
  /** A token that both the mark and the answer may begin with opens a trace. Default: it begins the answer. */
  readonly traceFirst?: boolean
  /** The bound on an answer that may have so many tokens. */
  readonly answer: (left: number) => AnswerBound
}

/**
 * Where the prompt has opened a trace, all may be thought but the end of the reply, until the trace is closed. Where it has not, the reply
 * may begin with the mark that opens one, unless the answer itself may begin so; what else it begins with is the answer. Behind a trace, one
 * token of line feeds may come before the answer.
 */
export class AnswerConstraint implements AnswerBound {
  readonly #parts: AnswerParts
  readonly #opening: readonly number[]
  readonly #closing: readonly number[]
  readonly #gaps: readonly number[]
  readonly #marks: ReadonlyMap<number, string>
  readonly #decode: (id: number) => string
  readonly #splitter: ThinkingSplitter
  #phase: 'start' | 'opening' | 'trace' | 'closing' | 'gap' | 'answer'
  #answer: AnswerBound | undefined
  #left: number
  /** Ids of a mark that are out. */
  #written = 0
  /** The end of the trace. */
  #recent = ''

  constructor(parts: AnswerParts) {
    const { tokenizer, markers, open, left } = parts
    this.#parts = parts
    this.#left = left
    this.#opening = tokenizer.encode(markers.open, { special: true })
    this.#closing = tokenizer.encode(markers.close, { special: true })
    this.#gaps = ['\n', '\n\n'].flatMap(text => {
      const ids = tokenizer.encode(text)
      return ids.length === 1 ? ids : []
    })
    this.#marks = controlMarks(tokenizer, markers)
    this.#decode = tokenizer.stream({ continues: true })
    this.#splitter = new ThinkingSplitter(markers, true)
    this.#phase = open ? 'trace' : 'start'
    if (!open) this.#answer = parts.answer(left)
  }

  get over(): boolean {
    return this.#phase === 'answer' && this.#answer!.over === true
  }

  get whole(): boolean {
    return this.#phase === 'answer' && this.#answer!.whole === true
  }

  allowed(): Uint32Array | undefined {
    switch (this.#phase) {
      case 'start': {
        const mask = this.#answer!.allowed()
        const isRoom = this.#left > this.#parts.reserve + this.#opening.length + this.#closing.length
        return mask && isRoom ? changed(mask, [this.#opening[0]!], true) : mask
      }
      case 'opening':
        return this.#only(this.#opening[this.#written]!)
      case 'trace':
        return this.#isTimeToClose() ? this.#only(this.#closing[0]!) : this.#allowedInTrace()
      case 'closing':
        return this.#only(this.#closing[this.#written]!)
      case 'gap': {
        const mask = this.#answer!.allowed()
        return mask && this.#left > this.#parts.reserve ? changed(mask, this.#gaps, true) : mask
      }
      case 'answer':
        return this.#answer!.allowed()
    }
  }

  accept(id: number): void {
    const phase = this.#phase
    if (phase === 'start') this.#phase = this.#opens(id) ? 'opening' : 'answer'
    else if (phase === 'trace' && this.#isTimeToClose()) this.#phase = 'closing'
    this.#left--
    if (this.#phase === 'answer') this.#answer!.accept(id)
    else if (this.#phase === 'gap') this.#begin(id)
    else if (this.#phase === 'opening') {
      if (++this.#written === this.#opening.length) this.#phase = 'trace'
    } else this.#think(id)
  }

  /** What is drafted of the answer; nobody knows what is thought. */
  draft(most: number): readonly number[] {
    return (this.#phase === 'answer' && this.#answer!.draft?.(most)) || []
  }

  #opens(id: number): boolean {
    if (id !== this.#opening[0]) return false
    // A mark of several tokens may begin as anything does.
    if (this.#parts.traceFirst && this.#opening.length === 1) return true
    const mask = this.#answer!.allowed()
    return mask !== undefined && !has(mask, id)
  }

  #isTimeToClose(): boolean {
    return this.#left <= this.#parts.reserve + this.#closing.length
  }

  #allowedInTrace(): Uint32Array {
    const { tokenizer, markers } = this.#parts
    // A token that closes the trace must not begin the answer, too.
    const rest = new TextEncoder().encode(markers.close.slice(overlap(this.#recent, markers.close)))
    const both = [...vocabularyTrie(tokenizer).idsBehind(rest)].filter(id => {
      const behind = tokenizer.bytes(id)!.subarray(rest.length)
      return new TextDecoder().decode(behind).trim() !== ''
    })
    const all = new Uint32Array((tokenizer.size + 31) >> 5).fill(~0)
    return changed(all, [...both, ...tokenizer.endOfGeneration], false)
  }

  #think(id: number): void {
    const text = this.#marks.get(id) ?? this.#decode(id)
    this.#recent = (this.#recent + text).slice(-this.#parts.markers.close.length)
    this.#splitter.push(text)
    if (this.#phase === 'closing') this.#written++
    if (this.#splitter.thinking) return
    this.#phase = 'gap'
    this.#answer = this.#parts.answer(this.#left)
  }

  /** The first token behind a trace; space that may not be the answer's goes for nothing. */
  #begin(id: number): void {
    const mask = this.#answer!.allowed()
    const isSpace = this.#decode(id).trim() === ''
    if (isSpace && mask && !has(mask, id)) this.#answer = this.#parts.answer(this.#left)
    else this.#answer!.accept(id)
    this.#phase = 'answer'
  }

  #only(id: number): Uint32Array {
    return changed(new Uint32Array((this.#parts.tokenizer.size + 31) >> 5), [id], true)
  }
}

/** Control tokens that marks are made of: they have no text otherwise. */
export function controlMarks(tokenizer: Tokenizer, { open, close }: ThinkingMarkers): Map<number, string> {
  const marks = new Map<number, string>()
  for (const mark of [open, close])
    for (const id of tokenizer.encode(mark, { special: true }))
      if (tokenizer.decode([id]) === '') marks.set(id, tokenizer.piece(id))
  return marks
}

function has(mask: Uint32Array, id: number): boolean {
  return ((mask[id >> 5]! >>> (id & 31)) & 1) === 1
}

function changed(mask: Uint32Array, ids: Iterable<number>, allowed: boolean): Uint32Array {
  const copy = mask.slice()
  for (const id of ids) {
    if (allowed) copy[id >> 5]! |= 1 << (id & 31)
    else copy[id >> 5]! &= ~(1 << (id & 31))
  }
  return copy
}
