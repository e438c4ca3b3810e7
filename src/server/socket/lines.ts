// Lines of text out of pieces of bytes, of bounded length.
import { ProtocolError } from '../../errors.ts'
import { MAX_LINE } from './protocol.ts'

const LINE_FEED = 10

export class LineReader {
  #pieces: Uint8Array[] = []
  #length = 0
  /** Whether the line that has begun is too long, and skipped up to its end. */
  #skipping = false

  constructor(readonly maxLine = MAX_LINE) {}

  /** Takes bytes; answers what lines end in them: texts, and errors in place of those that are too long or no UTF-8. */
  push(bytes: Uint8Array): (string | ProtocolError)[] {
    const lines: (string | ProtocolError)[] = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start)
      this.#take(bytes.subarray(start, end < 0 ? undefined : end))
      if (end < 0) return lines
      lines.push(this.#finish())
      start = end + 1
    }
  }

  /** The line that has begun, once no more bytes come; undefined if none has. */
  end(): string | ProtocolError | undefined {
    return this.#length > 0 || this.#skipping ? this.#finish() : undefined
  }

  #take(bytes: Uint8Array): void {
    if (this.#skipping || this.#length + bytes.length > this.maxLine) {
      this.#skipping = true
      this.#pieces = []
      return
    }
    // A copy: the bytes may be reused by whoever read them.
    if (bytes.length > 0) this.#pieces.push(bytes.slice())
    this.#length += bytes.length
  }

  #finish(): string | ProtocolError {
    const pieces = this.#pieces
    const tooLong = this.#skipping
    this.#pieces = []
    this.#length = 0
    this.#skipping = false
    if (tooLong)
      return new ProtocolError(`expected lines of ${this.maxLine} bytes at most, found a longer one`)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
        .decode(Buffer.concat(pieces))
        .replace(/\r$/, '')
    } catch {
      return new ProtocolError('expected UTF-8, found other bytes')
    }
  }
}
