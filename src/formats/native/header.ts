// The container of native files and of safetensors: the size of a header, the header as JSON, padding, a payload. Knows no keys.
import { ModelFormatError } from '../../errors.ts'
import type { Source } from '../../io/source.ts'
import { Json } from '../../tokenizer/json.ts'
import { alignUp } from '../gguf/spec.ts'

/** What the payload starts at a multiple of, and in files of ours each tensor. */
export const ALIGNMENT = 64
/** Bytes of the header's size. */
export const PREFIX_BYTES = 8
/** Three times what the largest vocabularies and lists of tensors take. */
const MAX_HEADER_BYTES = 2 ** 25
/** Arrays and objects take a hundred times the memory that their brackets take in the file. */
const MAX_BRACKETS = 2 ** 21

export interface Header {
  readonly json: Json
  /** The same as it is written: of a key that comes twice, `json` has only one. */
  readonly text: string
  /** Where the header ends in the file. */
  readonly end: number
  /** Where the payload of native files starts. */
  readonly payload: number
}

/** A header's size, if these first bytes of a file of `size` bytes begin with one, and a JSON object behind it. */
export function headerSize(start: Uint8Array, size: number): number | undefined {
  if (start.length <= PREFIX_BYTES || start[PREFIX_BYTES] !== 0x7b) return undefined
  const bytes = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true))
  return bytes <= Math.min(size - PREFIX_BYTES, MAX_HEADER_BYTES) ? bytes : undefined
}

/** Reads and parses the header. Throws a ModelFormatError if there is none. */
export async function readHeader(source: Source): Promise<Header> {
  const fail = (field: string, expected: string, found: string): never => {
    throw new ModelFormatError({ file: source.name, field, expected, found })
  }
  if (source.size < PREFIX_BYTES) fail('header size', `${PREFIX_BYTES} bytes`, `a file of ${source.size}`)
  const prefix = await source.read(0, PREFIX_BYTES)
  const size = new DataView(prefix.buffer).getBigUint64(0, true)
  const most = Math.min(source.size - PREFIX_BYTES, MAX_HEADER_BYTES)
  if (size < 2n || size > BigInt(most)) fail('header size', `2 to ${most} bytes`, `${size}`)
  const bytes = withoutPadding(await source.read(PREFIX_BYTES, Number(size)))
  const { text, value } = parseJson(bytes, source.name, 'header')
  const end = PREFIX_BYTES + Number(size)
  return { json: new Json(value, source.name), text, end, payload: alignUp(end, ALIGNMENT) }
}

/** What JSON says, and its text. Throws a ModelFormatError naming the `field`, also for so many values that memory would end. */
export function parseJson(bytes: Uint8Array, file: string, field: string): { text: string; value: unknown } {
  const fail = (expected: string, found: string, options?: ErrorOptions): never => {
    throw new ModelFormatError({ file, field, expected, found }, options)
  }
  if (countBrackets(bytes) > MAX_BRACKETS) fail(`at most ${MAX_BRACKETS} arrays and objects`, 'more')
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { text, value: JSON.parse(text) }
  } catch (error) {
    const found = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error)
    return fail('JSON in UTF-8', found, { cause: error })
  }
}

/** How many bytes begin an array or an object; those in texts are counted, too, as few as they are. */
function countBrackets(bytes: Uint8Array): number {
  let count = 0
  for (const byte of bytes) if (byte === 0x7b || byte === 0x5b) count++
  return count
}

/** Exporters fill the header up with zeros, and count them as a part of it. */
function withoutPadding(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}

/** The bytes before the payload: size, JSON, zeros. As exporters do, the size counts the zeros. */
export function headerBytes(json: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(json))
  const bytes = new Uint8Array(alignUp(PREFIX_BYTES + text.length, ALIGNMENT))
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - PREFIX_BYTES), true)
  bytes.set(text, PREFIX_BYTES)
  return bytes
}
