// Reads values of a parsed JSON file: each is checked, and complaints say where it is.
import { ModelFormatError, UnsupportedModelError } from '../errors.ts'

/** A value within a file, and the way to it. */
export class Json {
  readonly value: unknown
  readonly #file: string
  readonly #path: string

  constructor(value: unknown, file: string, path = '') {
    this.value = value
    this.#file = file
    this.#path = path
  }

  fail(expected: string, found = describe(this.value)): never {
    throw new ModelFormatError({ file: this.#file, field: this.#path || 'the file', expected, found })
  }

  /** What is sound, but nothing that torchless knows. */
  unsupported(expected: string, found = describe(this.value)): never {
    throw new UnsupportedModelError(`${this.#file}: ${this.#path}: expected ${expected}, found ${found}`)
  }

  /** The value of a key, which may be undefined. */
  get(key: string): Json {
    const object = this.value
    if (typeof object !== 'object' || object === null || Array.isArray(object))
      return this.fail('an object with keys')
    const value = Object.hasOwn(object, key) ? (object as Record<string, unknown>)[key] : undefined
    return new Json(value, this.#file, this.#path ? `${this.#path}.${key}` : key)
  }

  /** The same, or undefined where the key is missing or null. */
  optional(key: string): Json | undefined {
    const json = this.get(key)
    return json.value === undefined || json.value === null ? undefined : json
  }

  /** Another value at the same place. */
  with(value: unknown): Json {
    return new Json(value, this.#file, this.#path)
  }

  at(index: number): Json {
    return new Json((this.value as readonly unknown[])[index], this.#file, `${this.#path}[${index}]`)
  }

  array(): readonly unknown[] {
    return Array.isArray(this.value) ? this.value : this.fail('an array')
  }

  items(): readonly Json[] {
    return this.array().map((_, i) => this.at(i))
  }

  entries(): [string, unknown][] {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      return this.fail('an object with keys')
    return Object.entries(this.value)
  }

  text(): string {
    return typeof this.value === 'string' ? this.value : this.fail('a text')
  }

  flag(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.fail('true or false')
  }

  /** A whole number from 0 to before `limit`. */
  count(limit: number): number {
    const value = this.value
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= limit)
      return this.fail(`a whole number below ${limit}`)
    return value
  }

  /** A finite number of at least `least`. */
  number(least = -Infinity): number {
    const value = this.value
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least)
      return this.fail(least === -Infinity ? 'a number' : `a number from ${least}`)
    return value
  }

  /** One of a few texts; others are no failure of the file. */
  oneOf<T extends string>(names: readonly T[]): T {
    const text = this.text()
    return names.find(name => name === text) ?? this.unsupported(`one of ${names.join(', ')}`)
  }

  textOr(key: string, fallback: string): string {
    return this.optional(key)?.text() ?? fallback
  }

  flagOr(key: string, fallback: boolean): boolean {
    return this.optional(key)?.flag() ?? fallback
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
