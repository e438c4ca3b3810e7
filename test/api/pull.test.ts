// A model of a hub by the library: pull(), and its name where a model is asked for.
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import {
  findPulled,
  InvalidOptionError,
  inspectModel,
  loadTokenizer,
  pull,
  SourceError,
} from '../../src/api/index.ts'
import { fixtureBytes } from '../fixtures/models.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { startHub } from '../support/hub.ts'

const home = temporaryFolder()
afterEach(() => vi.unstubAllEnvs())

test('a name that was pulled is a model', async () => {
  vi.stubEnv('HF_HUB_CACHE', join(home, 'cache'))
  vi.stubEnv('HF_HUB_OFFLINE', '')
  const bytes = await fixtureBytes('F32')
  const { endpoint } = await startHub({ 'owner/repo': { 'm-F32.gguf': bytes } })
  const name = 'hf:owner/repo:f32'
  expect(await findPulled(name)).toBeUndefined()
  const missing = inspectModel(name)
  await expect(missing).rejects.toThrow(SourceError)
  await expect(missing).rejects.toThrow(
    'hf:owner/repo:f32: is not in the cache folder: torchless pull, or pull()',
  )

  const progress: number[] = []
  const pulled = await pull(name, { endpoint, token: 'x', onProgress: done => progress.push(done) })
  expect(progress.at(-1)).toBe(bytes.length)
  expect(await findPulled(name)).toEqual(pulled)
  expect(await findPulled(name, { cacheFolder: home })).toBeUndefined()
  expect((await inspectModel(name)).architecture).toBe('llama')
  const { size } = await loadTokenizer(pulled.model)
  expect((await loadTokenizer(name)).size).toBe(size)
})

test('options are checked', async () => {
  await expect(pull('model.gguf')).rejects.toThrow(InvalidOptionError)
  await expect(pull('hf:o/r', { endpoint: 'nowhere' })).rejects.toThrow(InvalidOptionError)
  await expect(pull('hf:o/r', { folder: 'x' } as object)).rejects.toThrow(InvalidOptionError)
  await expect(pull('hf:o/r', { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  await expect(findPulled('hf:')).rejects.toThrow(InvalidOptionError)
})
