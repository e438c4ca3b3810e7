// From the name of a model on a hub to its files in the cache folder.
import { mkdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { SourceError } from '../errors.ts'
import { findSnapshot, linkBlob, repositoryFolder, type Snapshot, snapshotFolder, writeRef } from './cache.ts'
import { chooseFiles } from './choose.ts'
import { type ClientOptions, HubClient, type HubFile } from './client.ts'
import { attempt, bytesHere, download } from './download.ts'
import { type HubName, isPlainPath } from './name.ts'
import type { HubSettings } from './settings.ts'

export interface PullProgress {
  /** Told of the bytes that are here, and how many there will be. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Downloads what a name means, as far as it is not here. Rejects with a SourceError that says what is missing, or with the signal's
 * reason; what has come until then stays, and the next pull goes on from it.
 */
export async function pullSnapshot(
  name: HubName,
  settings: HubSettings,
  options: ClientOptions & PullProgress = {},
): Promise<Snapshot> {
  const { cacheFolder } = settings
  if (settings.offline) return offline(name, await findSnapshot(cacheFolder, name))
  const client = new HubClient(name, settings, options)
  const { commit, files } = await client.list()
  const choice = chooseFiles(name, files)
  const hostile = choice.files.find(({ path }) => !isPlainPath(path))
  if (hostile)
    throw client.error(
      `expected paths inside the repository, found the file name ${JSON.stringify(hostile.path)}`,
    )

  const repository = repositoryFolder(cacheFolder, name)
  const blobs = join(repository, 'blobs')
  const folder = snapshotFolder(cacheFolder, name, commit)
  const places = choice.files.map(file => ({
    file,
    blob: join(blobs, file.digest.hex),
    path: join(folder, ...file.path.split('/')),
  }))
  await attempt(blobs, () => mkdir(blobs, { recursive: true }))
  await checkSpace(client, blobs, places)
  const total = choice.files.reduce((sum, { size }) => sum + size, 0)
  let before = 0
  for (const { file, blob, path } of places) {
    if (await isHere(path, file)) options.onProgress?.(before + file.size, total)
    else {
      await download(client, commit, file, blob, {
        signal: options.signal,
        onProgress: done => options.onProgress?.(before + done, total),
        onWait: () => options.notice?.(`another process downloads ${file.path}: waiting for it`),
      })
      await attempt(path, () => linkBlob(blob, path))
    }
    before += file.size
  }
  await attempt(repository, () => writeRef(cacheFolder, name, commit))
  return { commit, folder, files: places.map(({ path }) => path), model: join(folder, choice.model) }
}

function offline(name: HubName, snapshot: Snapshot | undefined): Snapshot {
  if (snapshot) return snapshot
  throw new SourceError(name.text, 'is not in the cache folder, and HF_HUB_OFFLINE forbids to download it')
}

interface Place {
  readonly file: HubFile
  /** Where its content lies, and its name in the snapshot. */
  readonly blob: string
  readonly path: string
}

/** What is in a snapshot was checked when it came, by us or others: of a commit, a file never changes. */
async function isHere(path: string, { size }: HubFile): Promise<boolean> {
  return stat(path).then(
    found => found.isFile() && found.size === size,
    () => false,
  )
}

/** Before hours of downloading, rather than behind them. */
async function checkSpace(client: HubClient, folder: string, places: readonly Place[]): Promise<void> {
  let needed = 0
  for (const { file, blob, path } of places)
    if (!(await isHere(path, file))) needed += file.size - (await bytesHere(blob, file))
  const { bavail, bsize } = await attempt(folder, () => statfs(folder))
  if (needed <= bavail * bsize) return
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  throw client.error(
    `expected ${gigabytes(needed)} of free disk in ${folder}, found ${gigabytes(bavail * bsize)}`,
  )
}
