// What replies come to where files, and what is known of them, change in between. No model takes part.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PendingEdits } from '../../src/api/pending-edits.ts'
import { FileReferences } from '../../src/code/references.ts'
import { findProjectFile } from '../../src/io/project-files.ts'

let folder: string
let references: FileReferences
let pending: PendingEdits
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-pending-'))
  references = new FileReferences({ find: path => findProjectFile(folder, path) }, async () => true)
  pending = new PendingEdits(folder, references)
})
afterEach(() => rm(folder, { recursive: true }))

const write = (path: string, text: string) => writeFile(join(folder, path), text)
const whole = (path: string, text: string) =>
  pending.review(`${path}\n\`\`\`\n${text}\`\`\`\n`, 'whole', false)

test('a whole file is not read for blocks', async () => {
  const lines = '--- Search for it.\n@@ -1 +1 @@\nprint()\n'
  const { problems, edits } = await whole('a.lua', lines)
  expect(problems).toEqual([])
  expect(edits.map(({ after }) => after)).toEqual([lines])
})

test('a file is written whole by who has seen all of it as it is, not as it was', async () => {
  await write('a.txt', 'one\ntwo\n')
  await references.expand('@a.txt')
  await write('a.txt', 'one\nmine\n')
  await references.expand('@a.txt:1')
  expect((await whole('a.txt', 'three\n')).rejected.map(({ reason }) => reason)).toEqual([
    'the file exists, and not all of it was shown; @a.txt shows it',
  ])
  await references.expand('@a.txt')
  expect((await whole('a.txt', 'three\n')).edits).toHaveLength(1)
})

test('a file that the model has made is one that it knows, until the conversation is forgotten', async () => {
  const { edits } = await whole('a.txt', 'one\n')
  await write('a.txt', 'one\n')
  references.changed('a.txt', 'one\n', true)
  pending.remove(edits)
  expect((await whole('a.txt', 'two\n')).edits).toHaveLength(1)
  references.forget()
  const { rejected, stale } = await whole('a.txt', 'three\n')
  expect(rejected).toHaveLength(1)
  expect(stale).toEqual(['a.txt'])
})

test('a file that is put back is shown again', async () => {
  await write('a.txt', 'one\n')
  await references.expand('@a.txt @a.txt:1')
  references.changed('a.txt', 'two\n')
  references.putBack('a.txt', 'one\n')
  expect((await whole('a.txt', 'three\n')).stale).toEqual(['a.txt'])
  expect((await references.expand('@a.txt @a.txt:1')).known).toEqual([])
})

test('a new file that a message named is none once it is there', async () => {
  await pending.named('Write one.txt and two.txt.')
  expect(pending.editable().map(({ path }) => path)).toEqual(['one.txt', 'two.txt'])
  await write('one.txt', 'mine\n')
  await pending.named('Go on.')
  expect(pending.editable()).toEqual([{ path: 'two.txt', text: undefined }])
})
