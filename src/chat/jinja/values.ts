// What expressions of a template evaluate to, with the meaning that Python gives them: truth, equality, order, text.
import { TemplateError } from '../../errors.ts'
import type { Meter } from './meter.ts'
import { Text } from './text.ts'

/** Numbers are Python's int; its float is a class of its own, since 1.0 is printed unlike 1. */
export type Value = Undefined | null | boolean | number | Float | Text | List | Dict | Namespace | Callable

/** What a name or attribute that is not there gives: empty where it is printed, an error where it is used. */
export class Undefined {
  constructor(readonly why: string) {}

  fail(): never {
    throw new TemplateError(`chat template: ${this.why}`)
  }
}

export class Float {
  constructor(readonly value: number) {}
}

export class List {
  constructor(
    readonly items: readonly Value[],
    readonly kind: 'list' | 'tuple' = 'list',
  ) {}
}

export type Key = string | number | null

export class Dict {
  /** By what tells keys apart: key and value. */
  readonly entries = new Map<Key, readonly [Value, Value]>()

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.entries.set(keyOf(key), [key, value])
  }

  get(key: Value): Value | undefined {
    return this.entries.get(keyOf(key))?.[1]
  }

  keys(): Value[] {
    return Array.from(this.entries.values(), ([key]) => key)
  }

  values(): Value[] {
    return Array.from(this.entries.values(), ([, value]) => value)
  }

  items(): List[] {
    return Array.from(this.entries.values(), entry => new List(entry, 'tuple'))
  }
}

/** Attributes by name: what `namespace()` makes, the only thing that a template can change; and `loop`. */
export class Namespace {
  constructor(
    readonly attributes: Map<string, Value>,
    readonly assignable = true,
  ) {}
}

/** Arguments of a call: in order, and by name. */
export interface Arguments {
  readonly positional: readonly Value[]
  readonly named: ReadonlyMap<string, Value>
}

export class Callable {
  constructor(
    readonly name: string,
    readonly call: (given: Arguments, meter: Meter) => Value,
  ) {}
}

/** The arguments by their parameters' order; undefined where none was given. */
export function bind(name: string, given: Arguments, parameters: readonly string[]): (Value | undefined)[] {
  const { positional, named } = given
  if (positional.length > parameters.length)
    return fail(`${name}() takes at most ${parameters.length} arguments, found ${positional.length}`)
  for (const key of named.keys()) {
    const place = parameters.indexOf(key)
    if (place < 0) fail(`${name}() takes no argument '${key}'`)
    if (place < positional.length) fail(`${name}() got two values for '${key}'`)
  }
  return parameters.map((parameter, i) => orElse(positional[i], named.get(parameter)))
}

/** As `??` has it, but None counts as something. */
export function orElse<T>(value: Value | undefined, fallback: T): Value | T {
  return value === undefined ? fallback : value
}

export function fail(problem: string): never {
  throw new TemplateError(`chat template: ${problem}`)
}

export function keyOf(value: Value): Key {
  if (value instanceof Text) return value.value
  if (value === null) return null
  return numberOf(value) ?? fail(`expected a text or a number as a key, found ${typeName(value)}`)
}

/** The number that an int, bool or float is, if it is one. */
export function numberOf(value: Value): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return Number(value)
  return value instanceof Float ? value.value : undefined
}

export function typeName(value: Value): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'number') return 'int'
  if (value instanceof Float) return 'float'
  if (value instanceof Text) return 'str'
  if (value instanceof List) return value.kind
  if (value instanceof Dict) return 'dict'
  if (value instanceof Namespace) return 'namespace'
  return value instanceof Callable ? 'function' : 'undefined'
}

export function truth(value: Value): boolean {
  if (value instanceof Undefined) return false
  if (value instanceof Text) return value.value !== ''
  if (value instanceof List) return value.items.length > 0
  if (value instanceof Dict) return value.entries.size > 0
  return value !== null && numberOf(value) !== 0
}

/** Code units that are compared in about the time of a step. */
const UNITS_COMPARED = 1024

export function equal(a: Value, b: Value, meter: Meter): boolean {
  meter.spend()
  if (a === b) return true
  if (a instanceof Text) {
    meter.spend(a.value.length / UNITS_COMPARED)
    return b instanceof Text && a.value === b.value
  }
  if (a instanceof Undefined) return b instanceof Undefined
  if (a instanceof List)
    return (
      b instanceof List &&
      a.kind === b.kind &&
      a.items.length === b.items.length &&
      a.items.every((item, i) => equal(item, b.items[i]!, meter))
    )
  if (a instanceof Dict)
    return (
      b instanceof Dict &&
      a.entries.size === b.entries.size &&
      [...a.entries].every(([key, [, value]]) => {
        const other = b.entries.get(key)
        return other !== undefined && equal(value, other[1], meter)
      })
    )
  const number = numberOf(a)
  return number !== undefined && number === numberOf(b)
}

