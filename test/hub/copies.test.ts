// Pulling onto a file system that has no links.
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { parseHubName } from '../../src/hub/name.ts'
import { pullSnapshot } from '../../src/hub/pull.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { startHub } from '../support/hub.ts'

vi.mock('node:fs/promises', async original => ({
  ...(await original<typeof import('node:fs/promises')>()),
  symlink: () => Promise.reject(Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'symlink' })),
}))

test('snapshots hold copies', async () => {
  const bytes = new Uint8Array(1000).fill(7)
  const hub = await startHub({ 'owner/repo': { 'm.gguf': bytes } })
  const cacheFolder = join(temporaryFolder(), 'cache')
  const settings = { endpoint: hub.endpoint, token: undefined, offline: false, cacheFolder }
  const { model } = await pullSnapshot(parseHubName('hf:owner/repo'), settings)
  expect(lstatSync(model).isFile()).toBe(true)
  expect(readFileSync(model).equals(bytes)).toBe(true)
  expect((await pullSnapshot(parseHubName('hf:owner/repo'), settings)).model).toBe(model)
  expect(hub.transfers()).toEqual(['m.gguf'])
})
