// Rows of queries and keys in the order that another format has them: pairs that rope turns lie side by side (adjacent), or half a
// head apart (halves). Moves rows as they are read, whatever their type.
import { UnsupportedModelError } from '../errors.ts'
import { makeSource, type Source } from '../io/source.ts'
import type { RowFile, RowTensor } from './model-file.ts'

export type RopeLayout = 'adjacent' | 'halves'

/** The rows of one head: the first `rotated` are reordered. */
interface Heads {
  readonly rows: number
  readonly rotated: number
  readonly bytesPerRow: number
}

/**
 * The same model with rows as `wanted`, if it is said to have them otherwise by `rope.layout`, or by `usual` where it says nothing.
 * The answer has no such key. Throws an UnsupportedModelError where rows are not those of whole heads.
 */
export function withRopeLayout(file: RowFile, wanted: RopeLayout, usual: RopeLayout = wanted): RowFile {
  const architecture = String(file.metadata.get('general.architecture'))
  const count = (key: string) => {
    const value = file.metadata.get(`${architecture}.${key}`)
    if (value === undefined || typeof value === 'number') return value
    return fail(`${architecture}.${key}`, 'one number', 'something else')
  }
  const fail = (field: string, expected: string, found: string): never => {
    throw new UnsupportedModelError(
      `${file.sources[0]!.name}: ${field}: expected ${expected}, found ${found}`,
    )
  }
  const key = `${architecture}.rope.layout`
  const found = file.metadata.get(key) ?? usual
  const reordered = (tensor: RowTensor): RowTensor => {
    const [, which] = /\.attn_([qk])\.(?:weight|bias)$/.exec(tensor.name) ?? []
    if (which === undefined) return tensor
    const rows = tensor.shape[0]!
    const heads = count('attention.head_count') ?? 1
    const size = rows / (which === 'q' ? heads : (count('attention.head_count_kv') ?? heads))
    const rotated = count('rope.dimension_count') ?? size
    if (!Number.isInteger(size) || !Number.isInteger(rotated / 2) || rotated > size)
      fail(`tensor ${tensor.name}`, `rows of whole heads, of which rope turns pairs`, `${rows} rows`)
    const layout = { rows: size, rotated, bytesPerRow: tensor.bytes / rows }
    return { ...tensor, source: reorderedSource(tensor, layout, wanted), offset: 0 }
  }
  const tensors = found === wanted ? file.tensors : mapValues(file.tensors, reordered)
  return { ...file, metadata: new Map([...file.metadata].filter(([name]) => name !== key)), tensors }
}

/** Reads whole heads, and answers what was asked for of their rows. */
function reorderedSource(tensor: RowTensor, heads: Heads, wanted: RopeLayout): Source {
  const { source, offset: start, name, bytes } = tensor
  const { rows, rotated, bytesPerRow } = heads
  const headBytes = rows * bytesPerRow
  const half = rotated / 2
  /** Where in its head the row lies that is to be row `row`. */
  const from = (row: number) => {
    if (row >= rotated) return row
    return wanted === 'halves' ? 2 * (row % half) + Math.floor(row / half) : (row % 2) * half + (row >> 1)
  }
  return makeSource(`${source.name}: ${name}`, bytes, async (offset, length) => {
    const first = Math.floor(offset / headBytes) * headBytes
    const end = Math.ceil((offset + length) / headBytes) * headBytes
    const found = await source.read(start + first, end - first)
    const ordered = new Uint8Array(found.length)
    for (let head = 0; head < found.length; head += headBytes)
      for (let row = 0; row < rows; row++) {
        const at = head + from(row) * bytesPerRow
        ordered.set(found.subarray(at, at + bytesPerRow), head + row * bytesPerRow)
      }
    return ordered.slice(offset - first, offset - first + length)
  })
}

function mapValues<K, V>(map: ReadonlyMap<K, V>, change: (value: V) => V): Map<K, V> {
  return new Map(Array.from(map, ([key, value]) => [key, change(value)]))
}
