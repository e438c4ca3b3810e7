// Reads GGUF's list of tensors and finds each one's place in the file: in bounds, aligned, no two overlapping.
// Knows nothing of what a tensor is for.
import { UnsupportedModelError } from '../../errors.ts'
import { bytesFor, ggmlTypeName, type QuantFormat, quantByGgmlId } from '../../quant/quants.ts'
import type { TensorInfo } from '../model-file.ts'
import { findOverlap } from '../overlap.ts'
import { type Cursor, quote } from './cursor.ts'
import { alignUp, MAX_DIMENSIONS } from './spec.ts'

/** Least bytes of an entry: the length of its name, a byte of it, one dimension, type and offset. */
export const MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8

/** A tensor whose `offset` still counts from the start of the data. */
export type TensorEntry = Omit<TensorInfo, 'source'>

/** Reads the next entry of the list. */
export function readTensor(cursor: Cursor, index: number): TensorEntry {
  const name = cursor.identifier(`tensor ${index} name`)
  const field = `tensor ${quote(name)}`
  const shape = readShape(cursor, field)
  const format = readFormat(cursor, field)
  const columns = shape.at(-1)!
  if (columns % format.elems !== 0)
    cursor.fail(
      `${field} dimension 0`,
      `a multiple of ${format.elems}, the block length of ${format.name}`,
      `${columns}`,
    )
  const elements = shape.reduce((product, dimension) => product * dimension)
  const offset = cursor.count(`${field} offset`, cursor.source.size)
  return { name, type: format.name, shape, offset, bytes: bytesFor(format.name, elements) }
}

/** Tensors by name, at their offsets in the file; the list ends where the cursor stands. */
export function placeTensors(
  cursor: Cursor,
  entries: readonly TensorEntry[],
  alignment: number,
): Map<string, TensorInfo> {
  const { source } = cursor
  const start = alignUp(cursor.at, alignment)
  const tensors = new Map<string, TensorInfo>()
  for (const entry of entries) {
    const field = `tensor ${quote(entry.name)}`
    if (tensors.has(entry.name)) cursor.fail(field, 'each name once', 'a second one')
    if (entry.offset % alignment !== 0)
      cursor.fail(`${field} offset`, `a multiple of the alignment ${alignment}`, `${entry.offset}`)
    if (start + entry.offset + entry.bytes > source.size)
      cursor.fail(
        `${field} offset`,
        `${entry.bytes} bytes at ${start + entry.offset}, within the file`,
        `the end of the file at ${source.size}`,
      )
    tensors.set(entry.name, { ...entry, source, offset: start + entry.offset })
  }
  checkOverlap(cursor, entries)
  return tensors
}

function checkOverlap(cursor: Cursor, entries: readonly TensorEntry[]): void {
  const overlap = findOverlap(entries)
  if (!overlap) return
  const [{ name, offset, bytes }, next] = overlap
  cursor.fail(
    `tensor ${quote(next.name)} offset`,
    `at least ${offset + bytes}, where tensor ${quote(name)} ends`,
    `${next.offset}`,
  )
}

/** Dimensions, outermost first; the file has them the other way round, the row length first. */
function readShape(cursor: Cursor, field: string): number[] {
  const count = cursor.u32(`${field} dimensions`)
  if (count < 1 || count > MAX_DIMENSIONS)
    cursor.fail(`${field} dimensions`, `1 to ${MAX_DIMENSIONS}`, `${count}`)
  const shape: number[] = []
  let elements = 1
  for (let i = 0; i < count; i++) {
    const name = `${field} dimension ${i}`
    const most = Math.floor(Number.MAX_SAFE_INTEGER / elements)
    const length = cursor.count(name, most, 'as a tensor has less than 2^53 elements')
    if (length === 0) cursor.fail(name, 'at least 1', '0')
    elements *= length
    shape.unshift(length)
  }
  return shape
}

function readFormat(cursor: Cursor, field: string): QuantFormat {
  const id = cursor.u32(`${field} type`)
  const format = quantByGgmlId(id)
  if (format) return format
  const name = ggmlTypeName(id)
  if (name !== undefined)
    throw new UnsupportedModelError(
      `${cursor.file}: ${field} is of type ${name}, which torchless cannot compute with`,
    )
  return cursor.fail(`${field} type`, 'a known tensor type', `${id}`)
}
