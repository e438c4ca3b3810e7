// loadModel and loadTokenizer: a file becomes something that runs.
import * as z from 'zod'
import { type BackendName, backendNames, openBackend } from '../backends/select.ts'
import { Engine } from '../engine/engine.ts'
import type { ModelFile } from '../formats/model-file.ts'
import { recordModel } from '../models/registry.ts'
import { hasTokenizer, tokenizerFromGguf } from '../tokenizer/gguf.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { Model } from './model.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { checkOptions, count } from './options.ts'
import { readTemplate } from './template.ts'
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
  /** Told, in one line each, what a user should know: that a slow backend runs, that something is being built. */
  readonly notice?: ((line: string) => void) | undefined
}

const schema = z.strictObject({
  backend: z.enum([...backendNames, 'auto']).default('auto'),
  maxSeqLen: count.max(2 ** 30).optional(),
  kvDType: z.enum(['f16', 'f32']).default('f16'),
  threads: count.max(1024).optional(),
  notice: z
    .custom<LoadOptions['notice']>(value => typeof value === 'function', 'expected a function')
    .optional(),
})

/**
 * Loads a GGUF model (a path, a URL or a Blob; the first file of a split one). Rejects with SourceError if it
 * cannot be read, ModelFormatError if it is malformed, UnsupportedModelError if torchless cannot run it.
 * Call `dispose()` when done, or declare it with `await using`.
 */
export async function loadModel(location: ModelLocation, options: LoadOptions = {}): Promise<Model> {
  const {
    backend: backendName,
    maxSeqLen,
    kvDType,
    ...backendOptions
  } = checkOptions('loadModel', schema, options)
  const file = await openModelFile(location)
  try {
    const recorded = recordModel(file.metadata, file.tensors, { maxSeqLen })
    const { name } = file.sources[0]!
    const tokenizer = readTokenizer(file)
    const template = tokenizer && readTemplate(file.metadata, name, tokenizer)
    const backend = await openBackend(backendName, backendOptions)
    try {
      const engine = await Engine.create(recorded.program, weightSource(file), backend, {
        maxSeqLen: maxSeqLen ?? recorded.config.contextLength,
        kvDType,
      })
      return new Model({ name, recorded, tokenizer, template, backend, engine, kvDType })
    } catch (error) {
      await backend.dispose()
      throw error
    }
  } finally {
    await file.close()
  }
}

/** The tokenizer alone, without loading any weights. */
export async function loadTokenizer(location: ModelLocation): Promise<Tokenizer> {
  const file = await openModelFile(location)
  try {
    return tokenizerFromGguf(file.metadata, file.sources[0]!.name)
  } finally {
    await file.close()
  }
}

function readTokenizer(file: ModelFile): Tokenizer | undefined {
  return hasTokenizer(file.metadata) ? tokenizerFromGguf(file.metadata, file.sources[0]!.name) : undefined
}
