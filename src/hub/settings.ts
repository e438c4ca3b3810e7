// Where the hub is, who asks, and where downloads go: the variables are those of HuggingFace's own tools
// (https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables).
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { InvalidOptionError } from '../errors.ts'

export interface HubSettings {
  /** URL without a slash at its end. */
  readonly endpoint: string
  readonly token: string | undefined
  readonly cacheFolder: string
  /** Nothing may be asked of any network. */
  readonly offline: boolean
}

/** What a caller sets himself. */
export type GivenSettings = {
  readonly [name in 'endpoint' | 'token' | 'cacheFolder']?: string | undefined
}

/** Rejects with an InvalidOptionError that does not show the token. */
export async function hubSettings(
  given: GivenSettings = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<HubSettings> {
  const token = (
    given.token ??
    env.HF_TOKEN ??
    env.HUGGING_FACE_HUB_TOKEN ??
    (await storedToken(env))
  )?.trim()
  if (token && !/^[\x21-\x7e]+$/.test(token))
    throw new InvalidOptionError("the hub's token (HF_TOKEN) has characters that no token has")
  return {
    endpoint: endpointOf(given.endpoint ?? (env.HF_ENDPOINT || 'https://huggingface.co')),
    token: token || undefined,
    cacheFolder: given.cacheFolder ?? hubCacheFolder(env),
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? ''),
  }
}

/** Where downloads lie. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(hubHome(env), 'hub')
}

function hubHome(env: NodeJS.ProcessEnv): string {
  return env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
}

/** The token that `hf auth login` leaves. */
async function storedToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return await readFile(env.HF_TOKEN_PATH || join(hubHome(env), 'token'), 'utf8')
  } catch {
    return undefined
  }
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password)
    throw new InvalidOptionError(
      `expected the http or https URL of a hub (HF_ENDPOINT), found ${text.includes('@') ? 'one with a password' : text}`,
    )
  return url.href.replace(/\/+$/, '')
}
