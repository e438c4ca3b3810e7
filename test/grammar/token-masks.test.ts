import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ByteMatcher, FreeText } from '../../src/grammar/matcher.ts'
import { TokenMasks } from '../../src/grammar/token-masks.ts'
import { VocabularyTrie } from '../../src/grammar/vocabulary-trie.ts'

const END = 0

/** Tokens 1.. have these texts; token 0 ends a text. */
function masksOf<State>(texts: readonly (string | Uint8Array)[], matcher: ByteMatcher<State>) {
  const encoder = new TextEncoder()
  const bytes = [undefined, ...texts.map(text => (typeof text === 'string' ? encoder.encode(text) : text))]
  const trie = new VocabularyTrie(bytes.length, id => bytes[id])
  return new TokenMasks(trie, matcher, id => bytes[id], new Set([END]))
}

/** One of these texts; states are numbers in a table of their prefixes. */
function oneOf(texts: readonly string[]): ByteMatcher<string> {
  const written = new Set(texts.map(text => Buffer.from(text).toString('latin1')))
  const prefixes = new Set([...written].flatMap(text => [...text, ''].map((_, i) => text.slice(0, i))))
  for (const text of written) prefixes.add(text)
  return {
    start: '',
    step: (state, byte) => {
      const next = state + String.fromCharCode(byte)
      return prefixes.has(next) ? next : undefined
    },
    mayEnd: state => written.has(state),
  }
}

/** Whole characters up to U+10FFFF of these ASCII ones and all others, at most so many. */
function freely(ascii: string, most: number): ByteMatcher<string> {
  const words = new Uint32Array(4)
  for (const character of ascii) words[character.charCodeAt(0) >> 5]! |= 1 << (character.charCodeAt(0) & 31)
  const lengths = (text: string) => {
    const bytes = Buffer.from(text, 'latin1')
    // What is cut off at the end is right if some bytes make it whole.
    const ends = ['', '\x80', '\x80\x80', '\x80\x80\x80', '\xbf', '\xbf\x80', '\xbf\x80\x80', '\x90\x80\x80']
    for (const end of ends) {
      try {
        const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
        return [...decoder.decode(Buffer.concat([bytes, Buffer.from(end, 'latin1')]))]
      } catch {}
    }
    return undefined
  }
  const whole = (text: string) => !Buffer.from(text, 'latin1').toString().includes('\ufffd')
  return {
    start: '',
    step: (state, byte) => {
      const characters = lengths(state + String.fromCharCode(byte))
      const fits =
        characters && characters.length <= most && characters.every(c => c >= '\x80' || ascii.includes(c))
      return fits ? state + String.fromCharCode(byte) : undefined
    },
    mayEnd: state => state.length > 2,
    free: (state): FreeText | undefined =>
      whole(state) ? { ascii: words, beyond: true, most: most - lengths(state)!.length } : undefined,
  }
}

/** The ids that may come, each token taken on its own. */
function bruteForce<State>(count: number, masks: TokenMasks<State>, state: State, ends: boolean): number[] {
  const ids = Array.from({ length: count }, (_, i) => i + 1).filter(id => masks.take(state, id) !== undefined)
  return ends ? [END, ...ids] : ids
}

function idsOf(bits: Uint32Array): number[] {
  return Array.from({ length: 32 * bits.length }, (_, id) => id).filter(
    id => (bits[id >> 5]! & (1 << (id & 31))) !== 0,
  )
}

test('a mask has the tokens that go on and the end where there may be one', () => {
  const masks = masksOf(['a', 'ab', 'abc', 'b', 'c', 'ab'], oneOf(['abx', 'ab', 'b']))
  expect(idsOf(masks.allowed(''))).toEqual([1, 2, 4, 6])
  const after = masks.take('', 2)!
  expect(idsOf(masks.allowed(after))).toEqual([END])
  expect(masks.take(after, END)).toBeUndefined()
  expect(masks.allowed('a')).toBe(masks.allowed('a'))
})

test('a vocabulary with no tokens allows none', () => {
  const masks = masksOf([], oneOf(['a', '']))
  expect(idsOf(masks.allowed(''))).toEqual([END])
})

const alphabet = fc.constantFrom('a', 'b', '"', 'é', '€', '😀', '\n')
const text = fc.array(alphabet, { maxLength: 6 }).map(characters => characters.join(''))

test('masks are what brute force says, for lists of texts', () => {
  fc.assert(
    fc.property(
      fc.array(text, { maxLength: 30 }),
      fc.array(text, { minLength: 1, maxLength: 8 }),
      (tokens, texts) => {
        const matcher = oneOf(texts)
        const masks = masksOf(tokens, matcher)
        for (const state of ['', ...texts.map(each => Buffer.from(each).toString('latin1').slice(0, 2))]) {
          const expected = bruteForce(tokens.length, masks, state, matcher.mayEnd(state))
          expect(idsOf(masks.allowed(state))).toEqual(expected)
        }
      },
    ),
  )
})

test('masks are what brute force says where text follows freely, cut characters and bytes that are no text included', () => {
  const cut = fc
    .tuple(text, fc.nat({ max: 3 }), fc.nat({ max: 2 }))
    .map(([whole, from, to]) => new Uint8Array(Buffer.from(whole)).slice(from, Buffer.byteLength(whole) - to))
  const token = fc.oneof(text, cut, fc.uint8Array({ maxLength: 4 }))
  const start = fc.array(fc.constantFrom('a', 'b', 'é', '😀'), { maxLength: 3 })
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), start, fc.nat({ max: 3 }), (tokens, before, dropped) => {
      const matcher = freely('ab\n', 5)
      const masks = masksOf(tokens, matcher)
      const written = Buffer.from(before.join('')).toString('latin1')
      const state = written.slice(0, Math.max(0, written.length - dropped))
      expect(idsOf(masks.allowed(state))).toEqual(
        bruteForce(tokens.length, masks, state, matcher.mayEnd(state)),
      )
    }),
    { numRuns: 300 },
  )
})
