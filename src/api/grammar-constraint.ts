// A grammar as the bound of one generation: which tokens keep the text within it, and bring it to its end in time.
import type { Constraint } from '../engine/constraint.ts'
import { GrammarError } from '../errors.ts'
import type { GrammarState } from '../grammar/grammar-matcher.ts'
import type { TokenMasks } from '../grammar/token-masks.ts'

export class GrammarConstraint implements Constraint {
  readonly #masks: TokenMasks<GrammarState>
  #state: GrammarState
  /** Tokens to go. */
  #left: number
  /** Something was put in that may not stand there, or the text is at its end: there is no more to say. */
  #done = false

  constructor(masks: TokenMasks<GrammarState>, start: GrammarState, left: number) {
    this.#masks = masks
    this.#state = start
    this.#left = left
  }

  /** Whether nothing may follow but an end. */
  get over(): boolean {
    return this.#done || (this.#state.ends && this.#state.places.length === 0)
  }

  /** Throws GrammarError where no token of the vocabulary writes what has to come. */
  allowed(): Uint32Array | undefined {
    if (this.#done) return undefined
    const mask = this.#masks.allowed(this.#state, this.#left)
    // Where no token ends a text, the last one of it does.
    if (mask.every(word => word === 0) && !this.over)
      throw new GrammarError('the vocabulary of the model has no token for what the grammar asks for')
    return mask
  }

  accept(id: number): void {
    const next = this.#done ? undefined : this.#masks.take(this.#state, id)
    this.#left--
    if (next) this.#state = next
    else this.#done = true
  }
}
