import { describe, expect, test } from 'vitest'
import { EditMatcher, type EditState } from '../../src/code/edit-matcher.ts'
import { Random } from '../fixtures/random.ts'

const file = `import { sum } from './sum.ts'

export function total(items: number[]): number {
  let result = 0
  for (const item of items) {
    result += item
  }
  return result
}

export function mean(items: number[]): number {
  let result = 0
  for (const item of items) {
    result += item
  }
  return result / items.length
}
`
const matcher = new EditMatcher([
  { path: 'src/total.ts', text: file },
  { path: 'src/total.test.ts', text: undefined },
  { path: '+page.svelte', text: 'x\r\ny\r\n' },
  { path: 'empty.txt', text: '' },
  { path: 'notes.md', text: 'Title\n=======\n\nfirst\nsecond\nfirst\nsecond\n' },
])

/** The state behind a text, or how many bytes of it may be written. */
function walk(text: string, of = matcher): EditState | number {
  let state = of.start
  for (const [i, byte] of new TextEncoder().encode(text).entries()) {
    const next = of.step(state, byte)
    if (next === undefined) return i
    state = next
  }
  return state
}
const ends = (text: string) => {
  const state = walk(text)
  return typeof state === 'object' && matcher.mayEnd(state)
}
const block = (path: string, search: string, replace: string) =>
  `${path}\n<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE`

describe('what may be written', () => {
  test.each([
    ['prose', 'Here is what I think:\n\n- it is fine\n<b>so</b>\n---\n-- old\n << 1\n'],
    ['words that begin as a path does', 'Well:\n\nso it is, not srcs\nno\n'],
    ['a path in prose', 'src/total.ts is the file.\n'],
    ['a block', block('src/total.ts', '  return result\n', '  return sum\n')],
    ['a block behind prose', `I change this:\n\n${block('src/total.ts', '  return result\n', '')}\nDone.`],
    ['a path with decoration', block('**src/total.ts**:', '  return result\n', '')],
    [
      'a fence between',
      `src/total.ts\n\`\`\`ts\n<<<<<<< SEARCH\n  return result\n=======\n>>>>>>> REPLACE\n\`\`\`\n`,
    ],
    [
      'lines until they stand there once',
      block('src/total.ts', '    result += item\n  }\n  return result\n', 'x\n'),
    ],
    [
      'several blocks of a file',
      `${block('src/total.ts', '  return result\n', 'x\n')}\n<<<<<<< SEARCH\n  return result / items.length\n=======\n>>>>>>> REPLACE\n`,
    ],
    ['a new file', block('src/total.test.ts', '', 'test()\n')],
    [
      'what only looks like markers',
      block('src/total.ts', '  return result\n', 'a > b\n>> 1\n==========\n<<<< x\n'),
    ],
    ['a path behind space', block('  src/total.ts ', '  return result\n', '')],
    ['a path in a list', block('- `src/total.ts`', '  return result\n', '')],
    ['a path that begins as decoration', block('+page.svelte', 'x\n', '')],
    ['a path with at most a space behind it', block('+page.svelte ', 'x\n', '')],
    ['prose between', block('src/total.ts\nThis is the line to change:\n', '  return result\n', '')],
    [
      'prose between blocks',
      `${block('src/total.ts', '  return result\n', 'x\n')}\n\nThen there is the other place.\nIt is below that one, too.\nAnd so on it goes from there.\n<<<<<<< SEARCH\n  return result / items.length\n=======\n>>>>>>> REPLACE\n`,
    ],
    ['an empty file', block('empty.txt', '', 'x\n')],
    ['letters beyond ASCII', `Größe – ok\n${block('src/total.ts', '  return result\n', '  return größe\n')}`],
  ])('%s', (_, text) => expect(ends(text)).toBe(true))
})

