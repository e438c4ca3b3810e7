// Writes a GGUF file (version 3), one tensor after another, so that a model never has to fit in memory.
// Knows nothing of where the bytes go.
import { InvalidOptionError } from '../../errors.ts'
import type { Sink } from '../../io/sink.ts'
import { isPacked } from '../../quant/packed.ts'
import { quants } from '../../quant/quants.ts'
import {
  bytesWritten,
  checkTensors,
  type ModelContents,
  metadataOf,
  sizeOf,
  type WritableTensor,
  writeTensors,
} from '../contents.ts'
import { Encoder } from './encoder.ts'
import { alignmentKey, alignUp, DEFAULT_ALIGNMENT, isAlignment, MAGIC } from './spec.ts'
import { GgufValue, u32, type WritableValue } from './values.ts'

export interface GgufContents extends ModelContents {
  /** Tensors start at multiples of it, a power of two; without it, at multiples of `general.alignment` or 32. */
  readonly alignment?: number
}

/** Writes a GGUF file. Throws an InvalidOptionError for what the format cannot hold. */
export async function writeGguf(sink: Sink, contents: GgufContents): Promise<void> {
  const metadata = metadataOf(contents)
  if (contents.alignment !== undefined) metadata.set(alignmentKey, u32(contents.alignment))
  const alignment = alignmentOf(metadata)
  checkTensors(contents.tensors)
  await sink.write(header(metadata, contents.tensors, alignment))
  await writeTensors(sink, contents.tensors, alignment)
}

/** The whole file in memory. */
export function ggufBytes(contents: GgufContents): Promise<Uint8Array> {
  return bytesWritten(sink => writeGguf(sink, contents))
}

function header(
  metadata: ReadonlyMap<string, WritableValue>,
  tensors: readonly WritableTensor[],
  alignment: number,
): Uint8Array {
  const encoder = new Encoder()
  encoder.u32(MAGIC)
  encoder.u32(3)
  encoder.u64(tensors.length)
  encoder.u64(metadata.size)
  for (const [key, value] of metadata) {
    encoder.string(key)
    encoder.value(value)
  }
  let offset = 0
  for (const tensor of tensors) {
    encoder.string(tensor.name)
    encoder.u32(tensor.shape.length)
    for (const dimension of tensor.shape.toReversed()) encoder.u64(dimension)
    encoder.u32(ggmlIdOf(tensor))
    encoder.u64(offset)
    offset += alignUp(sizeOf(tensor), alignment)
  }
  encoder.pad(alignment)
  return encoder.bytes
}

function ggmlIdOf({ name, type }: WritableTensor): number {
  const ggmlId = isPacked(type) ? undefined : quants[type].ggmlId
  if (ggmlId === undefined) throw new InvalidOptionError(`tensor ${name}: GGUF has no type ${type}`)
  return ggmlId
}

function alignmentOf(metadata: ReadonlyMap<string, WritableValue>): number {
  const value = metadata.get(alignmentKey) ?? DEFAULT_ALIGNMENT
  const alignment = value instanceof GgufValue ? value.value : value
  if (isAlignment(alignment)) return alignment
  throw new InvalidOptionError(
    `${alignmentKey} is ${String(alignment)}, which is no power of two up to 65536`,
  )
}
