// quantizeModel: a model becomes a file of smaller weights.
import * as z from 'zod'
import type { Metadata, ModelFile } from '../formats/model-file.ts'
import { withRopeLayout } from '../formats/rope-rows.ts'
import { asGguf } from '../formats/safetensors.ts'
import { fileTypeOf, type MixedModel, type MixName, mixedTypes, mixNames } from '../quant/mixes.ts'
import type { RequantizerOptions } from '../quant/requantize.ts'
import { type ConvertOptions, type WritableFormat, writeModel } from './convert.ts'
import { type ImportanceMatrix, loadImportance } from './importance.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { callback, checkOptions, count, formatOption, locationOption, signal } from './options.ts'
import { requantized } from './requantized.ts'

/** Formats that hold quantized weights. */
export const quantizableFormats = ['gguf', 'native'] as const satisfies readonly WritableFormat[]

export interface QuantizeOptions extends Omit<ConvertOptions, 'to'>, RequantizerOptions {
  /** What most matrices become; names and choices for the others are llama.cpp's. */
  readonly type: MixName
  /** What to write. Default `gguf`. */
  readonly to?: (typeof quantizableFormats)[number] | undefined
  /** A file that says how much each column counts: of `computeImportance`, or of llama.cpp. */
  readonly importance?: ModelLocation | undefined
}

const schema = z.strictObject({
  type: z.enum(mixNames),
  to: z.enum(quantizableFormats).default('gguf'),
  format: formatOption,
  importance: locationOption.optional(),
  threads: count.max(1024).optional(),
  signal: signal.optional(),
  onProgress: callback<QuantizeOptions['onProgress']>().optional(),
  notice: callback<QuantizeOptions['notice']>().optional(),
})

/** What `general.quantization_version` says of the block formats as they are. */
const QUANTIZATION_VERSION = 2

/**
 * Writes a model to `path` with its matrices in other formats, piece by piece, so that it need not fit in memory. A file that is there
 * is replaced once the new one is whole. Rejects with SourceError, ModelFormatError, UnsupportedModelError where weights have values
 * that the format cannot hold, and the signal's reason on abort.
 */
export async function quantizeModel(
  location: ModelLocation,
  path: string,
  options: QuantizeOptions,
): Promise<void> {
  const { type, to, format, importance, signal, onProgress, ...computing } = checkOptions(
    'quantizeModel',
    schema,
    options,
  )
  signal?.throwIfAborted()
  const file = await openModelFile(location, format)
  try {
    const matrix = importance === undefined ? undefined : await loadImportance(importance, file.tensors)
    const smaller = await requantized(to === 'gguf' ? withRopeLayout(asGguf(file), 'adjacent') : file, {
      types: mixedTypes(type, mixedModel(file, matrix !== undefined)),
      importance: matrix?.tensors,
      ...computing,
    })
    try {
      await writeModel(labelled(smaller, type, matrix), path, { to, signal, onProgress })
    } finally {
      await smaller.close()
    }
  } finally {
    await file.close()
  }
}

/** What the choice of formats depends on. */
export function mixedModel({ metadata, tensors }: ModelFile, importance: boolean): MixedModel {
  const architecture = String(metadata.get('general.architecture'))
  const number = (key: string) => firstNumber(metadata, `${architecture}.${key}`)
  const heads = number('attention.head_count') ?? 0
  return {
    architecture,
    layers: number('block_count') ?? 0,
    heads,
    kvHeads: number('attention.head_count_kv') ?? heads,
    experts: number('expert_count') ?? 0,
    tensors: tensors.values(),
    importance,
  }
}

/** Some keys have a value for each layer. */
function firstNumber(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key)
  const first = typeof value === 'object' ? value[0] : value
  return typeof first === 'number' ? first : undefined
}

/** With the keys that say what it was quantized to, and by what. */
function labelled(file: ModelFile, type: MixName, matrix: ImportanceMatrix | undefined): ModelFile {
  const metadata = new Map(file.metadata)
  const types = new Map(file.types)
  const set = (key: string, value: number | string) => {
    metadata.set(key, value)
    types.set(key, typeof value === 'number' ? 'u32' : 'string')
  }
  set('general.quantization_version', QUANTIZATION_VERSION)
  set('general.file_type', fileTypeOf(type))
  if (matrix) {
    set('quantize.imatrix.file', matrix.name)
    if (matrix.datasets[0] !== undefined) set('quantize.imatrix.dataset', matrix.datasets[0])
    set('quantize.imatrix.entries_count', matrix.tensors.size)
    if (matrix.chunks !== undefined) set('quantize.imatrix.chunks_count', matrix.chunks)
  }
  return { ...file, metadata, types }
}
