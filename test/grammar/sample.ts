// Texts that a random model writes under a mask, and the vocabulary that it writes them with.
import type { ByteMatcher } from '../../src/grammar/matcher.ts'
import { TokenMasks } from '../../src/grammar/token-masks.ts'
import { VocabularyTrie } from '../../src/grammar/vocabulary-trie.ts'
import type { Random } from '../fixtures/random.ts'

/** It ends a text. Behind it comes a control token, which is no text; then all bytes; then tokens of several. */
export const END = 0
export const CONTROL = 1
const texts = [
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
    '  ',
    '\n  ',
    ': ',
    ', ',
    '"\n',
    '}\n',
    '\\"',
  ],
  ...[
    '\\u00',
    '\\n',
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
  ],
  ...['xyz', 'items', 'a":', '00', '10', '12', '123', '99', '0.5', '.5', 'e+', '-1', '1,2', 'é', 'ö', '日本'],
  ...['😀', ' 日', 'é"', '😀😀', 'Ω', 'a😀b'],
]
/** Parts of characters before and behind others, and what no UTF-8 has. */
const cut = [
  [0xe6, 0x97],
  [0xa5, 0x22],
  [0x61, 0xf0, 0x9f],
  [0x80, 0x80],
  [0x61, 0xc3, 0x61],
]
export const vocabulary: readonly (Uint8Array | undefined)[] = [
  undefined,
  undefined,
  ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
  ...texts.map(text => new TextEncoder().encode(text)),
  ...cut.map(bytes => Uint8Array.from(bytes)),
]
const tries = [1, 100, 10_000].map(
  large => new VocabularyTrie(vocabulary.length, id => vocabulary[id], large),
)

/** Masks of the vocabulary, whose subtrees count as large from so many nodes on. */
export function masksOf<State>(matcher: ByteMatcher<State>, large: 0 | 1 | 2 = 2): TokenMasks<State> {
  return new TokenMasks(tries[large]!, matcher, id => vocabulary[id], new Set([END]))
}

export function idsOf(bits: Uint32Array): number[] {
  return Array.from({ length: 32 * bits.length }, (_, id) => id).filter(
    id => (bits[id >> 5]! >>> (id & 31)) & 1,
  )
}

/** States that a random text leads through, the first one included. */
export function walk<State>(matcher: ByteMatcher<State>, random: Random, budget: number): State[] {
  const masks = masksOf(matcher)
  const states = [matcher.start]
  for (let left = budget; left > 0; left--) {
    const ids = idsOf(masks.allowed(states.at(-1)!, left))
    const id = ids[random.below(ids.length)]!
    if (id === END) break
    states.push(masks.take(states.at(-1)!, id)!)
  }
  return states
}

/** What a model of random logits writes at this temperature, with so many tokens at most. Throws where that is no UTF-8. */
export function sample<State>(
  matcher: ByteMatcher<State>,
  random: Random,
  budget: number,
  temperature = 1.5,
): string {
  const masks = masksOf(matcher)
  const bytes: number[] = []
  let state = matcher.start
  for (let left = budget; left > 0; left--) {
    const ids = idsOf(masks.allowed(state, left))
    const weights = ids.map(() => Math.exp((3 * random.normal()) / temperature))
    let draw = random.unit() * weights.reduce((sum, weight) => sum + weight, 0)
    let at = 0
    while (at < ids.length - 1 && draw >= weights[at]!) draw -= weights[at++]!
    const id = ids[at]!
    if (id === END) break
    bytes.push(...vocabulary[id]!)
    state = masks.take(state, id)!
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes))
}

/** Whether a text may be written, and whether it may end. */
export function reads<State>(matcher: ByteMatcher<State>, text: string): 'whole' | 'begun' | 'refused' {
  let state: State | undefined = matcher.start
  for (const byte of new TextEncoder().encode(text)) {
    state = matcher.step(state, byte)
    if (state === undefined) return 'refused'
  }
  return matcher.mayEnd(state) ? 'whole' : 'begun'
}
