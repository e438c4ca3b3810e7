// Stop strings in streamed text: holds back what may be the beginning of one.
import { overlap } from '../chat/overlap.ts'

export class StopFilter {
  readonly #stops: readonly string[]
  #held = ''

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter(stop => stop.length > 0)
  }

  /** Takes a piece; answers the text that is certain, and whether a stop string ended it. */
  push(piece: string): { text: string; stopped: boolean } {
    const text = this.#held + piece
    const found = this.#stops.map(stop => text.indexOf(stop)).filter(at => at >= 0)
    if (found.length > 0) {
      this.#held = ''
      return { text: text.slice(0, Math.min(...found)), stopped: true }
    }
    const held = Math.max(0, ...this.#stops.map(stop => overlap(text, stop)))
    this.#held = text.slice(text.length - held)
    return { text: text.slice(0, text.length - held), stopped: false }
  }

  /** What was held back, once no more text comes. */
  flush(): string {
    const held = this.#held
    this.#held = ''
    return held
  }
}
