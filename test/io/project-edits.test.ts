import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { badEditPath, editConcerns } from '../../src/code/edit-path.ts'
import { EditError } from '../../src/errors.ts'
import { EditJournal } from '../../src/io/edit-journal.ts'
import { editTarget, type FileWrite, inFolder, unwritable, writeEdit } from '../../src/io/project-edits.ts'

let base: string
let folder: string
let state: string
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'torchless-edits-'))
  folder = join(base, 'project')
  state = join(base, 'state')
  await mkdir(join(folder, 'src'), { recursive: true })
  await writeFile(join(folder, 'src/a.ts'), 'a\n')
  await writeFile(join(base, 'secret.txt'), 'secret\n')
})
afterEach(() => rm(base, { recursive: true, force: true }))

const text = (path: string) => readFile(join(folder, path), 'utf8')

describe('paths that are refused as they are written', () => {
  test.each([
    '',
    '/etc/passwd',
    '//server/share/x',
    '\\\\server\\share\\x',
    '\\windows\\x',
    'C:\\x',
    'C:/x',
    'c:x',
    '../x',
    'src/../../x',
    'src/..',
    '..',
    '..\\x',
    'src\\..\\..\\x',
    'src\\a.ts',
    '~/x',
    '~root/x',
    'a\0.ts',
    'a\n.ts',
    'a\r',
    'a\u001b[31m.ts',
    'a\u0007.ts',
    'a\u202etxt.exe',
    'a\u200b.ts',
    '\ufeffa.ts',
    'a\u2060.ts',
    '.g\u00adit/config',
    'a\ufe0f.ts',
    'a\u{e0041}.ts',
    'a\u2028.ts',
    'a\u0085.ts',
    'a\ud800.ts',
    'src//a.ts',
    'src/',
    'a.ts.',
    'a.ts ',
    '.../x',
    'src /a.ts',
    'con',
    'NUL.txt',
    'src/aux.ts',
    'COM1',
    'a.ts:stream',
    'a<b',
    'a|b',
    'a?b',
    'a*b',
    'x'.repeat(300),
    'x/'.repeat(600),
  ])('%j', path => expect(badEditPath(path)).toEqual(expect.any(String)))
  test.each([
    'a.ts',
    'src/a.ts',
    './a.ts',
    '.gitignore',
    'größe/文件.ts',
    'a b/c d.txt',
    'a..b',
    'auxiliary.ts',
  ])('but not %j', path => expect(badEditPath(path)).toBeUndefined())
})

describe('paths that are asked about', () => {
  test.each([
    ['.git/config', 'belongs to git'],
    ['.git/hooks/pre-commit', 'belongs to git'],
    ['sub/.GIT/config', 'belongs to git'],
    ['.gitmodules', 'tells git what to run'],
    ['.husky/pre-commit', 'holds hooks that run by themselves'],
    ['.github/workflows/ci.yml', 'says what runs in CI'],
    ['.gitlab-ci.yml', 'says what runs in CI'],
    ['.vscode/tasks.json', 'says what an editor runs'],
    ['.env', 'looks like a secret'],
    ['.env.local', 'looks like a secret'],
    ['keys/server.pem', 'looks like a secret'],
    ['.ssh/authorized_keys', 'looks like a secret'],
    ['id_ed25519', 'looks like a secret'],
    ['.npmrc', 'is read by programs at their start'],
    ['git~1/config', 'belongs to git'],
    ['.pre-commit-config.yaml', 'holds hooks that run by themselves'],
    ['lefthook.yml', 'holds hooks that run by themselves'],
    ['Jenkinsfile', 'says what runs in CI'],
    ['sub/jenkinsfile.release', 'says what runs in CI'],
    ['.circleci/config.yml', 'says what runs in CI'],
    ['.forgejo/workflows/a.yml', 'says what runs in CI'],
    ['azure-pipelines.yml', 'says what runs in CI'],
    ['.cursor/rules/a.md', 'says what an editor runs'],
    ['.zshenv', 'is read by programs at their start'],
    ['.env-production', 'looks like a secret'],
    ['prod.env', 'looks like a secret'],
    ['authorized_keys', 'looks like a secret'],
    ['infra/live.tfvars', 'looks like a secret'],
    ['aws-credentials.json', 'looks like a secret'],
  ])('%s', (path, concern) => expect(editConcerns(path)).toContain(concern))
  test('but not others', () => expect(editConcerns('src/git/environment.ts')).toEqual([]))
})

