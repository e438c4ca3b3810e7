// Viterbi finds the best of all ways to cut a text; the map of characters replaces what it lists.
import { expect, test } from 'vitest'
import { Charsmap } from '../../src/tokenizer/charsmap.ts'
import { normalize } from '../../src/tokenizer/normalize.ts'
import { UnigramModel } from '../../src/tokenizer/unigram.ts'
import { Random } from '../conformance/random.ts'
import { charsmapBytes } from '../fixtures/charsmap.ts'

const encode = (model: UnigramModel, text: string) => {
  const out: number[] = []
  model.encode(text, out)
  return out
}

/** The sum of scores of the best way to cut the text, by trying all. */
function bestScore(text: string, scores: ReadonlyMap<string, number>, unknown: number): number {
  if (text === '') return 0
  let best = Number.NEGATIVE_INFINITY
  for (let end = 1; end <= text.length; end++) {
    const score = scores.get(text.slice(0, end)) ?? (end === 1 ? unknown : undefined)
    if (score !== undefined) best = Math.max(best, score + bestScore(text.slice(end), scores, unknown))
  }
  return best
}

test('the sum of scores is the best there is', () => {
  const random = new Random('unigram')
  for (let round = 0; round < 200; round++) {
    const texts = Array.from({ length: 12 }, () =>
      Array.from({ length: 1 + random.below(4) }, () => 'abc'[random.below(3)]).join(''),
    )
    const pieces = ['<unk>', ...new Set(texts)]
    // Whole numbers: sums are exact, and d has no piece.
    const scores = pieces.map((_, id) => (id === 0 ? 0 : -1 - random.below(9)))
    const model = new UnigramModel({
      pieces,
      scores,
      usable: id => id > 0,
      unknown: undefined,
      byteFallback: false,
    })
    const text = Array.from({ length: random.below(10) }, () => 'abc'[random.below(3)]).join('')
    const ids = encode(model, text)
    const known = new Map(pieces.slice(1).map((piece, i) => [piece, scores[i + 1]!]))
    if (![...text].every(character => known.has(character))) continue
    expect(ids.map(id => pieces[id]).join('')).toBe(text)
    expect(ids.reduce((sum, id) => sum + scores[id]!, 0)).toBe(bestScore(text, known, -1000))
  }
})

test('unknown characters are one token in a row, or their bytes', () => {
  const pieces = ['<unk>', 'a', '<0xE4>', '<0xB8>', '<0xAD>']
  const options = { pieces, scores: [0, -1, 0, 0, 0], usable: (id: number) => id === 1, unknown: 0 }
  const unknown = new UnigramModel({ ...options, byteFallback: false })
  expect(encode(unknown, 'a中文a😀')).toEqual([1, 0, 1, 0])
  const bytes = new UnigramModel({ ...options, byteFallback: true })
  expect(encode(bytes, 'a中a')).toEqual([1, 2, 3, 4, 1])
  expect(encode(bytes, 'a文')).toEqual([1, 0])
})

test('a megabyte takes no longer than it is', { timeout: 20_000 }, () => {
  const pieces = ['a', 'aa', 'aaaaaaaa', '中']
  const model = new UnigramModel({
    pieces,
    scores: [-5, -6, -7, -8],
    usable: () => true,
    unknown: undefined,
    byteFallback: false,
  })
  expect(encode(model, 'a'.repeat(1e6))).toEqual(new Array(125_000).fill(2))
  expect(encode(model, '中'.repeat(1e5)).length).toBe(1e5)
})

test('what a map of characters lists is replaced, the longest beginning first', () => {
  const charsmap = Charsmap.parse(
    charsmapBytes([
      ['ﬁ', 'fi'],
      ['a', 'b'],
      ['abc', 'X'],
      ['\n', ' '],
      ['gone', ''],
    ]),
  )!
  expect(charsmap.apply('ﬁ ab abc\ngone 中😀')).toBe('fi bb X  中😀')
  expect(charsmap.apply('')).toBe('')
  expect(charsmap.apply('中'.repeat(1e5))).toBe('中'.repeat(1e5))
  expect(normalize('  a \n b ', { charsmap, removeExtraSpaces: true })).toBe('b b')
  expect(normalize('  a ', { charsmap: undefined, removeExtraSpaces: false })).toBe('  a ')
})

test('maps whose sizes do not fit are none; others end, whatever is in them', () => {
  const bytes = charsmapBytes([['abc', 'X']])
  expect(Charsmap.parse(bytes.subarray(0, 7))).toBeUndefined()
  expect(Charsmap.parse(bytes.subarray(0, bytes.length - 1))).toBeUndefined()
  expect(Charsmap.parse(new Uint8Array(100).fill(255))).toBeUndefined()
  expect(Charsmap.parse(charsmapBytes([['a', 'b'.repeat(2000)]]))).toBeUndefined()
  const random = new Random('charsmap')
  for (let round = 0; round < 300; round++) {
    const damaged = bytes.slice()
    for (let i = 0; i < 8; i++) damaged[4 + random.below(damaged.length - 5)] = random.below(256)
    const result = Charsmap.parse(damaged)?.apply('abc abd')
    expect(result === undefined || result.length < 20_000).toBe(true)
  }
})
