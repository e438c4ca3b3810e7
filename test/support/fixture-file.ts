// Fixture models as files: made in code, written to a temporary folder that goes when the tests are done.
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { FamilyName } from '../fixtures/families.ts'
import { type FixtureName, fixtureBytes } from '../fixtures/models.ts'

/** A folder for the tests of this file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'torchless-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes the fixture into `folder`; answers its path. */
export async function fixtureFile(folder: string, name: FixtureName | FamilyName): Promise<string> {
  const path = join(folder, `${name}.gguf`)
  await writeFile(path, await fixtureBytes(name))
  return path
}
