// Metadata values for the writer: which GGUF type a JavaScript value is stored as. Writes nothing itself.
import { InvalidOptionError } from '../../errors.ts'
import type { MetadataValue } from '../model-file.ts'
import type { ElementType } from './spec.ts'

export type Element = string | number | bigint | boolean

/** A value with its GGUF type, made by {@link u8} and its like, or by {@link array}. */
export class GgufValue {
  constructor(
    readonly type: ElementType,
    readonly value: Element | readonly Element[],
  ) {
    for (const element of typeof value === 'object' ? value : [value]) check(type, element)
  }
}

/**
 * What a writer takes for a value. Without a {@link GgufValue} that says the type, integers become u32, or i32
 * if negative, or u64 or i64 if they do not fit; other numbers become f32 (write f64(x) for more), bigints u64,
 * or i64 if negative, and typed arrays what they are. An empty array is one of strings.
 * A whole number for a key that is a float, such as a rope base of 10000, has to be written as f32(10000).
 */
export type WritableValue = MetadataValue | GgufValue

const one = (type: ElementType) => (value: number) => new GgufValue(type, value)
export const u8 = one('u8')
export const i8 = one('i8')
export const u16 = one('u16')
export const i16 = one('i16')
export const u32 = one('u32')
export const i32 = one('i32')
export const f32 = one('f32')
export const f64 = one('f64')
export const u64 = (value: number | bigint) => new GgufValue('u64', value)
export const i64 = (value: number | bigint) => new GgufValue('i64', value)
export const array = (type: ElementType, values: readonly Element[]) => new GgufValue(type, values)

/** The value with its type: its own, or the one that its kind of value is stored as. */
export function typed(value: WritableValue): GgufValue {
  if (value instanceof GgufValue) return value
  if (typeof value !== 'object') return new GgufValue(typeOf(value), value)
  for (const [type, kind] of typedArrays)
    if (value instanceof kind) return new GgufValue(type, Array.from<number | bigint>(value))
  const elements = value as readonly string[] | readonly boolean[]
  return new GgufValue(typeof elements[0] === 'boolean' ? 'bool' : 'string', elements)
}

/** What a ModelFile has for metadata. */
export interface StoredValues {
  readonly metadata: Map<string, MetadataValue>
  readonly types: Map<string, ElementType>
}

/** The values as a reader would answer them. */
export function storedValues(values: Readonly<Record<string, WritableValue>>): StoredValues {
  const stored: StoredValues = { metadata: new Map(), types: new Map() }
  for (const [key, writable] of Object.entries(values)) {
    const { type, value } = typed(writable)
    const number = type === 'f32' && typeof value === 'number' ? Math.fround(value) : value
    stored.metadata.set(key, writable instanceof GgufValue ? (number as MetadataValue) : writable)
    stored.types.set(key, type)
  }
  return stored
}

function typeOf(value: Element): ElementType {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    case 'bigint':
      return value < 0n ? 'i64' : 'u64'
    default:
      if (!Number.isSafeInteger(value)) return 'f32'
      if (value < 0) return value >= -(2 ** 31) ? 'i32' : 'i64'
      return value < 2 ** 32 ? 'u32' : 'u64'
  }
}

const typedArrays = [
  ['u8', Uint8Array],
  ['i8', Int8Array],
  ['u16', Uint16Array],
  ['i16', Int16Array],
  ['u32', Uint32Array],
  ['i32', Int32Array],
  ['f32', Float32Array],
  ['u64', BigUint64Array],
  ['i64', BigInt64Array],
  ['f64', Float64Array],
] as const

function check(type: ElementType, value: Element): void {
  if (!fits(type, value))
    throw new InvalidOptionError(`${JSON.stringify(String(value))} cannot be written as ${type}`)
}

/** Whether a value can be stored as this type. */
export function fits(type: ElementType, value: Element): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'f32':
    case 'f64':
      return typeof value === 'number'
    default: {
      if (typeof value !== 'number' && typeof value !== 'bigint') return false
      const bits = Number(type.slice(1))
      if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return false
      const integer = BigInt(value)
      return integer === (type.startsWith('u') ? BigInt.asUintN(bits, integer) : BigInt.asIntN(bits, integer))
    }
  }
}
