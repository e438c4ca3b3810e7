// The header of one safetensors file (https://github.com/huggingface/safetensors#format): types, shapes and places of its
// tensors, each checked. Knows nothing of what a tensor is for.
import { ModelFormatError, UnsupportedModelError } from '../../errors.ts'
import type { Source } from '../../io/source.ts'
import { quote } from '../gguf/cursor.ts'
import { headerSize, PREFIX_BYTES, readHeader } from '../native/header.ts'
import { duplicateKey } from './duplicates.ts'

/** Bytes of an element by its type. */
const elementBytes: Readonly<Record<string, number>> = {
  ...{ BOOL: 1, U8: 1, I8: 1, F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1 },
  ...{ I16: 2, U16: 2, F16: 2, BF16: 2 },
  ...{ I32: 4, U32: 4, F32: 4 },
  ...{ I64: 8, U64: 8, F64: 8, C64: 8 },
}
/** No tensor has more. */
const MOST_DIMENSIONS = 8
/** The only key that is no tensor. */
const METADATA = '__metadata__'

export interface StoredTensor {
  readonly name: string
  /** A key of the table above. */
  readonly dtype: string
  /** Row-major. */
  readonly shape: readonly number[]
  readonly source: Source
  /** Byte offset in `source`. */
  readonly offset: number
  readonly bytes: number
}

/** Whether a file of `size` bytes that starts like this is one. */
export function looksSafetensors(start: Uint8Array, size: number): boolean {
  if (headerSize(start, size) === undefined) return false
  const json = new TextDecoder('latin1').decode(start.subarray(PREFIX_BYTES))
  return /^\{\s*(?:"__metadata__"\s*:|"(?:[^"\\]|\\.)*"\s*:\s*\{\s*"(?:dtype|shape|data_offsets)"\s*:|\}\s*$)/s.test(
    json,
  )
}

/**
 * The tensors of a file by name, in the order in which they lie: one behind the other, without gaps. Throws a ModelFormatError
 * if the header is malformed, an UnsupportedModelError if it names a type that torchless has never heard of.
 */
export async function readStored(source: Source): Promise<Map<string, StoredTensor>> {
  const { json, text, end: start } = await readHeader(source)
  const fail = (field: string, expected: string, found: string): never => {
    throw new ModelFormatError({ file: source.name, field, expected, found })
  }
  const twice = duplicateKey(text)
  if (twice !== undefined) fail('header', 'each key once', `${quote(twice)} twice`)

  const tensors: StoredTensor[] = []
  for (const [name] of json.entries()) {
    if (name === METADATA) continue
    const entry = json.get(name)
    const dtype = entry.get('dtype').text()
    const size = Object.hasOwn(elementBytes, dtype) ? elementBytes[dtype] : undefined
    if (size === undefined)
      throw new UnsupportedModelError(
        `${source.name}: tensor ${quote(name)} is of type ${quote(dtype)}, which torchless does not know`,
      )
    const dimensions = entry.get('shape').items()
    if (dimensions.length > MOST_DIMENSIONS)
      entry.get('shape').fail(`at most ${MOST_DIMENSIONS} dimensions`, `${dimensions.length}`)
    const shape = dimensions.map(dimension => dimension.count(Number.MAX_SAFE_INTEGER))
    const offsets = entry.get('data_offsets').items()
    if (offsets.length !== 2)
      entry.get('data_offsets').fail('where it begins and ends', `${offsets.length} numbers`)
    const [begin, end] = offsets.map(offset => offset.count(source.size - start + 1)) as [number, number]
    const bytes = shape.reduce((product, dimension) => product * dimension, size)
    if (end - begin !== bytes)
      fail(`tensor ${quote(name)}`, `${bytes} bytes for ${dtype} [${shape.join(', ')}]`, `${end - begin}`)
    tensors.push({ name, dtype, shape, source, offset: start + begin, bytes })
  }
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
  let at = start
  for (const { name, offset, bytes } of tensors) {
    if (offset !== at)
      fail(
        `tensor ${quote(name)}`,
        `its data at ${at - start}, where that of the one before it ends`,
        `${offset - start}`,
      )
    at = offset + bytes
  }
  if (at !== source.size) fail('size', `${at} bytes, where the last tensor ends`, `${source.size}`)
  return new Map(tensors.map(tensor => [tensor.name, tensor]))
}
