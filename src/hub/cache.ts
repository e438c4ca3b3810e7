// The folder that HuggingFace's tools download into, as they lay it out. Of a repository, models--OWNER--NAME, it holds
// blobs/HASH, the files by their content; snapshots/COMMIT/FILE, links to them; refs/REVISION, the commit that a revision was when
// it was last asked for (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { chooseFiles } from './choose.ts'
import { type HubName, parseHubName } from './name.ts'
import { hubCacheFolder } from './settings.ts'

const COMMIT = /^[0-9a-f]{40}$/

export interface CachedModel {
  /** As `hf:OWNER/NAME:FILE`, with `@COMMIT` where that is not the newest that is known. */
  readonly name: string
  readonly path: string
  /** Bytes of this file. */
  readonly size: number
}

/** The GGUF files in the folder, of a split model the first; none where there is no such folder. */
export async function cachedModels(folder: string = hubCacheFolder()): Promise<CachedModel[]> {
  const found: CachedModel[] = []
  for (const repository of await namesIn(folder)) {
    const name = nameOf(repository)
    if (!name) continue
    const newest = await readRef(folder, name)
    const snapshots = join(folder, repository, 'snapshots')
    for (const file of await namesIn(snapshots, { recursive: true })) {
      if (!/\.gguf$/i.test(file) || /-(?!0*1-)\d{5}-of-\d{5}\.gguf$/i.test(basename(file))) continue
      const path = join(snapshots, file)
      // A link whose target was deleted is no model.
      const size = await stat(path).then(
        found => found.size,
        () => undefined,
      )
      const [commit, ...inside] = relative(snapshots, path).split(sep)
      const revision = commit === newest ? '' : `@${commit}`
      if (size !== undefined) found.push({ name: `${name.text}${revision}:${inside.join('/')}`, path, size })
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The repository that a folder of the cache folder is of; undefined if it is of none. */
function nameOf(folder: string): HubName | undefined {
  const [kind, ...parts] = folder.split('--')
  try {
    return kind === 'models' ? parseHubName(`hf:${parts.join('/')}`) : undefined
  } catch {
    return undefined
  }
}

/** Where the model of a name lies, all its files, if they are here. */
export interface Snapshot {
  readonly commit: string
  readonly folder: string
  /** Paths of the files, and of the one that the model is opened by. */
  readonly files: readonly string[]
  readonly model: string
}

export function repositoryFolder(cache: string, { repository }: HubName): string {
  return join(cache, `models--${repository.replace('/', '--')}`)
}

export function snapshotFolder(cache: string, name: HubName, commit: string): string {
  return join(repositoryFolder(cache, name), 'snapshots', commit)
}

/** What the name means among the files that are here; undefined if there are none, or not all that belong together. */
export async function findSnapshot(cache: string, name: HubName): Promise<Snapshot | undefined> {
  const commit = COMMIT.test(name.revision) ? name.revision : await readRef(cache, name)
  if (commit === undefined) return undefined
  const folder = snapshotFolder(cache, name, commit)
  const files: { path: string }[] = []
  for (const file of await namesIn(folder, { recursive: true })) {
    // A link whose blob was deleted is no file.
    const found = await stat(join(folder, file)).catch(() => undefined)
    if (found?.isFile()) files.push({ path: file.split(sep).join('/') })
  }
  try {
    const choice = chooseFiles(name, files)
    const paths = choice.files.map(({ path }) => join(folder, path))
    return { commit, folder, files: paths, model: join(folder, choice.model) }
  } catch {
    return undefined
  }
}

/** Says which commit the revision is. */
export async function writeRef(cache: string, name: HubName, commit: string): Promise<void> {
  if (name.revision === commit || (await readRef(cache, name)) === commit) return
  await replace(refPath(cache, name), path => writeFile(path, commit))
}

/** Puts a blob into a snapshot, as a link; where the file system has none, as a copy. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await replace(path, async temporary => {
    try {
      await symlink(relative(dirname(path), blob), temporary)
    } catch {
      await copyFile(blob, temporary, constants.COPYFILE_FICLONE)
    }
  })
}

function refPath(cache: string, name: HubName): string {
  return join(repositoryFolder(cache, name), 'refs', ...name.revision.split('/'))
}

async function readRef(cache: string, name: HubName): Promise<string | undefined> {
  const text = await readFile(refPath(cache, name), 'utf8').catch(() => '')
  return COMMIT.test(text.trim()) ? text.trim() : undefined
}

/** Lets `write` make a file elsewhere that then takes its place at once, so that nobody sees half of it. */
async function replace(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}-${++replaced}.part`
  await mkdir(dirname(path), { recursive: true })
  try {
    await write(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** How many files this process has replaced: names the next one's. */
let replaced = 0

async function namesIn(folder: string, options: { readonly recursive?: boolean } = {}): Promise<string[]> {
  try {
    return await readdir(folder, { ...options, encoding: 'utf8' })
  } catch {
    return []
  }
}
