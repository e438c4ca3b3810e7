// Patterns of schemas as languages: they hold the texts that RegExp matches, and no others.
import { expect, test } from 'vitest'
import { PatternError, patternLanguage } from '../../src/grammar/pattern.ts'
import { includes } from '../../src/grammar/regular.ts'
import { Random } from '../fixtures/random.ts'

const patterns = [
  ...[
    '',
    'a',
    '^a',
    'a$',
    '^a$',
    '^$',
    'a|b',
    '^a|b$',
    '^(a|b)+$',
    '(?:^ab|c$)',
    '(^a$)|bb',
    'a.c',
    '^.{2,3}$',
  ],
  ...[
    '^[^a-b]+$',
    '[\\d-]',
    '^\\w+\\s\\S$',
    '[\\]\\\\]',
    '\\x61\\u0062\\u{63}',
    '^(?<n>a)b?c*?$',
    '(?!a)'.replace('(', '^('),
    '^(?=.*b)a',
    '^(?!.*aa)[ab]+$',
  ],
  ...[
    '^(?!ab$)(?=[ab]*$)',
    '^\\p{Lu}',
    '\\P{L}$',
    '[\\p{N}_]',
    '^a{2}$',
    '^(a{1,2}b){2,}$',
    '\\.',
    '^-?\\d+$',
    '\\ud83d\\ude00',
    '^\\cA|\\0',
    '[a-]',
    '((a)|(b(c)))$',
    '^[\\b]$|^[a\\b-\\n]{2}$',
    '^(?<$é>a)b',
  ],
]
const pieces = [
  'a',
  'b',
  'c',
  'ab',
  'A',
  '1',
  '-',
  '_',
  ' ',
  '.',
  '\n',
  '\b',
  '\\',
  ']',
  'é',
  '😀',
  '\u0001',
  '\u2028',
]

test.each(patterns)('%s', pattern => {
  const language = patternLanguage(pattern)
  const matches = new RegExp(pattern, 'u')
  const random = new Random(4)
  for (let i = 0; i < 400; i++) {
    const text = Array.from({ length: random.below(6) }, () => pieces[random.below(pieces.length)]).join('')
    expect(includes(language, text), JSON.stringify(text)).toBe(matches.test(text))
  }
})

test.each([
  '(a)\\1',
  '\\bword',
  'a(?=b)',
  'a(?!b)',
  '(?<=a)b',
  '(a^b)',
  'a$b',
  '(?<n>a)\\k<n>',
  'a{20000}',
  '(',
  'a\\',
])('%s is refused', pattern => {
  expect(() => patternLanguage(pattern)).toThrow(PatternError)
})
