// The models that one has without naming a file: the one in the package, and what the cache folder holds.

import { cachedModels } from '../hub/cache.ts'
import { openFile } from '../io/file.ts'

/** The model that ships with the package: four million parameters that tell short stories (models/README.md). */
export const builtinModel: { readonly name: 'torchless-tiny'; readonly location: URL } = {
  name: 'torchless-tiny',
  location: new URL('../../models/torchless-tiny.gguf', import.meta.url),
}

export interface ListedModel {
  /** To be named on the command line. */
  readonly name: string
  readonly location: string | URL
  /** Bytes. */
  readonly size: number
  readonly builtin: boolean
}

/** The built-in model, then those in the folder that HuggingFace's tools download into. */
export async function listModels(): Promise<ListedModel[]> {
  const source = await openFile(builtinModel.location)
  const { size } = source
  await source.close()
  const cached = await cachedModels()
  return [
    { ...builtinModel, size, builtin: true },
    ...cached.map(({ name, path, size }) => ({ name, location: path, size, builtin: false })),
  ]
}
