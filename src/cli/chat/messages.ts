// Messages out of lines: one each, or several between """, or where each but the last ends in a backslash.

const QUOTES = '"""'

export class MessageReader {
  #lines: string[] = []
  #quoted = false

  /** Whether a message has begun and goes on. */
  get unfinished(): boolean {
    return this.#lines.length > 0 || this.#quoted
  }

  /** Takes a line; answers the message that ends with it, if one does. */
  line(line: string): string | undefined {
    if (this.#quoted) return this.#inQuotes(line)
    if (this.#lines.length === 0 && line.trimStart().startsWith(QUOTES)) {
      this.#quoted = true
      const rest = line.trimStart().slice(QUOTES.length)
      return rest === '' ? undefined : this.#inQuotes(rest)
    }
    if (line.endsWith('\\')) {
      this.#lines.push(line.slice(0, -1))
      return undefined
    }
    return this.#finish(line)
  }

  /** A line that more follow, as pasted text has them. */
  pasted(line: string): void {
    this.#lines.push(line)
  }

  /** Forgets what has begun. */
  clear(): void {
    this.#lines = []
    this.#quoted = false
  }

  /** What has begun, once no more lines come; undefined if nothing has. */
  end(): string | undefined {
    return this.unfinished ? this.#finish() : undefined
  }

  #inQuotes(line: string): string | undefined {
    if (!line.trimEnd().endsWith(QUOTES)) {
      this.#lines.push(line)
      return undefined
    }
    const last = line.trimEnd().slice(0, -QUOTES.length)
    return last === '' ? this.#finish() : this.#finish(last)
  }

  #finish(...last: string[]): string {
    const message = [...this.#lines, ...last].join('\n')
    this.clear()
    return message
  }
}
