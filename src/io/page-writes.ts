// Files written in pieces as large as memory likes to keep them in.
import type { FileHandle } from 'node:fs/promises'

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
