// Where a model's bytes come from: a file, an HTTP range, a Blob. Knows nothing of what the bytes mean.
import { SourceError } from '../errors.ts'

/**
 * Random access to bytes that never change while in use.
 * `read` answers exactly `length` bytes or fails with a {@link SourceError}: never fewer.
 */
export interface Source {
  /** What to call it in messages: a path or a URL. */
  readonly name: string
  /** Size in bytes. */
  readonly size: number
  /** Bytes `[offset, offset + length)`, as a copy that the caller owns. */
  read(offset: number, length: number): Promise<Uint8Array>
  /**
   * All bytes in native memory, as the file itself rather than a copy: takes no time, whatever the size. Undefined
   * where that cannot be; `read` always works. Each mapping is to be unmapped, also after the source is closed.
   */
  map?(): Promise<Mapping | undefined>
  /**
   * The file, for native code to read past the page cache. Undefined where that cannot be. Each is to be closed, also after
   * the source is.
   */
  openNative?(): Promise<NativeFile | undefined>
  /** Frees the handle; reading afterwards fails. Closing twice is harmless. */
  close(): Promise<void>
}

/** A source's bytes in native memory, read-only, until `unmap`. */
export interface Mapping {
  /** Of the first byte. Fails after `unmap`: whoever reads there afterwards ends the process. */
  readonly address: number
  /** Size in bytes. */
  readonly size: number
  /**
   * Whether bytes have gone since, because the file became shorter or its disk failed. They read as zero then, so
   * what was computed from them is to be thrown away. To be asked after reading, before an answer is believed.
   */
  broken(): boolean
  /** Nothing may read the memory any more. Unmapping twice is harmless. */
  unmap(): void
}

/** A file that native code reads by itself. */
export interface NativeFile {
  readonly handle: number
  /** Nothing may read it any more. */
  close(): void
}

/** Bytes that are in memory already. They are not copied: leave them as they are while the source is in use. */
export function bytesSource(name: string, bytes: Uint8Array): Source {
  return makeSource(name, bytes.length, async (offset, length) => bytes.slice(offset, offset + length))
}

/** A source that is sure of itself: `read` gets only ranges within `size`, and none once it is closed. */
export function makeSource(
  name: string,
  size: number,
  read: Source['read'],
  release?: () => Promise<void>,
): Source {
  let closed: Promise<void> | undefined
  return {
    name,
    size,
    async read(offset, length) {
      if (closed) throw new SourceError(name, 'was closed, and cannot be read any more')
      if (!isSize(offset) || !isSize(length) || offset + length > size)
        throw new SourceError(
          name,
          `expected a range within ${size} bytes, found ${length} bytes at offset ${offset}`,
        )
      return read(offset, length)
    },
    async close() {
      closed ??= release?.() ?? Promise.resolve()
      await closed
    },
  }
}

/** The message of whatever was thrown. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
