// Coding mode as people and programs meet it: in a terminal, and piped, with a model that says given replies.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { scriptedModel } from '../fixtures/scripted.ts'
import { torchless } from '../support/command.ts'
import { Pty, type PtyOptions } from '../support/pty.ts'

const block = (path: string, search: string, replace: string) =>
  `${path}\n<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE\n\n`
const changeA = block('src/a.ts', 'const a = 1\n', 'const a = 2\n')
const changeB = block('src/b.ts', 'const b = 1\n', 'const b = 2\n')
const wrongB = block('src/b.ts', 'let b = 1\n', 'let b = 2\n')
const long = Array.from({ length: 220 }, (_, i) => `line ${i}\n`).join('')
const scripts = {
  two: [`I change both.\n\n${changeA}${changeB}`, 'Fine.\n'],
  mended: [changeA + wrongB, changeB, block('long.txt', '', long)],
  hopeless: [wrongB, wrongB.replace('2', '3'), wrongB.replace('2', '4'), wrongB.replace('2', '5')],
  secret: [changeA + block('.env', '', 'KEY=1\n')],
  escapes: [
    block('src/a.ts', 'const a = 1\n', '\u001b]0;owned\u0007const a = "\u001b[31m\u202e"\n'),
    changeB,
  ],
  whole: ['src/a.ts\n```\nconst a = 7\n```\n'],
} as const

let base: string
let project: string
let state: string
const model = (name: keyof typeof scripts) => join(base, `${name}.gguf`)
const text = (path: string) => readFile(join(project, path), 'utf8')

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'torchless-coding-'))
  for (const name of Object.keys(scripts) as (keyof typeof scripts)[])
    await writeFile(model(name), await scriptedModel(scripts[name]))
})
afterAll(() => rm(base, { recursive: true }))
let next = 0
beforeEach(async () => {
  project = join(base, `project${next++}`)
  state = join(project, '..', `state${next}`)
  await mkdir(join(project, 'src'), { recursive: true })
  await writeFile(join(project, 'src/a.ts'), 'const a = 1\n')
  await writeFile(join(project, 'src/b.ts'), 'const b = 1\n')
})

// What these models say is right or wrong as it comes.
const free = ['--chat', '--temperature', '0', '--no-constrained-edits'] as const
const flags = [...free, '--edit-format', 'search'] as const

