// Texts that a random model writes under a mask, and the vocabulary that it writes them with.
import type { ByteMatcher } from '../../src/grammar/matcher.ts'
import { TokenMasks } from '../../src/grammar/token-masks.ts'
import { VocabularyTrie } from '../../src/grammar/vocabulary-trie.ts'
import type { Random } from '../fixtures/random.ts'

/** Ends a text; a control token that is no text; then all bytes; then tokens of several. */
export const [END, CONTROL] = [0, 1]
const pieces = [
  ...[
    '{"',
    '":',
    '", "',
    '"}',
    '":"',
    '{}',
    '[]',
    '[[',
    '],[',
    ' ',
    '  ',
    '\n',
    '\n  ',
    ': ',
    ', ',
    '"\n',
    '}\n',
    '\\"',
    '\\u00',
    '\\n',
  ],
  ...[
    'true',
    'false',
    'null',
    'na',
    'name',
    'type',
    'id',
    'the',
    ' the',
    'value',
    'ab',
    'abc',
    'xyz',
    'items',
    'a":',
    '-',
    '00',
    '10',
    '12',
    '123',
    '99',
    '0.5',
    '.5',
    'e+',
    '-1',
    '1,2',
  ],
  ...['é', 'ö', '日本', '😀', ' 日', '\u00e9"', '😀😀', 'Ω'],
].map(text => new TextEncoder().encode(text))
/** Half a character before and behind others. */
const cut = [
  Uint8Array.of(0xe6, 0x97),
  Uint8Array.of(0xa5, 0x22),
  Uint8Array.of(0x61, 0xf0, 0x9f),
  Uint8Array.of(0x80, 0x80),
]
export const vocabulary: readonly (Uint8Array | undefined)[] = [
  undefined,
  undefined,
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...pieces,
  ...cut,
]
const trie = new VocabularyTrie(vocabulary.length, id => vocabulary[id])

export function masksOf<State>(matcher: ByteMatcher<State>): TokenMasks<State> {
  return new TokenMasks(trie, matcher, id => vocabulary[id], new Set([END]))
}

export function idsOf(bits: Uint32Array): number[] {
  return Array.from({ length: 32 * bits.length }, (_, id) => id).filter(
    id => (bits[id >> 5]! >>> (id & 31)) & 1,
  )
}

/** What a model of random logits writes at a temperature, with so many tokens at most. */
export function sample<State>(
  matcher: ByteMatcher<State>,
  random: Random,
  budget = 200,
  temperature = 1.5,
): string {
  const masks = masksOf(matcher)
  const bytes: number[] = []
  let state = matcher.start
  for (let left = budget; left > 0; left--) {
    const weights = idsOf(masks.allowed(state, left)).map(id => {
      return [id, Math.exp((random.normal() * 3) / temperature)] as const
    })
    let draw = random.unit() * weights.reduce((sum, [, weight]) => sum + weight, 0)
    const id = (weights.find(([, weight]) => (draw -= weight) < 0) ?? weights.at(-1)!)[0]
    if (id === END) break
    bytes.push(...vocabulary[id]!)
    state = masks.take(state, id)!
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
}
