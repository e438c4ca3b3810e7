// What bounds a generation beyond the model's own will: a grammar, the lines of a file.
import type { TokenMask } from './sampler.ts'

/** Follows the ids of one generation and says which may come next. */
export interface Constraint {
  /** Which ids may come next, those that end a generation included; undefined where all may. At least one may. */
  allowed(): TokenMask | undefined
  /** Takes note of an id that was drawn or put in. Ids that were not allowed end the constraint's say. */
  accept(id: number): void
  /** At most `most` ids that are likely to follow, as far as can be told without the model: worth computing in one step. */
  draft?(most: number): readonly number[]
}
