// The automaton of a grammar: masks are what trying each token says, states are few, and an end is never out of reach.
import { describe, expect, test } from 'vitest'
import { parseGbnf } from '../../src/grammar/gbnf.ts'
import { GrammarMatcher, type GrammarState } from '../../src/grammar/grammar-matcher.ts'
import { Random } from '../fixtures/random.ts'
import { grammars } from './grammars.ts'
import { CONTROL, END, idsOf, masksOf, vocabulary, walk } from './sample.ts'

const matcherOf = (grammar: string) => new GrammarMatcher(parseGbnf(grammar))

describe.each(Object.entries(grammars))('%s', (_, { grammar }) => {
  test('masks are what trying each token says, in texts of any length', () => {
    const random = new Random(3)
    for (let i = 0; i < 6; i++) {
      // A matcher that knows no states yet, and one whose masks take large subtrees together.
      const matcher = matcherOf(grammar)
      const all = ([0, 1, 2] as const).map(large => masksOf(matcher, large))
      for (const state of walk(matcher, random, 40)) {
        const left = random.below(3) === 0 ? Number.POSITIVE_INFINITY : 1 + random.below(30)
        const expected = tried(matcher, state, left)
        for (const masks of all) expect(idsOf(masks.allowed(state, left))).toEqual(expected)
      }
    }
  })
})

/** What may come, each token on its own. */
function tried(matcher: GrammarMatcher, start: GrammarState, left: number): number[] {
  const behind = vocabulary.flatMap((bytes, id) => {
    let state: GrammarState | undefined = bytes && start
    for (const byte of bytes ?? []) state = state && matcher.step(state, byte)
    return state ? [{ id, distance: matcher.distance(state) }] : []
  })
  const ends = matcher.mayEnd(start)
  const within = behind.filter(({ distance }) => distance < left)
  const nearest = Math.min(...behind.map(({ distance }) => distance))
  const ids = within.length > 0 || ends ? within : behind.filter(({ distance }) => distance === nearest)
  return [...(ends ? [END] : []), ...ids.map(({ id }) => id)]
}

test('a distance is the length of the shortest text', () => {
  const matcher = matcherOf('root ::= "abc" [0-9]{2,5} "é"? ("x" root "y" | "z"{3,})')
  expect(matcher.distance(matcher.start)).toBe(8)
  expect(matcher.distance(matcher.step(matcher.start, 0x61)!)).toBe(7)
})

test('an end is reached in time, whatever is written', () => {
  const matcher = matcherOf(grammars.JSON!.grammar)
  const random = new Random(5)
  for (let budget = 2; budget < 60; budget++) {
    const states = walk(matcher, random, budget)
    expect(states.length).toBeLessThanOrEqual(budget + 1)
    expect(matcher.mayEnd(states.at(-1)!)).toBe(true)
  }
})

test('equal states are the same, in whatever order and by whatever way', () => {
  const matcher = matcherOf('root ::= ("a" | "b")* item* \nitem ::= "(" item* ")"')
  const after = (text: string) => {
    let state: GrammarState | undefined = matcher.start
    for (const byte of new TextEncoder().encode(text)) state = state && matcher.step(state, byte)
    return state
  }
  expect(after('abab')).toBe(after('b'))
  expect(after('((()')).toBe(after('a(()(')) // not the same text, but as deep
  expect(after('(')).not.toBe(after('(('))
})

test('ambiguous grammars have as many states as their texts have letters, not as many as there are ways to read them', () => {
  const matcher = matcherOf('root ::= "a" root "b" | "a" root | ""')
  let state: GrammarState = matcher.start
  for (let i = 0; i < 2000; i++) state = matcher.step(state, 0x61)!
  expect(state.places.length).toBeLessThan(10)
  for (let i = 0; i < 2000; i++) state = matcher.step(state, 0x62)!
  expect(matcher.mayEnd(state)).toBe(true)
  expect(matcher.step(state, 0x62)).toBeUndefined()
})

const row = (count: number, rule: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => `r${i} ::= ${rule(i)}`).join('\n')

test.each([
  [
    'rules that call each other in a long row',
    `root ::= r0\n${row(1900, i => `r${i + 1} "x" | "${i}"`)}\nr1900 ::= "y"`,
    'yxx',
  ],
  [
    'rules of two that may be empty, many levels deep',
    `root ::= r0\n${row(30, i => `r${i + 1} r${i + 1}`)}\nr30 ::= "y"?`,
    'yyyy',
  ],
  [
    'many rules in a row that may be empty',
    `root ::= ${Array.from({ length: 1500 }, (_, i) => `r${i}`).join(' ')} "z"\n${row(1500, i => `("(" r${i} ")")?`)}`,
    '(())()z',
  ],
  ['many things in a row that may be there', 'root ::= ("a"?){5000}', 'aaa'],
  ['deep ends that may be left out', 'root ::= "a" root "b"? | "c"', `${'a'.repeat(20_000)}cbb`],
])('%s', (_, grammar, text) => {
  const matcher = matcherOf(grammar)
  let state: GrammarState | undefined = matcher.start
  for (const byte of new TextEncoder().encode(text)) state = state && matcher.step(state, byte)
  expect(state).toBeDefined()
})

test('rules that end in themselves pile nothing up', () => {
  const matcher = matcherOf('root ::= "a" root | "."')
  const state = matcher.step(matcher.start, 0x61)
  expect(matcher.step(state!, 0x61)).toBe(state)
})

test('control tokens never come, ends only where a text may end, and parts of characters as parts of them', () => {
  const matcher = matcherOf('root ::= "日" | "日本"')
  const masks = masksOf(matcher)
  const texts = (state: GrammarState) =>
    idsOf(masks.allowed(state)).map(id =>
      id === END ? 'end' : Buffer.from(vocabulary[id] ?? []).toString('hex'),
    )
  expect(texts(matcher.start)).toEqual(['e6', 'e697a5e69cac', 'e697'])
  const cut = matcher.step(matcher.step(matcher.start, 0xe6)!, 0x97)!
  expect(texts(cut)).toEqual(['a5'])
  const whole = matcher.step(cut, 0xa5)!
  expect(texts(whole)).toEqual(['end', 'e6'])
  expect(idsOf(masks.allowed(whole))).not.toContain(CONTROL)
})
