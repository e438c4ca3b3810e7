// The cache folder of HuggingFace's tools, as they lay it out.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { cachedModels, findSnapshot } from '../../src/hub/cache.ts'
import { parseHubName } from '../../src/hub/name.ts'
import { temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()

function put(path: string, bytes = 3): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), new Uint8Array(bytes))
}

test('models of every repository and folder, the first part of split ones, with their sizes', async () => {
  const newest = 'a'.repeat(40)
  const older = 'b'.repeat(40)
  const home = 'models--owner--name'
  put('models--owner--some-name/snapshots/abc/model-Q4_0.gguf', 5)
  mkdirSync(join(folder, home, 'refs'), { recursive: true })
  writeFileSync(join(folder, home, 'refs/main'), newest)
  put(`${home}/snapshots/${newest}/inner/split-00001-of-00002.gguf`)
  put(`${home}/snapshots/${newest}/inner/split-00002-of-00002.gguf`)
  put(`${home}/snapshots/${older}/old.gguf`)
  put(`${home}/snapshots/${newest}/README.md`)
  put('models--gpt2/snapshots/abc/x.GGUF')
  put('models--no--such--name/snapshots/abc/x.gguf')
  put('datasets--owner--name/snapshots/abc/data.gguf')
  put(`${home}/blobs/def`)
  symlinkSync('../../blobs/def', join(folder, home, `snapshots/${newest}/link.gguf`))
  symlinkSync('../../blobs/gone', join(folder, home, `snapshots/${newest}/dangling.gguf`))
  const found = await cachedModels(folder)
  expect(found.map(({ name, size }) => [name, size])).toEqual([
    ['hf:gpt2@abc:x.GGUF', 3],
    ['hf:owner/name:inner/split-00001-of-00002.gguf', 3],
    ['hf:owner/name:link.gguf', 3],
    [`hf:owner/name@${older}:old.gguf`, 3],
    ['hf:owner/some-name@abc:model-Q4_0.gguf', 5],
  ])
  // By their names they are found again, but for one of two parts.
  const models = await Promise.all(
    found.slice(1, 4).map(async ({ name }) => (await findSnapshot(folder, parseHubName(name)))?.model),
  )
  expect(models).toEqual(found.slice(1, 4).map(({ path }) => path))
  rmSync(join(folder, home, `snapshots/${newest}/inner/split-00002-of-00002.gguf`))
  expect(await findSnapshot(folder, parseHubName(found[1]!.name))).toBeUndefined()
})

test.each(['', '../../x', 'a'.repeat(39), `${'a'.repeat(40)}/../x`])(
  'a ref that names no commit: %j',
  async ref => {
    put('models--o--r/snapshots/x.gguf')
    mkdirSync(join(folder, 'models--o--r/refs'), { recursive: true })
    writeFileSync(join(folder, 'models--o--r/refs/main'), ref)
    expect(await findSnapshot(folder, parseHubName('hf:o/r'))).toBeUndefined()
  },
)

test('no folder, no models', async () => {
  expect(await cachedModels(join(folder, 'nothing'))).toEqual([])
})
