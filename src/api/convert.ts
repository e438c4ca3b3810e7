// convertModel: a model of any format becomes a file of another.
import * as z from 'zod'
import { contentsOf } from '../formats/contents.ts'
import { writeGguf } from '../formats/gguf.ts'
import type { FormatName, ModelFile } from '../formats/model-file.ts'
import { writeNative, writeReference } from '../formats/native.ts'
import { withRopeLayout } from '../formats/rope-rows.ts'
import { asGguf, checkpointFiles } from '../formats/safetensors.ts'
import { type Sink, writeFolder, writeWhole } from '../io/sink.ts'
import { type ModelLocation, openModelFile } from './open.ts'
import { callback, checkOptions, formatOption, signal } from './options.ts'

const writers = {
  gguf: (sink: Sink, file: ModelFile) =>
    writeGguf(sink, contentsOf(withRopeLayout(asGguf(file), 'adjacent'))),
  native: (sink: Sink, file: ModelFile) => writeNative(sink, contentsOf(file)),
  'torchless-rs': (sink: Sink, file: ModelFile) => writeReference(sink, file),
  'torchless-rs-int8': (sink: Sink, file: ModelFile) => writeReference(sink, file, { type: 'int8' }),
}

/**
 * What models are written as: GGUF, torchless's own format, that of torchless-rs in F32 or int8, or a folder as HuggingFace has
 * them (docs/formats.md).
 */
export type WritableFormat = keyof typeof writers | 'safetensors'
export const writableFormats: readonly WritableFormat[] = [
  ...(Object.keys(writers) as (keyof typeof writers)[]),
  'safetensors',
]

export interface ConvertOptions {
  /** What to write. */
  readonly to: WritableFormat
  /** What to read the file as, where its content does not tell. */
  readonly format?: FormatName | undefined
  readonly signal?: AbortSignal | undefined
  /** Told of bytes written so far, and about how many there will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const schema = z.strictObject({
  to: z.enum(writableFormats),
  format: formatOption,
  signal: signal.optional(),
  onProgress: callback<ConvertOptions['onProgress']>().optional(),
})

/**
 * Writes a model to `path`, tensors as they are (as F32 or int8 for torchless-rs), one after another, so that it need not fit in
 * memory. A file that is there is replaced once the new one is whole; if anything fails, it stays. For safetensors `path` is a
 * folder, which must be empty if it is there. Rejects with SourceError,
 * ModelFormatError, UnsupportedModelError where the format cannot hold the model, and the signal's reason on abort.
 */
export async function convertModel(
  location: ModelLocation,
  path: string,
  options: ConvertOptions,
): Promise<void> {
  const { to, format, signal, onProgress } = checkOptions('convertModel', schema, options)
  signal?.throwIfAborted()
  const file = await openModelFile(location, format)
  try {
    await writeModel(file, path, { to, signal, onProgress })
  } finally {
    await file.close()
  }
}

/** Writes an open model to `path`, as {@link convertModel} does. */
export async function writeModel(
  file: ModelFile,
  path: string,
  { to, signal, onProgress }: Pick<ConvertOptions, 'to' | 'signal' | 'onProgress'>,
): Promise<void> {
  let total = 0
  for (const { bytes } of file.tensors.values()) total += bytes
  let done = 0
  const watched = (sink: Sink): Sink => ({
    async write(bytes) {
      signal?.throwIfAborted()
      await sink.write(bytes)
      done += bytes.length
      onProgress?.(done, Math.max(done, total))
    },
  })
  if (to !== 'safetensors') return writeWhole(path, sink => writers[to](watched(sink), file))
  const files = await checkpointFiles(file)
  await writeFolder(
    path,
    files.map(({ name, write }) => ({ name, write: sink => write(watched(sink)) })),
  )
}
