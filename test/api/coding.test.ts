// Coding mode in the library: what replies bring, how they are mended, and what becomes of files.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  type Chat,
  type CodingEvent,
  type CodingOptions,
  CodingSession,
  EditError,
  InvalidOptionError,
  loadModel,
} from '../../src/index.ts'
import { scriptedModel } from '../fixtures/scripted.ts'
import { rejection } from './tiny.ts'

let base: string
let folder: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'torchless-coding-'))
  folder = join(base, 'project')
  await mkdir(join(folder, 'src'), { recursive: true })
  await writeFile(join(folder, 'src/a.ts'), 'const a = 1\n')
  await writeFile(join(folder, 'src/b.ts'), 'const b = 1\n')
})
afterEach(() => rm(base, { recursive: true, force: true }))

const text = (path: string) => readFile(join(folder, path), 'utf8')
const block = (path: string, search: string, replace: string) =>
  `${path}\n<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE\n`
const changeA = block('src/a.ts', 'const a = 1\n', 'const a = 2\n')
const changeB = block('src/b.ts', 'const b = 1\n', 'const b = 2\n')
const wrongB = block('src/b.ts', 'let b = 1\n', 'let b = 2\n')

async function chatOf(replies: readonly string[]): Promise<Chat> {
  const model = await loadModel(new Blob([Uint8Array.from(await scriptedModel(replies))]))
  onTestFinished(() => model.dispose())
  return model.chat({ temperature: 0 })
}

async function coding(replies: readonly string[], options: CodingOptions = {}): Promise<CodingSession> {
  // These models say what they are told, right or wrong: what they may is for coding-constraint.test.ts.
  const free = { format: 'search', constrained: false } as const
  const own = { folder, state: join(base, 'state'), ...free, ...options }
  return new CodingSession(await chatOf(replies), own)
}

