// Words of texts, and the character classes behind them.
import { describe, expect, test } from 'vitest'
import { pretokenizers, WordSplitter } from '../../src/tokenizer/pretokenize.ts'
import { unicodePattern } from '../../src/tokenizer/regex.ts'
import { Random } from '../conformance/random.ts'

const splitters = new Map<string, WordSplitter>()

function words(name: string, text: string): string[] {
  const splitter = splitters.get(name) ?? new WordSplitter(pretokenizers[name]!.patterns)
  splitters.set(name, splitter)
  const found: string[] = []
  splitter.split(text, word => found.push(word))
  return found
}

// By the patterns of the tokenizer.json files, cut by hand.
test.each([
  ['gpt-2', "Hello world's  12345 \n\n x", ['Hello', ' world', "'s", ' ', ' 12345', ' \n\n', ' x']],
  [
    'llama-bpe',
    "I'LL pay $1234567!\n\n  ok",
    ['I', "'LL", ' pay', ' $', '123', '456', '7', '!\n\n', ' ', ' ok'],
  ],
  ['qwen2', 'a12 b(c)\r\n', ['a', '1', '2', ' b', '(c', ')\r\n']],
  ['qwen35', 'ก็ x', ['ก็', ' x']],
  ['smollm', 'a12 34', ['a', '1', '2', ' ', '3', '4']],
  ['tekken', 'helloWorld HTTPServer/\n', ['hello', 'World', ' HTTPServer', '/\n']],
  ['gpt-4o', "Don'T stop2345", ["Don'T", ' stop', '234', '5']],
  ['deepseek-coder', 'x; y = 12\n中文。', ['x', ';', ' y', ' = ', '1', '2', '\n', '中文', '。']],
  ['deepseek-v3', 'f(x1234)中文x', ['f', '(x', '123', '4', ')', '中文', 'x']],
  ['falcon', 'a+b 12345', ['a', '+', 'b', ' ', '123', '45']],
  ['deepseek-llm', 'Привет, 中文x12  ', ['Привет', ',', ' ', '中文', 'x', '12', '  ']],
  ['jais-2', 'a       b', ['a', '    ', '  ', ' b']],
  ['bailingmoe', "it'S 12\n\n", ['it', "'S", ' ', '1', '2', '\n\n']],
  ['seed-coder', 'a !\n1', ['a', ' !', '\n', '1']],
  ['exaone-moe', 'a b c 12', ['a b c', ' ', '1', '2']],
  ['ufakzeka', "Ankara'da", ['Ankara', "'da"]],
  ['tiny_aya', '1234567 1234a', ['1', '234', '567', ' ', '123', '4', 'a']],
  ['afmoe', '12345 한국中文x', ['12', '345', ' ', '한국中文', 'x']],
  ['superbpe', 'by the 1234567 way', ['by the ', '1', '234', '567', ' way']],
  ['kimi-k2', "中文test中 it'S 1234", ['中文', 'test', '中', " it'S", ' ', '123', '4']],
  ['youtu', '한국中文、a1', ['한국', '中文', '、', 'a', '1']],
  ['spark2_5', 'a;\n\n12345', ['a', ';', '\n', '\n', '1', '2', '3', '4', '5']],
  ['minicpm5', "I'm 12345", ['I', "'m", ' ', '123', '45']],
  ['laguna', 'a  \n\nb', ['a', '  ', '\n\n', 'b']],
  ['bloom', 'Hello, world (x)…', ['Hello', ',', ' world', ' (', 'x', ')…']],
  ['viking', 'abc12', ['abc', '1', '2']],
  ['chameleon', 'IMGIMGABZ a\tb12.', ['IMGIMGABZ', ' a', '\t', 'b', '1', '2', '.']],
  ['gemma4', 'a▁b\n\nc', ['a▁b', '\n\n', 'c']],
  ['default', 'a+b, 12345', ['a', '+', 'b', ',', ' ', '123', '45']],
] as const)('%s: %j', (name, text, expected) => {
  expect(words(name, text)).toEqual(expected)
})

test('jais-2: long runs of spaces are cut into powers of two, but for what ends in a line end', () => {
  const found = words('jais-2', `${' '.repeat(600)}\n${' '.repeat(600)}x`)
  expect(found.map(word => word.length)).toEqual([601, 512, 64, 16, 4, 2, 1, 2])
})

/** One name for each that differs. */
const distinct = Object.keys(pretokenizers).filter(
  (name, i, names) => names.findIndex(other => pretokenizers[other] === pretokenizers[name]) === i,
)

describe.each(distinct)('%s', name => {
  test('words together are the text', () => {
    const random = new Random(name)
    const parts = [
      'a',
      'B',
      "'s",
      "'LL",
      ' ',
      '  ',
      '\n',
      '\r',
      '\t',
      '12',
      '½',
      '.',
      '+',
      'é',
      '中',
      '😀',
      '̈',
      '\ud800',
      '\u0085',
    ]
    for (let round = 0; round < 200; round++) {
      const text = Array.from({ length: random.below(30) }, () => parts[random.below(parts.length)]).join('')
      const found = words(name, text)
      expect(found.join('')).toBe(text)
      expect(found).not.toContain('')
    }
  })
})

test('a word that is longer than the runtime can match is cut', { timeout: 30_000 }, () => {
  const found = words('llama-bpe', `${'a'.repeat(2 ** 24)} b`)
  expect(found.at(-1)).toBe(' b')
  expect(found.slice(0, -1).reduce((sum, word) => sum + word.length, 0)).toBe(2 ** 24)
})

const classes = ['L', 'Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'M', 'N', 'P', 'S', 'White_Space', 'Script=Han']

test.each(classes)('%s is what this runtime knows, but for younger characters', property => {
  const own = unicodePattern(`[\\p{${property.replace('Script=', '')}}]`)
  const native = new RegExp(`\\p{${property}}`, 'u')
  const classed = unicodePattern('[\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\s]')
  const differing: string[] = []
  for (let point = 0; point < 0x110000; point++) {
    const text = String.fromCodePoint(point)
    own.lastIndex = classed.lastIndex = 0
    if (own.test(text) === native.test(text)) continue
    // Assigned since 15.1; or, for a few, moved to another class since.
    if (!own.test(text) && !classed.test(text)) continue
    differing.push(point.toString(16))
  }
  expect(differing.length, differing.join(' ')).toBeLessThan(8)
})

test('complements, inside and outside of brackets', () => {
  const matches = (pattern: string, text: string) => {
    const regExp = unicodePattern(pattern)
    return regExp.test(text) && regExp.lastIndex === text.length
  }
  expect(matches('\\S', 'a')).toBe(true)
  expect(matches('\\S', '\u0085')).toBe(false)
  expect(matches('[\\S\\n]', '\n')).toBe(true)
  expect(matches('[\\S\\n]', ' ')).toBe(false)
  expect(matches('[^\\S\\n]', ' ')).toBe(true)
  expect(matches('\\P{L}', '1')).toBe(true)
  expect(matches('\\P{L}', '𐐀')).toBe(false)
  expect(() => unicodePattern('\\p{Klingon}')).toThrow(RangeError)
})
