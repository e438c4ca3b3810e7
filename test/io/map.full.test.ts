// Mapped files: the same bytes as read, at no cost, and an answer rather than a dead process when they go away.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DisposedError, SourceError } from '../../src/errors.ts'
import { nativeLibrary } from '../../src/ffi/library.ts'
import { type NativeOs, nativeOs } from '../../src/ffi/os.ts'
import { openFile } from '../../src/io/file.ts'
import type { Mapping } from '../../src/io/source.ts'

const content = Uint8Array.from({ length: 10_000 }, (_, i) => i % 251)
let os: NativeOs
let folder: string
let path: string

beforeAll(async () => {
  os = nativeOs(await nativeLibrary())
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-'))
  path = join(folder, 'model.gguf')
  await writeFile(path, content)
})
afterEach(() => rm(folder, { recursive: true }))

const bytesOf = (mapping: Mapping) => os.readBytes(mapping.address, mapping.size)

async function mapped(): Promise<Mapping> {
  const source = await openFile(path)
  try {
    return (await source.map?.())!
  } finally {
    await source.close()
  }
}

describe('a mapped file', () => {
  test('has the bytes that reading gives, and outlives the source', async () => {
    const source = await openFile(path)
    const mapping = (await source.map!())!
    expect(mapping.size).toBe(content.length)
    expect(bytesOf(mapping)).toEqual(await source.read(0, source.size))
    await source.close()
    expect(bytesOf(mapping)).toEqual(content)
    expect(mapping.broken()).toBe(false)
    mapping.unmap()
    await expect(source.map!()).rejects.toThrow(SourceError)
  })

  test.runIf(existsSync('/sys/kernel/mm/transparent_hugepage'))('asks for large pages', async () => {
    const mapping = await mapped()
    const maps = await readFile('/proc/self/smaps', 'utf8')
    const ours = maps.slice(maps.indexOf(`\n${mapping.address.toString(16)}-`))
    expect(/^VmFlags:.*$/m.exec(ours)![0]).toContain(' hg')
    mapping.unmap()
  })

  test('is mapped once for all, until the last is done with it', async () => {
    const source = await openFile(path)
    const first = (await source.map!())!
    const second = (await source.map!())!
    expect(second.address).toBe(first.address)
    first.unmap()
    first.unmap()
    expect(() => first.address).toThrow(DisposedError)
    expect(() => first.broken()).toThrow(DisposedError)
    expect(bytesOf(second)).toEqual(content)
    second.unmap()
    const third = (await source.map!())!
    expect(bytesOf(third)).toEqual(content)
    third.unmap()
    await source.close()
  })

  test('that is empty has no mapping', async () => {
    await writeFile(path, '')
    expect(await mapped()).toBeUndefined()
  })

  test.runIf(process.platform !== 'win32')(
    'is the file that was opened, whatever its name means now',
    async () => {
      const source = await openFile(path)
      await writeFile(join(folder, 'other'), new Uint8Array(20_000))
      await rename(join(folder, 'other'), path)
      const mapping = (await source.map!())!
      expect(bytesOf(mapping)).toEqual(content)
      mapping.unmap()
      await source.close()
    },
  )

  test('of 4 GB takes no time and no memory', async () => {
    const size = 4 * 1024 ** 3 + 12_345
    await truncate(path, 0)
    const file = await open(path, 'r+')
    await file.write(Uint8Array.of(7, 8, 9), 0, 3, size - 3)
    await file.close()
    const rss = process.memoryUsage.rss()
    const start = performance.now()
    const mapping = await mapped()
    expect(performance.now() - start).toBeLessThan(100)
    expect(mapping.size).toBe(size)
    expect(os.readBytes(mapping.address + size - 4, 4)).toEqual(Uint8Array.of(0, 7, 8, 9))
    expect(process.memoryUsage.rss() - rss).toBeLessThan(2 ** 24)
    mapping.unmap()
  })

  test.runIf(process.platform === 'linux')('leaves nothing behind, a thousand times', async () => {
    const resources = async () => ({
      files: (await readdir('/proc/self/fd')).length,
      mappings: (await readFile('/proc/self/maps', 'utf8')).split(path).length - 1,
    })
    const source = await openFile(path)
    const before = await resources()
    for (let i = 0; i < 1000; i++) {
      const mapping = (await source.map!())!
      expect(os.readBytes(mapping.address + 250, 2)).toEqual(Uint8Array.of(250, 0))
      mapping.unmap()
    }
    expect(await resources()).toEqual(before)
    await source.close()
  })
})

describe.runIf(process.platform !== 'win32')('a file that shrinks', () => {
  test('before it is mapped is an error', async () => {
    const source = await openFile(path)
    await truncate(path, 9_999)
    await expect(source.map!()).rejects.toThrow('expected 10000 bytes, found 9999: the file has shrunk')
    await source.close()
  })

  test('by less than a page breaks the mapping', async () => {
    const mapping = await mapped()
    await truncate(path, 9_999)
    expect(mapping.broken()).toBe(true)
    mapping.unmap()
  })

  // In processes of their own, since these may die of it.
  test.each([
    [
      'reads as zero where it ended, and says so',
      'shrink',
      '{"before":false,"zeros":true,"after":true,"other":false}',
    ],
    ['while other threads read it does not end the process', 'race', '{"after":true}'],
  ])('%s', async (_, what, expected) => {
    expect((await child(what)).stdout.trim()).toBe(expected)
  })

  test('leaves other bus errors as they were', async () => {
    await expect(child('foreign')).rejects.toMatchObject({ signal: 'SIGBUS' })
  })
})

function child(what: string) {
  const script = join(import.meta.dirname, 'shrink.child.ts')
  return promisify(execFile)(process.execPath, ['--import', 'tsx', script, what, path])
}
