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
        for (;;) {
          const end = breakable(this.#word, this.#columns())
          if (end === 0) break
          const rest = this.#word.slice(end)
          this.#word = this.#word.slice(0, end)
          out += this.#place()
          this.#word = rest
        }
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

/**
 * Where a word may be broken: around each letter of Chinese, Japanese and Korean, which are written without spaces, and where it is as
 * wide as a line; 0 for nowhere.
 */
function breakable(word: string, columns: number): number {
  const wide = /[\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]/.exec(word)
  if (wide) return wide.index === 0 ? (word.length > 1 ? 1 : 0) : wide.index
  if (word.length <= columns) return 0
  // No character is cut in two.
  return columns > 1 && word.codePointAt(columns - 1)! > 0xffff ? columns - 1 : columns
}
