// Damages what a hub answers at random, but repeatably: each pull is whole and right, or is refused with a typed error, and nothing
// is written beside the cache folder. TORCHLESS_FUZZ sets how many answers there are.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { parseHubName } from '../../src/hub/name.ts'
import { pullSnapshot } from '../../src/hub/pull.ts'
import { mutate, random } from '../formats/mutate.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { commit, startHub } from '../support/hub.ts'

const rounds = Number(process.env.TORCHLESS_FUZZ ?? 3000) / 5

test(`${rounds} answers`, async () => {
  const home = temporaryFolder()
  const cacheFolder = join(home, 'cache')
  const files = {
    'model.safetensors': new Uint8Array(1000).fill(1),
    'config.json': new TextEncoder().encode('{}'.padEnd(100)),
  }
  const hub = await startHub({ 'owner/repo': files })
  const settings = { endpoint: hub.endpoint, token: undefined, offline: false, cacheFolder }
  const good = new Map<string, Uint8Array>()
  for (const path of [`revision/main`, `tree/${commit}`])
    good.set(
      path,
      new Uint8Array(await (await fetch(`${hub.endpoint}/api/models/owner/repo/${path}`)).arrayBuffer()),
    )
  const outcomes: Record<string, number> = {}
  for (let seed = 0; seed < rounds; seed++) {
    const next = random(seed)
    const [target, bytes] = [...good][next(4) === 0 ? 0 : 1]!
    const body = mutate(bytes, bytes.length, next)
    hub.misbehave = ({ path }) =>
      path.includes(target)
        ? { status: 200, headers: { 'content-type': 'application/json' }, body }
        : undefined
    let outcome = 'pulled'
    try {
      const { files: paths } = await pullSnapshot(parseHubName('hf:owner/repo'), settings, { retryDelay: 0 })
      for (const path of paths) expect([1000, 100]).toContain(readFileSync(path).length)
    } catch (error) {
      if (!(error instanceof SourceError)) throw new Error(`seed ${seed}`, { cause: error })
      outcome = 'refused'
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    expect(readdirSync(home).filter(name => name !== 'cache')).toEqual([])
    rmSync(cacheFolder, { recursive: true, force: true })
  }
  expect(outcomes).toEqual({ pulled: expect.any(Number), refused: expect.any(Number) })
})
