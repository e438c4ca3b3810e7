// Saves of several users: what is saved is loaded, by its user alone, and no name and no link leads elsewhere.
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { formatSave, type SavedChat } from '../../../src/chat/save.ts'
import { InvalidOptionError, ModelFormatError, SourceError } from '../../../src/errors.ts'
import { SaveRoot } from '../../../src/server/socket/saves.ts'

const chat: SavedChat = { model: 'm', system: 'Be brief.', messages: [{ role: 'user', content: 'Why?' }] }
const other: SavedChat = { model: 'm', messages: [] }

let outer: string
let folder: string
let saves: SaveRoot
beforeEach(async () => {
  outer = await mkdtemp(join(tmpdir(), 'torchless-saves-'))
  onTestFinished(() => rm(outer, { recursive: true }))
  folder = join(outer, 'root')
  saves = await SaveRoot.open(folder)
})

test('what is saved is loaded again, by its user alone', async () => {
  expect(await saves.save('ann', 'trip', chat)).toEqual({ name: 'trip', replaced: false })
  expect(await saves.save('ann', 'trip.json', other)).toEqual({ name: 'trip', replaced: true })
  expect(await saves.save('ann', 'B-2.old', chat)).toEqual({ name: 'B-2.old', replaced: false })
  expect((await saves.load('ann', 'trip')).chat).toEqual(other)
  expect((await saves.load('ann', 'B-2.old.json')).chat).toEqual(chat)
  expect(await saves.list('ann')).toEqual(['B-2.old', 'trip'])
  expect(await saves.list('bob')).toEqual([])
  await expect(saves.load('bob', 'trip')).rejects.toThrow('trip: no such save')
  expect(await readdir(folder)).toEqual(['ann'])
})

test('files are for their owner', async () => {
  await saves.save('ann', 'trip', chat)
  const mode = async (path: string) => (await stat(join(folder, path))).mode & 0o777
  expect([await mode('.'), await mode('ann'), await mode('ann/trip.json')]).toEqual([0o700, 0o700, 0o600])
})

test('saves at the same time are whole', async () => {
  const many = Array.from({ length: 20 }, (_, i): SavedChat => ({ model: `m${i}`, messages: chat.messages }))
  await Promise.all(many.map(each => saves.save('ann', 'trip', each)))
  expect((await saves.load('ann', 'trip')).chat.messages).toEqual(chat.messages)
  expect(await readdir(join(folder, 'ann'))).toEqual(['trip.json'])
})

const attacks = [
  ...['', '.', '..', '...', '../x', '..\\x', '/etc/passwd', 'a/b', 'a\\b', './a', 'a/../../b', '~', '~root'],
  ...[
    'a\0',
    'a\0.json',
    '\0',
    '.hidden',
    '-rf',
    '_a',
    ' a',
    'a ',
    'a.',
    'a..',
    'a\n',
    'a\tb',
    'a:b',
    'C:',
    'C:a',
  ],
  ...[
    'a*',
    'a?',
    'a|b',
    'a<b',
    'a"b',
    "a'b",
    'a%2e%2e',
    '%2e%2e%2f',
    'con',
    'CON',
    'nul.txt',
    'com1',
    'lpt9.x',
  ],
  ...[
    'aux.json',
    'prn',
    'ａ',
    'ä',
    '．．／x',
    '‥',
    'a\u202eb',
    'a\u200b',
    'a\ufeff',
    'e\u0301',
    '\u2215etc',
    '🙂',
  ],
  ...['x'.repeat(65), 'x'.repeat(5000), 'a;b', 'a&b', '$HOME', '`id`', 'a\r', '\u007f', '\ud800'],
]

describe.each(attacks)('the name %j', name => {
  test('of a save is refused', async () => {
    await expect(saves.save('ann', name, chat)).rejects.toThrow(InvalidOptionError)
    await expect(saves.load('ann', name)).rejects.toThrow(InvalidOptionError)
    expect(await readdir(outer, { recursive: true })).toEqual(['root'])
  })

  test('of a user is refused', async () => {
    await expect(saves.save(name, 'a', chat)).rejects.toThrow(InvalidOptionError)
    await expect(saves.load(name, 'a')).rejects.toThrow(InvalidOptionError)
    await expect(saves.list(name)).rejects.toThrow(InvalidOptionError)
    expect(await readdir(outer, { recursive: true })).toEqual(['root'])
  })
})