describe('in a terminal', () => {
  async function open(name: keyof typeof scripts, options: PtyOptions = {}): Promise<Pty> {
    const env = { XDG_STATE_HOME: state, NO_COLOR: undefined, ...options.env }
    const pty = new Pty([model(name), ...flags], { ...options, cwd: project, env })
    onTestFinished(() => pty.kill('SIGKILL'))
    await pty.until(/\n?> $/)
    pty.type('/code\r')
    await pty.until(
      /coding mode is on: .*project\d+, as edit blocks \(search\); edits wait for \/apply\r\n> $/,
    )
    return pty
  }

  test('edits are listed, shown in colours, asked for one by one, and undone', async () => {
    const pty = await open('two')
    pty.type('Change @src/a.ts and @src/b.ts\r')
    await pty.until(/1 src\/a\.ts \+1 -1 exact\r\n2 src\/b\.ts \+1 -1 exact\r\n2 edits wait: .*\r\n> $/)
    pty.type('/diff\r')
    await pty.until(/-const a = 1\r\n\+const a = 2\r\n[\s\S]*2 files, 2 lines added, 2 removed\r\n> $/)
    expect(pty.raw).toContain('\u001b[31m-const a = 1\u001b[39m')
    expect(pty.raw).toContain('\u001b[32m+const a = 2\u001b[39m')
    pty.type('/apply\r')
    await pty.until(/apply src\/a\.ts, 1 of 2\? \(y\/n\/all\/quit\) $/)
    pty.type('what\r')
    await pty.until(/apply src\/a\.ts, 1 of 2\? \(y\/n\/all\/quit\) $/)
    pty.type('n\r')
    await pty.until(/apply src\/b\.ts, 2 of 2\? \(y\/n\/all\/quit\) $/)
    pty.type('y\r')
    await pty.until(/applied: src\/b\.ts; \/undo takes it back\r\n> $/)
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 1\n', 'const b = 2\n'])
    pty.type('/apply\r')
    await pty.until(/1 of 1\? \(y\/n\/all\/quit\) $/)
    pty.type('all\r')
    await pty.until(/applied: src\/a\.ts/)
    pty.type('/undo\r')
    await pty.until(/as before: src\/a\.ts\r\n> $/)
    pty.type('/undo\r')
    await pty.until(/as before: src\/b\.ts\r\n> $/)
    pty.type('/undo\r')
    await pty.until(/error: .*there is nothing to undo\r\n> $/)
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 1\n', 'const b = 1\n'])
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
  })

  test('quit and Ctrl-C answer a question without a change; leaving with edits that wait warns once', async () => {
    const pty = await open('two')
    pty.type('Change @src/a.ts and @src/b.ts\r')
    await pty.until(/2 edits wait: .*\r\n> $/)
    pty.type('/apply\r')
    await pty.until(/1 of 2\? \(y\/n\/all\/quit\) $/)
    pty.type('q\r')
    await pty.until(/nothing is changed\r\n> $/)
    pty.type('/apply\r')
    await pty.until(/1 of 2\? \(y\/n\/all\/quit\) $/)
    pty.type('y\u0003')
    await pty.until(/\^C\r\nstopped\r\n> $/)
    pty.type('/quit\r')
    await pty.until(/warning: 2 edits wait: .*; to leave again leaves them\r\n> $/)
    pty.type('/discard 1\r')
    await pty.until(/dropped: src\/a\.ts\r\n> $/)
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 1\n', 'const b = 1\n'])
  })

  test('Ctrl-D with edits that wait warns once, too', async () => {
    const pty = await open('two')
    pty.type('Change @src/a.ts and @src/b.ts\r')
    await pty.until(/2 edits wait: .*\r\n> $/)
    pty.type('\u0004')
    await pty.until(/to leave again leaves them\r\n> $/)
    pty.type('/apply all\r')
    await pty.until(/applied: src\/a\.ts, src\/b\.ts/)
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
    expect(await text('src/b.ts')).toBe('const b = 2\n')
  })

  test('what could harm is asked for, even where all are applied', async () => {
    const pty = await open('secret')
    pty.type('Change @src/a.ts\r')
    await pty.until(/2 \.env \+1 -0 new file; looks like a secret\r\n/)
    await pty.until(/> $/)
    pty.type('/apply all\r')
    await pty.until(/\.env looks like a secret; change it\? \(y\/n\) $/)
    pty.type('n\r')
    await pty.until(/applied: src\/a\.ts; .*\r\n\.env is left as it is: it looks like a secret\r\n> $/)
    pty.type('/apply 1\r')
    await pty.until(/change it\? \(y\/n\) $/)
    pty.type('y\r')
    await pty.until(/applied: \.env/)
    expect(await text('.env')).toBe('KEY=1\n')
  })

  test('what is asked again shows, and a long diff is cut where it is shown only', async () => {
    const pty = await open('mended')
    pty.type('Change @src/a.ts and @src/b.ts\r')
    await pty.until(/not taken: src\/b\.ts, line 9 of the reply: the lines to search are not in the file\r\n/)
    await pty.until(/the model is asked for edits that can be made \(1 of 3\)\r\n/)
    await pty.until(/2 src\/b\.ts \+1 -1 exact\r\n2 edits wait/)

    pty.type('/discard\r')
    await pty.until(/dropped: src\/a\.ts, src\/b\.ts\r\n> $/)
    pty.type('Write long.txt\r')
    await pty.until(/1 long\.txt \+220 -0 new file\r\n/)
    await pty.until(/> $/)
    pty.type('/diff\r')
    const shown = await pty.until(/\.\.\. 23 more lines; \/diff 1 shows all of them\r\n/)
    expect(shown).not.toContain('+line 219')
    pty.type('/diff 1\r')
    await pty.until(/\+line 219\r\n/)
    await pty.until(/> $/)
    pty.type('/apply 1\r')
    await pty.until(/applied: long\.txt/)
    expect(await text('long.txt')).toBe(long)
  })

  test('a dumb terminal gets no escape sequences, nobody those of a model', async () => {
    const pty = await open('escapes', { env: { TERM: 'dumb' } })
    pty.type('Change @src/a.ts\r')
    await pty.until(/1 edit waits: .*\r\n> $/)
    pty.type('/diff\r')
    await pty.until(/\+\u241b\]0;owned\u2407const a = "\u241b\[31m\ufffd"\r\n/)
    await pty.until(/> $/)
    pty.type('/apply\r')
    await pty.until(/1 of 1\? \(y\/n\/all\/quit\) $/)
    pty.type('\u0003')
    await pty.until(/stopped\r\n> $/)
    pty.type('/apply\r')
    await pty.until(/1 of 1\? \(y\/n\/all\/quit\) $/)
    pty.type('y\r')
    await pty.until(/applied[\s\S]*> $/)
    pty.type('And @src/b.ts\r')
    await pty.until(/1 edit waits: .*\r\n> $/)
    // It cannot read on behind the end of its input.
    pty.type('\u0004')
    expect(await pty.exit).toBe(0)
    await pty.until(/warning: 1 edit waits: .*drops it\r\n/)
    expect(pty.raw).toBe(stripVTControlCharacters(pty.raw))
    expect(pty.raw).not.toContain('\u202e')
    // The file gets what the model wrote.
    expect(await text('src/a.ts')).toBe('\u001b]0;owned\u0007const a = "\u001b[31m\u202e"\n')
  })
})

