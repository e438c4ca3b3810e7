// What a model file is, without loading its weights.
import * as z from 'zod'
import { STEP_TOKENS } from '../backends/cpu/cpu.ts'
import { builtLibrary, programMemory } from '../backends/cpu/memory.ts'
import { limitsFor } from '../engine/engine.ts'
import { UnsupportedModelError } from '../errors.ts'
import type { FormatName, Metadata, MetadataValue, ModelFile } from '../formats/model-file.ts'
import { printProgram } from '../graph/print.ts'
import { type RecordedModel, recordModel } from '../models/registry.ts'
import { DEFAULT_LAZY_MEMORY } from './memory.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { checkOptions, count, formatOption } from './options.ts'
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
  readonly memory: ModelMemory | undefined
  /** Why torchless cannot run the model. */
  readonly unsupported: string | undefined
  /** Long arrays are cut to `{ length, first }`. */
  readonly metadata: Readonly<Record<string, unknown>>
  readonly tensors: readonly TensorInspection[]
  /** The recorded and optimised program as text. */
  readonly program: string | undefined
}

/** What a model takes on the CPU with a full context in F16, besides JavaScript itself; in bytes. */
export interface ModelMemory {
  /** With all weights in memory. */
  readonly eager: number
  /** With weights on disk. */
  readonly lazy: number
  /** Of that, the cache of each token. */
  readonly kvPerToken: number
}

export interface InspectOptions {
  readonly format?: FormatName | undefined
  /** Bytes for weights in lazy mode. Default 1.5 GiB. */
  readonly lazyMemory?: number | undefined
}

const LONGEST_ARRAY = 64

const schema = z.strictObject({ format: formatOption, lazyMemory: count.default(DEFAULT_LAZY_MEMORY) })

/** Reads a model's header. Rejects with SourceError or ModelFormatError. */
export async function inspectModel(
  location: ModelLocation,
  options: InspectOptions = {},
): Promise<ModelInspection> {
  const { format, lazyMemory } = checkOptions('inspectModel', schema, options)
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
      memory: recorded && (await memoryNeeded(recorded, lazyMemory)),
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

async function memoryNeeded({ program, config }: RecordedModel, lazyMemory: number): Promise<ModelMemory> {
  const library = await builtLibrary()
  const options = { maxTokens: STEP_TOKENS, maxSeqLen: config.contextLength, kvDType: 'f16' } as const
  const limits = limitsFor(program, options)
  const cache = cacheBytes(program, config.contextLength, 'f16')
  const total = (lazy: number | undefined) => {
    const { weights, results } = programMemory(library, program, limits, lazy)
    return weights + results + cache
  }
  return { eager: total(undefined), lazy: total(lazyMemory), kvPerToken: kvBytesPerToken(program, 'f16') }
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
