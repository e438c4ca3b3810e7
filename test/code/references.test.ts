// Files in messages: what is a reference, what the model is shown, and what it is not.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FileReferences, findReferences } from '../../src/code/references.ts'
import { findProjectFile } from '../../src/io/project-files.ts'

describe('what is a reference', () => {
  test.each([
    ['see @src/a.ts please', [{ path: 'src/a.ts' }]],
    ['@a.ts', [{ path: 'a.ts' }]],
    ['@a.ts:10-50', [{ path: 'a.ts', first: 10, last: 50 }]],
    ['@a.ts:7.', [{ path: 'a.ts', first: 7, last: 7 }]],
    ['Is it @a.ts? Or @b.ts, or (@c.ts)!', [{ path: 'a.ts' }, { path: 'b.ts' }, { path: 'c.ts' }]],
    ['@"a file.txt":2-3 and @a', [{ path: 'a file.txt', first: 2, last: 3 }, { path: 'a' }]],
    ['twice @a.ts and @a.ts', [{ path: 'a.ts' }]],
    ['mail me@example.com', []],
    ['a lone @ and @ more', []],
    ['@../x', [{ path: '../x' }]],
  ])('%s', (message, expected) => expect(findReferences(message)).toEqual(expected))

  test('long messages take no long time', () => {
    expect(findReferences(`${'@a'.repeat(50_000)} ${'@"'.repeat(20_000)}`).length).toBeLessThan(60_000)
  })
})

describe('what is shown', () => {
  let root: string
  let asked: string[]
  let allowed: boolean

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'torchless-references-'))
    const files = {
      'project/a.txt': 'one\ntwo\nthree\n',
      'project/b c.txt': 'no end',
      'project/fence.md': '```\ncode\n```\n',
      'project/.env': 'KEY=1\n',
      'project/keys/server.pem': 'x\n',
      'project/.gitignore': 'build/\n*.log\n',
      'project/build/out.txt': 'out\n',
      'project/logs/.gitignore': '!kept.log\n',
      'project/logs/kept.log': 'kept\n',
      'project/logs/other.log': 'other\n',
      'project/.git/config': 'x\n',
      'project/large.txt': 'x'.repeat(300_000),
      'outside.txt': 'secret\n',
    }
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    await writeFile(join(root, 'project/binary'), Uint8Array.of(1, 0, 2))
    await writeFile(join(root, 'project/latin.txt'), Uint8Array.of(0xe9, 0x20))
    await writeFile(join(root, 'project/huge.txt'), new Uint8Array(5_000_000).fill(65))
    await symlink(join(root, 'outside.txt'), join(root, 'project/link.txt'))
    await symlink(join(root, 'nowhere'), join(root, 'project/dangling.txt'))
  })
  afterAll(() => rm(root, { recursive: true }))

  function references(answer = false): FileReferences {
    asked = []
    allowed = answer
    return new FileReferences(
      { find: path => findProjectFile(join(root, 'project'), path) },
      async question => {
        asked.push(question)
        return allowed
      },
    )
  }

  test('a file before the message, in a fence', async () => {
    const { text, included } = await references().expand('Explain @a.txt')
    expect(text).toBe('a.txt\n```\none\ntwo\nthree\n```\n\nExplain @a.txt')
    expect(included).toEqual([{ name: 'a.txt', lines: 3, bytes: 14 }])
  })

  test('lines of a file, names with spaces, fences in files', async () => {
    const { text } = await references().expand('@a.txt:2-3 @"b c.txt" @fence.md')
    expect(text).toContain('a.txt:2-3\n```\ntwo\nthree\n```\n')
    expect(text).toContain('b c.txt\n```\nno end\n```\n')
    expect(text).toContain('fence.md\n````\n```\ncode\n```\n````\n')
  })

  test('again only when it has changed, or was forgotten', async () => {
    const files = references()
    await files.expand('@a.txt')
    expect(await files.expand('@a.txt again')).toMatchObject({ text: '@a.txt again', known: ['a.txt'] })
    expect((await files.expand('@a.txt:1')).included).toHaveLength(1)
    await writeFile(join(root, 'project/a.txt'), 'one\ntwo\nthree\nfour\n')
    expect((await files.expand('@a.txt')).included).toEqual([{ name: 'a.txt', lines: 4, bytes: 19 }])
    files.forget()
    expect((await files.expand('@a.txt')).included).toHaveLength(1)
    await writeFile(join(root, 'project/a.txt'), 'one\ntwo\nthree\n')
  })

  test('what is no file and does not look like one is text', async () => {
    const { text, refused } = await references().expand('use @Injectable here')
    expect({ text, refused }).toEqual({ text: 'use @Injectable here', refused: [] })
  })

  test.each([
    ['missing.txt', 'there is no such file'],
    ['dangling.txt', 'there is no such file'],
    ['keys', 'it is a folder; name its files'],
    ['binary', 'it is no text'],
    ['latin.txt', 'it is no text'],
    ['huge.txt', 'it has 5000000 bytes, more than 4194304'],
    ['a.txt:9', 'it has lines 1 to 3, not 9 to 9'],
    ['a.txt:3-2', 'it has lines 1 to 3, not 3 to 2'],
  ])('%s is refused: %s', async (path, reason) => {
    const { text, refused } = await references(true).expand(`look @${path}`)
    expect(text).toBe(`look @${path}`)
    expect(refused).toEqual([{ path: path.replace(/:.*/, ''), reason }])
  })

  test.each([
    ['.env', 'looks like a secret'],
    ['keys/server.pem', 'looks like a secret'],
    ['build/out.txt', 'is ignored by git'],
    ['logs/other.log', 'is ignored by git'],
    ['.git/config', 'is ignored by git'],
    ['large.txt', 'is large (293 KiB)'],
    ['../outside.txt', 'lies outside of this folder'],
    ['link.txt', 'lies outside of this folder'],
    ['/etc/passwd', 'lies outside of this folder'],
  ])('%s is asked for: it %s', async (path, concern) => {
    const refused = await references().expand(`look @${path}`)
    expect(asked).toEqual([`${path} ${concern}; show it to the model?`])
    expect(refused.refused).toEqual([{ path, reason: `it ${concern}` }])
    expect(refused.text).toBe(`look @${path}`)
    expect((await references(true).expand(`look @${path}`)).included).toHaveLength(1)
  })

  test('what a nearer .gitignore takes back is no matter', async () => {
    expect((await references().expand('@logs/kept.log')).included).toHaveLength(1)
    expect(asked).toEqual([])
  })
})
