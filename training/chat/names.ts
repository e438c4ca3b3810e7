// Names, texts and numbers of made-up code.
import type { Random } from '../../test/fixtures/random.ts'
import { capital, pick } from '../grammar.ts'
import { drawn } from '../holdout.ts'
import { adjectives, type Language, nouns, verbs } from './code.ts'

const CONSONANTS = [...'bcdfghjklmnpqrstvwxyz']
const VOWELS = [...'aeiou']
const shortNames =
  'a, b, c, x, y, z, n, m, s, t, p, q, w, h, foo, bar, baz, tmp, res, val, arr, str, num, idx, acc, cur, prev, args, opts, out, msg, err, cfg, cb, fn, xs, ys, lst, buf, ptr'.split(
    ', ',
  )

/** Draws names, each once in a file. */
export class Names {
  readonly #used = new Set<string>()

  constructor(
    readonly random: Random,
    readonly unseen: boolean,
    readonly language: Language,
  ) {}

  variable(): string {
    const { random } = this
    return this.#fresh(() =>
      random.below(this.unseen ? 6 : 4) === 0
        ? [invented(random)]
        : random.below(3) === 0
          ? [pick(nouns, random)]
          : random.below(2) === 0
            ? [pick(adjectives, random), pick(nouns, random)]
            : [pick(nouns, random), pick(nouns, random)],
    )
  }

  function(): string {
    const { random } = this
    return this.#fresh(() => [
      pick(verbs, random),
      ...(random.below(3) === 0 ? [pick(adjectives, random)] : []),
      random.below(6) === 0 ? invented(random) : `${pick(nouns, random)}${pick(['', '', 's'], random)}`,
    ])
  }

  constant(): string {
    const { random } = this
    const words = () => [pick(random.below(2) === 0 ? adjectives : nouns, random), pick(nouns, random)]
    return drawn(
      this.unseen,
      () => words().join('_').toUpperCase(),
      name => name,
    )
  }

  /** Of up to three words. */
  text(): string {
    const words = () => Array.from({ length: 1 + this.random.below(3) }, () => pick(nouns, this.random))
    return drawn(
      this.unseen,
      () => words().join(' '),
      text => text,
    )
  }

  /** Another than the old one. */
  number(old = ''): string {
    const draw = () => String(2 + this.random.below(pick([10, 100, 1000], this.random)))
    for (;;) {
      const made = drawn(old !== '' && this.unseen, draw, made => `${old}>${made}`)
      if (made !== old) return made
    }
  }

  #fresh(words: () => string[]): string {
    for (;;) {
      const name = drawn(
        this.unseen,
        () => joined(words(), this.language.joined),
        made => made,
      )
      if (this.#used.has(name)) continue
      this.#used.add(name)
      return name
    }
  }
}

/** No word: short names as programmers like them, and syllables, so that what is copied may be any letters. */
function invented(random: Random): string {
  if (random.below(3) === 0) return pick(shortNames, random)
  const syllable = () =>
    pick(CONSONANTS, random) + pick(VOWELS, random) + pick([...CONSONANTS, '', ''], random)
  return Array.from({ length: 1 + random.below(3) }, syllable).join('')
}

function joined(words: readonly string[], how: Language['joined']): string {
  return how === 'snake' ? words.join('_') : words.map((word, i) => (i === 0 ? word : capital(word))).join('')
}
