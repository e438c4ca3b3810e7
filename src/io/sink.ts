// Where bytes are written to, and files that are there whole or not at all. Knows nothing of what the bytes mean.
import { type FileHandle, mkdir, open, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SourceError } from '../errors.ts'
import { PageWrites, writeAll } from './page-writes.ts'
import { reason } from './source.ts'

/** Takes a file from start to end, a piece when the one before is written. */
export interface Sink {
  write(bytes: Uint8Array): Promise<void> | void
}

/**
 * Lets `fill` write a file. Until it is done the bytes are in a file beside it, `path.part-` and the number of this process,
 * which is removed if anything fails: there is never half a file at `path`, whose permissions are `mode` less the umask, or `mode` where
 * they are to be exact. What cannot be written is a {@link SourceError}.
 */
export async function writeWhole(
  path: string,
  fill: (sink: Sink) => Promise<void>,
  mode = 0o666,
  exact = false,
): Promise<void> {
  const partial = `${path}.part-${process.pid}`
  let handle: FileHandle | undefined
  try {
    const file = await attempt(path, () => open(partial, 'wx', mode))
    handle = file
    const pages = new PageWrites((bytes, at) => writeAll(file, bytes, at))
    await fill({ write: bytes => attempt(path, () => pages.add(bytes)) })
    await attempt(path, async () => {
      await pages.flush()
      if (exact) await file.chmod(mode)
      await file.sync()
      await file.close()
      await rename(partial, path)
    })
  } catch (error) {
    if (handle) {
      await handle.close().catch(() => {})
      await rm(partial, { force: true })
    }
    throw error
  }
}

/** A file of a folder. */
export interface FolderEntry {
  readonly name: string
  write(sink: Sink): Promise<void>
}

/**
 * Writes a folder that is there whole or not at all, as {@link writeWhole} writes a file. A {@link SourceError} if there is one
 * with anything in it.
 */
export async function writeFolder(path: string, entries: readonly FolderEntry[]): Promise<void> {
  const folder = path.replace(/(?<=[^/\\])[/\\]+$/, '')
  const partial = `${folder}.part-${process.pid}`
  await attempt(path, () => mkdir(partial))
  try {
    for (const { name, write } of entries) await writeWhole(join(partial, name), write)
    await attempt(path, async () => {
      // An empty folder may be in the way; one that is not empty stays, and is an error.
      await rmdir(folder).catch(() => {})
      await rename(partial, folder)
    })
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw new SourceError(path, `cannot be written: ${reason(error)}`, { cause: error })
  }
}
