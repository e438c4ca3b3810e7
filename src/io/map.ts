// Files as native code has them: mapped, which is what a model's weights are used from without copies, or open for reading.
import type { FileHandle } from 'node:fs/promises'
import { constants } from 'node:os'
import { BackendUnavailableError, DisposedError, SourceError } from '../errors.ts'
import { type NativeLibrary, nativeLibrary } from '../ffi/library.ts'
import { type NativeOs, nativeOs } from '../ffi/os.ts'
import type { Mapping, NativeFile } from './source.ts'

/**
 * `Source.map` of a file that was found to have `size` bytes. The file is mapped once for all who ask, and unmapped
 * when the last of them is done.
 */
export function fileMapper(
  name: string,
  handle: FileHandle,
  size: number,
): () => Promise<Mapping | undefined> {
  let shared: Shared | undefined
  return async () => {
    const library = size > 0 ? await usableLibrary() : undefined
    if (library === undefined) return undefined
    if (handle.fd < 0) throw new SourceError(name, 'was closed, and cannot be mapped any more')
    if (shared === undefined || shared.users === 0) shared = mapShared(nativeOs(library), name, handle, size)
    return shared && mappingOf(shared, name)
  }
}

/** `Source.openNative` of a file. */
export function nativeOpener(name: string, handle: FileHandle): () => Promise<NativeFile | undefined> {
  return async () => {
    const library = await usableLibrary()
    if (library === undefined) return undefined
    if (handle.fd < 0) throw new SourceError(name, 'was closed, and cannot be opened any more')
    const os = nativeOs(library)
    const opened = os.open(name, handle.fd)
    if ('code' in opened) throw new SourceError(name, `cannot be opened: ${opened.problem}`)
    let open = true
    return {
      handle: opened.handle,
      close() {
        if (open) os.close(opened.handle)
        open = false
      },
    }
  }
}

/** The native library, unless it would have to be built first: reading works meanwhile. */
async function usableLibrary(): Promise<NativeLibrary | undefined> {
  try {
    return await nativeLibrary({ build: false })
  } catch (error) {
    if (error instanceof BackendUnavailableError) return undefined
    throw error
  }
}

/** One mapping of a file, and how many use it. */
interface Shared {
  readonly os: NativeOs
  readonly address: number
  readonly size: number
  users: number
}

function mapShared(os: NativeOs, name: string, handle: FileHandle, size: number): Shared | undefined {
  const mapped = os.map(name, handle.fd)
  if ('code' in mapped) {
    // A file system without mapping; its files can still be read.
    if (mapped.code === constants.errno.ENODEV) return undefined
    throw new SourceError(name, `cannot be mapped: ${mapped.problem}`)
  }
  if (mapped.size < size) {
    os.unmap(mapped.address)
    throw new SourceError(name, `expected ${size} bytes, found ${mapped.size}: the file has shrunk`)
  }
  return { os, address: mapped.address, size, users: 0 }
}

function mappingOf(shared: Shared, name: string): Mapping {
  const { os, address, size } = shared
  let used = true
  shared.users++
  const check = () => {
    if (!used) throw new DisposedError(`the mapping of ${name}`)
  }
  return {
    get address() {
      check()
      return address
    },
    size,
    broken() {
      check()
      return os.mappingBroken(address)
    },
    unmap() {
      if (used && --shared.users === 0) os.unmap(address)
      used = false
    },
  }
}
