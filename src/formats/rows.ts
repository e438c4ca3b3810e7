// Tensors row by row, as most writers and whoever computes with values take them. Knows no format.
import { makeSource, type Source } from '../io/source.ts'
import { type DecodeRow, packedRows } from '../quant/decode-packed.ts'
import { packedType, partBytes } from '../quant/packed.ts'
import type { ModelFile, RowFile, RowTensor, TensorInfo } from './model-file.ts'

/** The same tensor row by row: that of a matrix in parts is decoded to F32 as it is read. */
export function inRows(tensor: TensorInfo): RowTensor {
  const { name, type, shape, source, offset } = tensor
  const packed = packedType(type)
  if (!packed) return tensor as RowTensor
  const [rows, columns] = shape.slice(-2) as [number, number]
  const sizes = partBytes(packed, { rows, columns })
  const each = sizes.reduce((sum, size) => sum + size, 0)
  const load = async (index: number) => {
    let at = offset + index * each
    const parts: Uint8Array[] = []
    for (const size of sizes) {
      parts.push(await source.read(at, size))
      at += size
    }
    return packedRows(packed, { rows, columns }, parts)
  }
  // A row lies all over its matrix, so all of it is in memory from the first read to the last.
  let loaded: { readonly index: number; readonly decode: Promise<DecodeRow> } | undefined
  const bytes = 4 * shape.reduce((product, size) => product * size, 1)
  const read = async (first: number, count: number) => {
    const out = new Float32Array(count * columns)
    for (let i = 0; i < count; i++) {
      const index = Math.floor((first + i) / rows)
      if (loaded?.index !== index) loaded = { index, decode: load(index) }
      const decode = await loaded.decode
      decode((first + i) % rows, out.subarray(i * columns, (i + 1) * columns))
      if ((first + i) % rows === rows - 1) loaded = undefined
    }
    return new Uint8Array(out.buffer)
  }
  const computed = rowSource(`${source.name}: ${name}`, bytes, 4 * columns, read)
  return { name, type: 'F32', shape, source: computed, offset: 0, bytes }
}

/** The same model with all tensors row by row. */
export function withRows(file: ModelFile): RowFile {
  return { ...file, tensors: new Map(Array.from(file.tensors, ([name, tensor]) => [name, inRows(tensor)])) }
}

/** A source of rows of equal size; `make` answers whole ones. */
function rowSource(
  name: string,
  bytes: number,
  rowBytes: number,
  make: (first: number, count: number) => Promise<Uint8Array>,
): Source {
  return makeSource(name, bytes, async (offset, length) => {
    const first = Math.floor(offset / rowBytes)
    const found = await make(first, Math.ceil((offset + length) / rowBytes) - first)
    return found.slice(offset - first * rowBytes, offset - first * rowBytes + length)
  })
}
