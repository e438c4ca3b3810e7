// Bounds what a template may do: a hostile one ends with an error, not with the machine.
import { TemplateError } from '../../errors.ts'

/** Steps of one rendering; a long conversation takes some ten thousand. */
const STEPS = 20_000_000
/** UTF-16 code units of one text. */
const LONGEST = 1 << 26
/** Code units that are made in about the time of a step. */
export const UNITS_A_STEP = 32

export class Meter {
  #left = STEPS

  /** Throws TemplateError once the template has done too much. */
  spend(steps = 1): void {
    this.#left -= steps
    if (this.#left < 0) throw new TemplateError(`chat template: not at its end after ${STEPS} steps`)
  }

  /** To be called before a text of so many code units is made. */
  text(length: number): void {
    if (length > LONGEST)
      throw new TemplateError(
        `chat template: expected texts of at most ${LONGEST} characters, found ${length}`,
      )
    this.spend(length / UNITS_A_STEP)
  }
}
