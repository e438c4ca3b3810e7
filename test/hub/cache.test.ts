// The cache folder of HuggingFace's tools, as they lay it out.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { cachedModels } from '../../src/hub/cache.ts'
import { temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()

function put(path: string, bytes = 3): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), new Uint8Array(bytes))
}

test('models of every repository and folder, the first part of split ones, with their sizes', async () => {
  put('models--owner--some--name/snapshots/abc/model-Q4_0.gguf', 5)
  put('models--owner--name/snapshots/abc/inner/split-00001-of-00002.gguf')
  put('models--owner--name/snapshots/abc/inner/split-00002-of-00002.gguf')
  put('models--owner--name/snapshots/abc/README.md')
  put('models--gpt2/snapshots/abc/x.GGUF')
  put('datasets--owner--name/snapshots/abc/data.gguf')
  put('models--owner--name/blobs/def')
  symlinkSync('../../blobs/def', join(folder, 'models--owner--name/snapshots/abc/link.gguf'))
  symlinkSync('../../blobs/gone', join(folder, 'models--owner--name/snapshots/abc/dangling.gguf'))
  expect((await cachedModels(folder)).map(({ name, size }) => [name, size])).toEqual([
    ['hf:gpt2:x.GGUF', 3],
    ['hf:owner/name:inner/split-00001-of-00002.gguf', 3],
    ['hf:owner/name:link.gguf', 3],
    ['hf:owner/some--name:model-Q4_0.gguf', 5],
  ])
})

test('no folder, no models', async () => {
  expect(await cachedModels(join(folder, 'nothing'))).toEqual([])
})
