// Importance matrices: of each matrix of a model, sums of the squares of what it was multiplied with, by column. Reads llama.cpp's GGUF
// files and the older .dat ones, and writes the former.
import { ModelFormatError } from '../errors.ts'
import type { Sink } from '../io/sink.ts'
import type { Source } from '../io/source.ts'
import { array, openGguf, u32, type WritableTensor, writeGguf } from './gguf.ts'
import type { ModelFile, TensorInfo } from './model-file.ts'

/** Of one tensor, which is one matrix or, of experts, several. */
export interface ColumnSums {
  /** `[matrices, columns]` sums of squares. */
  readonly sums: Float32Array
  /** `[matrices]` rows that were summed. */
  readonly counts: Float32Array
}

export interface ImportanceFile {
  readonly tensors: ReadonlyMap<string, ColumnSums>
  /** What it was computed from. */
  readonly datasets: readonly string[]
  /** Stretches of text, and tokens in each; older files do not say. */
  readonly chunks?: { readonly count: number; readonly size: number } | undefined
}

const [SUMS, COUNTS] = ['.in_sum2', '.counts']
const keys = {
  type: 'general.type',
  datasets: 'imatrix.datasets',
  chunkCount: 'imatrix.chunk_count',
  chunkSize: 'imatrix.chunk_size',
} as const
/** Longer names are none. */
const MOST_NAME_BYTES = 1024

/** Reads a file of either kind. Throws a ModelFormatError if it is malformed; `source` is the caller's to close. */
export async function readImportance(source: Source): Promise<ImportanceFile> {
  const magic = new TextDecoder('latin1').decode(await source.read(0, Math.min(4, source.size)))
  return magic === 'GGUF' ? readGgufImportance(source) : readDat(source)
}

/** Writes a GGUF file. */
export async function writeImportance(
  sink: Sink,
  { tensors, datasets, chunks }: ImportanceFile,
): Promise<void> {
  const matrix = (name: string, values: Float32Array, matrices: number): WritableTensor => ({
    name,
    type: 'F32',
    shape: [matrices, values.length / matrices],
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  })
  await writeGguf(sink, {
    metadata: {
      [keys.type]: 'imatrix',
      [keys.datasets]: array('string', datasets),
      ...(chunks && { [keys.chunkCount]: u32(chunks.count), [keys.chunkSize]: u32(chunks.size) }),
    },
    tensors: [...tensors].flatMap(([name, { sums, counts }]) => [
      matrix(name + SUMS, sums, counts.length),
      matrix(name + COUNTS, counts, counts.length),
    ]),
  })
}

async function readGgufImportance(source: Source): Promise<ImportanceFile> {
  const file = await openGguf(source)
  const type = file.metadata.get(keys.type)
  if (type !== 'imatrix') fail(source, keys.type, '"imatrix"', type === undefined ? 'nothing' : `"${type}"`)
  const tensors = new Map<string, ColumnSums>()
  for (const [full, tensor] of file.tensors) {
    if (!full.endsWith(SUMS)) continue
    const name = full.slice(0, -SUMS.length)
    const counted = file.tensors.get(name + COUNTS)
    if (!counted) fail(source, `tensor ${name}${COUNTS}`, 'one beside its sums', 'none')
    const [sums, counts] = [await readFloats(tensor), await readFloats(counted)]
    if (sums.length % counts.length !== 0)
      fail(source, `tensor ${full}`, `as many values for each of ${counts.length} counts`, `${sums.length}`)
    tensors.set(name, checked(source, name, { sums, counts }))
  }
  if (tensors.size === 0) fail(source, 'tensors', `some whose names end in ${SUMS}`, 'none')
  return { tensors, datasets: textsOf(file), chunks: chunksOf(file) }
}

async function readFloats({ name, type, source, offset, bytes }: TensorInfo): Promise<Float32Array> {
  if (type !== 'F32') fail(source, `tensor ${name}`, 'type F32', type)
  return floatsIn(await source.read(offset, bytes))
}

function textsOf({ metadata }: ModelFile): readonly string[] {
  const found = metadata.get(keys.datasets)
  return Array.isArray(found) ? found.filter(text => typeof text === 'string') : []
}

function chunksOf({ metadata }: ModelFile): ImportanceFile['chunks'] {
  const [count, size] = [metadata.get(keys.chunkCount), metadata.get(keys.chunkSize)]
  return typeof count === 'number' && typeof size === 'number' ? { count, size } : undefined
}

/**
 * A count of entries; then of each the length of its name, its name, chunks, count of values, and values: means of squares, times the
 * chunks. What follows, the number of chunks and the name of the text, may be missing.
 */
async function readDat(source: Source): Promise<ImportanceFile> {
  let at = 0
  const take = async (length: number, field: string) => {
    if (length > source.size - at)
      fail(source, field, `${length} bytes at ${at}`, `the end of the file at ${source.size}`)
    at += length
    return source.read(at - length, length)
  }
  const number = async (least: number, most: number, field: string) => {
    const bytes = await take(4, field)
    const found = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)
    if (found < least || found > most) fail(source, field, `a number from ${least} to ${most}`, `${found}`)
    return found
  }
  const text = async (most: number, field: string) =>
    new TextDecoder().decode(await take(await number(0, most, `${field} length`), field))

  const tensors = new Map<string, ColumnSums>()
  const entries = await number(1, Math.floor(source.size / 12), 'number of entries')
  for (let entry = 0; entry < entries; entry++) {
    const name = await text(MOST_NAME_BYTES, `name of entry ${entry}`)
    const chunks = await number(0, 2 ** 31 - 1, `chunks of ${name}`)
    const values = await number(1, Math.floor(source.size / 4), `number of values of ${name}`)
    const sums = floatsIn(await take(4 * values, `values of ${name}`))
    tensors.set(name, checked(source, name, { sums, counts: Float32Array.of(Math.max(1, chunks)) }))
  }
  if (source.size - at < 8) return { tensors, datasets: [] }
  await take(4, 'number of chunks')
  return { tensors, datasets: [await text(2 ** 16, 'name of the text')] }
}

/** Little-endian, of any alignment. */
function floatsIn(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer)
}

function checked(source: Source, name: string, found: ColumnSums): ColumnSums {
  for (const values of [found.sums, found.counts]) {
    const wrong = values.find(value => !(value >= 0 && value < Infinity))
    if (wrong !== undefined) fail(source, `values of ${name}`, 'finite numbers of at least 0', `${wrong}`)
  }
  return found
}

function fail(source: Source, field: string, expected: string, found: string): never {
  throw new ModelFormatError({ file: source.name, field, expected, found })
}
