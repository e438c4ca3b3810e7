// Reads GGUF's metadata, one entry at a time. Knows how values are stored, not what any key means.
import type { Metadata, MetadataValue } from '../model-file.ts'
import { type Cursor, decodeText, quote } from './cursor.ts'
import { bytesOf, type ElementType, type ValueType, valueTypes } from './spec.ts'

/** Makes an array of strings when it is first asked for: a vocabulary of 256,000 takes 0.1 s. */
type Deferred = () => readonly string[]

/** Least bytes of an entry: the length of its key, a byte of it, a type and a value of a byte. */
export const MIN_ENTRY_BYTES = 8 + 1 + 4 + 1
/** In memory a boolean of an array takes eight times what it takes in the file. */
const MAX_BOOLS = 2 ** 20

/** Metadata as it was read; arrays of strings are decoded when they are first looked at. */
export class LazyMetadata implements Metadata {
  readonly #values = new Map<string, MetadataValue | Deferred>()
  /** By key: how the value is stored; of an array, its elements. */
  readonly types = new Map<string, ElementType>()

  /** Reads the next entry; if that fails, nothing was added. */
  read(cursor: Cursor, index: number): void {
    const key = cursor.identifier(`metadata ${index} key`)
    const field = `metadata ${quote(key)}`
    if (this.#values.has(key)) cursor.fail(field, 'each key once', 'a second one')
    const type = readType(cursor, `${field} type`)
    const element = type === 'array' ? readElementType(cursor, field) : type
    this.#values.set(
      key,
      type === 'array' ? readArray(cursor, field, element) : readScalar(cursor, field, element),
    )
    this.types.set(key, element)
  }

  get size(): number {
    return this.#values.size
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  get(key: string): MetadataValue | undefined {
    const value = this.#values.get(key)
    if (typeof value !== 'function') return value
    const decoded = value()
    this.#values.set(key, decoded)
    return decoded
  }

  keys() {
    return this.#values.keys()
  }

  values() {
    return this.#decoded().values()
  }

  entries() {
    return this.#decoded().entries()
  }

  [Symbol.iterator]() {
    return this.entries()
  }

  forEach(visit: (value: MetadataValue, key: string, map: Metadata) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this)
  }

  #decoded(): Map<string, MetadataValue> {
    return new Map([...this.#values.keys()].map(key => [key, this.get(key)!]))
  }
}

function readScalar(cursor: Cursor, field: string, type: ElementType): MetadataValue {
  switch (type) {
    case 'u8':
    case 'i8':
    case 'u16':
    case 'i16':
    case 'u32':
    case 'i32':
    case 'f32':
    case 'f64':
      return cursor[type](field)
    case 'u64':
    case 'i64':
      return numberIfSafe(cursor[type](field))
    case 'bool':
      return readBool(cursor, field)
    case 'string':
      return decodeText(cursor.text(field))
    default:
      return type satisfies never
  }
}

function readElementType(cursor: Cursor, field: string): ElementType {
  const type = readType(cursor, `${field} element type`)
  if (type === 'array') return cursor.fail(`${field} element type`, 'no array within an array', 'array')
  return type
}

function readArray(cursor: Cursor, field: string, type: ElementType): MetadataValue | Deferred {
  const size = bytesOf(type)
  const room = Math.floor((cursor.rest - 8) / size)
  const count = cursor.count(`${field} count`, type === 'bool' ? Math.min(room, MAX_BOOLS) : room)
  switch (type) {
    case 'bool':
      return Array.from({ length: count }, (_, i) => readBool(cursor, `${field} element ${i}`))
    case 'string': {
      const texts = cursor.texts(count, field)
      return () => decodeTexts(texts, count)
    }
    default:
      // A copy: typed arrays want alignment, and the prefix is not to be kept alive. Like wherever torchless
      // runs, GGUF is little-endian.
      return new typedArrays[type](cursor.bytes(count * size, field).slice().buffer)
  }
}

const typedArrays = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
} satisfies Record<Exclude<ElementType, 'bool' | 'string'>, unknown>

function readType(cursor: Cursor, field: string): ValueType {
  const id = cursor.u32(field)
  const type = valueTypes[id]
  return type ? type.name : cursor.fail(field, `a value type from 0 to ${valueTypes.length - 1}`, `${id}`)
}

function readBool(cursor: Cursor, field: string): boolean {
  const value = cursor.u8(field)
  if (value > 1) cursor.fail(field, '0 or 1, for false or true', `${value}`)
  return value === 1
}

/** The last character of all, twice: as many bytes as a length, and nobody's text. */
const BETWEEN = '\u{10ffff}\u{10ffff}'
const HALF_BETWEEN = 0xbfbf8ff4
const FIRST_OF_BETWEEN = 0xf4
/** Bytes of texts that are decoded at once, far below what a string may hold. */
const MOST_AT_ONCE = 2 ** 27

/** Strings with their lengths, which the cursor has checked. */
function decodeTexts(bytes: Uint8Array, count: number): string[] {
  const apart = bytes.slice()
  const view = new DataView(apart.buffer)
  if (apart.length > MOST_AT_ONCE || apart.includes(FIRST_OF_BETWEEN))
    return decodeOneByOne(apart, view, count)
  // All at once, which takes half as long: what begins a character ends one that lacks bytes, as the end of a text does.
  for (let at = 0; at < apart.length; ) {
    const length = view.getUint32(at, true)
    view.setUint32(at, HALF_BETWEEN, true)
    view.setUint32(at + 4, HALF_BETWEEN, true)
    at += 8 + length
  }
  return decodeText(apart).split(BETWEEN).slice(1)
}

function decodeOneByOne(bytes: Uint8Array, view: DataView, count: number): string[] {
  let at = 0
  return Array.from({ length: count }, () => {
    const start = at + 8
    at = start + view.getUint32(at, true)
    return decodeText(bytes.subarray(start, at))
  })
}

function numberIfSafe(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
