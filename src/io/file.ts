// A Source over a file of this machine, mapped or read in pieces. Knows nothing of what the bytes mean.
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SourceError } from '../errors.ts'
import { fileMapper, nativeOpener } from './map.ts'
import { makeSource, reason, type Source } from './source.ts'

/** One read call takes at most 2³¹-1 bytes. */
const MAX_READ = 2 ** 30

/** Opens a file (a path or a file URL) for reading; a {@link SourceError} says why it cannot be. */
export async function openFile(location: string | URL): Promise<Source> {
  const path = pathOf(location)
  let handle: FileHandle | undefined
  try {
    // Asked before opening: opening a named pipe would wait for somebody to write to it.
    const found = await stat(path)
    if (!found.isFile())
      throw new SourceError(
        path,
        `is ${found.isDirectory() ? 'a directory' : 'a device or pipe'}, not a file`,
      )
    handle = await open(path, 'r')
    return fileSource(path, handle, (await handle.stat()).size)
  } catch (error) {
    await handle?.close()
    throw error instanceof SourceError ? error : new SourceError(path, explain(error), { cause: error })
  }
}

/** Names of the files in the folder of a file; none if it cannot be read. */
export async function namesBeside(location: string | URL): Promise<readonly string[]> {
  return (await namesIn(dirname(pathOf(location)))) ?? []
}

/** Names of the files in a folder; undefined if the location is none. */
export async function namesIn(location: string | URL): Promise<readonly string[] | undefined> {
  try {
    return await readdir(pathOf(location))
  } catch {
    return undefined
  }
}

function pathOf(location: string | URL): string {
  if (typeof location === 'string') return location
  try {
    return fileURLToPath(location)
  } catch (error) {
    throw new SourceError(location.href, `is no path: ${reason(error)}`, { cause: error })
  }
}

function fileSource(name: string, handle: FileHandle, size: number): Source {
  const read = async (offset: number, length: number) => {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const count = await readSome(name, handle, bytes, done, offset + done)
      if (count === 0)
        throw new SourceError(
          name,
          `expected ${length} bytes at offset ${offset}, found ${done}: the file has shrunk from ${size} bytes`,
        )
      done += count
    }
    return bytes
  }
  const source = makeSource(name, size, read, () => handle.close())
  return { ...source, map: fileMapper(name, handle, size), openNative: nativeOpener(name, handle) }
}

async function readSome(name: string, handle: FileHandle, bytes: Uint8Array, at: number, offset: number) {
  try {
    return (await handle.read(bytes, at, Math.min(bytes.length - at, MAX_READ), offset)).bytesRead
  } catch (error) {
    throw new SourceError(name, explain(error), { cause: error })
  }
}

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to read it'
  return reason(error)
}