describe('links', () => {
  const reason = async (path: string) => {
    const target = await editTarget(folder, path)
    return target.kind === 'refused' ? target.reason : undefined
  }
  test('a file that is one, out of the folder', async () => {
    await symlink(join(base, 'secret.txt'), join(folder, 'link'))
    expect(await reason('link')).toBe('it lies outside of this folder')
    await expect(writeEdit(folder, { path: 'link', before: 'secret\n', after: 'x' })).rejects.toThrow(
      EditError,
    )
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret\n')
  })
  test('a folder that is one, out of the folder', async () => {
    await symlink(base, join(folder, 'up'))
    expect(await reason('up/secret.txt')).toBe('it lies outside of this folder')
    expect(await reason('up/new.txt')).toBe('it lies outside of this folder')
    expect(await reason('up/new/deep.txt')).toBe('it lies outside of this folder')
  })
  test('one that leads nowhere', async () => {
    await symlink(join(base, 'nothing'), join(folder, 'dangling'))
    expect(await reason('dangling')).toBe('a link on the way leads nowhere')
    await expect(writeEdit(folder, { path: 'dangling', before: undefined, after: 'x' })).rejects.toThrow(
      EditError,
    )
    expect(await readdir(base)).not.toContain('nothing')
  })
  test('one to a folder that does not exist', async () => {
    await symlink(join(base, 'none'), join(folder, 'dangling'))
    expect(await reason('dangling/x')).toBe('a link on the way leads nowhere')
  })
  test('one that leads to itself', async () => {
    await symlink('loop', join(folder, 'loop'))
    expect(await reason('loop')).toBe('a link on the way leads nowhere')
  })
  test('one within the folder is followed, and stays', async () => {
    await symlink('src/a.ts', join(folder, 'link'))
    await writeEdit(folder, { path: 'link', before: 'a\n', after: 'b\n' })
    expect(await text('src/a.ts')).toBe('b\n')
    expect(await readFile(join(folder, 'link'), 'utf8')).toBe('b\n')
  })
  test('one that takes the place of a folder after the edit was tried', async () => {
    await rm(join(folder, 'src'), { recursive: true })
    await mkdir(join(base, 'other'))
    await writeFile(join(base, 'other/a.ts'), 'a\n')
    await symlink(join(base, 'other'), join(folder, 'src'))
    await expect(writeEdit(folder, { path: 'src/a.ts', before: 'a\n', after: 'b\n' })).rejects.toThrow(
      'it lies outside of this folder',
    )
    expect(await readFile(join(base, 'other/a.ts'), 'utf8')).toBe('a\n')
  })
  test('one that takes the place of the file', async () => {
    await rm(join(folder, 'src/a.ts'))
    await symlink(join(base, 'secret.txt'), join(folder, 'src/a.ts'))
    await expect(writeEdit(folder, { path: 'src/a.ts', before: 'secret\n', after: 'x' })).rejects.toThrow(
      'it lies outside of this folder',
    )
  })
  test.runIf(process.platform === 'linux')(
    'one that takes the place of a folder during a write',
    async () => {
      const [src, away] = [join(folder, 'src'), join(folder, 'away')]
      await inFolder(src, async held => {
        await rename(src, away)
        await symlink(base, src)
        await writeFile(join(held, 'new.ts'), 'new\n')
      })
      expect(await readdir(base)).toEqual(['project', 'secret.txt'])
      expect(await readdir(away)).toEqual(['a.ts', 'new.ts'])
      await expect(inFolder(src, async () => {})).rejects.toThrow()
    },
  )
  test('a second name of a file outside stays what it was', async () => {
    await link(join(base, 'secret.txt'), join(folder, 'hard'))
    await writeEdit(folder, { path: 'hard', before: 'secret\n', after: 'x\n' })
    expect(await readFile(join(base, 'secret.txt'), 'utf8')).toBe('secret\n')
    expect(await text('hard')).toBe('x\n')
  })
  test('the folder itself may be one', async () => {
    await symlink(folder, join(base, 'alias'))
    await writeEdit(join(base, 'alias'), { path: 'src/a.ts', before: 'a\n', after: 'b\n' })
    expect(await text('src/a.ts')).toBe('b\n')
  })
})

