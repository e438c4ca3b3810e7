// From what a user names (a path, a URL, a Blob) to an open model file.
import { InvalidOptionError, SourceError } from '../errors.ts'
import type { Neighbours } from '../formats/llama2c.ts'
import type { FormatName, ModelFile } from '../formats/model-file.ts'
import { openModel } from '../formats/readers.ts'
import { checkpointIn } from '../formats/safetensors.ts'
import { isHubName } from '../hub/name.ts'
import { blobSource } from '../io/blob.ts'
import { namesBeside, namesIn, openFile } from '../io/file.ts'
import { openUrl } from '../io/http.ts'
import type { Source } from '../io/source.ts'
import { builtinModel } from './builtin.ts'
import { pulledPath } from './pull.ts'

/**
 * A path, an http(s) URL (as a text, too), a file URL, a Blob such as a browser's File, the folder of a HuggingFace
 * checkpoint, the name of the built-in model, `torchless-tiny`, or that of a hub's model in the cache folder,
 * `hf:OWNER/REPO:QUANT`.
 */
export type ModelLocation = string | URL | Blob

/**
 * Opens a model of whatever format, or of `format` where content does not tell. Rejects with SourceError, ModelFormatError or
 * UnsupportedModelError.
 */
export async function openModelFile(given: ModelLocation, format?: FormatName): Promise<ModelFile> {
  const location = await fileOf(await resolve(given))
  const source = await openSource(location)
  const beside: Neighbours = {
    open: async name => openSource(sibling(location, name)),
    names: async () => (location instanceof Blob || isRemote(location) ? [] : namesBeside(location)),
  }
  try {
    return await openModel(source, beside, format)
  } catch (error) {
    await source.close()
    throw error
  }
}

function isRemote(location: string | URL): boolean {
  return location instanceof URL && location.protocol !== 'file:'
}

async function resolve(given: ModelLocation): Promise<ModelLocation> {
  if (given === builtinModel.name) return builtinModel.location
  if (typeof given === 'string' && isHubName(given)) return pulledPath(given)
  return typeof given === 'string' && /^https?:\/\//i.test(given) ? new URL(given) : given
}

/** Of a folder, the file that the model in it is opened by. */
async function fileOf(location: ModelLocation): Promise<ModelLocation> {
  if (location instanceof Blob || isRemote(location)) return location
  const names = await namesIn(location)
  if (!names) return location
  const name = checkpointIn(names)
  if (name !== undefined) return sibling(inside(location), name)
  throw new SourceError(
    String(location),
    `is a folder: expected model.safetensors, its index, or one file of that kind in it, found ${names.length} others`,
  )
}

/** The folder, written so that what lies in it is beside it. */
function inside(folder: string | URL): string | URL {
  if (folder instanceof URL) return folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`)
  return /[/\\]$/.test(folder) ? folder : `${folder}/`
}

/** Opens what is named, of whatever format it is. */
export async function openSource(given: ModelLocation): Promise<Source> {
  const location = await fileOf(await resolve(given))
  if (location instanceof Blob) return blobSource(location instanceof File ? location.name : 'blob', location)
  if (!(location instanceof URL)) return openFile(location)
  return location.protocol === 'file:' ? openFile(location) : openUrl(location)
}

/** Another file beside one, such as the next part of a split model. */
export function sibling(location: ModelLocation, name: string): ModelLocation {
  if (location instanceof URL) return new URL(encodeURIComponent(name), location)
  if (typeof location === 'string') return location.replace(/[^/\\]*$/, () => name)
  throw new InvalidOptionError('a model of several files cannot be loaded from one Blob')
}
