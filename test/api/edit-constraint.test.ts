// Replies of a random model under an EditConstraint: every block that it writes can be made, and drafts change nothing.
import { describe, expect, test } from 'vitest'
import { AnswerConstraint } from '../../src/api/answer-constraint.ts'
import { EditConstraint } from '../../src/api/edit-constraint.ts'
import { readEditBlocks } from '../../src/code/edit-block.ts'
import { EditFollower } from '../../src/code/edit-follower.ts'
import type { EditableFile, EditState } from '../../src/code/edit-matcher.ts'
import { planBlocks } from '../../src/code/edit-plan.ts'
import type { Constraint } from '../../src/engine/constraint.ts'
import { generateTokens } from '../../src/engine/generate.ts'
import { createSampler } from '../../src/engine/sampler.ts'
import type { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { mockEngine } from '../engine/mock.ts'

const files: readonly EditableFile[] = [
  { path: 'a.ts', text: 'let x = 1\n\nfor (const y of z) {\n  x += y\n}\n\nlet y = 2\n  x += y\n}\n' },
  { path: 'b/a.ts', text: 'let x = 1\r\n\r\n\tgrün\r\n' },
  { path: 'new.ts', text: undefined },
]
const search = 'a.ts\n<<<<<<< SEARCH\n'
/** All bytes that are in files, paths and markers, those of U+FFFD, too, and more than one way to cut some texts. */
const pieces = [
  ...[...'\n \tletxyofrcnsz(){}+=12ga./bwSEARCHPL<>'].filter((one, i, all) => all.indexOf(one) === i),
  ...['let ', ' x', '=======\n', '<<<<<<< SEARCH\n', '>>>>>>> REPLACE'],
].map(text => new TextEncoder().encode(text))
for (const byte of [0xc3, 0xbc, 0xef, 0xbf, 0xbd]) pieces.push(Uint8Array.of(byte))

const END = pieces.length

/** Cuts texts into the longest pieces, one after the other. */
const tokenizer: Tokenizer = {
  size: END + 1,
  bos: undefined,
  endOfGeneration: new Set([END]),
  bytes: id => pieces[id],
  piece: id => new TextDecoder().decode(pieces[id]),
  stream: () => id => (id === undefined ? '' : new TextDecoder().decode(pieces[id])),
  decode: ids => new TextDecoder().decode(Buffer.concat(ids.map(id => pieces[id] ?? new Uint8Array()))),
  encode(text) {
    const bytes = new TextEncoder().encode(text)
    const ids: number[] = []
    for (let at = 0; at < bytes.length; ) {
      const fitting = pieces.flatMap((piece, id) => (piece.every((b, i) => bytes[at + i] === b) ? [id] : []))
      const id = fitting.toSorted((a, b) => pieces[b]!.length - pieces[a]!.length)[0]
      if (id === undefined) break
      ids.push(id)
      at += pieces[id]!.length
    }
    return ids
  },
}

async function reply(constraint: Constraint, temperature: number, seed: number) {
  const { engine, backend } = await mockEngine(undefined, { maxSeqLen: 256, maxRows: 16 })
  const ids: number[] = []
  let drawn = 0
  const follower = new EditFollower(files)
  /** The ids of a text that may come. */
  const offered = (text: string): number[] => {
    const bytes = new TextEncoder().encode(text)
    let state: EditState | undefined = follower.state
    for (const byte of bytes) state &&= follower.matcher.step(state, byte)
    return state && follower.accept(bytes) ? tokenizer.encode(text) : []
  }
  /** Ends and begins blocks now and then, which this model seldom does. */
  const interject = (id: number) => {
    follower.accept(pieces[id]!)
    if (id % 4 > 0 || follower.state.kind === 'search') return []
    const end = follower.state.kind === 'replace' ? offered('\n>>>>>>> REPLACE\n') : []
    return [...end, ...offered(`\n${files[ids.length % files.length]!.path}\n<<<<<<< SEARCH\n`)]
  }
  for await (const id of generateTokens(engine.session(), [seed % END, 2], {
    sampler: createSampler({ temperature, seed }),
    maxTokens: 200,
    stopTokens: tokenizer.endOfGeneration,
    constraint,
    interject,
    onDraft: (_, right) => {
      drawn += right
    },
  }))
    ids.push(id)
  return { ids, drawn, steps: backend.steps.length }
}

describe('a random model', () => {
  test.each([1, 1.5, 4])('at temperature %d writes blocks that can be made', async temperature => {
    let blocks = 0
    for (let seed = 0; seed < 12; seed++) {
      const { ids } = await reply(new EditConstraint(tokenizer, files), temperature, seed)
      const text = tokenizer.decode(ids)
      const { edits, problems } = readEditBlocks(
        text,
        files.map(({ path }) => path),
      )
      // The last one may have been cut off.
      expect(
        problems.filter(problem => !problem.endsWith('the end of the reply')),
        text,
      ).toEqual([])
      const texts = new Map(files.map(({ path, text }) => [path, text]))
      for (const block of edits.filter(({ unclosed }) => !unclosed)) {
        const before = texts.get(block.path)
        const file =
          before === undefined ? ({ kind: 'missing' } as const) : ({ kind: 'text', text: before } as const)
        const { change, rejected } = planBlocks(file, [block])
        if (change) texts.set(block.path, change.after)
        else expect(rejected[0]!.reason, text).toBe('nothing would change')
        blocks++
      }
    }
    expect(blocks).toBeGreaterThan(20)
  })

  test.each([0, 1, 1.5])('at temperature %d writes the same with drafts and without', async temperature => {
    let [right, saved] = [0, 0]
    for (let seed = 0; seed < 8; seed++) {
      const own = new EditConstraint(tokenizer, files)
      const plain = await reply(
        { allowed: () => own.allowed(), accept: id => own.accept(id) },
        temperature,
        seed,
      )
      const ahead = await reply(new EditConstraint(tokenizer, files), temperature, seed)
      expect(ahead.ids).toEqual(plain.ids)
      right += ahead.drawn
      saved += plain.steps - ahead.steps
    }
    expect(right).toBeGreaterThan(0)
    expect(saved).toBeGreaterThan(0)
  })
})

describe('a draft', () => {
  /** What is drafted behind a text, as text. */
  function drafted(text: string, most = 99): string {
    const constraint = new EditConstraint(tokenizer, files)
    for (const id of tokenizer.encode(text)) constraint.accept(id)
    return tokenizer.decode(constraint.draft(most))
  }

  test.each([
    ['nothing of prose', 'let xyz', ''],
    ['the marker below a path', 'a.ts\n', '<<<<<<< SEARCH\n'],
    ['the rest of a path, once there is one', 'b/', 'a.ts\n<<<<<<< SEARCH\n'],
    ['nothing of the first line', search, ''],
    ['the rest of a line that has begun', `${search}for`, ' (const y of z) {\n'],
    ['nothing where lines differ', `${search}let`, ''],
    ['lines until they stand there once', `${search}  x += y\n`, '}\n'],
    ['more lines where there were some', `${search}let x = 1\n\n`, 'for (const y of z) {\n  x += y\n}\n'],
    [
      'the divider where the file ends, and what it divides',
      `${search}let y = 2\n  x += y\n}\n`,
      '=======\nlet y = 2\n  x += y\n}\n>>>>>>> REPLACE',
    ],
    ['a replacement', `${search}for (const y of z) {\n=======\nfor`, ' (const y of z) {\n>>>>>>> REPLACE'],
    ['what follows a change in a line', `${search}let y = 2\n=======\nlet x = `, '2\n>>>>>>> REPLACE'],
    ['no divider of a new file but its own', 'new.ts\n<<<<<<< SEARCH\n', '=======\n'],
    ['the new line behind a block', `${search}let y = 2\n=======\n>>>>>>> REPLACE`, '\n'],
    [
      'lines as blocks before have left them',
      `${search}let y = 2\n=======\nlet 1 = 2\n>>>>>>> REPLACE\n\n${search}let 1`,
      ' = 2\n',
    ],
  ])('has %s', (_, text, expected) => {
    expect(drafted(text)).toBe(expected)
  })

  test('is no longer than asked', () => {
    expect(drafted(`${search}for`, 3)).toBe(' (c')
  })

  test('ends where something came that may not', () => {
    const constraint = new EditConstraint(tokenizer, files)
    for (const id of tokenizer.encode(`${search}ooo`)) constraint.accept(id)
    expect(constraint.allowed()).toBeUndefined()
    expect(constraint.draft(9)).toEqual([])
  })
})

describe('behind a trace', () => {
  const answering = (open: boolean, left = 200) =>
    new AnswerConstraint({
      ...{ tokenizer, open, left, reserve: 1, traceFirst: true },
      // Letters, so that an answer might begin with them as well.
      markers: { open: 'z', close: 'y' },
      answer: () => new EditConstraint(tokenizer, files),
    })
  const accept = (constraint: AnswerConstraint, text: string) => {
    for (const id of tokenizer.encode(text)) constraint.accept(id)
  }
  const allows = (constraint: AnswerConstraint, text: string) => {
    const [id] = tokenizer.encode(text)
    return ((constraint.allowed()![id! >> 5]! >>> (id! & 31)) & 1) === 1
  }

  test('edits are bound and drafted, in it nothing is', () => {
    const constraint = answering(false)
    expect(allows(constraint, 'z')).toBe(true)
    accept(constraint, `z${search}ooo`)
    expect(constraint.draft(99)).toEqual([])
    expect(allows(constraint, 'x')).toBe(true)
    accept(constraint, `y${search}for`)
    expect(tokenizer.decode(constraint.draft(99))).toBe(' (const y of z) {\n')
    expect(allows(constraint, 'x')).toBe(false)
  })

  test('that the prompt has opened, too', () => {
    const constraint = answering(true)
    accept(constraint, 'oooy')
    accept(constraint, search)
    expect(allows(constraint, 'o')).toBe(false)
  })

  test('without one, the reply is the answer', () => {
    const constraint = answering(false)
    accept(constraint, `${search}for`)
    expect(tokenizer.decode(constraint.draft(99))).toBe(' (const y of z) {\n')
  })
})