test.each(['Ann', 'aNN', 'ANN'])('the user %s would be another where capitals do not count', async name => {
  await expect(saves.save(name, 'a', chat)).rejects.toThrow(InvalidOptionError)
})

test.each([
  'ann',
  'a',
  '0',
  'a.b-c_d',
  'a..b',
  'x'.repeat(64),
  'console',
  'nullable',
  'com10',
  '__proto__'.slice(2),
])('the name %s is good', async name => {
  await saves.save(name, name, chat)
  expect((await saves.load(name, name)).chat).toEqual(chat)
})

describe('links', () => {
  test('in place of a folder are refused', async () => {
    const elsewhere = join(outer, 'elsewhere')
    await mkdir(elsewhere)
    await writeFile(join(elsewhere, 'trip.json'), formatSave(chat))
    await symlink(elsewhere, join(folder, 'ann'))
    await expect(saves.save('ann', 'new', chat)).rejects.toThrow(SourceError)
    await expect(saves.load('ann', 'trip')).rejects.toThrow(SourceError)
    await expect(saves.list('ann')).rejects.toThrow(SourceError)
    expect(await readdir(elsewhere)).toEqual(['trip.json'])
  })

  test('in place of a save are refused, and what they lead to stays', async () => {
    await saves.save('ann', 'first', chat)
    const secret = join(outer, 'secret.json')
    await writeFile(secret, formatSave(chat))
    await symlink(secret, join(folder, 'ann', 'trip.json'))
    await symlink(join(outer, 'nothing'), join(folder, 'ann', 'new.json'))
    await expect(saves.load('ann', 'trip')).rejects.toThrow(SourceError)
    for (const name of ['trip', 'new'])
      await expect(saves.save('ann', name, other)).rejects.toThrow(SourceError)
    expect(await readFile(secret, 'utf8')).toBe(formatSave(chat))
    expect(await readdir(outer)).toEqual(['root', 'secret.json'])
    expect(await saves.list('ann')).toEqual(['first'])
  })

  test('to the root are the business of who starts the server', async () => {
    await symlink(folder, join(outer, 'link'))
    const linked = await SaveRoot.open(join(outer, 'link'))
    await linked.save('ann', 'trip', chat)
    expect(await saves.list('ann')).toEqual(['trip'])
  })
})

describe('refused, with the reason', () => {
  test('what is no save', async () => {
    await saves.save('ann', 'trip', chat)
    await writeFile(join(folder, 'ann', 'trip.json'), '{"format":"other"}')
    const error = await saves.load('ann', 'trip').catch((failure: unknown) => failure)
    expect(error).toBeInstanceOf(ModelFormatError)
    // Users need not know where.
    expect(String(error)).not.toContain(outer)
  })

  test('a folder of that name', async () => {
    await mkdir(join(folder, 'ann', 'trip.json'), { recursive: true })
    await expect(saves.load('ann', 'trip')).rejects.toThrow(SourceError)
    await expect(saves.save('ann', 'trip', chat)).rejects.toThrow('trip: is no file')
    expect(await saves.list('ann')).toEqual([])
  })

  test('a root that is a file', async () => {
    await writeFile(join(outer, 'file'), '')
    await expect(SaveRoot.open(join(outer, 'file'))).rejects.toThrow(SourceError)
  })

  test.skipIf(process.getuid?.() === 0)(
    'a folder that cannot be written (not for root, who can)',
    async () => {
      await saves.save('ann', 'trip', chat)
      await chmod(join(folder, 'ann'), 0o500)
      await expect(saves.save('ann', 'new', chat)).rejects.toThrow('new: cannot be written')
      await chmod(join(folder, 'ann'), 0o700)
    },
  )
})
