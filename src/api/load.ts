// loadModel and loadTokenizer: a file becomes something that runs.
import * as z from 'zod'
import type { WeightSource } from '../backends/backend.ts'
import { type BackendName, backendNames, openBackend } from '../backends/select.ts'
import { Engine } from '../engine/engine.ts'
import type { ModelFile } from '../formats/model-file.ts'
import { recordModel } from '../models/registry.ts'
import { hasTokenizer, tokenizerFromGguf } from '../tokenizer/gguf.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { Model } from './model.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { checkOptions, count } from './options.ts'

export interface LoadOptions {
  /** What computes; `auto` (the default) takes the best that can be used here. */
  readonly backend?: BackendName | 'auto' | undefined
  /** Most tokens of prompt and response together. Default: what the model was trained for. */
  readonly maxSeqLen?: number | undefined
  /** Element type of the key/value cache. Default `f16`. */
  readonly kvDType?: 'f16' | 'f32' | undefined
}

const schema = z.strictObject({
  backend: z.enum([...backendNames, 'auto']).default('auto'),
  maxSeqLen: count.optional(),
  kvDType: z.enum(['f16', 'f32']).default('f16'),
})

/**
 * Loads a GGUF model (a path, a URL or a Blob; the first file of a split one). Rejects with SourceError if it
 * cannot be read, ModelFormatError if it is malformed, UnsupportedModelError if torchless cannot run it.
 * Call `dispose()` when done, or declare it with `await using`.
 */
export async function loadModel(location: ModelLocation, options: LoadOptions = {}): Promise<Model> {
  const { backend: backendName, maxSeqLen, kvDType } = checkOptions('loadModel', schema, options)
  const file = await openModelFile(location)
  try {
    const recorded = recordModel(file.metadata, file.tensors, { maxSeqLen })
    const tokenizer = readTokenizer(file)
    const backend = await openBackend(backendName)
    const engine = await Engine.create(recorded.program, weightSource(file), backend, {
      maxSeqLen: maxSeqLen ?? recorded.config.contextLength,
      kvDType,
    })
    return new Model({ name: file.sources[0]!.name, recorded, tokenizer, backend, engine })
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

function weightSource(file: ModelFile): WeightSource {
  return {
    piece(name) {
      const { type, shape, bytes, source, offset: start } = file.tensors.get(name)!
      return { type, shape, bytes, read: (offset, length) => source.read(start + offset, length) }
    },
  }
}
