// Typed access to a model file's metadata under its architecture's prefix (`llama.block_count`).
import { UnsupportedModelError } from '../errors.ts'

/** Any keyed values; GGUF metadata is one. */
export type MetaValues = { get(key: string): unknown }

export class Meta {
  constructor(
    readonly architecture: string,
    readonly values: MetaValues,
    /** Of the keys: what the file itself calls its architecture. */
    readonly prefix: string = architecture,
  ) {}

  /** A finite number at `architecture.key`, or `fallback`; without a fallback it must be there. */
  number(key: string, fallback?: number, least = -Infinity): number {
    const value = this.#get(key) ?? fallback
    if (typeof value === 'number' && Number.isFinite(value) && value >= least) return value
    return this.fail(key, least === -Infinity ? 'a number' : `a number from ${least}`, value)
  }

  /** A whole number of at least `least`. */
  count(key: string, fallback?: number, least = 1, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.number(key, fallback)
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    const upTo = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`
    return this.fail(key, `a whole number from ${least}${upTo}`, value)
  }

  /** A count that may be given for all layers at once or for each. */
  countPerLayer(key: string, layers: number, fallback?: number): number[] {
    const value = this.#get(key)
    if (!ArrayBuffer.isView(value)) return new Array<number>(layers).fill(this.count(key, fallback))
    const list = Array.from(value as unknown as ArrayLike<number>, Number)
    if (list.length !== layers || !list.every(n => Number.isSafeInteger(n) && n > 0))
      return this.fail(key, `${layers} whole numbers from 1`, list)
    return list
  }

  /** A count, or undefined where there is none or the file says 0, which is how converters write none. */
  optionalCount(key: string): number | undefined {
    return this.count(key, 0, 0) || undefined
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#get(key) ?? fallback
    return typeof value === 'boolean' ? value : this.fail(key, 'true or false', value)
  }

  /** A count, or true or false for each layer; undefined where there is nothing. */
  flagsOrCount(key: string, layers: number): number | readonly boolean[] | undefined {
    const value = this.#get(key)
    if (!Array.isArray(value)) return this.optionalCount(key)
    if (value.length !== layers || !value.every(flag => typeof flag === 'boolean'))
      return this.fail(key, `true or false for each of ${layers} layers`, value)
    return value
  }

  text(key: string, fallback?: string): string {
    const value = this.#get(key) ?? fallback
    return typeof value === 'string' ? value : this.fail(key, 'a text', value)
  }

  has(key: string): boolean {
    return this.#get(key) !== undefined
  }

  fail(key: string, expected: string, found: unknown): never {
    throw new UnsupportedModelError(
      `metadata ${this.prefix}.${key}: expected ${expected}, found ${shown(found)}`,
    )
  }

  #get(key: string): unknown {
    return this.values.get(`${this.prefix}.${key}`)
  }
}

/** A value in a message: as it is, but no longer than a line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return value.length > 40 ? `"${value.slice(0, 40)}..."` : `"${value}"`
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return String(value)
  const list = value as unknown as ArrayLike<unknown>
  const first = Array.from({ length: Math.min(list.length, 8) }, (_, i) => shown(list[i])).join(', ')
  return list.length > 8 ? `[${first}, ...], ${list.length} of them` : `[${first}]`
}