describe('piped', () => {
  const chat = (name: keyof typeof scripts, lines: readonly string[], ...args: string[]) =>
    torchless([model(name), ...flags, ...args], {
      input: lines.map(line => `${line}\n`).join(''),
      cwd: project,
      env: { XDG_STATE_HOME: state },
    })

  test('edits are applied where that is said, and undone in a later run', async () => {
    const { code, out, err } = await chat('two', [
      '/code on',
      'Change @src/a.ts and @src/b.ts',
      '/diff',
      '/apply 2',
      '/apply all',
      '/settings',
    ])
    expect(code).toBe(0)
    // Answers alone on stdout.
    expect(out).toBe(scripts.two[0].replace(/\n\n$/, '\n\n'))
    for (const expected of [
      '1 src/a.ts +1 -1 exact',
      '@@ -1,1 +1,1 @@\n-const a = 1\n+const a = 2\n',
      'applied: src/b.ts; /undo takes it back',
      'applied: src/a.ts; /undo takes it back',
      'coding            on (search)',
    ])
      expect(err).toContain(expected)
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 2\n', 'const b = 2\n'])
    const undone = await chat('two', ['/undo'])
    expect(undone.err).toContain('as before: src/a.ts')
    await writeFile(join(project, 'src/b.ts'), 'mine\n')
    const refused = await chat('two', ['/undo'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('src/b.ts: it has changed since the edit, which is not undone')
    expect([await text('src/a.ts'), await text('src/b.ts')]).toEqual(['const a = 1\n', 'mine\n'])
  })

  test('nobody can be asked: no edit is made unasked, none that could harm at all', async () => {
    const { code, err } = await chat('secret', ['/code', 'Change @src/a.ts', '/apply', '/apply all'])
    expect(code).toBe(1)
    expect(err).toContain('/apply: nobody can be asked here; /apply all or /apply N makes edits')
    expect(err).toContain('applied: src/a.ts')
    expect(err).toContain('.env: it looks like a secret, and nobody can be asked here; it is left as it is')
    expect(err).toContain('warning: 1 edit waits')
    expect(await text('src/a.ts')).toBe('const a = 2\n')
    await expect(text('.env')).rejects.toThrow('ENOENT')
  })

  test('as JSON, what a reply brings is a line before its last one, and so is what commands do', async () => {
    const { out, code } = await chat(
      'mended',
      ['/code', 'Change @src/a.ts and @src/b.ts', '/diff', '/apply 1', '/discard all', '/undo'],
      '--json',
    )
    expect(code).toBe(0)
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    const edit = (number: number, name: string) => ({
      ...{ number, path: `src/${name}.ts`, added: 1, removed: 1, notes: ['exact'], concerns: [] },
      diff: `--- a/src/${name}.ts\n+++ b/src/${name}.ts\n@@ -1,1 +1,1 @@\n-const ${name} = 1\n+const ${name} = 2\n`,
    })
    const rejected = [{ path: 'src/b.ts', line: 9, reason: 'the lines to search are not in the file' }]
    expect(lines.filter(line => !('text' in line))).toEqual([
      { edits: [edit(1, 'a')], rejected, problems: [] },
      { edits: [edit(2, 'b')], rejected: [], problems: [] },
      { done: true, finish: 'stop', usage: expect.anything(), timings: expect.anything() },
      { edits: [edit(1, 'a'), edit(2, 'b')] },
      { applied: ['src/a.ts'] },
      { discarded: ['src/b.ts'] },
      { undone: ['src/a.ts'] },
    ])
  })

  test('what three requests do not mend is told', async () => {
    const { err, code } = await chat('hopeless', ['/code', 'Change @src/b.ts', '/apply all'])
    expect(err.match(/the model is asked for edits that can be made/g)).toHaveLength(3)
    expect(err).toContain('warning: some edits could not be used')
    expect(err).toContain('/apply: no edit waits')
    expect(code).toBe(1)
  })

  test('off, replies are not read; another model keeps the mode and the edits', async () => {
    const { err } = await chat('two', [
      ...['/code on', '/code off', 'Change @src/a.ts and @src/b.ts', '/diff', '/code', '/retry'],
      ...[`/model ${model('whole')}`, '/diff', '/code maybe', '/apply 3', '/clear', '/discard'],
    ])
    expect(err).toContain('coding mode is off')
    expect(err).toContain('/diff: no edit waits')
    expect(err).toContain('2 edits wait')
    expect(err).toContain('2 files, 2 lines added, 2 removed')
    expect(err).toContain('/code: expected on or off, found maybe')
    expect(err).toContain('/apply: expected all or a number from 1 to 2, found 3')
    expect(err).toContain('dropped: src/a.ts, src/b.ts')
  })

  test('models write blocks of the lines that are there', async () => {
    const input = '/code\nChange @src/a.ts and @src/b.ts\n/diff\n'
    const { err } = await torchless([model('two'), '--chat', '--temperature', '0', '--debug'], {
      ...{ input, cwd: project },
      env: { XDG_STATE_HOME: state },
    })
    expect(err).toContain('as edit blocks (search)')
    expect(err).toContain('2 files, 2 lines added, 2 removed')
    expect(err).toMatch(/, \d+ of \d+ drafted taken/)
  })

  test('small models write whole files where edits are not constrained', async () => {
    const input = '/code\nChange @src/a.ts\n/apply all\n'
    const { err } = await torchless([model('whole'), ...free], {
      ...{ input, cwd: project },
      env: { XDG_STATE_HOME: state },
    })
    expect(err).toContain('as whole files (whole)')
    expect(err).toContain('1 src/a.ts +1 -1 written whole')
    expect(await text('src/a.ts')).toBe('const a = 7\n')
  })

  test('--edit-format and --no-constrained-edits are for chats', async () => {
    for (const flags of [['--edit-format', 'whole'], ['--no-constrained-edits']]) {
      const { code, err } = await torchless(['Once', ...flags])
      expect(code).toBe(2)
      expect(err).toContain(`${flags[0]}: only in a chat`)
    }
  })
})
