// Streamed text broken at words, as wide as the terminal is at the moment.
import stringWidth from 'string-width'

export class WordWrap {
  readonly #columns: () => number
  /** Columns that the current line takes so far. */
  #column = 0
  /** The word at the end, which may go on. */
  #word = ''
  /** Space before that word. */
  #space = ''

  /** `columns` tells the width whenever a word is placed. */
  constructor(columns: () => number) {
    this.#columns = columns
  }

  /** Takes text; answers what can be shown by now. */
  push(text: string): string {
    let out = ''
    for (const part of text.split(/(\n|[ \t]+)/)) {
      if (part === '') continue
      if (part === '\n') {
        out += `${this.#place()}${this.#space}\n`
        this.#space = ''
        this.#column = 0
      } else if (/^[ \t]/.test(part)) {
        out += this.#place()
        this.#space += part
      } else {
        this.#word += part
      }
    }
    return out
  }

  /** The rest, once no more text comes. */
  flush(): string {
    const out = this.#place() + this.#space
    this.#space = ''
    this.#column = 0
    return out
  }

  #place(): string {
    if (this.#word === '') return ''
    const width = stringWidth(this.#word)
    const space = stringWidth(this.#space.replaceAll('\t', '        '))
    const breaks = this.#column > 0 && this.#column + space + width > this.#columns()
    const out = breaks ? `\n${this.#word}` : this.#space + this.#word
    this.#column = breaks ? width : this.#column + space + width
    this.#word = ''
    this.#space = ''
    return out
  }
}
