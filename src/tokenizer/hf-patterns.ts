// Patterns of tokenizer.json: texts and regular expressions, and what is done where they match.
import type { Json } from './json.ts'
import { characterLength, Matcher } from './matcher.ts'

/** `{ "String": text }` or `{ "Regex": pattern }`. */
export function patternFromJson(json: Json): Matcher {
  const text = json.optional('String')?.text()
  if (text !== undefined) return literal(text)
  const pattern = json.get('Regex')
  return compile(pattern.text(), pattern)
}

/** A pattern that the tokenizer's kind implies, or a file's own at `json`. */
export function compile(pattern: string, json: Json): Matcher {
  try {
    return new Matcher(pattern)
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError)
      return json.unsupported('a regular expression that has a translation', error.message)
    throw error
  }
}

export function literal(text: string): Matcher {
  return new Matcher(text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
}

export function replaceAll(text: string, matcher: Matcher, by: string): string {
  let out = ''
  let done = 0
  eachMatch(text, matcher, (begin, end) => {
    out += text.slice(done, begin) + by
    done = end
  })
  return out + text.slice(done)
}

/** What becomes of matches. */
export const behaviors = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const

export interface Split {
  readonly matcher: Matcher
  readonly behavior: (typeof behaviors)[number]
  /** What does not match counts as match, and the other way round. */
  readonly invert: boolean
}

/** Calls `visit` for each part of the text, in order; parts are never empty. */
export function splitText(
  text: string,
  { matcher, behavior, invert }: Split,
  visit: (begin: number, end: number) => void,
): void {
  let done = 0
  const joiner = new Joiner(behavior, visit)
  eachMatch(text, matcher, (begin, end) => {
    if (begin > done) joiner.add(done, begin, invert)
    if (end > begin) joiner.add(begin, end, !invert)
    done = end
  })
  if (text.length > done) joiner.add(done, text.length, invert)
  joiner.flush()
}

/** Puts neighbours together as a behavior asks; holds one part back. */
class Joiner {
  readonly #behavior: Split['behavior']
  readonly #visit: (begin: number, end: number) => void
  #begin = 0
  #end = -1
  #matches = false
  #joined = false

  constructor(behavior: Split['behavior'], visit: (begin: number, end: number) => void) {
    this.#behavior = behavior
    this.#visit = visit
  }

  add(begin: number, end: number, matches: boolean): void {
    if (this.#behavior === 'Removed' && matches) return
    if (this.#end === begin && this.#joins(matches)) {
      this.#end = end
      this.#joined = true
    } else {
      this.flush()
      this.#begin = begin
      this.#end = end
      this.#joined = false
    }
    this.#matches = matches
  }

  #joins(matches: boolean): boolean {
    if (this.#behavior === 'Contiguous') return matches === this.#matches
    if (this.#behavior === 'MergedWithPrevious') return matches && !this.#matches
    // A match that has joined nothing yet waits for what comes behind it.
    return this.#behavior === 'MergedWithNext' && !matches && this.#matches && !this.#joined
  }

  flush(): void {
    if (this.#end >= 0) this.#visit(this.#begin, this.#end)
    this.#end = -1
  }
}

function eachMatch(text: string, matcher: Matcher, visit: (begin: number, end: number) => void): void {
  for (let at = 0; at <= text.length && matcher.find(text, at); ) {
    const { begin, end } = matcher
    at = end > begin ? end : end + characterLength(text, end)
    visit(begin, end)
  }
}
