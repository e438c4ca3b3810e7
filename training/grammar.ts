// A small language for texts with choices: `[a|b|c]` takes one of several, nested as one likes; `{key}` takes a value,
// `{a key}` puts the right article before it, `{Key}` and `{A key}` begin with a capital.
import type { Random } from '../test/fixtures/random.ts'

export type Values = Readonly<Record<string, string>>

/** A text with all choices made. Throws Error for a value that is not there. */
export function expand(text: string, values: Values, random: Random): string {
  let at = 0

  /** Up to the end of the text, or to what closes the choice that we are in. */
  const sequence = (closing: string): string => {
    let out = ''
    while (at < text.length && !closing.includes(text[at]!)) {
      const character = text[at++]!
      if (character === '[') out += choice()
      else if (character === '{') out += value()
      else out += character
    }
    return out
  }
  const choice = (): string => {
    const options: string[] = []
    for (;;) {
      options.push(sequence('|]'))
      if (at >= text.length) throw new Error(`a choice is not closed in: ${text}`)
      if (text[at++] === ']') return pick(options, random)
    }
  }
  const value = (): string => {
    const end = text.indexOf('}', at)
    const [, article, name] = /^([Aa]n? )?(\w+)$/.exec(text.slice(at, end)) ?? []
    at = end + 1
    const found = values[name!] ?? values[name!.charAt(0).toLowerCase() + name!.slice(1)]
    if (found === undefined) throw new Error(`no value for ${name} in: ${text}`)
    const word = values[name!] === undefined ? capital(found) : found
    if (!article) return word
    return article.startsWith('A') ? capital(withArticle(word)) : withArticle(word)
  }
  return sequence('')
}

/** Sentences as they are printed: one space between words, a capital after each full stop. */
export function tidy(text: string): string {
  return text
    .replace(/[ \t]+/g, ' ')
    .replace(/ ([,.!?])/g, '$1')
    .replace(/(^|[.!?] )([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase())
    .trim()
}

export function pick<T>(list: readonly T[], random: Random): T {
  return list[random.below(list.length)]!
}

/** Several different ones. */
export function pickSome<T>(list: readonly T[], count: number, random: Random): T[] {
  const left = [...list]
  return Array.from(
    { length: Math.min(count, left.length) },
    () => left.splice(random.below(left.length), 1)[0]!,
  )
}

export function withArticle(word: string): string {
  return /^([aeio]|un(?!i)|um|up)/i.test(word) && !/^(one|eu)/i.test(word) ? `an ${word}` : `a ${word}`
}

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