describe('a reply', () => {
  test('is read for edits, which wait until they are applied, and can be undone', async () => {
    const code = await coding([`I change both.\n\n${changeA}\n${changeB}`])
    const { replies, edits } = await code.send('Change @src/a.ts and @src/b.ts')
    expect(replies).toHaveLength(1)
    expect(edits).toEqual(code.edits)
    expect(code.edits.map(({ path, added, removed, notes }) => ({ path, added, removed, notes }))).toEqual([
      { path: 'src/a.ts', added: 1, removed: 1, notes: ['exact'] },
      { path: 'src/b.ts', added: 1, removed: 1, notes: ['exact'] },
    ])
    expect(code.edits[0]!.diff).toBe(
      '--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,1 +1,1 @@\n-const a = 1\n+const a = 2\n',
    )
    expect(await text('src/a.ts')).toBe('const a = 1\n')
    expect(await code.apply()).toEqual({ applied: ['src/a.ts', 'src/b.ts'], left: [] })
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 2\n', 'const b = 2\n'])
    expect(code.edits).toEqual([])
    expect(await code.undo()).toEqual(['src/a.ts', 'src/b.ts'])
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 1\n', 'const b = 1\n'])
  })

  test('is told how to write edits, and shown the files', async () => {
    const code = await coding(['Fine.'])
    await code.send('Change @src/a.ts')
    expect(code.chat.instructions).toContain('<<<<<<< SEARCH')
    expect(code.chat.history[0]!.content).toBe('src/a.ts\n```\nconst a = 1\n```\n\nChange @src/a.ts')
    code.close()
    expect(code.chat.instructions).toBeUndefined()
    code.open()
    expect(code.chat.instructions).toContain('<<<<<<< SEARCH')
  })

  test('is blocks where they cannot miss', async () => {
    const code = new CodingSession(await chatOf([changeA]), { folder, state: join(base, 'state') })
    expect(code.format).toBe('search')
    await code.send('Change @src/a.ts')
    expect(code.edits.map(({ path, notes }) => [path, ...notes])).toEqual([['src/a.ts', 'exact']])
  })

  test('of a small model that is not constrained is whole files', async () => {
    const code = await coding(['src/a.ts\n```ts\nconst a = 3\n```\n\nsrc/new.ts\n```\nnew\n```\n'], {
      format: undefined,
    })
    expect(code.format).toBe('whole')
    await code.send('Change @src/a.ts')
    expect(code.edits.map(({ path, notes }) => [path, ...notes])).toEqual([
      ['src/a.ts', 'written whole'],
      ['src/new.ts', 'written whole'],
    ])
    await code.apply()
    expect([await text('src/a.ts'), await text('src/new.ts')]).toEqual(['const a = 3\n', 'new\n'])
  })

  test('writes no file whole of which the model has not seen all', async () => {
    await writeFile(join(folder, 'src/a.ts'), 'const a = 1\nconst b = 1\n')
    const file = (path: string, text: string) => `${path}\n\`\`\`\n${text}\`\`\`\n`
    const code = await coding(
      [
        file('src/a.ts', 'const a = 2\n') + file('src/b.ts', 'lost\n') + file('c.ts', 'new\n'),
        file('src/a.ts', 'const a = 2\nconst b = 1\n'),
        file('c.ts', 'newer\n'),
      ],
      { format: 'whole', repairs: 1 },
    )
    const { reviews } = await code.send('Change @src/a.ts:1')
    const reason = (path: string) => `the file exists, and not all of it was shown; @${path} shows it`
    expect(reviews[0]!.rejected.map(({ reason }) => reason)).toEqual([reason('src/a.ts'), reason('src/b.ts')])
    // What was shown in part is shown whole, what was not asked for is not.
    expect(code.chat.history.at(-2)!.content).toContain('src/a.ts\n```\nconst a = 1\nconst b = 1\n```\n')
    expect(code.chat.history.at(-2)!.content).not.toContain('const b = 1\n```\nsrc/b.ts')
    expect(code.edits.map(({ path, after }) => [path, after])).toEqual([
      ['c.ts', 'new\n'],
      ['src/a.ts', 'const a = 2\nconst b = 1\n'],
    ])
    await code.apply()
    await code.send('And again')
    expect(code.edits).toMatchObject([{ path: 'c.ts', before: 'new\n', after: 'newer\n' }])
  })

  test('of a model that is to write whole files may have blocks', async () => {
    const code = await coding([`\`\`\`\n${changeA}\`\`\`\n`], { format: 'whole' })
    await code.send('Change @src/a.ts')
    expect(code.edits.map(({ path, notes }) => [path, ...notes])).toEqual([['src/a.ts', 'exact']])
  })

  test('that was cut brings no edit that was cut', async () => {
    const code = await coding([`${changeA}\n${changeB}`], { repairs: 0 })
    const { reviews, replies } = await code.send('Change them', { maxTokens: 11 })
    expect(replies[0]!.finish).toBe('length')
    expect(code.edits.map(({ path }) => path)).toEqual(['src/a.ts'])
    expect(reviews[0]!.problems).toEqual([
      'line 9: the reply was cut before the edit of src/b.ts ended; it is not taken',
    ])
  })

  test('that is stopped brings none', async () => {
    const code = await coding([changeA])
    const controller = new AbortController()
    const reason = new Error('enough')
    const events: CodingEvent[] = []
    const turn = code.send('Change @src/a.ts', { signal: controller.signal })
    const stopped = await rejection(
      (async () => {
        for await (const event of turn) {
          events.push(event)
          if ('text' in event) controller.abort(reason)
        }
      })(),
    )
    expect(stopped).toBe(reason)
    expect(code.edits).toEqual([])
    expect((await turn).replies.map(({ finish }) => finish)).toEqual(['abort'])
    // The files are shown again, as the chat may not hold them.
    await code.send('Again, @src/a.ts')
    expect(code.chat.history.at(-2)!.content).toContain('```\nconst a = 1\n```')
  })
})

