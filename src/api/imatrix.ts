// computeImportance: which columns of a model's matrices matter, by what a text puts through them.
import * as z from 'zod'
import type { InputSquares } from '../backends/backend.ts'
import { type BackendName, backendNames, openBackend } from '../backends/select.ts'
import { Engine } from '../engine/engine.ts'
import { InvalidOptionError, UnsupportedModelError } from '../errors.ts'
import { type ColumnSums, writeImportance } from '../formats/imatrix.ts'
import type { FormatName } from '../formats/model-file.ts'
import { writeWhole } from '../io/sink.ts'
import { recordModel } from '../models/registry.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { callback, checkOptions, count, formatOption, signal } from './options.ts'
import { noTokenizer, tokenizerOf } from './tokenizer.ts'
import { weightSource } from './weights.ts'

export interface ImportanceOptions {
  /** What computes; `auto` (the default) takes the best that can be used here. */
  readonly backend?: BackendName | 'auto' | undefined
  /** CPU threads that compute. Default: physical cores, as far as this process may use them. */
  readonly threads?: number | undefined
  /** What to take the model for, whatever the file calls it. */
  readonly architecture?: string | undefined
  /** What to read the file as, where its content does not tell. */
  readonly format?: FormatName | undefined
  /** Tokens in a chunk of the text. Default 512, or the whole context if that is shorter. */
  readonly contextLength?: number | undefined
  /** What the text is called in the file. */
  readonly dataset?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** After each chunk: chunks done, and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /** Told, in one line each, what a user should know. */
  readonly notice?: ((line: string) => void) | undefined
}

const schema = z.strictObject({
  backend: z.enum([...backendNames, 'auto']).default('auto'),
  threads: count.max(1024).optional(),
  architecture: z.string().optional(),
  format: formatOption,
  contextLength: count.min(4).optional(),
  dataset: z.string().optional(),
  signal: signal.optional(),
  onProgress: callback<ImportanceOptions['onProgress']>().optional(),
  notice: callback<ImportanceOptions['notice']>().optional(),
})

/**
 * Runs the text through the model in chunks without overlap, each beginning with BOS where the model adds one, and writes for each matrix
 * of its blocks the sums of squares of what it was multiplied with to `path`: an importance matrix as llama-imatrix writes it, for
 * `quantizeModel`. Rejects like `loadModel`, with InvalidOptionError if the text is shorter than a chunk, and with the signal's reason on
 * abort; there is never half a file.
 */
export async function computeImportance(
  location: ModelLocation,
  text: string,
  path: string,
  options: ImportanceOptions = {},
): Promise<void> {
  const {
    backend: name,
    architecture,
    format,
    contextLength,
    dataset,
    signal,
    onProgress,
    ...computing
  } = checkOptions('computeImportance', schema, options)
  const file = await openModelFile(location, format)
  try {
    const { program, config } = recordModel(file.metadata, file.tensors, { architecture })
    const tokenizer = tokenizerOf(file) ?? noTokenizer(file.sources[0]!.name)
    const size = contextLength ?? Math.min(512, config.contextLength)
    const chunks = chunksOf(text, tokenizer, size, config.contextLength)
    const backend = await openBackend(name, computing)
    try {
      const limits = { maxSeqLen: size, kvDType: 'f16', maxSequences: 1, collectSquares: true } as const
      const engine = await Engine.create(program, weightSource(file), backend, limits)
      try {
        for (const [index, ids] of chunks.entries()) {
          const session = engine.session()
          await session.feed(ids, { want: 'argmax', ...(signal && { signal }) })
          session.dispose()
          onProgress?.(index + 1, chunks.length)
        }
        const squares = engine.inputSquares()
        if (!squares) throw new UnsupportedModelError(`backend ${backend.name} cannot tell what matters`)
        await writeWhole(path, sink =>
          writeImportance(sink, {
            tensors: sumsByName(squares),
            datasets: dataset === undefined ? [] : [dataset],
            chunks: { count: chunks.length, size },
          }),
        )
      } finally {
        await engine.dispose()
      }
    } finally {
      await backend.dispose()
    }
  } finally {
    await file.close()
  }
}

function chunksOf(text: string, tokenizer: Tokenizer, size: number, longest: number): number[][] {
  if (size > longest)
    throw new InvalidOptionError(
      `computeImportance: expected chunks of 4 to ${longest} tokens, found ${size}`,
    )
  const ids = tokenizer.encode(text, { bos: true })
  const bos = tokenizer.encode('', { bos: true })[0]
  const chunks = Array.from({ length: Math.floor(ids.length / size) }, (_, i) => {
    const chunk = ids.slice(i * size, (i + 1) * size)
    return bos === undefined ? chunk : [bos, ...chunk.slice(1)]
  })
  if (chunks.length > 0) return chunks
  throw new InvalidOptionError(
    `computeImportance: expected a text of at least ${size} tokens, found ${ids.length}`,
  )
}

/** Of the matrices of blocks, in order of their names, as llama-imatrix has them. */
function sumsByName(squares: readonly InputSquares[]): Map<string, ColumnSums> {
  const named = squares.flatMap(({ weights, sums, counts }) =>
    weights
      .filter(name => name.startsWith('blk.'))
      .map(name => [name, { sums: Float32Array.from(sums), counts: Float32Array.from(counts) }] as const),
  )
  return new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))
}
