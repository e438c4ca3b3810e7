// Where bytes are written to, and files that are there whole or not at all. Knows nothing of what the bytes mean.
import { type FileHandle, mkdir, open, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SourceError } from '../errors.ts'
import { reason } from './source.ts'

/** Takes a file from start to end. */
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

/** Bytes of a large page of memory, as most processors have them. */
const LARGE_PAGE = 2 ** 21

/**
 * Gathers what is written to a file until it fills whole large pages: Linux keeps a file in memory in pages as large as it was written
 * in, and whoever maps it afterwards reads it faster (weights by a tenth to a quarter).
 */
export class PageWrites {
  readonly #write: (bytes: Uint8Array, at: number) => Promise<void>
  #held = new Uint8Array(0)
  #count = 0
  #at: number

  /** `write` writes bytes at a place of the file, in which the first byte to come belongs `at` bytes on. */
  constructor(write: (bytes: Uint8Array, at: number) => Promise<void>, at = 0) {
    this.#write = write
    this.#at = at
  }

  async add(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const room = LARGE_PAGE - ((this.#at + this.#count) % LARGE_PAGE)
      const piece = bytes.subarray(from, from + room)
      from += piece.length
      this.#hold(piece)
      if (piece.length === room) await this.flush()
    }
  }

  /** Writes what is left. */
  async flush(): Promise<void> {
    const bytes = this.#held.subarray(0, this.#count)
    const at = this.#at
    this.#at += this.#count
    this.#count = 0
    if (bytes.length > 0) await this.#write(bytes, at)
  }

  #hold(piece: Uint8Array): void {
    const count = this.#count + piece.length
    if (count > this.#held.length) {
      const larger = new Uint8Array(Math.min(LARGE_PAGE, Math.max(count, 2 * this.#held.length)))
      larger.set(this.#held.subarray(0, this.#count))
      this.#held = larger
    }
    this.#held.set(piece, this.#count)
    this.#count = count
  }
}

/** Writes all of the bytes to a place of the file. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    throw new SourceError(path, `cannot be written: ${reason(error)}`, { cause: error })
  }
}
