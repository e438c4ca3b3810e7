// A file where no native library can be had: read, not mapped.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { BackendUnavailableError } from '../../src/errors.ts'
import { openFile } from '../../src/io/file.ts'

vi.mock('../../src/ffi/library.ts', () => ({
  nativeLibrary: async () => {
    throw new BackendUnavailableError('nothing is built')
  },
}))

test('has no mapping, but can be read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torchless-'))
  try {
    const path = join(folder, 'model.gguf')
    await writeFile(path, Uint8Array.of(1, 2, 3))
    const source = await openFile(path)
    expect(await source.map?.()).toBeUndefined()
    expect(await source.read(1, 2)).toEqual(Uint8Array.of(2, 3))
    await source.close()
  } finally {
    await rm(folder, { recursive: true })
  }
})
