// pull: a model on a hub becomes files here.
import * as z from 'zod'
import { SourceError } from '../errors.ts'
import { findSnapshot } from '../hub/cache.ts'
import { parseHubName } from '../hub/name.ts'
import { pullSnapshot } from '../hub/pull.ts'
import { hubCacheFolder, hubSettings } from '../hub/settings.ts'
import { checkOptions, signal } from './options.ts'

export interface PullOptions {
  /** URL of the hub. Default: `HF_ENDPOINT`, or https://huggingface.co. */
  readonly endpoint?: string | undefined
  /** For gated and private models. Default: `HF_TOKEN`, or what `hf auth login` stored. */
  readonly token?: string | undefined
  /** Where downloads go. Default: `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or ~/.cache/huggingface/hub. */
  readonly cacheFolder?: string | undefined
  /** What has come until the abort stays, and the next pull goes on from it. */
  readonly signal?: AbortSignal | undefined
  /** Told of bytes that are here, and how many there will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /** Told, in one line each, what a user should know: that another process is at it, that a request is repeated. */
  readonly notice?: ((line: string) => void) | undefined
}

/** A model of a hub, as it lies in the cache folder. */
export interface PulledModel {
  /** The commit that the name's revision is. */
  readonly commit: string
  /** Folder of the repository's files at that commit. */
  readonly folder: string
  /** Paths of all files of the model. */
  readonly files: readonly string[]
  /** Path of the one of them that {@link loadModel} takes. */
  readonly model: string
}

const callback = <T>() => z.custom<T>(value => typeof value === 'function', 'expected a function').optional()
const schema = z.strictObject({
  endpoint: z.string().optional(),
  token: z.string().optional(),
  cacheFolder: z.string().optional(),
  signal: signal.optional(),
  onProgress: callback<PullOptions['onProgress']>(),
  notice: callback<PullOptions['notice']>(),
})

/**
 * Downloads a model from a HuggingFace-compatible hub into the cache folder of HuggingFace's tools, as far as it is not there.
 * `hf:OWNER/REPO` is the GGUF file in Q4_K_M, else in Q8_0, else the first; or the safetensors checkpoint if there are none.
 * `:QUANT` or `:FILE` behind it names another, `@REVISION` a branch, tag or commit. Cut transfers are resumed, now and by
 * the next call; every file's hash is checked. Rejects with InvalidOptionError for a name that is none, SourceError for all that
 * the hub, the network or the disk refuse, and the signal's reason.
 */
export async function pull(name: string, options: PullOptions = {}): Promise<PulledModel> {
  const { endpoint, token, cacheFolder, ...rest } = checkOptions('pull', schema, options)
  rest.signal?.throwIfAborted()
  const settings = await hubSettings({ endpoint, token, cacheFolder })
  return pullSnapshot(parseHubName(name), settings, rest)
}

/** A model of a hub as it is here already, with nothing asked of any network; undefined if it is not, or not whole. */
export async function findPulled(
  name: string,
  options: Pick<PullOptions, 'cacheFolder'> = {},
): Promise<PulledModel | undefined> {
  const { cacheFolder } = checkOptions('findPulled', schema.pick({ cacheFolder: true }), options)
  return findSnapshot(cacheFolder ?? hubCacheFolder(), parseHubName(name))
}

/** The path of what {@link findPulled} finds; rejects with a SourceError where that is nothing. */
export async function pulledPath(name: string): Promise<string> {
  const found = await findPulled(name)
  if (found) return found.model
  throw new SourceError(
    name,
    'is not in the cache folder: torchless pull, or pull() of the library, downloads it',
  )
}
