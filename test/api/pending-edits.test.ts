// What replies come to where files, and what is known of them, change in between. No model takes part.
import { mkdtemp, rm } from 'node:fs/promises'
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

const whole = (path: string, text: string) =>
  pending.review(`${path}\n\`\`\`\n${text}\`\`\`\n`, 'whole', false)

test('a whole file is not read for blocks', async () => {
  const lines = '--- Search for it.\n@@ -1 +1 @@\nprint()\n'
  const { problems, edits } = await whole('a.lua', lines)
  expect(problems).toEqual([])
  expect(edits.map(({ after }) => after)).toEqual([lines])
})
