// Regular expressions of tokenizer files, in the dialect of Oniguruma.
import { describe, expect, test } from 'vitest'
import { unicodePattern } from '../../src/tokenizer/regex.ts'

/** What matches at the beginning. */
function match(pattern: string, text: string): string | undefined {
  const regExp = unicodePattern(pattern)
  return regExp.test(text) ? text.slice(0, regExp.lastIndex) : undefined
}

test.each<[string, string, string | undefined]>([
  ['a|bc*', 'bccd', 'bcc'],
  ['a{2}', 'aaa', 'aa'],
  ['a{2,}', 'aaaa', 'aaaa'],
  ['a{,2}b', 'aab', 'aab'],
  ['a{1,3}?', 'aaa', 'a'],
  ['.+', 'ab\nc', 'ab'],
  ['\\s+', ' \u0085\u3000x', ' \u0085\u3000'],
  ['\\s', '\ufeff', undefined],
  ['\\d+', '1٣a', '1٣'],
  ['\\w+', 'aé_1-', 'aé_1'],
  ['\\p{Lu}\\P{Lu}', 'Éé', 'Éé'],
  ['\\p{^Lu}', 'É', undefined],
  ['\\p{Script=Han}+', '中文a', '中文'],
  ['\\p{Hiragana}', 'あ', 'あ'],
  ['[\\p{L}\\p{M}&&[^\\p{Han}a-c]]+', 'dec', 'de'],
  ['[^\\s\\p{L}]+', '1!a', '1!'],
  ['[[:alpha:]_]+', 'a_1', 'a_'],
  ['[[:^digit:]]', 'a', 'a'],
  ['[]a]+', 'a]b', 'a]'],
  ['[a\\-z]+', 'a-zb', 'a-z'],
  ['[a-]+', 'a-b', 'a-'],
  ['\\x{1F600}|\\u4e2d|\\x41', '😀', '😀'],
  ["(?i:'s|'RE)", "'S", "'S"],
  ["(?i:'re)b", "'Reb", "'Reb"],
  ["(?i:'re)b", "'ReB", undefined],
  ['a(?i)b|c', 'aC', 'aC'],
  ['(?i)s', 'ſ', 'ſ'],
  ['(?i)[a-c]+', 'aBC', 'aBC'],
  ['(?i:a(?-i:b))', 'AB', undefined],
  ['a++b', 'aab', 'aab'],
  ['a++a', 'aaa', undefined],
  ['(?>a+)a', 'aaa', undefined],
  ['a?+a', 'a', undefined],
  ['(?:ab)+', 'ababa', 'abab'],
  ['(?<name>a)b', 'ab', 'ab'],
  ['a(?!b)', 'ab', undefined],
  ['a(?=b)', 'ab', 'a'],
  ['a$', 'a\nb', 'a'],
  ['a\\z', 'a\n', undefined],
  ['a\\Z', 'a\n', 'a'],
  ['\\bab\\b', 'ab-', 'ab'],
  ['ab\\b', 'abc', undefined],
  ['ab\\B', 'abc', 'ab'],
  ['a{b', 'a{b', 'a{b'],
])('/%s/ on %j: %j', (pattern, text, expected) => {
  expect(match(pattern, text)).toBe(expected)
})

describe('what has no translation is refused', () => {
  test.each([
    ['\\p{Klingon}', 'no table of the character class Klingon'],
    ['(a', 'the end within a group'],
    ['a)', 'a closing bracket'],
    ['[a', 'the end'],
    ['[z-a]', 'a range that ends before it begins'],
    ['(a)\\1', '\\1'],
    ['(?x: a)', 'the flags x'],
    ['(?#comment)', 'a group of an unknown kind'],
    ['*a', 'a repetition of nothing'],
    ['a{2}+', 'the repetition {2}+'],
    ['a{9999}', 'more than 1000 repetitions'],
    ['\\', 'the end'],
    ['('.repeat(1e5), 'groups more than 100 deep'],
    ['['.repeat(1e5), 'brackets more than 100 deep'],
  ])('%.20s', (pattern, expected) => {
    expect(() => unicodePattern(pattern)).toThrow(RangeError)
    expect(() => unicodePattern(pattern)).toThrow(expected)
  })
})