describe('what is no text file', () => {
  test.each<[string, (path: string) => Promise<unknown>, string]>([
    ['a folder', path => mkdir(path), 'it is a folder'],
    ['zero bytes', path => writeFile(path, Uint8Array.of(65, 0, 66)), 'it is no text'],
    ['broken UTF-8', path => writeFile(path, Uint8Array.of(65, 0xff, 66)), 'it is no text'],
    ['a large file', path => writeFile(path, 'x'.repeat(5 << 20)), 'it has 5242880 bytes, more than 4194304'],
  ])('%s', async (_, make, reason) => {
    await make(join(folder, 'it'))
    expect(await editTarget(folder, 'it')).toEqual({ kind: 'refused', reason })
  })
  test('a socket', async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(join(folder, 'it'), resolve))
    onTestFinished(() => void server.close())
    expect(await editTarget(folder, 'it')).toEqual({ kind: 'refused', reason: 'it is no ordinary file' })
  })
  test('what a file would hold', () => {
    expect(unwritable('a\n')).toBeUndefined()
    expect(unwritable('a\0b')).toBe('it would be no text')
    expect(unwritable('a\ud800')).toBe('it would be no text')
    expect(unwritable('é'.repeat(2 ** 21 + 1))).toBe('it would have 4194306 bytes, more than 4194304')
  })
  test('a file where a folder would have to be', async () => {
    expect(await editTarget(folder, 'src/a.ts/b.ts')).toMatchObject({ kind: 'refused' })
  })
})

describe('writes', () => {
  test('a new file in new folders', async () => {
    await writeEdit(folder, { path: 'x/y/z.ts', before: undefined, after: 'z\n' })
    expect(await text('x/y/z.ts')).toBe('z\n')
  })
  test('permissions stay', async () => {
    await chmod(join(folder, 'src/a.ts'), 0o751)
    await writeEdit(folder, { path: 'src/a.ts', before: 'a\n', after: 'b\n' })
    expect((await stat(join(folder, 'src/a.ts'))).mode & 0o777).toBe(0o751)
  })
  test.skipIf(process.getuid?.() === 0)(
    'a file that may not be written (not for root, who may)',
    async () => {
      await chmod(join(folder, 'src/a.ts'), 0o444)
      await expect(writeEdit(folder, { path: 'src/a.ts', before: 'a\n', after: 'b\n' })).rejects.toThrow(
        'it cannot be written',
      )
      expect(await text('src/a.ts')).toBe('a\n')
    },
  )
  test('nothing is left beside the file', async () => {
    await writeEdit(folder, { path: 'src/a.ts', before: 'a\n', after: 'b\n' })
    expect(await readdir(join(folder, 'src'))).toEqual(['a.ts'])
  })
  test.each<[string, FileWrite, string]>([
    [
      'a file that changed',
      { path: 'src/a.ts', before: 'old\n', after: 'b\n' },
      'src/a.ts: it has changed since it was read',
    ],
    [
      'a file that came to be',
      { path: 'src/a.ts', before: undefined, after: 'b\n' },
      'src/a.ts: it has changed since it was read',
    ],
    [
      'a file that went',
      { path: 'src/b.ts', before: 'b\n', after: 'c\n' },
      'src/b.ts: it is no longer there',
    ],
  ])('%s is left alone', async (_, write, message) => {
    await expect(writeEdit(folder, write)).rejects.toThrow(message)
    expect(await text('src/a.ts')).toBe('a\n')
  })
})

