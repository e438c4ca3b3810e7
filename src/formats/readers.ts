// All formats that are read, and which one a file is of: its content says it, never its name.
import { ModelFormatError } from '../errors.ts'
import type { Source } from '../io/source.ts'
import { quote } from './gguf/cursor.ts'
import { openGguf } from './gguf.ts'
import { looksLlama2c, type Neighbours, openLlama2c } from './llama2c.ts'
import type { FormatName, ModelFile } from './model-file.ts'
import { looksNative, openNative } from './native.ts'
import { looksIndex, looksSafetensors, openSafetensors } from './safetensors.ts'

export interface FormatReader {
  readonly name: FormatName
  /** Whether a file of `size` bytes is of this format, by its first {@link PROBE_BYTES} (or all, if it is shorter). */
  detects(start: Uint8Array, size: number): boolean
  /** Closing the answer closes `source`; after an error it is still the caller's to close. */
  open(source: Source, beside: Neighbours): Promise<ModelFile>
}

const PROBE_BYTES = 256

/** The order matters to no file that is sound: at most one of them detects it. */
export const readers: readonly FormatReader[] = [
  {
    name: 'gguf',
    detects: start => new TextDecoder('latin1').decode(start.subarray(0, 4)) === 'GGUF',
    open: (source, beside) => openGguf(source, name => beside.open(name)),
  },
  { name: 'native', detects: looksNative, open: openNative },
  {
    name: 'safetensors',
    detects: (start, size) => looksSafetensors(start, size) || looksIndex(start),
    open: openSafetensors,
  },
  { name: 'llama2c', detects: looksLlama2c, open: openLlama2c },
]

export const formatNames: readonly FormatName[] = readers.map(({ name }) => name)

/** The reader of a file's format; undefined if it is of none. */
export async function detectFormat(source: Source): Promise<FormatReader | undefined> {
  const start = await probe(source)
  return readers.find(reader => reader.detects(start, source.size))
}

/**
 * Opens a model file of whatever format, or of `format` if no other is detected. Rejects with a ModelFormatError if it is of
 * none, or of another than was asked for. Closing the answer closes `source`; after an error it is still the caller's to close.
 */
export async function openModel(source: Source, beside: Neighbours, format?: FormatName): Promise<ModelFile> {
  const detected = await detectFormat(source)
  const fail = async (expected: string) => {
    const found =
      detected?.name ?? quote(new TextDecoder('latin1').decode((await probe(source)).subarray(0, 8)))
    throw new ModelFormatError({ file: source.name, field: 'content', expected, found })
  }
  if (format !== undefined && detected && detected.name !== format)
    return fail(`a file of format ${format}, as asked for`)
  const reader = detected ?? readers.find(({ name }) => name === format)
  return reader ? reader.open(source, beside) : fail(`a model file of format ${formatNames.join(', ')}`)
}

function probe(source: Source): Promise<Uint8Array> {
  return source.read(0, Math.min(PROBE_BYTES, source.size))
}
