// Reads numbers and strings one after another from the start of a file, of which only a prefix is in memory:
// it grows as needed. Every length is checked before it is believed. Knows nothing of what GGUF means.
import { ModelFormatError } from '../../errors.ts'
import type { Source } from '../../io/source.ts'

const FIRST_PREFIX = 2 ** 20
/** No model's metadata comes near it (vocabularies take up to 20 MB), and what it can decode to fits in memory. */
const MAX_PREFIX = 2 ** 26
/** What the specification allows a key; names are held to the same. */
const MAX_NAME_BYTES = 2 ** 16 - 1

/** The prefix ended within what was asked for: `attempt` makes it longer and starts again. */
class PrefixEnded {
  constructor(readonly needed: number) {}
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Puts U+FFFD where bytes are not UTF-8: tokenizers hold pieces of characters. */
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

/** Each method names the field that it reads, for the error if it cannot. */
export class Cursor {
  /** Offset of the next byte. */
  at = 0
  #bytes = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)

  constructor(readonly source: Source) {}

  get file(): string {
    return this.source.name
  }

  /** Bytes between here and the end of the file. */
  get rest(): number {
    return this.source.size - this.at
  }

  /** Runs `parse`, again from the start whenever it runs out of bytes that are in memory. */
  async attempt<T>(parse: () => T): Promise<T> {
    const start = this.at
    for (;;) {
      try {
        return parse()
      } catch (signal) {
        if (!(signal instanceof PrefixEnded)) throw signal
        this.at = start
        await this.#grow(signal.needed)
      }
    }
  }

  u8(field: string): number {
    return this.#view.getUint8(this.#take(1, field))
  }

  i8(field: string): number {
    return this.#view.getInt8(this.#take(1, field))
  }

  u16(field: string): number {
    return this.#view.getUint16(this.#take(2, field), true)
  }

  i16(field: string): number {
    return this.#view.getInt16(this.#take(2, field), true)
  }

  u32(field: string): number {
    return this.#view.getUint32(this.#take(4, field), true)
  }

  i32(field: string): number {
    return this.#view.getInt32(this.#take(4, field), true)
  }

  u64(field: string): bigint {
    return this.#view.getBigUint64(this.#take(8, field), true)
  }

  i64(field: string): bigint {
    return this.#view.getBigInt64(this.#take(8, field), true)
  }

  f32(field: string): number {
    return this.#view.getFloat32(this.#take(4, field), true)
  }

  f64(field: string): number {
    return this.#view.getFloat64(this.#take(8, field), true)
  }

  /** A u64 that counts something of which the file has room for `most`. */
  count(field: string, most: number, why = 'as the file has no room for more'): number {
    const start = this.#take(8, field)
    const value = this.#view.getUint32(start, true) + this.#view.getUint32(start + 4, true) * 2 ** 32
    if (value > most) this.fail(field, `at most ${most}, ${why}`, `${this.#view.getBigUint64(start, true)}`)
    return value
  }

  /** `count` values of `size` bytes each, not copied; the caller has checked that the file has them. */
  bytes(count: number, field: string): Uint8Array {
    const start = this.#take(count, field)
    return this.#bytes.subarray(start, start + count)
  }

  /** A string value: a length and as many bytes, not copied. */
  text(field: string): Uint8Array {
    return this.bytes(this.count(`${field} length`, this.rest - 8), field)
  }

  /** `count` string values one after another, with their lengths, not copied. */
  texts(count: number, field: string): Uint8Array {
    const start = this.at
    for (let i = 0; i < count; i++) if (!this.#skipText()) this.text(`${field} element ${i}`)
    return this.#bytes.subarray(start, this.at)
  }

  /** A key or a name: short, not empty, and valid UTF-8. */
  identifier(field: string): string {
    const bytes = this.text(field)
    if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES)
      this.fail(`${field} length`, `1 to ${MAX_NAME_BYTES}`, `${bytes.length}`)
    try {
      return strict.decode(bytes)
    } catch {
      return this.fail(field, 'valid UTF-8', quote(lenient.decode(bytes)))
    }
  }

  fail(field: string, expected: string, found: string): never {
    throw new ModelFormatError({ file: this.file, field, expected, found })
  }

  /** Moves behind a string if all of it is in memory. */
  #skipText(): boolean {
    const start = this.at + 8
    if (start > this.#bytes.length) return false
    const length = this.#view.getUint32(this.at, true) + this.#view.getUint32(this.at + 4, true) * 2 ** 32
    if (start + length > this.#bytes.length) return false
    this.at = start + length
    return true
  }

  /** Moves behind the next `count` bytes and answers where they start. */
  #take(count: number, field: string): number {
    const start = this.at
    const end = start + count
    if (end > this.source.size)
      this.fail(field, `${count} bytes at offset ${start}`, `the end of the file at ${this.source.size}`)
    if (end > MAX_PREFIX)
      this.fail(
        field,
        `metadata and tensor list within ${MAX_PREFIX} bytes`,
        `${count} bytes at offset ${start}`,
      )
    if (end > this.#bytes.length) throw new PrefixEnded(end)
    this.at = end
    return start
  }

  async #grow(needed: number): Promise<void> {
    const old = this.#bytes
    const length = Math.min(Math.max(needed, old.length * 2, FIRST_PREFIX), MAX_PREFIX, this.source.size)
    this.#bytes = new Uint8Array(length)
    this.#bytes.set(old)
    this.#bytes.set(await this.source.read(old.length, length - old.length), old.length)
    this.#view = new DataView(this.#bytes.buffer)
  }
}

/** Text of a value; bytes that are not UTF-8 become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return lenient.decode(bytes)
}

/** A name from a file for a message: short, on one line, nothing invisible. */
export function quote(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return JSON.stringify(short).replace(/\p{C}/gu, char => `\\u{${char.codePointAt(0)!.toString(16)}}`)
}
