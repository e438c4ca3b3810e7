// Typed calls of native/os.h: mapped files, copies of native memory, what the machine offers.
import type { Address, Library } from './native.ts'

/** Bytes of a message that native code writes. */
export const MESSAGE_BYTES = 256

/** Why the system refuses something. */
export interface Refusal {
  readonly code: number
  readonly problem: string
}

/** A mapped file, or why the system refuses to map it. */
export type Mapped = { readonly address: Address; readonly size: number } | Refusal

export interface NativeOs {
  /** Maps a whole file, read-only. The descriptor decides which file it is, but on Windows the path does. */
  map(path: string, descriptor: number): Mapped
  /** Nothing may read the mapping any more. */
  unmap(address: Address): void
  /** Whether bytes of the file have gone since; they read as zero. */
  mappingBroken(address: Address): boolean
  /** A file for native code to read, past the page cache where that can be. The descriptor is as for `map`. */
  open(path: string, descriptor: number): { readonly handle: Address } | Refusal
  /** Nothing may read the file any more. */
  close(handle: Address): void
  /** A copy of native memory, which must be readable throughout. */
  readBytes(address: Address, length: number): Uint8Array
  writeBytes(address: Address, bytes: Uint8Array): void
  /** Address space that takes memory where it is written, before a page that faults; 0 if there is none. */
  reserve(bytes: number): Address
  release(address: Address, bytes: number): void
  /** Gives back the memory of the whole pages within a range; they read as zero again. */
  decommit(address: Address, bytes: number): void
  pageSize(): number
  /** Bytes of memory that this process can still have, control groups considered; 0 if that is not known. */
  availableMemory(): number
  /** The least of physical cores, processors allowed and the control group's quota. */
  defaultThreads(): number
}

const known = new WeakMap<Library, NativeOs>()

export function nativeOs(library: Library): NativeOs {
  const found = known.get(library) ?? declare(library)
  known.set(library, found)
  return found
}

function declare(library: Library): NativeOs {
  const map = library.func('tl_map', 'i32', ['text', 'i32', 'bytes', 'bytes', 'bytes', 'i32'])
  const open = library.func('tl_open', 'i32', ['text', 'i32', 'bytes', 'bytes', 'i32'])
  const available = library.func('tl_available_memory', 'address', ['text'])
  const broken = library.func('tl_mapping_broken', 'i32', ['address'])
  const read = library.func('tl_read_bytes', 'void', ['address', 'bytes', 'u64'])
  const write = library.func('tl_write_bytes', 'void', ['address', 'bytes', 'u64'])
  return {
    map(path, descriptor) {
      const address = new BigUint64Array(1)
      const size = new BigUint64Array(1)
      const message = new Uint8Array(MESSAGE_BYTES)
      const code = map(path, descriptor, address, size, message, MESSAGE_BYTES)
      if (code === 0) return { address: Number(address[0]), size: Number(size[0]) }
      return { code, problem: textOf(message) }
    },
    open(path, descriptor) {
      const handle = new BigUint64Array(1)
      const message = new Uint8Array(MESSAGE_BYTES)
      const code = open(path, descriptor, handle, message, MESSAGE_BYTES)
      return code === 0 ? { handle: Number(handle[0]) } : { code, problem: textOf(message) }
    },
    close: library.func('tl_close', 'void', ['address']),
    unmap: library.func('tl_unmap', 'void', ['address']),
    mappingBroken: address => broken(address) === 1,
    readBytes(address, length) {
      const bytes = new Uint8Array(length)
      read(address, bytes, length)
      return bytes
    },
    writeBytes: (address, bytes) => write(address, bytes, bytes.length),
    reserve: library.func('tl_reserve', 'address', ['u64']),
    release: library.func('tl_release', 'void', ['address', 'u64']),
    decommit: library.func('tl_decommit', 'void', ['address', 'u64']),
    pageSize: library.func('tl_page_size', 'address', []),
    availableMemory: () => available(''),
    defaultThreads: library.func('tl_default_threads', 'i32', []),
  }
}

/** A text that native code wrote, up to its zero. */
export function textOf(message: Uint8Array): string {
  return new TextDecoder().decode(message.subarray(0, message.indexOf(0)))
}
