// What a model file is, without loading its weights.
import * as z from 'zod'
import { UnsupportedModelError } from '../errors.ts'
import type { FormatName, Metadata, MetadataValue, ModelFile } from '../formats/model-file.ts'
import { programWeights } from '../graph/ops.ts'
import { printProgram } from '../graph/print.ts'
import { type RecordedModel, recordModel } from '../models/registry.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { checkOptions, formatOption } from './options.ts'
import { cacheBytes, kvBytesPerToken } from './traffic.ts'

export interface TensorInspection {
  readonly name: string
  readonly type: string
  /** Row-major: outermost dimension first. */
  readonly shape: readonly number[]
  /** Byte offset in its file. */
  readonly offset: number
  readonly bytes: number
}

export interface ModelInspection {
  readonly format: string
  readonly architecture: string
  /** Number of weights. */
  readonly parameters: number
  /** Trained context in tokens; undefined if the file does not say. */
  readonly contextLength: number | undefined
  /** Number of tensors by type. */
  readonly quantization: Readonly<Record<string, number>>
  /** Bytes; undefined if torchless cannot run the model. */
  readonly memory: { readonly eager: number; readonly kvPerToken: number } | undefined
  /** Why torchless cannot run the model. */
  readonly unsupported: string | undefined
  /** Long arrays are cut to `{ length, first }`. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly tensors: readonly TensorInspection[]
  /** The recorded and optimised program as text. */
  readonly program: string | undefined
}

const LONGEST_ARRAY = 64

const schema = z.strictObject({ format: formatOption })

/** Reads a model's header. Rejects with SourceError or ModelFormatError. */
export async function inspectModel(
  location: ModelLocation,
  options: { readonly format?: FormatName | undefined } = {},
): Promise<ModelInspection> {
  const { format } = checkOptions('inspectModel', schema, options)
  const file = await openModelFile(location, format)
  try {
    const { recorded, unsupported } = record(file)
    const tensors = [...file.tensors.values()]
    const quantization: Record<string, number> = {}
    for (const { type } of tensors) quantization[type] = (quantization[type] ?? 0) + 1
    const architecture = String(file.metadata.get('general.architecture') ?? 'unknown')
    const context = file.metadata.get(`${architecture}.context_length`)
    return {
      format: file.format,
      architecture,
      parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      contextLength: typeof context === 'number' ? context : undefined,
      quantization,
      memory: recorded && memoryNeeded(file, recorded),
      unsupported,
      metadata: plainMetadata(file.metadata),
      tensors: tensors.map(({ name, type, shape, offset, bytes }) => ({ name, type, shape, offset, bytes })),
      program: recorded && printProgram(recorded.program),
    }
  } finally {
    await file.close()
  }
}

function record(file: ModelFile): { recorded?: RecordedModel; unsupported?: string } {
  try {
    return { recorded: recordModel(file.metadata, file.tensors) }
  } catch (error) {
    if (error instanceof UnsupportedModelError) return { unsupported: error.message }
    throw error
  }
}

/** Weights, and the cache of a whole context in F16. */
function memoryNeeded(file: ModelFile, { program, config }: RecordedModel) {
  const weights = programWeights(program).reduce((sum, { name }) => sum + file.tensors.get(name)!.bytes, 0)
  return {
    eager: weights + cacheBytes(program, config.contextLength, 'f16'),
    kvPerToken: kvBytesPerToken(program, 'f16'),
  }
}

function plainMetadata(metadata: Metadata): Record<string, unknown> {
  return Object.fromEntries([...metadata].map(([key, value]) => [key, plainValue(value)]))
}

function plainValue(value: MetadataValue): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object') return value
  const plain = (values: typeof value) => Array.from(values as ArrayLike<MetadataValue>, plainValue)
  if (value.length <= LONGEST_ARRAY) return plain(value)
  return { length: value.length, first: plain(value.slice(0, 8) as typeof value) }
}
