// Strings that remember which of their characters came from outside the template: messages, tools, documents.

/** As in Python's str.strip. */
const SPACE = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`
const SPACES = new RegExp(`${SPACE}+`, 'g')
const ONE_SPACE = new RegExp(SPACE)

/** An immutable string. Offsets are UTF-16 code units. */
export class Text {
  static readonly empty = new Text('')

  constructor(
    readonly value: string,
    /** What came from outside: start and end of each range, ascending, none empty, none touching. */
    readonly foreign: readonly number[] = [],
  ) {}

  static foreign(value: string): Text {
    return new Text(value, value === '' ? [] : [0, value.length])
  }

  /** One text of several, with `separator` between them. */
  static join(parts: readonly Text[], separator: Text = Text.empty): Text {
    if (parts.length === 0) return Text.empty
    if (parts.length === 1) return parts[0]!
    const values: string[] = []
    const foreign: number[] = []
    let length = 0
    const add = (part: Text) => {
      for (let i = 0; i < part.foreign.length; i += 2) {
        const start = part.foreign[i]! + length
        const end = part.foreign[i + 1]! + length
        if (foreign.length > 0 && foreign.at(-1) === start) foreign[foreign.length - 1] = end
        else foreign.push(start, end)
      }
      values.push(part.value)
      length += part.value.length
    }
    for (const [i, part] of parts.entries()) {
      if (i > 0 && separator.value !== '') add(separator)
      add(part)
    }
    return new Text(values.join(''), foreign)
  }

  slice(start: number, end = this.value.length): Text {
    const foreign: number[] = []
    for (let i = this.#firstAfter(start); i < this.foreign.length && this.foreign[i]! < end; i += 2) {
      const from = Math.max(this.foreign[i]!, start)
      const to = Math.min(this.foreign[i + 1]!, end)
      if (from < to) foreign.push(from - start, to - start)
    }
    return new Text(this.value.slice(start, end), foreign)
  }

  /** Place in `foreign` of the first range that ends after `offset`. */
  #firstAfter(offset: number): number {
    let [low, high] = [0, this.foreign.length / 2]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.foreign[2 * middle + 1]! <= offset) low = middle + 1
      else high = middle
    }
    return 2 * low
  }

  /** What `change` makes of it; where that moves characters, all of it is foreign if any was. */
  map(change: (value: string) => string): Text {
    const value = change(this.value)
    if (value.length === this.value.length) return new Text(value, this.foreign)
    return this.foreign.length > 0 ? Text.foreign(value) : new Text(value)
  }

  /** Without the `characters` (default: white space) at its ends. */
  strip(sides: 'both' | 'left' | 'right', characters?: string): Text {
    const { value } = this
    const strips = (character: string) =>
      characters === undefined ? ONE_SPACE.test(character) : characters.includes(character)
    let [start, end] = [0, value.length]
    if (sides !== 'right') while (start < end && strips(value[start]!)) start++
    if (sides !== 'left') while (end > start && strips(value[end - 1]!)) end--
    return this.slice(start, end)
  }

  /** The parts between occurrences of `separator`, cut at most `most` times, counted from the left or the right. */
  split(separator: string, most = Number.POSITIVE_INFINITY, from: 'left' | 'right' = 'left'): Text[] {
    const places: number[] = []
    const { value } = this
    if (from === 'left') {
      for (let at = value.indexOf(separator); at >= 0 && places.length < most; ) {
        places.push(at)
        at = value.indexOf(separator, at + separator.length)
      }
    } else {
      for (let at = value.lastIndexOf(separator); at >= 0 && places.length < most; ) {
        places.unshift(at)
        if (at < separator.length) break
        at = value.lastIndexOf(separator, at - separator.length)
      }
    }
    const starts = [0, ...places.map(place => place + separator.length)]
    return starts.map((start, i) => this.slice(start, places[i] ?? value.length))
  }

  /** The words between runs of white space; after `most` cuts the rest is one word. */
  words(most = Number.POSITIVE_INFINITY): Text[] {
    const words: Text[] = []
    const text = this.strip('left')
    let start = 0
    for (const gap of text.value.matchAll(SPACES)) {
      if (words.length >= most) break
      words.push(text.slice(start, gap.index))
      start = gap.index + gap[0].length
    }
    if (start < text.value.length) words.push(text.slice(start))
    return words
  }

  /** Characters (not code units), each a text. */
  characters(): Text[] {
    const characters: Text[] = []
    let at = 0
    for (const character of this.value) {
      characters.push(this.slice(at, at + character.length))
      at += character.length
    }
    return characters
  }
}
