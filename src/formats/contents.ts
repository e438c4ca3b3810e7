// What writers take, whatever their format: metadata and tensors, one after another, so that a model never has to fit in
// memory. Knows no format.
import { InvalidOptionError } from '../errors.ts'
import type { Sink } from '../io/sink.ts'
import type { Source } from '../io/source.ts'
import { isPacked, packedProblem, packedType, type WeightType, weightBytes } from '../quant/packed.ts'
import { bytesFor, quants } from '../quant/quants.ts'
import { alignUp, type ElementType, MAX_DIMENSIONS, splitKeys } from './gguf/spec.ts'
import { GgufValue, type WritableValue } from './gguf/values.ts'
import type { MetadataValue, ModelFile } from './model-file.ts'

export interface WritableTensor {
  readonly name: string
  readonly type: WeightType
  /** Row-major: outermost dimension first. */
  readonly shape: readonly number[]
  /** The blocks or parts, or what makes them when it is this tensor's turn: whole or in pieces. */
  readonly data: Uint8Array | (() => Promise<Uint8Array> | AsyncIterable<Uint8Array>)
}

export interface ModelContents {
  /** A record, or the entries of a Map such as a ModelFile's metadata. */
  readonly metadata: Readonly<Record<string, WritableValue>> | Iterable<readonly [string, WritableValue]>
  readonly tensors: readonly WritableTensor[]
}

/** Bytes that are read at a time. */
const CHUNK = 2 ** 24

/**
 * All of an open model, its tensors read in pieces when it is their turn, and its values typed as they were. A split model is
 * one again.
 */
export function contentsOf({ metadata, types, tensors }: ModelFile): ModelContents {
  const split: readonly string[] = Object.values(splitKeys)
  return {
    metadata: [...metadata]
      .filter(([key]) => !split.includes(key))
      .map(([key, value]) => [key, typedAs(types.get(key), value)]),
    tensors: Array.from(tensors.values(), ({ name, type, shape, source, offset, bytes }) => ({
      name,
      type,
      shape,
      data: () => inPieces(source, offset, bytes, isPacked(type) ? 1 : bytesFor(type, shape.at(-1)!)),
    })),
  }
}

/** Whole rows, as some sources compute them; the next piece is on its way while one is written. */
async function* inPieces(
  source: Source,
  offset: number,
  bytes: number,
  rowBytes: number,
): AsyncIterable<Uint8Array> {
  const size = Math.max(1, Math.floor(CHUNK / rowBytes)) * rowBytes
  const read = (at: number) => {
    const piece = source.read(offset + at, Math.min(size, bytes - at))
    // Its failure is told when its turn comes, not before.
    piece.catch(() => {})
    return piece
  }
  let next = read(0)
  try {
    for (let at = 0; at < bytes; at += size) {
      const piece = await next
      if (at + size < bytes) next = read(at + size)
      yield piece
    }
  } finally {
    // Whoever stops early must not close what is still read.
    await next.catch(() => {})
  }
}

function typedAs(type: ElementType | undefined, value: MetadataValue): WritableValue {
  if (type === undefined) return value
  if (typeof value !== 'object') return new GgufValue(type, value)
  // Arrays of numbers know their type; of an empty array, nothing else does.
  return value.length === 0 ? new GgufValue(type, []) : value
}

/** The metadata, in order; throws an InvalidOptionError if a key is empty. */
export function metadataOf({ metadata }: ModelContents): Map<string, WritableValue> {
  const entries = Symbol.iterator in metadata ? metadata : Object.entries(metadata)
  const all = new Map(entries as Iterable<readonly [string, WritableValue]>)
  if (all.has('')) throw new InvalidOptionError('a metadata key is empty')
  return all
}

/** Throws an InvalidOptionError that names a tensor which no format can hold. */
export function checkTensors(tensors: readonly WritableTensor[]): void {
  const names = new Set<string>()
  for (const { name, shape, type } of tensors) {
    const complain = (problem: string) => {
      throw new InvalidOptionError(`tensor ${name}: ${problem}`)
    }
    if (name === '') complain('the name is empty')
    if (names.has(name)) complain('there is another one of this name')
    names.add(name)
    if (shape.length < 1 || shape.length > MAX_DIMENSIONS)
      complain(`${shape.length} dimensions, where 1 to ${MAX_DIMENSIONS} are possible`)
    if (!shape.every(dimension => Number.isSafeInteger(dimension) && dimension > 0))
      complain(`the shape [${shape.join(', ')}] is not of positive integers`)
    if (isPacked(type)) {
      const problem = packedProblem(packedType(type)!, shape)
      if (problem) complain(`the shape [${shape.join(', ')}], where ${type} needs ${problem}`)
    } else if (shape.at(-1)! % quants[type].elems !== 0)
      complain(`rows of ${shape.at(-1)} elements, where ${type} needs a multiple of ${quants[type].elems}`)
  }
}

/** Bytes of a tensor's data. */
export function sizeOf({ type, shape }: WritableTensor): number {
  return weightBytes(type, shape)
}

/** Writes the data of all tensors, each followed by zeros up to a multiple of `alignment`. */
export async function writeTensors(
  sink: Sink,
  tensors: readonly WritableTensor[],
  alignment: number,
): Promise<void> {
  for (const tensor of tensors) {
    const bytes = sizeOf(tensor)
    await writeData(sink, tensor, bytes)
    await sink.write(new Uint8Array(alignUp(bytes, alignment) - bytes))
  }
}

/** What `write` writes, in memory. */
export async function bytesWritten(write: (sink: Sink) => Promise<void>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  await write({ write: bytes => void pieces.push(bytes) })
  const file = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    file.set(piece, at)
    at += piece.length
  }
  return file
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
