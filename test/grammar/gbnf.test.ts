// GBNF: what grammars let through, and what is said of those that are none.
import { describe, expect, test } from 'vitest'
import { GrammarError } from '../../src/errors.ts'
import { parseGbnf } from '../../src/grammar/gbnf.ts'
import { GrammarMatcher } from '../../src/grammar/grammar-matcher.ts'
import { Random } from '../fixtures/random.ts'
import { grammars } from './grammars.ts'
import { reads, sample } from './sample.ts'

const matcherOf = (grammar: string) => new GrammarMatcher(parseGbnf(grammar))

describe('a grammar lets through', () => {
  const cases: Record<string, { grammar: string; whole: string[]; refused: string[]; begun?: string[] }> = {
    'literals with escapes': {
      grammar: String.raw`root ::= "a\"b\\c\n\t\r\x41é\U0001F600[\[\]"`,
      whole: ['a"b\\c\n\t\rAé😀[[]'],
      refused: ['a"b\\c\n\t\rB'],
    },
    'alternatives and groups': {
      grammar: 'root ::= ("a" | "bc" ("d" | "e")) "!" | "x"',
      whole: ['a!', 'bcd!', 'bce!', 'x'],
      refused: ['bc!', 'x!', 'ab'],
    },
    'classes with ranges, escapes and a last dash': {
      grammar: String.raw`root ::= [a-c\]\-x0-9] [\x41-\x43-] [^a-z\n]`.replace(String.raw`\-`, ''),
      whole: ['aA0', ']-é', '9C😀'],
      refused: ['dA0', 'aD0', 'aAa', 'aA\n'],
    },
    'classes beyond ASCII': {
      grammar: 'root ::= [ぁ-ゟ]+ [^ぁ-ゟ] [😀-😎é]',
      whole: ['ひらx😁', 'ぁéé'],
      refused: ['アx😁', 'ひx😐'],
    },
    'any character': {
      grammar: 'root ::= . "." .',
      whole: ['a.b', '\n.😀'],
      refused: ['a,b'],
      begun: ['a.'],
    },
    repetitions: {
      grammar: 'root ::= "a"* "b"+ "c"? "d"{ 2 } "e"{ 1 , 2 } ("fg"){0,1} "h"{2, }',
      whole: ['bddehh', 'aabbcddeefghhhh'],
      refused: ['ddehh', 'bdehh', 'bddeeehh', 'bddefgfghh'],
      begun: ['bddeh'],
    },
    'repetitions of repetitions': {
      grammar: 'root ::= ("a"? "b"?)*{2}',
      whole: ['', 'abba', 'bbb'],
      refused: ['c'],
    },
    'comments, and lines within groups and behind bars': {
      grammar:
        '# begins\nroot ::= ( # a group\n  "a"\n  b # and\n) |\n  "c"\n\n# the other\nb ::= "b" # ends',
      whole: ['ab', 'c'],
      refused: ['a c', 'b'],
      begun: ['a'],
    },
    'empty alternatives': {
      grammar: 'root ::= "a" b "c"\nb ::= | "b"',
      whole: ['ac', 'abc'],
      refused: ['abbc'],
    },
    'rules that call themselves behind something': {
      grammar: 'root ::= "(" root ")" | "[" root* "]" | "x"',
      whole: ['x', '((x))', '[x[](x)]'],
      refused: [')', '(x]'],
      begun: ['([[('],
    },
    'the later of two rules of one name': {
      grammar: 'root ::= "a"\nroot ::= "b"',
      whole: ['b'],
      refused: ['a'],
    },
    'line ends of all kinds': {
      grammar: 'root ::= a b\r\na ::= "a"\rb ::= "b"\r\n',
      whole: ['ab'],
      refused: ['ba'],
    },
    'names with dashes, digits and underscores': {
      grammar: 'root ::= a-1 B_2\na-1 ::= "1"\nB_2 ::= "2"',
      whole: ['12'],
      refused: ['1a'],
    },
  }
  test.each(Object.entries(cases))('%s', (_, { grammar, whole, refused, begun = [] }) => {
    const matcher = matcherOf(grammar)
    for (const text of whole) expect(reads(matcher, text), text).toBe('whole')
    for (const text of refused) expect(reads(matcher, text), text).toBe('refused')
    for (const text of begun) expect(reads(matcher, text), text).toBe('begun')
  })
})

describe('a mistake is told with its place:', () => {
  const cases: [grammar: string, message: RegExp, line?: number, column?: number][] = [
    ['', /no rule is named root/, 1, 1],
    ['root ::= foo', /no rule is named foo/, 1, 10],
    ['root ::= "a"\nother ::= "b" bar\n', /no rule is named bar/, 2, 15],
    ['rot ::= "a"', /no rule is named root/],
    ['root = "a"', /expected ::=/, 1, 6],
    ['root ::= "a', /expected "/, 1, 10],
    ['root ::= [a-z', /expected \]/, 1, 10],
    ['root ::= [z-a]', /ends before it begins/, 1, 11],
    ['root ::= ("a"\n| "b"\n', /expected \)/, 3, 1],
    ['root ::= "a" )', /expected a sequence/, 1, 14],
    ['root ::= "a"\n  "b"', /expected the name of a rule/, 2, 3],
    ['root ::= "\\q"', /expected one of/, 1, 11],
    ['root ::= "\\x4"', /expected one of/, 1, 11],
    ['root ::= "\\uD800"', /no Unicode character/, 1, 11],
    ['root ::= "\\U00110000"', /no Unicode character/, 1, 11],
    ['root ::= * "a"', /a repetition of nothing/, 1, 10],
    ['root ::= "a"{2,1}', /at least 2 and at most 1/, 1, 13],
    ['root ::= "a"{x}', /expected \{m\}/, 1, 13],
    ['root ::= "a"{1000000}', /more than 10000 /, 1, 13],
    ['root ::= <think>', /tokens in grammars/, 1, 10],
    [`root ::= ${'('.repeat(300)}`, /200 deep/],
    ['root ::= root "a" | "a"', /root begins with itself/],
    ['root ::= a\na ::= b? c\nb ::= "b"\nc ::= a "x" | "y"', /(a|c) begins with itself/],
    ['root ::= "a" root', /stands for no finite text/],
    ['root ::= []', /stands for no finite text/],
    [`root ::= ${'[a-z]{9000} '.repeat(40)}`, /too large/],
    [
      `root ::= [${Array.from({ length: 700 }, (_, i) => String.fromCodePoint(0x1000 + 2 * i)).join('')}]{5000}`,
      /too large/,
    ],
  ]
  test.each(cases)('%j', (grammar, message, line, column) => {
    const attempt = () => matcherOf(grammar)
    expect(attempt).toThrow(GrammarError)
    expect(attempt).toThrow(message)
    if (line !== undefined) expect(attempt).toThrow(expect.objectContaining({ place: { line, column } }))
  })
})

describe('texts that a random model writes are whole and right, however few tokens it has:', () => {
  test.each(Object.entries(grammars))('%s', (_, { grammar, check }) => {
    const matcher = matcherOf(grammar)
    const random = new Random(7)
    for (let i = 0; i < 20; i++) {
      const text = sample(matcher, random, matcher.distance(matcher.start) + 4 * i)
      expect(reads(matcher, text)).toBe('whole')
      expect(text).toSatisfy(check)
    }
  })
})
