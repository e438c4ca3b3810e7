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
  /** Something was put in that may not stand there: there is no more to say. */
  #lost = false

  constructor(masks: TokenMasks<GrammarState>, start: GrammarState, left: number) {
    this.#masks = masks
    this.#state = start
    this.#left = left
  }

  /** Whether nothing may follow but an end. */
  get over(): boolean {
    return this.#lost || (this.#state.ends && this.#state.places.length === 0)
  }

  /** Whether the text may be at its end. */
  get whole(): boolean {
    return !this.#lost && this.#state.ends
  }

  /** Throws GrammarError where no token of the vocabulary writes what has to come. */
  allowed(): Uint32Array | undefined {
    if (this.#lost) return undefined
    const mask = this.#masks.allowed(this.#state, this.#left)
    // Where no token ends a text, the last one of it does.
    if (mask.every(word => word === 0) && !this.over)
      throw new GrammarError('the vocabulary of the model has no token for what the grammar asks for')
    return mask
  }

  accept(id: number): void {
    const next = this.#lost ? undefined : this.#masks.take(this.#state, id)
    this.#left--
    if (next) this.#state = next
    else this.#lost = true
  }
}
