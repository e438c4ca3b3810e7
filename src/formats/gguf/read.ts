// Reads one GGUF file: header, metadata, tensors. Knows nothing of the other parts of a split model.
import type { Source } from '../../io/source.ts'
import type { Metadata, TensorInfo } from '../model-file.ts'
import { Cursor, quote } from './cursor.ts'
import { LazyMetadata, MIN_ENTRY_BYTES } from './metadata.ts'
import { alignmentKey, DEFAULT_ALIGNMENT, isAlignment, MAGIC, MAX_ALIGNMENT } from './spec.ts'
import { MIN_TENSOR_BYTES, placeTensors, readTensor, type TensorEntry } from './tensors.ts'

/** Entries of metadata, and tensors: ten times what any model has, and few enough to fit in memory. */
const MAX_ENTRIES = 2 ** 18

/** What one file holds. */
export interface GgufPart {
  readonly source: Source
  readonly metadata: LazyMetadata
  readonly tensors: ReadonlyMap<string, TensorInfo>
}

export async function readGguf(source: Source): Promise<GgufPart> {
  const cursor = new Cursor(source)
  const counts = await cursor.attempt(() => readHeader(cursor))
  const metadata = new LazyMetadata()
  for (let i = 0; i < counts.metadata; i++) await cursor.attempt(() => metadata.read(cursor, i))
  const alignment = alignmentOf(cursor, metadata)
  const entries: TensorEntry[] = []
  for (let i = 0; i < counts.tensors; i++) entries.push(await cursor.attempt(() => readTensor(cursor, i)))
  return { source, metadata, tensors: placeTensors(cursor, entries, alignment) }
}

function readHeader(cursor: Cursor): { tensors: number; metadata: number } {
  const magic = cursor.u32('magic')
  if (magic !== MAGIC) cursor.fail('magic', '"GGUF"', `0x${magic.toString(16).padStart(8, '0')}`)
  const version = cursor.u32('version')
  if (version !== 2 && version !== 3) {
    // Big-endian files have the same magic, and the version in the upper bytes.
    const found = version % 2 ** 16 === 0 && version > 0 ? 'a big-endian file' : `${version}`
    cursor.fail('version', '2 or 3, little-endian', found)
  }
  const tensors = readCount(cursor, 'tensor count', MIN_TENSOR_BYTES)
  const metadata = readCount(cursor, 'metadata count', MIN_ENTRY_BYTES)
  return { tensors, metadata }
}

function readCount(cursor: Cursor, field: string, bytes: number): number {
  const room = Math.floor((cursor.rest - 8) / bytes)
  return room < MAX_ENTRIES
    ? cursor.count(field, room)
    : cursor.count(field, MAX_ENTRIES, 'as no model has more')
}

function alignmentOf(cursor: Cursor, metadata: Metadata): number {
  const value = metadata.get(alignmentKey) ?? DEFAULT_ALIGNMENT
  if (isAlignment(value)) return value
  return cursor.fail(
    `metadata ${quote(alignmentKey)}`,
    `a power of two up to ${MAX_ALIGNMENT}`,
    typeof value === 'object' ? 'an array' : quote(String(value)),
  )
}
