// Sources in memory, over a file and over a Blob: exact reads, and one clear error for whatever is wrong.
import { chmod, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { blobSource } from '../../src/io/blob.ts'
import { openFile } from '../../src/io/file.ts'
import { bytesSource, type Source } from '../../src/io/source.ts'

const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function fileWith(bytes: Uint8Array): Promise<string> {
  const path = join(folder, 'model.gguf')
  await writeFile(path, bytes)
  return path
}

const kinds: Record<string, () => Promise<Source>> = {
  bytes: async () => bytesSource('some bytes', content),
  file: async () => openFile(await fileWith(content)),
  blob: async () => blobSource('some blob', new Blob([content])),
}

describe.each(Object.entries(kinds))('a source over a %s', (_, open) => {
  let source: Source
  beforeEach(async () => {
    source = await open()
  })
  afterEach(() => source.close())

  test('answers exactly the range, as a copy', async () => {
    expect(source.size).toBe(1000)
    const bytes = await source.read(3, 5)
    expect([...bytes]).toEqual([3, 4, 5, 6, 7])
    bytes.fill(0)
    expect([...(await source.read(3, 5))]).toEqual([3, 4, 5, 6, 7])
    expect(await source.read(0, 1000)).toEqual(content)
    expect((await source.read(1000, 0)).length).toBe(0)
  })

  test.each([
    [999, 2],
    [1001, 0],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
    [2 ** 53, 1],
  ])('refuses the range at %d of %d bytes', async (offset, length) => {
    const error = await source.read(offset, length).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceError)
    expect(String(error)).toBe(
      `SourceError: ${source.name}: expected a range within 1000 bytes, found ${length} bytes at offset ${offset}`,
    )
  })

  test('cannot be read once it is closed, and can be closed twice', async () => {
    await source.close()
    await source.close()
    await expect(source.read(0, 1)).rejects.toThrow('was closed, and cannot be read any more')
  })
})

describe('openFile', () => {
  test('names a file that has shrunk', async () => {
    const path = await fileWith(content)
    const source = await openFile(path)
    await truncate(path, 10)
    await expect(source.read(4, 20)).rejects.toThrow(
      `${path}: expected 20 bytes at offset 4, found 6: the file has shrunk from 1000 bytes`,
    )
    await source.close()
  })

  test('says in one line why a file cannot be opened', async () => {
    const missing = join(folder, 'missing.gguf')
    const error = await openFile(missing).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceError)
    expect(String(error)).toBe(`SourceError: ${missing}: no such file`)
    await expect(openFile(join(await fileWith(content), 'inside'))).rejects.toThrow('no such file')
    await expect(openFile(folder)).rejects.toThrow(`${folder}: is a directory, not a file`)
    await expect(openFile('bad\0name')).rejects.toThrow(SourceError)
  })

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'says that there is no permission (not for root, who has it)',
    async () => {
      const path = await fileWith(content)
      await chmod(path, 0)
      await expect(openFile(path)).rejects.toThrow(`${path}: no permission to read it`)
    },
  )

  test.skipIf(process.platform === 'win32')('refuses a device (Windows has no /dev)', async () => {
    await expect(openFile('/dev/null')).rejects.toThrow('/dev/null: is a device or pipe, not a file')
  })
})

test('a Blob that cannot be read any more is a SourceError', async () => {
  const blob = new Blob([content])
  blob.slice = () => {
    throw new Error('the file was changed')
  }
  await expect(blobSource('picked.gguf', blob).read(0, 1)).rejects.toThrow(
    'picked.gguf: the file was changed',
  )
  blob.slice = () => new Blob(['abc'])
  await expect(blobSource('picked.gguf', blob).read(0, 5)).rejects.toThrow(
    'picked.gguf: expected 5 bytes at offset 0, found 3',
  )
})
