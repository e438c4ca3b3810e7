// What is written under an EditFollower is read, found and made: the automaton and those who read replies agree.
import { describe, expect, test } from 'vitest'
import { readEditBlocks } from '../../src/code/edit-block.ts'
import { EditFollower } from '../../src/code/edit-follower.ts'
import type { EditableFile } from '../../src/code/edit-matcher.ts'
import { planBlocks } from '../../src/code/edit-plan.ts'
import { Random } from '../fixtures/random.ts'

const encoder = new TextEncoder()

/** Makes the blocks of a reply one by one; answers the texts by path, or why one cannot be made. */
function made(files: readonly EditableFile[], reply: string) {
  const texts = new Map(files.map(({ path, text }) => [path, text]))
  const { edits, problems } = readEditBlocks(
    reply,
    files.map(({ path }) => path),
  )
  const failed = [...problems]
  for (const block of edits) {
    const text = texts.get(block.path)
    if (!texts.has(block.path)) failed.push(`${block.path} is none of the files`)
    const { change, rejected } = planBlocks(
      text === undefined ? { kind: 'missing' } : { kind: 'text', text },
      [block],
    )
    failed.push(...rejected.map(({ reason }) => reason).filter(reason => reason !== 'nothing would change'))
    if (change) texts.set(block.path, change.after)
  }
  return { texts, edits, failed }
}

const files: readonly EditableFile[] = [
  { path: 'a.ts', text: 'one\ntwo\n\n  three\ntwo\n  three\n}\n' },
  { path: 'src/a.ts', text: 'x\r\n\r\n======= z\r\nx\r\ny' },
  { path: 'src/a.tsx', text: undefined },
  { path: 'Makefile', text: 'all:\n\tgo\n<<<<<<< SEARCH\n\tgo\n' },
  { path: '+page', text: '' },
]
/** What replies are put together of, and more than that. */
const decoration = [
  '',
  '',
  '',
  '// ',
  'edit ',
  ' (new file)',
  'ts:',
  '--- ',
  '-<',
  '- ',
  '`',
  '**',
  '```',
  '# ',
  '- ',
  '1. ',
  '@',
  "'",
  ' ',
  ':',
  'file: ',
  '~~~',
  '<',
  '\r',
]
const paths = ['a.ts', 'src/a.ts', 'src/a.tsx', 'Makefile', '+page', 'b.ts', 'src/b.ts', '']
const words = [
  'some',
  'words',
  'Old',
  'SEARCH',
  '<<<',
  '---',
  '(new',
  'file)',
  'Edit',
  'of',
  'prose',
  'é',
  '\u00a0',
  '1.',
  'b.ts',
  'a.ts',
  '```',
  '<<<<',
  '=====',
  '>>>>>',
]
const lines = [
  'one',
  'two',
  '  three',
  'go',
  '\tgo',
  'x',
  'y',
  'all:',
  '',
  '======= z',
  '=======',
  '======= \u00a0',
]

/** Something that is likely to lead on from here, or not. */
function piece(follower: EditFollower, random: Random): string {
  const any = (of: readonly string[]) => of[random.below(of.length)]!
  const { state } = follower
  const likely = follower.likely()
  if (likely !== '' && random.below(2) === 0) return likely
  if (state.kind === 'search') return `${any(lines)}\n`
  if (state.kind === 'replace')
    return random.below(3) === 0 ? `>>>>>>> REPLACE${any(['', '\n', '\n\n'])}` : `${any(lines)}\n`
  switch (random.below(4)) {
    case 0:
      return `${any(decoration)}${any(paths)}${any(decoration)}\n`
    case 1:
      return '<<<<<<< SEARCH\n'
    case 2:
      return any(['\n', '\n\n', '```\n', '```ts\n', '>>>>>>> REPLACE\n', '=======\n'])
    default:
      return `${Array.from({ length: random.below(6) }, () => any(words)).join(' ')}\n`
  }
}

describe('whatever is written', () => {
  test.each([1, 2, 3])('is read as it is meant (%d)', seed => {
    const random = new Random(seed)
    let blocks = 0
    for (let round = 0; round < 40; round++) {
      const follower = new EditFollower(files)
      const reply: Uint8Array[] = []
      for (let count = 0; count < 40 || !follower.matcher.mayEnd(follower.state); count++) {
        // Nothing leads into a dead end: bytes at random come out of everything.
        expect(count, JSON.stringify(follower.state)).toBeLessThan(5000)
        const allowed = random.below(8) === 0 ? bytesAllowed(follower) : []
        const wanted =
          allowed.length > 0
            ? Uint8Array.of(allowed[random.below(allowed.length)]!)
            : encoder.encode(piece(follower, random))
        const bytes = wanted.subarray(0, random.below(8) === 0 ? 1 : fitting(follower, wanted))
        if (follower.accept(bytes)) reply.push(bytes)
      }
      const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(reply))
      const { edits, failed, texts } = made(files, text)
      expect(failed, JSON.stringify(text)).toEqual([])
      expect(Object.fromEntries(follower.matcher.files.map(file => [file.path, file.text]))).toEqual(
        Object.fromEntries(texts),
      )
      blocks += edits.length
    }
    expect(blocks).toBeGreaterThan(5)
  })
})

/** How many of these bytes may come. */
function fitting({ matcher, state }: EditFollower, bytes: Uint8Array): number {
  let next: typeof state | undefined = state
  for (const [i, byte] of bytes.entries()) {
    next = matcher.step(next, byte)
    if (!next) return i
  }
  return bytes.length
}

function bytesAllowed({ matcher, state }: EditFollower): number[] {
  return Array.from({ length: 256 }, (_, byte) => byte).filter(byte => matcher.step(state, byte))
}
