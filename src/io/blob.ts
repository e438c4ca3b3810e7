// A Source over a Blob or File: what a browser's file picker gives. Knows nothing of what the bytes mean.
import { SourceError } from '../errors.ts'
import { makeSource, reason, type Source } from './source.ts'

/** Reads slices of the Blob as they are asked for. */
export function blobSource(name: string, blob: Blob): Source {
  return makeSource(name, blob.size, async (offset, length) => {
    let bytes: Uint8Array
    try {
      bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer())
    } catch (error) {
      // The Blob stands for a file that was changed or removed.
      throw new SourceError(name, reason(error), { cause: error })
    }
    if (bytes.length !== length)
      throw new SourceError(name, `expected ${length} bytes at offset ${offset}, found ${bytes.length}`)
    return bytes
  })
}
