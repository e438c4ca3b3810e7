// Reads messages in protobuf's encoding, field by field. (https://protobuf.dev/programming-guides/encoding)
import { ModelFormatError } from '../errors.ts'

/** A field of a message: a whole number, or bytes, whatever it stands for. */
export interface Field {
  readonly number: number
  /** Of a number: its low 32 bits, signed; of other kinds 0. */
  readonly value: number
  /** Of texts, messages, bytes and fixed numbers. */
  readonly bytes: Uint8Array
}

const NONE = new Uint8Array(0)

/** The fields of a message in order; `where` is what the message is in the file. Throws ModelFormatError. */
export function* fields(bytes: Uint8Array, file: string, where: string): Generator<Field> {
  let at = 0
  const fail = (expected: string, found: string): never => {
    throw new ModelFormatError({ file, field: `${where}, byte ${at}`, expected, found })
  }
  /** The low 32 bits, unsigned, and what is above them. */
  const varint = (): readonly [low: number, high: number] => {
    let [low, high] = [0, 0]
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return fail('a number', 'the end')
      const part = byte & 0x7f
      if (shift < 32) low += (part << shift) >>> 0
      if (shift > 25) high += shift < 32 ? part >>> (32 - shift) : part * 2 ** (shift - 32)
      if (byte < 0x80) return [low >>> 0, high]
    }
    return fail('a number of at most ten bytes', 'a longer one')
  }
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) fail(`${length} bytes`, `${bytes.length - at}`)
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const [key, above] = varint()
    const number = key >>> 3
    if (number === 0 || above > 0) fail('a field number', `${number}`)
    const kind = key & 7
    if (kind === 0) yield { number, value: varint()[0] | 0, bytes: NONE }
    else if (kind === 1) yield { number, value: 0, bytes: take(8) }
    else if (kind === 5) yield { number, value: 0, bytes: take(4) }
    else if (kind === 2) {
      const [length, high] = varint()
      yield { number, value: 0, bytes: take(high > 0 ? Number.POSITIVE_INFINITY : length) }
    } else fail('a field of kind 0, 1, 2 or 5', `${kind}`)
  }
}
