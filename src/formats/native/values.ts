// Metadata values as JSON: texts, true and false as they are, all else as `{ type: value }`, such as `{"u32": 32}` or
// `{"f32": [0, -1.5]}`, as JSON's numbers do not say what they are. Integers beyond 2⁵³ and numbers that JSON lacks are texts.
import type { Json } from '../../tokenizer/json.ts'
import { type ElementType, valueTypes } from '../gguf/spec.ts'
import { type Element, fits, typed, type WritableValue } from '../gguf/values.ts'
import type { MetadataValue } from '../model-file.ts'

const elementTypes = valueTypes.map(({ name }) => name).filter(name => name !== 'array')

const typedArrays = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  f64: Float64Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
}

/** What `JSON.stringify` is to be given for a value. */
export function valueToJson(writable: WritableValue): unknown {
  const { type, value } = typed(writable)
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return { [type]: typeof value === 'object' ? value.map(elementToJson) : elementToJson(value) }
}

function elementToJson(value: Element): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return Object.is(value, -0) ? '-0' : String(value)
}

/** The value, and how it is stored; throws a ModelFormatError that says where it is. */
export function valueFromJson(json: Json): { value: MetadataValue; type: ElementType } {
  if (typeof json.value === 'string') return { value: json.value, type: 'string' }
  if (typeof json.value === 'boolean') return { value: json.value, type: 'bool' }
  const entries = json.entries()
  const type = elementTypes.find(name => name === entries[0]?.[0])
  if (type === undefined || entries.length !== 1)
    return json.fail(`a text, true, false, or an object with one key of ${elementTypes.join(', ')}`)
  const inner = json.get(type)
  if (Array.isArray(inner.value)) return { value: arrayFromJson(inner, inner.value, type), type }
  const value = elementOf(inner.value, type) ?? inner.fail(`a value of type ${type}`)
  return { value: typeof value === 'bigint' ? numberIfSafe(value) : value, type }
}

function arrayFromJson(json: Json, list: readonly unknown[], type: ElementType): MetadataValue {
  const elements = list.map(
    (value, i) => elementOf(value, type) ?? json.at(i).fail(`a value of type ${type}`),
  )
  if (type === 'string') return elements as string[]
  if (type === 'bool') return elements as boolean[]
  return (typedArrays[type] as unknown as { from(list: readonly Element[]): MetadataValue }).from(elements)
}

/** What a value of JSON stands for, 64-bit integers as bigints; undefined if it is not of the type. */
function elementOf(json: unknown, type: ElementType): Element | undefined {
  const value = typeof json === 'string' && type !== 'string' ? numberOfText(json, type) : json
  if (!isElement(value) || !fits(type, value)) return undefined
  if (type === 'u64' || type === 'i64') return BigInt(value)
  return type === 'f32' ? Math.fround(value as number) : value
}

function isElement(value: unknown): value is Element {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

function numberOfText(text: string, type: ElementType): Element {
  if (type === 'f32' || type === 'f64')
    return ['NaN', 'Infinity', '-Infinity', '-0'].includes(text) ? Number(text) : text
  return /^-?\d{1,20}$/.test(text) ? BigInt(text) : text
}

function numberIfSafe(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
