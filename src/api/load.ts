// loadModel: a file becomes something that runs.
import * as z from 'zod'
import { type BackendName, backendNames, openBackend } from '../backends/select.ts'
import { Engine, limitsFor } from '../engine/engine.ts'
import type { FormatName } from '../formats/model-file.ts'
import { architectureNames, recordModel } from '../models/registry.ts'
import { type PrecisionName, precisionNames, precisionTypes } from '../quant/mixes.ts'
import { checkFit, DEFAULT_LAZY_MEMORY } from './memory.ts'
import { Model } from './model.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { callback, checkOptions, count, formatOption, locationOption } from './options.ts'
import { mixedModel } from './quantize.ts'
import { requantized } from './requantized.ts'
import { readTemplate, specialTokens } from './template.ts'
import { loadTokenizer, tokenizerOf } from './tokenizer.ts'
import { weightSource } from './weights.ts'

export interface LoadOptions {
  /** What computes; `auto` (the default) takes the best that can be used here. */
  readonly backend?: BackendName | 'auto' | undefined
  /** Most tokens of prompt and response together. Default: what the model was trained for. */
  readonly maxSeqLen?: number | undefined
  /** Element type of the key/value cache. Default `f16`. */
  readonly kvDType?: 'f16' | 'f32' | undefined
  /** CPU threads that compute. Default: physical cores, as far as this process may use them. */
  readonly threads?: number | undefined
  /**
   * On a machine with several NUMA nodes, whether threads stay on one each, so that what they touch first, weights included, lies in
   * its memory. Holds for all models of the process from then on. Default false.
   */
  readonly numa?: boolean | undefined
  /** Whether weights stay on disk and are read as they are needed: for models larger than memory. Default false. */
  readonly lazy?: boolean | undefined
  /** Bytes of memory for weights where they stay on disk. Default 1.5 GiB. */
  readonly lazyMemory?: number | undefined
  /**
   * Whether what is drawn greedily or by a seed does not depend, to the last digit, on how many others the model computes at the same
   * time. Costs such draws speed where there are more than four at once. Default false.
   */
  readonly repeatable?: boolean | undefined
  /** What to take the model for (`llama`), whatever the file calls it. */
  readonly architecture?: string | undefined
  /** What to read the file as, where its content does not tell. */
  readonly format?: FormatName | undefined
  /**
   * Makes weights of other formats while loading: `full` (F32), `balanced` (Q8_0), `memory` (as Q4_K_M), `gpu` (as Q4_0). Those that would
   * become larger stay, but for `full`. Default: as in the file.
   */
  readonly precision?: PrecisionName | undefined
  /** Another file's tokenizer: a tokenizer.json, tokenizer.model, tokenizer.bin, a model. Default: the model's own. */
  readonly tokenizer?: ModelLocation | undefined
  /** Told, in one line each, what a user should know: that a slow backend runs, that something is being built. */
  readonly notice?: ((line: string) => void) | undefined
}

const schema = z.strictObject({
  backend: z.enum([...backendNames, 'auto']).default('auto'),
  maxSeqLen: count.max(2 ** 30).optional(),
  kvDType: z.enum(['f16', 'f32']).default('f16'),
  threads: count.max(1024).optional(),
  numa: z.boolean().default(false),
  lazy: z.boolean().default(false),
  lazyMemory: count.default(DEFAULT_LAZY_MEMORY),
  repeatable: z.boolean().default(false),
  architecture: z.enum(architectureNames as [string, ...string[]]).optional(),
  format: formatOption,
  precision: z.enum(precisionNames).optional(),
  tokenizer: locationOption.optional(),
  notice: callback<LoadOptions['notice']>().optional(),
})

/**
 * Loads a model of any format (a path, a URL or a Blob; the first file of a split one). Rejects with SourceError if it
 * cannot be read, ModelFormatError if it is malformed, UnsupportedModelError if torchless cannot run it,
 * InsufficientMemoryError if it does not fit into memory.
 * Call `dispose()` when done, or declare it with `await using`.
 */
export async function loadModel(location: ModelLocation, options: LoadOptions = {}): Promise<Model> {
  const {
    backend: backendName,
    maxSeqLen,
    kvDType,
    architecture,
    format,
    precision,
    tokenizer: otherTokenizer,
    lazy,
    lazyMemory,
    repeatable,
    ...backendOptions
  } = checkOptions('loadModel', schema, options)
  const opened = await openModelFile(location, format)
  let file = opened
  try {
    if (precision)
      file = await requantized(opened, {
        types: precisionTypes(precision, mixedModel(opened, false)),
        ...backendOptions,
      })
    const recorded = recordModel(file.metadata, file.tensors, { maxSeqLen, architecture })
    const { name } = file.sources[0]!
    const tokenizer = otherTokenizer ? await loadTokenizer(otherTokenizer) : tokenizerOf(file)
    const template = tokenizer && readTemplate(file.metadata, name, tokenizer)
    const backend = await openBackend(backendName, {
      ...backendOptions,
      lazyMemory: lazy ? lazyMemory : undefined,
    })
    try {
      const { program } = recorded
      const engineOptions = { maxSeqLen: maxSeqLen ?? recorded.config.contextLength, kvDType, repeatable }
      const limits = limitsFor(program, { maxTokens: backend.stepTokens, ...engineOptions })
      const memory = backend.memory?.(program, limits)
      if (memory) checkFit({ name, program, memory, kvDType, maxSeqLen })
      const engine = await Engine.create(program, weightSource(file), backend, engineOptions)
      return new Model({
        ...{ name, recorded, tokenizer, template, backend, engine, kvDType },
        specialTokens: tokenizer ? specialTokens(file.metadata, tokenizer) : {},
      })
    } catch (error) {
      await backend.dispose()
      throw error
    }
  } finally {
    await file.close()
  }
}