describe('edits that cannot be made', () => {
  test('go back to the model, with what the file has and what is not to be sent again', async () => {
    const code = await coding([`${changeA}\n${wrongB}`, changeB])
    const events: CodingEvent[] = []
    for await (const event of code.send('Change @src/a.ts and @src/b.ts')) events.push(event)
    const repairs = events.flatMap(event => ('repair' in event ? [event.repair] : []))
    expect(repairs).toHaveLength(1)
    expect(repairs[0]).toMatchObject({ round: 1, of: 3 })
    expect(repairs[0]!.request).toBe(
      'Some edits could not be used:\n' +
        '- src/b.ts, the edit in line 9 of your reply: the lines to search are not in the file.\n' +
        '  The file has, with line numbers:\n1: const b = 1\n' +
        'No edit of src/b.ts was made; send all edits of it again, corrected.\n' +
        'The edits of src/a.ts were taken; do not send them again.',
    )
    expect(code.chat.history[2]!.content).toBe(repairs[0]!.request)
    expect(code.edits.map(({ path }) => path)).toEqual(['src/a.ts', 'src/b.ts'])
    // First files, then pieces of a reply, it as a whole, its review, and so on.
    expect(events.filter(event => !('text' in event)).map(event => Object.keys(event)[0])).toEqual([
      ...['files', 'reply', 'review'],
      ...['repair', 'reply', 'review'],
    ])
  })

  test('do so three times at most', async () => {
    const wrong = (word: string) => block('src/b.ts', `${word} b = 1\n`, 'x\n')
    const code = await coding(['let', 'var', 'val', 'def', 'mut'].map(wrong))
    const { replies, reviews } = await code.send('Change @src/b.ts')
    expect(replies).toHaveLength(4)
    expect(reviews.every(({ rejected }) => rejected.length === 1)).toBe(true)
    expect(code.edits).toEqual([])
  })

  test('do not where the model repeats itself', async () => {
    const code = await coding([wrongB, wrongB, changeB])
    const { replies } = await code.send('Change @src/b.ts')
    expect(replies).toHaveLength(2)
  })

  test('do not once it is stopped', async () => {
    const code = await coding([`${changeA}\n${wrongB}`, changeB])
    const controller = new AbortController()
    const reason = new Error('enough')
    const turn = code.send('Change @src/a.ts and @src/b.ts', { signal: controller.signal })
    const stopped = rejection(
      (async () => {
        for await (const event of turn) if ('repair' in event) controller.abort(reason)
      })(),
    )
    expect(await stopped).toBe(reason)
    expect(code.edits.map(({ path }) => path)).toEqual(['src/a.ts'])
    expect(code.chat.history).toHaveLength(2)
  })

  test('do not where nobody wants it', async () => {
    const code = await coding([wrongB, changeB], { repairs: 0 })
    expect((await code.send('Change @src/b.ts')).replies).toHaveLength(1)
  })

  test.each([
    ['/etc/passwd', 'the path may not be used: it does not begin in this folder'],
    ['../secret.txt', 'the path may not be used: it leads up'],
    ['C:\\x.txt', 'the path may not be used: it names a drive'],
    ['link/x.txt', 'it lies outside of this folder'],
    ['dangling.txt', 'a link on the way leads nowhere'],
    ['binary.bin', 'it is no text'],
  ])('because of where they lead: %s', async (path, reason) => {
    await symlink(base, join(folder, 'link'))
    await symlink(join(base, 'nothing'), join(folder, 'dangling.txt'))
    await writeFile(join(folder, 'binary.bin'), Uint8Array.of(1, 0, 2))
    const code = await coding([])
    const { rejected, edits } = await code.review(block(path, '', 'x\n'))
    expect(edits).toEqual([])
    expect(rejected).toEqual([{ path, line: 2, reason }])
  })

  test('because what they make would be no text', async () => {
    const code = await coding([])
    const { rejected } = await code.review(block('new.ts', '', 'a\0b\n'))
    expect(rejected).toEqual([{ path: 'new.ts', line: 2, reason: 'it would be no text' }])
  })

  test('because the file has changed since it was shown: the model sees it as it is', async () => {
    const code = await coding(['What?', changeA, block('src/a.ts', 'const a = 5\n', 'const a = 6\n')])
    await code.send('Look at @src/a.ts')
    await writeFile(join(folder, 'src/a.ts'), 'const a = 5\n')
    const { reviews } = await code.send('Change it')
    expect(reviews[0]!.stale).toEqual(['src/a.ts'])
    expect(code.chat.history.at(-2)!.content).toContain('src/a.ts\n```\nconst a = 5\n```\n')
    expect(code.edits.map(({ before, after }) => [before, after])).toEqual([
      ['const a = 5\n', 'const a = 6\n'],
    ])
  })
})

