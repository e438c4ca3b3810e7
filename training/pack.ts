// Windows of one length from texts of many lengths: each text goes whole into a window with room for it.
import type { Sample } from './conversation.ts'

/** Windows that are filled at the same time. */
const OPEN = 24

/** Packs samples into windows of `length` ids, filled up with `padding` of weight 0. Cuts only what is longer than a window. */
export class Packer {
  #open: Sample[] = []

  constructor(
    readonly length: number,
    readonly padding: number,
  ) {}

  /** The windows that are full with this sample. */
  add(sample: Sample): Sample[] {
    const ids = sample.ids.slice(0, this.length)
    const fits = this.#open.filter(window => window.ids.length + ids.length <= this.length)
    // The fullest of those, so that little is left over.
    const [best] = fits.sort((a, b) => b.ids.length - a.ids.length)
    const window = best ?? { ids: [], weights: [] }
    if (best === undefined) this.#open.push(window)
    window.ids.push(...ids)
    window.weights.push(...sample.weights.slice(0, this.length))
    if (this.#open.length <= OPEN) return []
    const [fullest] = [...this.#open].sort((a, b) => b.ids.length - a.ids.length)
    this.#open = this.#open.filter(window => window !== fullest)
    return [this.#padded(fullest!)]
  }

  #padded({ ids, weights }: Sample): Sample {
    const missing = this.length - ids.length
    return {
      ids: [...ids, ...Array<number>(missing).fill(this.padding)],
      weights: [...weights, ...Array<number>(missing).fill(0)],
    }
  }
}
