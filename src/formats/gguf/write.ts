// Writes a GGUF file (version 3), one tensor after another, so that a model never has to fit in memory.
// Knows nothing of where the bytes go.
import { InvalidOptionError } from '../../errors.ts'
import { bytesFor, type QuantName, quants } from '../../quant/quants.ts'
import { Encoder } from './encoder.ts'
import { alignmentKey, alignUp, DEFAULT_ALIGNMENT, isAlignment, MAGIC, MAX_DIMENSIONS } from './spec.ts'
import { GgufValue, u32, type WritableValue } from './values.ts'

/** Where a file is written to, from start to end. */
export interface Sink {
  write(bytes: Uint8Array): Promise<void> | void
}

export interface WritableTensor {
  readonly name: string
  readonly type: QuantName
  /** Row-major: outermost dimension first. */
  readonly shape: readonly number[]
  /** The blocks, or what makes them when it is this tensor's turn: whole or in pieces. */
  readonly data: Uint8Array | (() => Promise<Uint8Array> | AsyncIterable<Uint8Array>)
}

export interface GgufContents {
  /** A record, or the entries of a Map such as a ModelFile's metadata. */
  readonly metadata: Readonly<Record<string, WritableValue>> | Iterable<readonly [string, WritableValue]>
  readonly tensors: readonly WritableTensor[]
  /** Tensors start at multiples of it, a power of two; without it, at multiples of `general.alignment` or 32. */
  readonly alignment?: number
}

/** Writes a GGUF file. Throws an InvalidOptionError for what the format cannot hold. */
export async function writeGguf(sink: Sink, contents: GgufContents): Promise<void> {
  const metadata = metadataOf(contents)
  const alignment = alignmentOf(metadata)
  checkTensors(contents.tensors)
  await sink.write(header(metadata, contents.tensors, alignment))
  for (const tensor of contents.tensors) {
    const bytes = sizeOf(tensor)
    await writeData(sink, tensor, bytes)
    await sink.write(new Uint8Array(alignUp(bytes, alignment) - bytes))
  }
}

/** The whole file in memory. */
export async function ggufBytes(contents: GgufContents): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  await writeGguf({ write: bytes => void pieces.push(bytes) }, contents)
  const file = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    file.set(piece, at)
    at += piece.length
  }
  return file
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
    encoder.u32(quants[tensor.type].ggmlId)
    encoder.u64(offset)
    offset += alignUp(sizeOf(tensor), alignment)
  }
  encoder.pad(alignment)
  return encoder.bytes
}

async function writeData(sink: Sink, { name, data }: WritableTensor, expected: number): Promise<void> {
  let found = 0
  for await (const piece of pieces(data)) {
    found += piece.length
    if (found > expected) break
    await sink.write(piece)
  }
  if (found !== expected)
    throw new InvalidOptionError(
      `tensor ${name}: expected ${expected} bytes of data, found ${found}${found > expected ? ' or more' : ''}`,
    )
}

async function* pieces(data: WritableTensor['data']): AsyncIterable<Uint8Array> {
  const made = typeof data === 'function' ? data() : data
  if (Symbol.asyncIterator in made) yield* made
  else yield await made
}

function metadataOf({ metadata, alignment }: GgufContents): Map<string, WritableValue> {
  const entries = Symbol.iterator in metadata ? metadata : Object.entries(metadata)
  const all = new Map(entries as Iterable<readonly [string, WritableValue]>)
  if (alignment !== undefined) all.set(alignmentKey, u32(alignment))
  if (all.has('')) throw new InvalidOptionError('a metadata key is empty')
  return all
}

function alignmentOf(metadata: ReadonlyMap<string, WritableValue>): number {
  const value = metadata.get(alignmentKey) ?? DEFAULT_ALIGNMENT
  const alignment = value instanceof GgufValue ? value.value : value
  if (isAlignment(alignment)) return alignment
  throw new InvalidOptionError(
    `${alignmentKey} is ${String(alignment)}, which is no power of two up to 65536`,
  )
}

function checkTensors(tensors: readonly WritableTensor[]): void {
  const names = new Set<string>()
  for (const { name, shape, type } of tensors) {
    const complain = (problem: string) => {
      throw new InvalidOptionError(`tensor ${name}: ${problem}`)
    }
    if (name === '') complain('the name is empty')
    if (names.has(name)) complain('there is another one of this name')
    names.add(name)
    const { elems } = quants[type]
    if (shape.length < 1 || shape.length > MAX_DIMENSIONS)
      complain(`${shape.length} dimensions, where 1 to ${MAX_DIMENSIONS} are possible`)
    if (!shape.every(dimension => Number.isSafeInteger(dimension) && dimension > 0))
      complain(`the shape [${shape.join(', ')}] is not of positive integers`)
    if (shape.at(-1)! % elems !== 0)
      complain(`rows of ${shape.at(-1)} elements, where ${type} needs a multiple of ${elems}`)
  }
}

function sizeOf({ type, shape }: WritableTensor): number {
  return bytesFor(
    type,
    shape.reduce((product, dimension) => product * dimension),
  )
}
