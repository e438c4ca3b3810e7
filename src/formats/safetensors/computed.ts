// Tensors that no file holds as they are: joined from several, a part of one, or computed from others as they are read.
import { makeSource, type Source } from '../../io/source.ts'
import { decodeRows } from '../../quant/decode.ts'
import type { PackedName } from '../../quant/packed.ts'
import { bytesFor, quants } from '../../quant/quants.ts'
import type { RowTensor, TensorInfo, TensorPlace } from '../model-file.ts'
import { inRows } from '../rows.ts'

/** Tensors of one type and shape as one, with a first dimension more; each stays where it is. */
export function stacked(name: string, slices: readonly [TensorInfo, ...TensorInfo[]]): TensorInfo {
  const [{ type, shape }] = slices
  const places = slices.flatMap(slice => slice.places ?? [slice])
  return { name, type, shape: [slices.length, ...shape], places, ...joined(name, slices) }
}

/** A matrix in parts; each stays where it is. */
export function inParts(
  name: string,
  type: PackedName,
  shape: readonly number[],
  parts: readonly Extent[],
): TensorInfo {
  return { name, type, shape, places: parts, ...joined(name, parts) }
}

/** A run of bytes. */
type Extent = TensorPlace & { readonly bytes: number }

/** Runs of bytes as one. */
function joined(name: string, extents: readonly Extent[]): Extent {
  const bytes = extents.reduce((sum, extent) => sum + extent.bytes, 0)
  const source = makeSource(name, bytes, async (offset, length) => {
    const out = new Uint8Array(length)
    let start = 0
    for (const { source, offset: at, bytes } of extents) {
      const [from, to] = [Math.max(offset, start), Math.min(offset + length, start + bytes)]
      if (from < to) out.set(await source.read(at + from - start, to - from), from - offset)
      start += bytes
    }
    return out
  })
  return { source, offset: 0, bytes }
}

/** Slice `index` of the first dimension. */
export function sliceOf(tensor: RowTensor, index: number, name: string): RowTensor {
  const { type, shape, bytes } = tensor
  const each = bytes / shape[0]!
  const place: TensorPlace = tensor.places?.[index] ?? {
    source: tensor.source,
    offset: tensor.offset + index * each,
  }
  return { name, type, shape: shape.slice(1), bytes: each, source: place.source, offset: place.offset }
}

/** Rows (of the first dimension) from `from` to before `to`. */
export function rowsOf(tensor: RowTensor, from: number, to: number, name: string): RowTensor {
  const { type, shape, source, offset } = tensor
  const each = tensor.bytes / shape[0]!
  const rows = [to - from, ...shape.slice(1)]
  return { name, type, shape: rows, source, offset: offset + from * each, bytes: (to - from) * each }
}

/** Each value changed, in F32; the type may be any. */
export function changed(tensor: TensorInfo, change: (value: number) => number): RowTensor {
  const { name, type, shape, source, offset: start } = inRows(tensor)
  const elements = shape.reduce((product, dimension) => product * dimension, 1)
  const { elems } = quants[type]
  const decode = decodeRows(type)
  const read = async (offset: number, length: number) => {
    const first = Math.floor(offset / 4 / elems) * elems
    const count = Math.ceil((offset + length) / 4 / elems) * elems - first
    const values = new Float32Array(count)
    decode(await source.read(start + bytesFor(type, first), bytesFor(type, count)), 0, values, 0, count)
    for (let i = 0; i < count; i++) values[i] = change(values[i]!)
    return new Uint8Array(values.buffer).slice(offset - 4 * first, offset - 4 * first + length)
  }
  const computed = makeSource(`${source.name}: ${name}`, 4 * elements, read)
  return { name, type: 'F32', shape, source: computed, offset: 0, bytes: 4 * elements }
}

/** What one of Gemma's norms multiplies by: files hold how much more than 1 it is. */
export function onePlus(tensor: TensorInfo): RowTensor {
  return changed(tensor, value => value + 1)
}

/** In F32, where HuggingFace's files have no such type. */
export function decoded(tensor: TensorInfo): RowTensor {
  return changed(tensor, value => value)
}

/**
 * Latent attention's matrices of keys (`[heads, latent, plain]`) and values (`[heads, value, latent]`) in one, a head's keys before its
 * values: `[heads · (plain + value), latent]`, in F32.
 */
export function keysAndValues(keys: TensorInfo, values: TensorInfo, name: string): RowTensor {
  const [heads, latent, plain] = keys.shape as [number, number, number]
  const rows = plain + values.shape[1]!
  const bytes = 4 * heads * rows * latent
  const [allKeys, allValues] = [decoded(keys), decoded(values)]
  const each = 4 * rows * latent
  const source = piecewise(name, bytes, each, async (head, offset, length) => {
    const read = async (tensor: TensorInfo) => {
      const size = tensor.bytes / heads
      return new Float32Array((await tensor.source.read(head * size, size)).buffer)
    }
    const transposed = await read(allKeys)
    const out = new Float32Array(rows * latent)
    for (let row = 0; row < plain; row++)
      for (let i = 0; i < latent; i++) out[row * latent + i] = transposed[i * plain + row]!
    out.set(await read(allValues), plain * latent)
    return new Uint8Array(out.buffer).slice(offset, offset + length)
  })
  return { name, type: 'F32', shape: [heads * rows, latent], source, offset: 0, bytes }
}

/** Numbers that the configuration holds, or that follow from it. */
export function vector(name: string, values: readonly number[]): RowTensor {
  const bytes = new Uint8Array(Float32Array.from(values).buffer)
  const source = makeSource(name, bytes.length, async (offset, length) =>
    bytes.slice(offset, offset + length),
  )
  return { name, type: 'F32', shape: [values.length], source, offset: 0, bytes: bytes.length }
}

/** A source of pieces of `each` bytes; `read` answers a part of piece `index`. */
function piecewise(
  name: string,
  bytes: number,
  each: number,
  read: (index: number, offset: number, length: number) => Promise<Uint8Array>,
): Source {
  return makeSource(name, bytes, async (offset, length) => {
    const out = new Uint8Array(length)
    for (let at = offset; at < offset + length; ) {
      const within = at % each
      const count = Math.min(each - within, offset + length - at)
      out.set(await read(Math.floor(at / each), within, count), at - offset)
      at += count
    }
    return out
  })
}
