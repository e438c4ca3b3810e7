// The folder that HuggingFace's tools download into, and the model files that it holds:
// models--OWNER--NAME/snapshots/COMMIT/FILE (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
import { readdir, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join, relative, sep } from 'node:path'

export interface CachedModel {
  /** As `hf:OWNER/NAME:FILE`. */
  readonly name: string
  readonly path: string
  /** Bytes of this file. */
  readonly size: number
}

/** Where downloads lie; the variables are those of HuggingFace's own tools. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const named = env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE
  if (named) return named
  return join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub')
}

/** The GGUF files in the folder, of a split model the first; none where there is no such folder. */
export async function cachedModels(folder: string = hubCacheFolder()): Promise<CachedModel[]> {
  const found: CachedModel[] = []
  for (const repository of await namesIn(folder)) {
    const [kind, owner, ...name] = repository.split('--')
    if (kind !== 'models' || owner === undefined) continue
    const id = name.length > 0 ? `${owner}/${name.join('--')}` : owner
    const snapshots = join(folder, repository, 'snapshots')
    for (const file of await namesIn(snapshots, { recursive: true })) {
      if (!/\.gguf$/i.test(file) || /-(?!0*1-)\d{5}-of-\d{5}\.gguf$/i.test(basename(file))) continue
      const path = join(snapshots, file)
      // A link whose target was deleted is no model.
      const size = await stat(path).then(
        found => found.size,
        () => undefined,
      )
      const inside = relative(snapshots, path).split(sep).slice(1).join('/')
      if (size !== undefined) found.push({ name: `hf:${id}:${inside}`, path, size })
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function namesIn(folder: string, options: { readonly recursive?: boolean } = {}): Promise<string[]> {
  try {
    return await readdir(folder, { ...options, encoding: 'utf8' })
  } catch {
    return []
  }
}
