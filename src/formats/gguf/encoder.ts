// A growing run of little-endian bytes: what the header of a GGUF file is put together in. Knows no fields.
import { alignUp, bytesOf, type ElementType, type ValueType, valueTypes } from './spec.ts'
import { type Element, typed, type WritableValue } from './values.ts'

const put: Record<Exclude<ElementType, 'string'>, (view: DataView, at: number, value: Element) => void> = {
  bool: (view, at, value) => view.setUint8(at, Number(value)),
  u8: (view, at, value) => view.setUint8(at, Number(value)),
  i8: (view, at, value) => view.setInt8(at, Number(value)),
  u16: (view, at, value) => view.setUint16(at, Number(value), true),
  i16: (view, at, value) => view.setInt16(at, Number(value), true),
  u32: (view, at, value) => view.setUint32(at, Number(value), true),
  i32: (view, at, value) => view.setInt32(at, Number(value), true),
  f32: (view, at, value) => view.setFloat32(at, Number(value), true),
  f64: (view, at, value) => view.setFloat64(at, Number(value), true),
  u64: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  i64: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
}
const utf8 = new TextEncoder()

export class Encoder {
  #bytes = new Uint8Array(4096)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  /** What was written so far, not copied. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  u32(value: number): void {
    const at = this.#room(4)
    this.#view.setUint32(at, value, true)
  }

  u64(value: number | bigint): void {
    const at = this.#room(8)
    this.#view.setBigUint64(at, BigInt(value), true)
  }

  /** Its length, then its bytes. */
  string(text: string): void {
    const bytes = utf8.encode(text)
    this.u64(bytes.length)
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** Its type, then itself. */
  value(writable: WritableValue): void {
    const { type, value } = typed(writable)
    if (typeof value !== 'object') {
      this.#type(type)
      this.#element(type, value)
    } else {
      this.#type('array')
      this.#type(type)
      this.u64(value.length)
      for (const element of value) this.#element(type, element)
    }
  }

  /** Zeros up to the next multiple of `alignment`. */
  pad(alignment: number): void {
    this.#room(alignUp(this.#length, alignment) - this.#length)
  }

  #type(name: ValueType): void {
    this.u32(valueTypes.findIndex(type => type.name === name))
  }

  #element(type: ElementType, value: Element): void {
    if (type === 'string') this.string(String(value))
    else {
      const at = this.#room(bytesOf(type))
      put[type](this.#view, at, value)
    }
  }

  /** Makes room for `count` more bytes and answers where they start; `#bytes` and `#view` may be new ones after. */
  #room(count: number): number {
    const start = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      grown.set(this.#bytes)
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return start
  }
}
