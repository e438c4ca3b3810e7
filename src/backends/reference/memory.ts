// What the kernels of the reference backend work on, and how they read it.
import type { Tensor, Weight } from '../../graph/ops.ts'
import { decodeRows } from '../../quant/decode.ts'
import { type DecodeRow, packedRows } from '../../quant/decode-packed.ts'
import { packedType, partBytes, type WeightType } from '../../quant/packed.ts'
import { bytesFor, type QuantName } from '../../quant/quants.ts'
import type { Batch } from '../backend.ts'
import type { ReferenceCache } from './cache.ts'

/** What kernels work on: tensors in the arena, weights as in the file, caches. */
export interface Memory {
  /** The tensor's values at full capacity. */
  tensor(tensor: Tensor): Float32Array
  weight(weight: Weight): { readonly type: WeightType; readonly bytes: Uint8Array }
  cache(index: number): ReferenceCache
  /** How far back the group's tokens see, their own position included; undefined: to the start. */
  window(group: number): number | undefined
  /** Columns of `Batch.tables`. */
  readonly maxBlocks: number
  readonly maxSequences: number
}

/** Runs one operation on a step; a long one yields where it may be interrupted. */
export type Kernel = (batch: Batch) => Iterable<void> | void

/** Multiplications between two yields: some 10 ms. */
export const YIELD_AFTER = 8e6

/** Reads rows of a matrix, or of several one after the other, as float32; the answer is overwritten by the next read. */
export function rowReader(weight: Weight, memory: Memory): (row: number) => Float32Array {
  const { type, bytes } = memory.weight(weight)
  const length = weight.shape.at(-1)!
  const decode = packedType(type) ? partsDecoder(weight, bytes) : rowDecoder(type as QuantName, length, bytes)
  const row = new Float32Array(length)
  return index => {
    decode(index, row)
    return row
  }
}

function rowDecoder(type: QuantName, length: number, bytes: Uint8Array): DecodeRow {
  const rowBytes = bytesFor(type, length)
  const decode = decodeRows(type)
  return (index, row) => decode(bytes, index * rowBytes, row, 0, length)
}

/** Of matrices in parts, those of each one behind the other. */
function partsDecoder({ type, shape }: Weight, bytes: Uint8Array): DecodeRow {
  const packed = packedType(type)!
  const [rows, columns] = shape.slice(-2) as [number, number]
  const sizes = partBytes(packed, { rows, columns })
  const decoders: DecodeRow[] = []
  for (let at = 0; at < bytes.length; ) {
    const parts = sizes.map(size => {
      at += size
      return bytes.subarray(at - size, at)
    })
    decoders.push(packedRows(packed, { rows, columns }, parts))
  }
  return (index, row) => decoders[Math.floor(index / rows)]!(index % rows, row)
}

export function readVector(weight: Weight, memory: Memory): Float32Array {
  return rowReader(weight, memory)(0)
}

export function rowCount(tensor: Tensor, batch: Batch): number {
  return tensor.shape[0] === 'R' ? batch.rows.length : batch.tokens.length
}

/** Dot product of `b` with as many elements of `a` from `start`. Four sums let the additions overlap. */
export function dot(a: Float32Array, start: number, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let i = 0
  for (; i + 3 < b.length; i += 4) {
    s0 += a[start + i]! * b[i]!
    s1 += a[start + i + 1]! * b[i + 1]!
    s2 += a[start + i + 2]! * b[i + 2]!
    s3 += a[start + i + 3]! * b[i + 3]!
  }
  for (; i < b.length; i++) s0 += a[start + i]! * b[i]!
  return s0 + s1 + (s2 + s3)
}