describe('edits that wait', () => {
  test('are made upon each other, and written once', async () => {
    const code = await coding([])
    await code.review(changeA)
    await code.review(block('src/a.ts', 'const a = 2\n', 'const a = 3\nconst c = 1\n'))
    expect(code.edits).toMatchObject([
      { before: 'const a = 1\n', after: 'const a = 3\nconst c = 1\n', notes: ['exact', 'exact'] },
    ])
    // What is sent again is not made again.
    const insertion = block('src/b.ts', 'const b = 1\n', 'const b = 1\nconst c = 1\n')
    await code.review(insertion)
    await code.review(insertion)
    expect(code.edits[1]).toMatchObject({ after: 'const b = 1\nconst c = 1\n', notes: ['exact'] })
    code.discard([2])
    // What is to go can be made anew.
    await code.review(block('src/b.ts', 'const b = 1\n', ''))
    await code.review(block('src/b.ts', '', 'const d = 1\n'))
    expect(code.edits[1]).toMatchObject({ before: 'const b = 1\n', after: 'const d = 1\n' })
    code.discard([2])
    // One that begins anew takes its place.
    await code.review(block('src/a.ts', 'const a = 1\n', 'const a = 9\n'))
    expect(code.edits).toMatchObject([{ after: 'const a = 9\n', notes: ['exact'] }])
    const { withdrawn } = await code.review(block('src/a.ts', 'const a = 9\n', 'const a = 1\n'))
    expect(withdrawn).toEqual(['src/a.ts'])
    expect(code.edits).toEqual([])
  })

  test('are of one file, whatever a reply calls it', async () => {
    await symlink('src/a.ts', join(folder, 'link.ts'))
    await writeFile(join(folder, 'src/a.ts'), 'const a = 1\nconst b = 1\nconst c = 1\n')
    const code = await coding([])
    const change = (path: string, name: string) => block(path, `const ${name} = 1\n`, `const ${name} = 2\n`)
    await code.review(change('src/a.ts', 'a') + change('./src/a.ts', 'b') + change('link.ts', 'c'))
    expect(code.edits.map(({ path }) => path)).toEqual(['src/a.ts'])
    await code.apply()
    expect(await text('src/a.ts')).toBe('const a = 2\nconst b = 2\nconst c = 2\n')
  })

  test('are applied and dropped by their numbers', async () => {
    const code = await coding([])
    await code.review(changeA + changeB + block('c.ts', '', 'c\n'))
    expect((await code.apply([2])).applied).toEqual(['src/b.ts'])
    expect(code.discard([2])).toEqual(['c.ts'])
    expect(code.edits.map(({ path }) => path)).toEqual(['src/a.ts'])
    expect(await rejection(code.apply([2]))).toBeInstanceOf(InvalidOptionError)
    expect(code.discard()).toEqual(['src/a.ts'])
    expect(await rejection(code.apply())).toBeInstanceOf(EditError)
    expect([await text('src/a.ts'), await readdir(folder)]).toEqual(['const a = 1\n', ['src']])
  })

  test('of files that changed meanwhile are refused, all together', async () => {
    const code = await coding([])
    await code.review(changeA + changeB)
    await writeFile(join(folder, 'src/b.ts'), 'mine\n')
    const error = await rejection(code.apply())
    expect(error).toMatchObject({ name: 'EditError', path: 'src/b.ts' })
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 1\n', 'mine\n'])
    expect(code.edits).toHaveLength(2)
    expect((await code.apply([1])).applied).toEqual(['src/a.ts'])
  })

  test.each([
    ['.env', 'looks like a secret'],
    ['.github/workflows/ci.yml', 'says what runs in CI'],
    ['build/x.js', 'is ignored by git'],
    // Links, by either name.
    ['.gitlab-ci.yml', 'says what runs in CI'],
    ['plain.txt', 'looks like a secret'],
  ])('are asked about where they are out of the ordinary: %s', async (path, concern) => {
    await writeFile(join(folder, '.gitignore'), 'build/\n')
    await writeFile(join(folder, 'harmless.yml'), '')
    await symlink('harmless.yml', join(folder, '.gitlab-ci.yml'))
    await mkdir(join(folder, 'keys'))
    await writeFile(join(folder, 'keys/server.pem'), '')
    await symlink('keys/server.pem', join(folder, 'plain.txt'))
    const questions: string[] = []
    let agreed = false
    const code = await coding([], {
      confirm: async question => {
        questions.push(question)
        return agreed
      },
    })
    await code.review(changeA + block(path, '', 'x\n'))
    expect(code.edits[1]!.concerns).toEqual([concern])
    const real = code.edits[1]!.path
    expect(await code.apply()).toEqual({
      applied: ['src/a.ts'],
      left: [{ path: real, reason: `it ${concern}` }],
    })
    expect(questions).toEqual([`${real} ${concern}; change it?`])
    agreed = true
    expect((await code.apply()).applied).toEqual([real])
    expect(await text(path)).toBe('x\n')
  })

  test('are kept when another chat goes on', async () => {
    const code = await coding([changeA])
    await code.send('Change @src/a.ts')
    const other = await chatOf([block('src/a.ts', 'const a = 2\n', 'const a = 3\n')])
    code.attach(other)
    expect(other.instructions).toContain('<<<<<<< SEARCH')
    await code.send('And again')
    expect(code.edits).toMatchObject([{ after: 'const a = 3\n' }])
  })
})