describe('what may not be written', () => {
  test.each([
    ['a block without a path', '<<<<<<< SEARCH\n', 2],
    [
      'a block far behind its path',
      'src/total.ts\n```\nIt is this one, I think.\nIt is this one, I think.\n<<<<<<< SEARCH\n',
      'src/total.ts\n```\nIt is this one, I think.\nIt is this one, I think.\n'.length + 2,
    ],
    ['a block behind what may be another path', 'src/total.ts\nedit b.ts\n<<<<<<< SEARCH\n', 25],
    ['a block behind the name of a fence', 'src/total.ts\n```ts b.ts\n<<<<<<< SEARCH\n', 26],
    ['a marker with space behind it', block('src/total.ts', '  return result\n', '======= \t\n'), 61],
    ['a path that is none', 'src/total.tsx\n', 12],
    ['what may be read as a marker', 'Well:\n  <<<<<<< SEARCH\n', 16],
    ['dashes that may be read as a marker', 'Well:\n--- original\n', 10],
    ['a note behind a label and a path', 'src/total.ts\nEdit b.ts (new file)\n<<<<<<< SEARCH\n', 36],
    ['another path there', 'src/tally.ts\n', 5],
    ['another path where a block may begin', 'tally.ts\n', 0],
    ['another path behind a block', `${block('src/total.ts', '  return result\n', '')}\n\ntally.ts\n`, 69],
    ['another path behind an empty line', 'Well:\n\nsrc/(a)\n', 11],
    ['a part of a path alone', 'src\n', 3],
    ['a line that is not in the file', block('src/total.ts', '  return results\n', ''), 43],
    ['lines that do not follow each other', block('src/total.ts', '  return result\n  let', ''), 44],
    ['lines that stand there twice', block('src/total.ts', '    result += item\n', ''), 47],
    ['a search of nothing', block('src/total.ts', '', 'x\n'), 28],
    ['decoration around a path that begins with some', '**+page.svelte**\n<<<', 19],
    ['something searched in a new file', block('src/total.test.ts', 'x\n', ''), 33],
    ['a line that reads as a marker', block('notes.md', 'Title\n=======\n', ''), undefined],
    ['a second marker in the replacement', block('src/total.ts', '  return result\n', '=======\n'), 59],
    ['a search marker in the replacement', block('src/total.ts', '  return result\n', '<<<<<<< S'), 56],
    ['text behind the closing marker', `${block('src/total.ts', '  return result\n', '')}x`, 67],
  ])('%s', (_, text, at) => {
    if (at === undefined) expect(ends(text)).toBe(false)
    else expect(walk(text)).toBe(at)
  })
  test('an end within a block', () => {
    const text = block('src/total.ts', '  return result\n', 'x\n')
    for (let length = text.indexOf('<') + 5; length < text.length; length++)
      expect(ends(text.slice(0, length)), text.slice(0, length)).toBe(false)
    expect(ends(text)).toBe(true)
  })
})

test('lines that are alike everywhere can be searched to the end of the file', () => {
  expect(ends(block('notes.md', 'second\nfirst\n', ''))).toBe(true)
  expect(ends(block('notes.md', 'first\nsecond\n', ''))).toBe(false)
  expect(ends(block('notes.md', 'first\nsecond\nfirst\n', ''))).toBe(true)
})

test('whatever is written at random leads to blocks whose lines stand in the file once', () => {
  const random = new Random(7)
  const lines = ['a', 'b', '', '  a', '=======', '== x', 'aa', '>>>>>>> REPLACE']
  let blocks = 0
  for (let round = 0; round < 300; round++) {
    const text = Array.from({ length: 1 + random.below(12) }, () => lines[random.below(lines.length)]).join(
      '\n',
    )
    const own = new EditMatcher([{ path: 'f', text }])
    let state = walk('f\n<<<<<<< SEARCH\n', own)
    // Where the file has no line that says something, no block may begin.
    if (typeof state === 'number') continue
    const bytes: number[] = []
    while (state.kind === 'search' && bytes.length < 500) {
      const open: EditState = state
      const next: number[] = Array.from({ length: 256 }, (_, byte) => byte).filter(
        byte => own.step(open, byte) !== undefined,
      )
      expect(next.length, JSON.stringify(text)).toBeGreaterThan(0)
      const byte: number = next[random.below(next.length)]!
      bytes.push(byte)
      state = own.step(open, byte)!
    }
    const search = new TextDecoder().decode(Uint8Array.from(bytes)).split('\n').slice(0, -2)
    const all = text.split('\n')
    const places = all.filter((_, i) => search.every((line, k) => all[i + k] === line)).length
    expect(search.join('').trim()).not.toBe('')
    expect(places).toBe(1)
    blocks++
  }
  expect(blocks).toBeGreaterThan(100)
})
