// Where the hub is, who asks, and where downloads go, by the variables of HuggingFace's own tools.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { hubCacheFolder, hubSettings } from '../../src/hub/settings.ts'
import { temporaryFolder } from '../support/fixture-file.ts'

const home = temporaryFolder()

test('the folder', () => {
  expect(hubCacheFolder({ HF_HUB_CACHE: '/a', HF_HOME: '/b' })).toBe('/a')
  expect(hubCacheFolder({ HUGGINGFACE_HUB_CACHE: '/a' })).toBe('/a')
  expect(hubCacheFolder({ HF_HOME: '/b' })).toBe(join('/b', 'hub'))
  expect(hubCacheFolder({ XDG_CACHE_HOME: '/c' })).toBe(join('/c', 'huggingface', 'hub'))
  expect(hubCacheFolder({})).toMatch(/[/\\]\.cache[/\\]huggingface[/\\]hub$/)
})

test('the endpoint', async () => {
  const endpoint = async (env: NodeJS.ProcessEnv, given?: string) =>
    (await hubSettings({ endpoint: given }, { HF_HOME: home, ...env })).endpoint
  expect(await endpoint({})).toBe('https://huggingface.co')
  expect(await endpoint({ HF_ENDPOINT: '' })).toBe('https://huggingface.co')
  expect(await endpoint({ HF_ENDPOINT: 'https://mirror/' })).toBe('https://mirror')
  expect(await endpoint({ HF_ENDPOINT: 'https://mirror' }, 'http://host:1/hub')).toBe('http://host:1/hub')
  for (const wrong of ['mirror', 'ftp://mirror', 'https://mirror?x', 'https://user:pass@mirror'])
    await expect(endpoint({}, wrong)).rejects.toThrow(InvalidOptionError)
  await expect(endpoint({}, 'https://user:pass@mirror')).rejects.toThrow('found one with a password')
})

test('the token', async () => {
  const token = async (env: NodeJS.ProcessEnv, given?: string) =>
    (await hubSettings({ token: given }, { HF_HOME: home, ...env })).token
  expect(await token({})).toBeUndefined()
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, 'token'), 'stored\n')
  writeFileSync(join(home, 'elsewhere'), 'elsewhere')
  expect(await token({})).toBe('stored')
  expect(await token({ HF_TOKEN_PATH: join(home, 'elsewhere') })).toBe('elsewhere')
  expect(await token({ HUGGING_FACE_HUB_TOKEN: 'older' })).toBe('older')
  expect(await token({ HF_TOKEN: 'hf_new', HUGGING_FACE_HUB_TOKEN: 'older' })).toBe('hf_new')
  expect(await token({ HF_TOKEN: 'hf_new' }, 'given')).toBe('given')
  expect(await token({}, '')).toBeUndefined()
  const error = await token({ HF_TOKEN: 'secret\nheader: x' }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(InvalidOptionError)
  expect(String(error)).not.toContain('secret')
})

test('offline', async () => {
  const offline = async (HF_HUB_OFFLINE?: string) =>
    (await hubSettings({}, { HF_HOME: home, HF_HUB_OFFLINE })).offline
  for (const on of ['1', 'true', 'YES', 'on']) expect(await offline(on)).toBe(true)
  for (const off of [undefined, '', '0', 'false']) expect(await offline(off)).toBe(false)
})