test('a message is answered again without what its replies brought, requests to mend them included', async () => {
  const code = await coding([changeB, `${changeA}\n${wrongB}`, 'No.', 'x'])
  await code.send('Change @src/b.ts')
  await code.send('And @src/a.ts')
  expect(code.chat.history).toHaveLength(6)
  expect(code.edits.map(({ path }) => path)).toEqual(['src/b.ts', 'src/a.ts'])
  await code.apply([1])
  const { replies } = await code.retry()
  expect(replies).toHaveLength(2)
  expect(code.chat.history).toHaveLength(6)
  expect(code.chat.history[2]!.content).toContain('And @src/a.ts')
  expect(code.edits.map(({ path }) => path)).toEqual(['src/a.ts'])
})

test('the files that a reply may edit are those that were shown and those that messages name, with what waits', async () => {
  const code = await coding(['Fine.', changeA])
  await code.send('Look at @./src/a.ts and @src/b.ts:1, then write lib/new.ts, but no e.g. .. or /etc/x.conf')
  expect(code.editableFiles()).toEqual([
    { path: 'lib/new.ts', text: undefined },
    { path: 'src/a.ts', text: 'const a = 1\n' },
    { path: 'src/b.ts', text: 'const b = 1\n' },
    { path: './src/a.ts', text: 'const a = 1\n', of: 'src/a.ts' },
  ])
  await code.send('Change it')
  const texts = () => new Map(code.editableFiles().map(({ path, text }) => [path, text]))
  expect(texts().get('src/a.ts')).toBe('const a = 2\n')
  await code.apply()
  expect(texts().get('src/a.ts')).toBe('const a = 2\n')
  await code.undo()
  expect(texts().get('src/a.ts')).toBe('const a = 1\n')
})

test('options and folders that make no sense are told', async () => {
  const chat = await chatOf([])
  expect(() => new CodingSession(chat, { format: 'latin' as 'search' })).toThrow(InvalidOptionError)
  expect(() => new CodingSession(chat, { repairs: -1 })).toThrow(InvalidOptionError)
  const nowhere = new CodingSession(chat, { folder: join(base, 'nowhere') })
  expect(await rejection(nowhere.undo())).toMatchObject({ name: 'EditError' })
  expect(await rejection(nowhere.send('Look at @a.ts').then())).toMatchObject({ name: 'EditError' })
})

test('files with a byte order mark and carriage returns keep them', async () => {
  await writeFile(join(folder, 'src/a.ts'), '\ufeffconst a = 1\r\nconst b = 1')
  const code = await coding([changeA])
  await code.send('Change @src/a.ts')
  await code.apply()
  expect(await text('src/a.ts')).toBe('\ufeffconst a = 2\r\nconst b = 1')
})

test('random edits through a session are made as they say or not at all; undone, all is as it was', async () => {
  const session = await coding([])
  const line = fc.stringMatching(/^ {0,2}[a-d]{1,3}$/)
  const file = fc.record({
    mark: fc.constantFrom('', '\ufeff'),
    lines: fc.uniqueArray(line, { minLength: 2, maxLength: 6, selector: each => each.trim() }),
    ending: fc.constantFrom('\n', '\r\n'),
    ended: fc.boolean(),
    mode: fc.constantFrom(0o644, 0o600, 0o755),
  })
  const edit = fc.record({
    at: fc.nat(5),
    count: fc.integer({ min: 1, max: 3 }),
    made: fc.array(line, { maxLength: 3 }),
    shift: fc.constantFrom('', '    '),
  })
  let applied = 0
  await fc.assert(
    fc.asyncProperty(file, edit, async ({ mark, lines, ending, ended, mode }, { at, count, made, shift }) => {
      const place = join(folder, 'f.txt')
      const written = (all: readonly string[]) =>
        mark + all.join(ending) + (ended && all.length > 0 ? ending : '')
      const before = written(lines)
      await writeFile(place, before)
      await chmod(place, mode)
      const code = new CodingSession(session.chat, { folder, state: join(base, 'state'), format: 'search' })
      const start = at % lines.length
      const some = lines.slice(start, start + count)
      const shown = (all: readonly string[]) => all.map(each => `${shift}${each}\n`).join('')
      await code.review(block('f.txt', shown(some), shown(made)))
      if (code.edits.length === 0) return
      applied++
      await code.apply()
      const all = lines.toSpliced(start, some.length, ...made)
      if (all.length > 0) expect(await readFile(place, 'utf8')).toBe(written(all))
      else expect((await readdir(folder)).includes('f.txt')).toBe(false)
      await code.undo()
      expect(await readFile(place, 'utf8')).toBe(before)
      expect((await stat(place)).mode & 0o777).toBe(mode)
    }),
    { seed: 8, numRuns: 40 },
  )
  expect(applied).toBeGreaterThan(30)
})