describe('undo', () => {
  const journal = () => new EditJournal(folder, state)
  /** All of the folder: bytes and permissions of files, and folders. */
  const files = async () => {
    const paths = (await readdir(folder, { recursive: true })).sort()
    return Promise.all(
      paths.map(async path => {
        const found = await stat(join(folder, path))
        return [path, found.mode, found.isFile() && (await readFile(join(folder, path))).toString('hex')]
      }),
    )
  }

  test('several times, newest first, in another process too', async () => {
    await journal().apply([{ path: 'src/a.ts', before: 'a\n', after: 'b\n' }])
    await journal().apply([{ path: 'src/a.ts', before: 'b\n', after: 'c\n' }])
    expect(await journal().undo()).toEqual(['src/a.ts'])
    expect(await text('src/a.ts')).toBe('b\n')
    await journal().undo()
    expect(await text('src/a.ts')).toBe('a\n')
    await expect(journal().undo()).rejects.toThrow('there is nothing to undo')
  })
  test('not where a file changed since', async () => {
    await writeFile(join(folder, 'b.ts'), 'b\n')
    await journal().apply([
      { path: 'src/a.ts', before: 'a\n', after: 'x\n' },
      { path: 'b.ts', before: 'b\n', after: 'y\n' },
    ])
    await writeFile(join(folder, 'b.ts'), 'mine\n')
    await expect(journal().undo()).rejects.toThrow('b.ts: it has changed since the edit, which is not undone')
    expect([await text('src/a.ts'), await text('b.ts')]).toEqual(['x\n', 'mine\n'])
  })
  test('after a run that was cut short between two files', async () => {
    await writeFile(join(folder, 'b.ts'), 'b\n')
    await journal().apply([
      { path: 'src/a.ts', before: 'a\n', after: 'x\n' },
      { path: 'b.ts', before: 'b\n', after: 'y\n' },
    ])
    await writeFile(join(folder, 'b.ts'), 'b\n')
    await journal().undo()
    expect([await text('src/a.ts'), await text('b.ts')]).toEqual(['a\n', 'b\n'])
  })
  test('a file that cannot be written puts all others back', async () => {
    const before = await files()
    await expect(
      journal().apply([
        { path: 'src/a.ts', before: 'a\n', after: 'x\n' },
        { path: 'new.ts', before: undefined, after: 'n\n' },
        { path: 'src/b.ts', before: 'not so\n', after: 'y\n' },
      ]),
    ).rejects.toThrow(EditError)
    expect(await files()).toEqual(before)
    await expect(journal().undo()).rejects.toThrow('there is nothing to undo')
  })
  test('takes folders away that were made, unless something came to be in them', async () => {
    const write = { path: 'x/y/z.ts', before: undefined, after: 'z\n' }
    const before = await files()
    await journal().apply([write])
    await journal().undo()
    expect(await files()).toEqual(before)
    await journal().apply([write])
    await writeFile(join(folder, 'x/mine'), '')
    await journal().undo()
    expect(await readdir(join(folder, 'x'))).toEqual(['mine'])
  })
  test('brings a file back that was taken away, with its permissions', async () => {
    await chmod(join(folder, 'src/a.ts'), 0o640)
    const before = await files()
    await journal().apply([{ path: 'src/a.ts', before: 'a\n', after: undefined }])
    expect(await readdir(join(folder, 'src'))).toEqual([])
    await journal().undo()
    expect(await files()).toEqual(before)
  })
  test('what could not be undone is not applied', async () => {
    await expect(
      journal().apply([{ path: 'src/a.ts', before: 'a\n', after: 'x'.repeat(5 << 20) }]),
    ).rejects.toThrow('it would have 5242880 bytes')
    expect(await text('src/a.ts')).toBe('a\n')
  })
  test('what is kept for it is for the user alone', async () => {
    await journal().apply([{ path: 'src/a.ts', before: 'a\n', after: 'b\n' }])
    const [place] = (await readdir(state, { recursive: true })).filter(name => name.endsWith('.json'))
    expect((await stat(join(state, place!))).mode & 0o777).toBe(0o600)
    expect((await stat(join(state, place!, '..'))).mode & 0o777).toBe(0o700)
  })
  test('a damaged journal is told', async () => {
    await journal().apply([{ path: 'src/a.ts', before: 'a\n', after: 'b\n' }])
    const [place] = (await readdir(state, { recursive: true })).filter(name => name.endsWith('.json'))
    await writeFile(join(state, place!), '{"version":1')
    await expect(journal().undo()).rejects.toThrow('expected edits of version 1')
    expect(await text('src/a.ts')).toBe('b\n')
  })
  test('of anything applied is the identity', async () => {
    const content = fc
      .record({
        mark: fc.constantFrom('', '\ufeff'),
        lines: fc.array(
          fc.tuple(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('\n', '\r\n', '\r')),
          { maxLength: 4 },
        ),
        end: fc.constantFrom('', 'end'),
      })
      .map(({ mark, lines, end }) => mark + lines.map(([line, ending]) => line + ending).join('') + end)
      .map(text => text.replaceAll('\0', ''))
    const maybe = fc.option(content, { nil: undefined })
    const mode = fc.constantFrom(0o644, 0o600, 0o755, 0o664)
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.constantFrom('a', 'b/c', 'b/d', 'e.ts', 'f/g/h'),
          fc.record({ before: maybe, after: maybe, mode }),
        ),
        async all => {
          const changes = Object.entries(all).filter(([, { before, after }]) => before !== after)
          for (const [path, { before, mode }] of changes)
            if (before !== undefined) {
              await mkdir(join(folder, path, '..'), { recursive: true })
              await writeFile(join(folder, path), before)
              await chmod(join(folder, path), mode)
            }
          const then = await files()
          await journal().apply(changes.map(([path, { before, after }]) => ({ path, before, after })))
          for (const [path, { after }] of changes) expect(await text(path).catch(() => undefined)).toBe(after)
          await journal().undo()
          expect(await files()).toEqual(then)
          for (const name of await readdir(folder))
            if (name !== 'src') await rm(join(folder, name), { recursive: true })
        },
      ),
      { seed: 3, numRuns: 30 },
    )
  })
})
