// Typed access to a model file's metadata under its architecture's prefix (`llama.block_count`).
import { UnsupportedModelError } from '../errors.ts'

/** Any keyed values; GGUF metadata is one. */
export type MetaValues = { get(key: string): unknown }

export class Meta {
  constructor(
    readonly architecture: string,
    readonly values: MetaValues,
  ) {}

  /** A finite number at `architecture.key`, or `fallback`; without a fallback it must be there. */
  number(key: string, fallback?: number): number {
    const value = this.#get(key) ?? fallback
    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail(key, 'a number', value)
  }

  /** A whole number of at least `least`. */
  count(key: string, fallback?: number, least = 1): number {
    const value = this.number(key, fallback)
    return Number.isSafeInteger(value) && value >= least
      ? value
      : this.fail(key, `a whole number from ${least}`, value)
  }

  /** A count that may be given for all layers at once or for each. */
  countPerLayer(key: string, layers: number, fallback?: number): number[] {
    const value = this.#get(key)
    if (!ArrayBuffer.isView(value)) return new Array<number>(layers).fill(this.count(key, fallback))
    const list = Array.from(value as unknown as ArrayLike<number>, Number)
    if (list.length !== layers || !list.every(n => Number.isSafeInteger(n) && n > 0))
      return this.fail(key, `${layers} whole numbers from 1`, `[${list.slice(0, 8).join(', ')}]`)
    return list
  }

  text(key: string, fallback?: string): string {
    const value = this.#get(key) ?? fallback
    return typeof value === 'string' ? value : this.fail(key, 'a text', value)
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined
  }

  fail(key: string, expected: string, found: unknown): never {
    const shown =
      found === undefined ? 'nothing' : JSON.stringify(found, (_, v) => (typeof v === 'bigint' ? `${v}` : v))
    throw new UnsupportedModelError(
      `metadata ${this.architecture}.${key}: expected ${expected}, found ${shown}`,
    )
  }

  #get(key: string): unknown {
    return this.values.get(`${this.architecture}.${key}`)
  }
}
