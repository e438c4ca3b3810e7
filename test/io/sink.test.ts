// Files that are written whole or not at all.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { writeWhole } from '../../src/io/sink.ts'
import { temporaryFolder } from '../support/fixture-file.ts'

const root = temporaryFolder()
let count = 0

async function folder(): Promise<string> {
  const path = join(root, String(count++))
  await mkdir(path)
  return path
}

test('pieces become a file, which replaces another', async () => {
  const inside = await folder()
  const path = join(inside, 'a')
  writeFileSync(path, 'old')
  await writeWhole(path, async sink => {
    await sink.write(Uint8Array.of(1, 2))
    await sink.write(new Uint8Array(0))
    // Until the end the old one is there.
    expect(readFileSync(path, 'utf8')).toBe('old')
    await sink.write(Uint8Array.of(3))
  })
  expect([...readFileSync(path)]).toEqual([1, 2, 3])
  expect(readdirSync(inside)).toEqual(['a'])
})

test('what fails leaves nothing, and what was there', async () => {
  const inside = await folder()
  writeFileSync(join(inside, 'old'), 'old')
  for (const name of ['new', 'old']) {
    const failing = writeWhole(join(inside, name), async sink => {
      await sink.write(Uint8Array.of(1))
      throw new RangeError('enough')
    })
    await expect(failing).rejects.toThrow(RangeError)
  }
  expect(readdirSync(inside)).toEqual(['old'])
  expect(readFileSync(join(inside, 'old'), 'utf8')).toBe('old')
})

test('what cannot be written is a SourceError', async () => {
  const inside = await folder()
  const fill = async () => {}
  await expect(writeWhole(join(inside, 'none', 'a'), fill)).rejects.toThrow(SourceError)
  await mkdir(join(inside, 'folder'))
  await expect(writeWhole(join(inside, 'folder'), fill)).rejects.toThrow(SourceError)
  expect(readdirSync(inside)).toEqual(['folder'])
})
