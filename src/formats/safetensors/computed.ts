// Tensors that no file holds as they are: joined from several, or computed from others as they are read.
import { makeSource } from '../../io/source.ts'
import { decodeRows } from '../../quant/decode.ts'
import { bytesFor } from '../../quant/quants.ts'
import type { TensorInfo } from '../model-file.ts'

/** Tensors of one type and shape as one, with a first dimension more; each stays where it is. */
export function stacked(name: string, slices: readonly [TensorInfo, ...TensorInfo[]]): TensorInfo {
  const [{ type, shape, bytes: each }] = slices
  const bytes = each * slices.length
  const source = makeSource(name, bytes, async (offset, length) => {
    const out = new Uint8Array(length)
    for (let at = offset; at < offset + length; ) {
      const slice = slices[Math.floor(at / each)]!
      const within = at % each
      const count = Math.min(each - within, offset + length - at)
      out.set(await slice.source.read(slice.offset + within, count), at - offset)
      at += count
    }
    return out
  })
  return { name, type, shape: [slices.length, ...shape], source, offset: 0, bytes, slices }
}

/** What one of Gemma's norms multiplies by, in F32: files hold how much more than 1 it is. */
export function onePlus(tensor: TensorInfo): TensorInfo {
  const { name, type, shape, source, offset: start } = tensor
  const elements = shape.reduce((product, dimension) => product * dimension, 1)
  const decode = decodeRows(type)
  const read = async (offset: number, length: number) => {
    const first = Math.floor(offset / 4)
    const count = Math.ceil((offset + length) / 4) - first
    const values = new Float32Array(count)
    decode(await source.read(start + bytesFor(type, first), bytesFor(type, count)), 0, values, 0, count)
    for (let i = 0; i < count; i++) values[i]! += 1
    return new Uint8Array(values.buffer).slice(offset - 4 * first, offset - 4 * first + length)
  }
  const computed = makeSource(`${source.name}: ${name}`, 4 * elements, read)
  return { name, type: 'F32', shape, source: computed, offset: 0, bytes: 4 * elements }
}

/** Numbers that the configuration holds, or that follow from it. */
export function vector(name: string, values: readonly number[]): TensorInfo {
  const bytes = new Uint8Array(Float32Array.from(values).buffer)
  const source = makeSource(name, bytes.length, async (offset, length) =>
    bytes.slice(offset, offset + length),
  )
  return { name, type: 'F32', shape: [values.length], source, offset: 0, bytes: bytes.length }
}