/** Below zero if `a` comes first; an error where Python knows no order. */
export function compare(a: Value, b: Value, meter: Meter): number {
  meter.spend()
  if (a instanceof Text && b instanceof Text) return a.value < b.value ? -1 : Number(a.value > b.value)
  if (a instanceof List && b instanceof List && a.kind === b.kind) {
    const differs = a.items.findIndex((item, i) => i >= b.items.length || !equal(item, b.items[i]!, meter))
    if (differs < 0) return a.items.length - b.items.length
    return differs >= b.items.length ? 1 : compare(a.items[differs]!, b.items[differs]!, meter)
  }
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== undefined && y !== undefined) return x < y ? -1 : Number(x > y)
  for (const value of [a, b]) if (value instanceof Undefined) value.fail()
  return fail(`'${typeName(a)}' and '${typeName(b)}' have no order`)
}

/** What a loop goes through. */
export function iterate(value: Value, meter: Meter): readonly Value[] {
  if (value instanceof List) return value.items
  if (value instanceof Dict) return value.keys()
  if (value instanceof Undefined) return []
  if (!(value instanceof Text)) return fail(`'${typeName(value)}' object is not iterable`)
  meter.spend(value.value.length)
  return value.characters()
}

/** Characters of a text, items of a list or dict. */
export function lengthOf(value: Value): number | undefined {
  if (value instanceof Text) return value.characters().length
  if (value instanceof List) return value.items.length
  if (value instanceof Dict) return value.entries.size
  return value instanceof Undefined ? 0 : undefined
}

/** As Python's `str` has it. */
export function print(value: Value, meter: Meter): Text {
  if (value instanceof Text) return value
  if (value instanceof Undefined) return Text.empty
  const written = represent(value, meter)
  return holdsForeign(value, meter) ? Text.foreign(written) : new Text(written)
}

/** As Python's `repr` has it. */
export function represent(value: Value, meter: Meter): string {
  meter.spend()
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return BigInt(value).toString()
  if (value instanceof Float) return writeFloat(value.value)
  if (value instanceof Text) return quote(value.value, meter)
  if (value instanceof Undefined) return 'Undefined'
  if (value instanceof Callable) return `<function ${value.name}>`
  if (value instanceof List) {
    const items = value.items.map(item => represent(item, meter)).join(', ')
    if (value.kind === 'list') return `[${items}]`
    return value.items.length === 1 ? `(${items},)` : `(${items})`
  }
  const entries =
    value instanceof Dict
      ? Array.from(value.entries.values(), ([key, item]) => [represent(key, meter), item] as const)
      : Array.from(value.attributes, ([key, item]) => [quote(key, meter), item] as const)
  const written = `{${entries.map(([key, item]) => `${key}: ${represent(item, meter)}`).join(', ')}}`
  return value instanceof Dict ? written : `<Namespace ${written}>`
}

/** Whether any text in it came from outside the template. */
export function holdsForeign(value: Value, meter: Meter): boolean {
  meter.spend()
  if (value instanceof Text) return value.foreign.length > 0
  if (value instanceof List) return value.items.some(item => holdsForeign(item, meter))
  if (value instanceof Namespace)
    return [...value.attributes.values()].some(item => holdsForeign(item, meter))
  return value instanceof Dict && [...value.keys(), ...value.values()].some(item => holdsForeign(item, meter))
}

/** Python writes exponents from 1e16 on and below 1e-4, of two digits at least, and whole numbers with `.0`. */
export function writeFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  if (Object.is(value, -0)) return '-0.0'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16))
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  return Number.isInteger(value) ? `${value}.0` : value.toString()
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function quote(text: string, meter: Meter): string {
  meter.text(text.length)
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'"
  const written = (character: string) => {
    if (character === mark) return `\\${mark}`
    const code = character.codePointAt(0)!
    if (code < 0x100) return ESCAPES[character] ?? `\\x${code.toString(16).padStart(2, '0')}`
    return code < 0x10000
      ? `\\u${code.toString(16).padStart(4, '0')}`
      : `\\U${code.toString(16).padStart(8, '0')}`
  }
  return `${mark}${text.replace(/[\\'"]|(?! )[\p{C}\p{Z}]/gu, character =>
    character === mark || !/['"]/.test(character) ? written(character) : character,
  )}${mark}`
}

/** Lists and dicts within each other, at most. */
const DEEPEST = 500

/**
 * A value of JSON's kinds. `trusted` says of a text, by the key that it lies under, whether it counts as the
 * template's own.
 */
export function fromJson(
  value: unknown,
  trusted: (text: string, key: string) => boolean,
  key = '',
  depth = 0,
): Value {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return trusted(value, key) ? new Text(value) : Text.foreign(value)
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new Float(value)
  if (typeof value !== 'object') return fail(`expected values of JSON's kinds, found a ${typeof value}`)
  if (depth === DEEPEST) return fail(`expected values nested at most ${DEEPEST} deep`)
  if (Array.isArray(value)) return new List(value.map(item => fromJson(item, trusted, key, depth + 1)))
  const given = Object.entries(value).filter(([, item]) => item !== undefined)
  return new Dict(given.map(([name, item]) => [Text.foreign(name), fromJson(item, trusted, name, depth + 1)]))
}
