// Stop strings in text that comes in pieces.
import { describe, expect, test } from 'vitest'
import { StopFilter } from '../../src/api/stop.ts'
import { loadTokenizer } from '../../src/index.ts'
import { vocabularyBytes } from '../fixtures/models.ts'

interface Outcome {
  /** What came out of each piece, then what was held back at the end. */
  readonly texts: readonly string[]
  readonly stopped: boolean
}

/** Pushes pieces until one stops. */
function filter(stops: readonly string[], pieces: readonly string[]): Outcome {
  const filter = new StopFilter(stops)
  const texts: string[] = []
  for (const piece of pieces) {
    const { text, stopped } = filter.push(piece)
    texts.push(text)
    if (stopped) return { texts, stopped }
  }
  return { texts: [...texts, filter.flush()], stopped: false }
}

test('without stop strings everything goes through at once', () => {
  const expected = { texts: ['one', ' two', ''], stopped: false }
  expect(filter([], ['one', ' two'])).toEqual(expected)
  expect(filter([''], ['one', ' two'])).toEqual(expected)
})

describe('a stop string ends the text before it', () => {
  const cases: [string, string[], string[], string[]][] = [
    ['within a piece', ['END'], ['one END two'], ['one ']],
    ['at the start of a piece', ['END'], ['one ', 'END'], ['one ', '']],
    ['across two pieces', ['END'], ['one EN', 'D two'], ['one ', '']],
    ['across many pieces', ['END'], ['one', ' E', 'N', 'D'], ['one', ' ', '', '']],
    ['the first of two', ['END'], ['a END b END'], ['a ']],
    ['the first of several', ['two', 'one'], ['a one two'], ['a ']],
    ['the longer of two that start alike', ['###\n', '##'], ['a #', '##\n'], ['a ', '']],
    ['of one character', ['\n'], ['a', 'b\nc'], ['a', 'b']],
    ['that starts within itself: aab in aaab', ['aab'], ['a', 'a', 'a', 'b'], ['', '', 'a', '']],
    ['that starts within itself: abab', ['abab!'], ['abab', 'ab', '!'], ['', 'ab', '']],
    ['another than the one that seemed to begin', ['abcd', 'bx'], ['ab', 'x'], ['', 'a']],
  ]
  test.each(cases)('%s', (_, stops, pieces, texts) => {
    expect(filter(stops, pieces)).toEqual({ texts, stopped: true })
  })
})

describe('what only looks like the beginning of a stop string', () => {
  const cases: [string, string[], string[], string[]][] = [
    ['comes with the next piece', ['END'], ['one E', 'at'], ['one ', 'Eat', '']],
    ['comes in part', ['aab'], ['aa', 'a'], ['', 'a', 'aa']],
    ['comes at the end', ['END'], ['one EN'], ['one ', 'EN']],
    ['is held as long as one of several may begin', ['abc', 'bd'], ['ab'], ['', 'ab']],
    ['is not its middle', ['END'], ['ND', ' N'], ['ND', ' N', '']],
  ]
  test.each(cases)('%s', (_, stops, pieces, texts) => {
    expect(filter(stops, pieces)).toEqual({ texts, stopped: false })
  })

  test('is given back once', () => {
    const filter = new StopFilter(['END'])
    filter.push('EN')
    expect([filter.flush(), filter.flush()]).toEqual(['EN', ''])
  })
})

test('however a text is cut, the same comes out', () => {
  const text = 'aabaaaabaab'
  for (const stop of ['aaab', 'aaaa', 'abaab', 'baaab', 'b', 'aac'])
    for (let size = 1; size <= text.length; size++) {
      const pieces = text.match(new RegExp(`.{1,${size}}`, 'g'))!
      const { texts, stopped } = filter([stop], pieces)
      const at = text.indexOf(stop)
      const expected = at < 0 ? text : text.slice(0, at)
      expect([texts.join(''), stopped], `${stop} in ${pieces}`).toEqual([expected, at >= 0])
    }
})

// Tokens of one byte each: 汉 and 🦙 are no pieces of the vocabulary.
test('a stop string whose characters come byte by byte', async () => {
  const tokenizer = await loadTokenizer(new Blob([Uint8Array.from(await vocabularyBytes('spm'))]))
  const pieces = (text: string) => tokenizer.encode(text).map(tokenizer.stream())
  expect(pieces('a汉🦙').filter(piece => piece === '').length).toBe(2 + 3)
  expect(filter(['汉🦙'], pieces('a汉🦙b')).texts.join('')).toBe('a')
  // 🦘 differs from 🦙 in its last byte only.
  expect(filter(['汉🦙'], pieces('a汉🦘b')).texts.join('')).toBe('a汉🦘b')
  expect(filter(['🦙'], pieces('a🦘🦙')).texts.join('')).toBe('a🦘')
})
