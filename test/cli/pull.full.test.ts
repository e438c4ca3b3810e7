// `torchless pull`, and names of a hub wherever a model is asked for. Runs what `npm test` built.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { llamaGoldens } from '../fixtures/load.ts'
import { type CommandOptions, torchless } from '../support/command.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'
import { commit, type Hub, sha256, startHub } from '../support/hub.ts'

const folder = temporaryFolder()
const golden = llamaGoldens().greedy[0]!
const greedy = ['--temperature', '0', '--max-tokens', String(golden.tokens.length), '--quiet']
const name = 'hf:owner/repo'
let bytes: Uint8Array
let homes = 0

beforeAll(async () => {
  bytes = readFileSync(await fixtureFile(folder, golden.model))
})

/** A hub with one model, and the command with an empty cache folder. */
async function setup() {
  const hub = await startHub({ 'owner/repo': { 'm-Q4_0.gguf': bytes, 'm-Q2_K.gguf': bytes } })
  const home = join(folder, `home${++homes}`)
  const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: home, HF_HUB_CACHE: '', HF_TOKEN: '', HF_HUB_OFFLINE: '' }
  const run = (args: readonly string[], options: CommandOptions = {}) =>
    torchless(args, { ...options, env: { ...env, ...options.env } })
  const snapshot = join(home, 'hub/models--owner--repo/snapshots', commit)
  const blob = join(home, 'hub/models--owner--repo/blobs', sha256(bytes))
  return { hub, run, home, blob, path: join(snapshot, 'm-Q4_0.gguf'), snapshot }
}

describe('pull', () => {
  it('prints the path of the model', async () => {
    const { run, path } = await setup()
    expect(await run(['pull', `${name}:q4_0`])).toEqual({ code: 0, out: `${path}\n`, err: '' })
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  it('answers JSON', async () => {
    const { run, path, snapshot } = await setup()
    const { out } = await run(['pull', `${name}:Q4_0`, '--json'])
    expect(JSON.parse(out)).toEqual({
      name: `${name}:Q4_0`,
      commit,
      folder: snapshot,
      files: [path],
      model: path,
    })
  })

  it('is listed afterwards', async () => {
    const { run, path } = await setup()
    await run(['pull', `${name}:Q4_0`])
    const { out } = await run(['--list-models', '--json'])
    expect(JSON.parse(out)[1]).toMatchObject({
      name: `${name}:m-Q4_0.gguf`,
      location: path,
      size: bytes.length,
    })
  })

  it('keeps what has come when it is interrupted, and goes on from it', async () => {
    const { hub, run, blob, path } = await setup()
    let interrupt = () => {}
    hub.misbehave = ({ server }) => {
      if (server !== 'cdn') return undefined
      // When the first byte is there.
      const watch = setInterval(() => {
        if (!existsSync(`${blob}.incomplete`) || readFileSync(`${blob}.incomplete`).length === 0) return
        clearInterval(watch)
        interrupt()
      }, 10)
      onTestFinished(() => clearInterval(watch))
      return { until: new Promise(() => {}) }
    }
    const { code, out } = await run(['pull', `${name}:Q4_0`], {
      signal: send => {
        interrupt = send
      },
    })
    expect([code, out]).toEqual([130, ''])
    expect(readdirSync(join(blob, '..'))).toEqual([`${sha256(bytes)}.incomplete`])
    hub.misbehave = () => undefined
    hub.asked.length = 0
    expect((await run(['pull', `${name}:Q4_0`])).out).toBe(`${path}\n`)
    expect(hub.transfers()).toEqual(['m-Q4_0.gguf bytes=1-'])
  })

  it('of two at once, one transfers, and both have it', async () => {
    const { hub, run, path } = await setup()
    const both = await Promise.all([run(['pull', `${name}:Q4_0`]), run(['pull', `${name}:Q4_0`])])
    expect(both.map(({ code, out }) => [code, out])).toEqual(Array(2).fill([0, `${path}\n`]))
    expect(hub.transfers()).toEqual(['m-Q4_0.gguf'])
  })

  it.each<[string, string[], number, RegExp, ((hub: Hub) => void)?]>([
    ['a quant that is not there', [`${name}:Q6_K`], 1, /expected the file or quant Q6_K, found Q2_K, Q4_0/],
    ['a repository that is not there', ['hf:owner/none'], 1, /no such repository.*HF_TOKEN is not set/],
    ['no name', ['owner/repo'], 2, /expected a name like hf:OWNER\/REPO/],
    [
      'a gated repository',
      [name],
      1,
      /gated or private \(401\): accept its conditions at \S+, then set HF_TOKEN/,
      hub => {
        hub.misbehave = () => ({ status: 401, headers: { 'x-error-code': 'GatedRepo' } })
      },
    ],
    [
      'a wrong checksum',
      [`${name}:Q4_0`],
      1,
      /the checksum of m-Q4_0\.gguf is wrong/,
      hub => {
        hub.misbehave = ({ server }) =>
          server === 'cdn' ? { body: new Uint8Array(bytes.length) } : undefined
      },
    ],
  ])('%s is one line', async (_, args, exit, message, misbehave) => {
    const { hub, run } = await setup()
    misbehave?.(hub)
    const { code, out, err } = await run(['pull', ...args])
    expect([code, out]).toEqual([exit, ''])
    expect(err).toMatch(message)
    expect(err.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('a name on a hub as a model', () => {
  it('is downloaded, and the next time it is here', async () => {
    const { hub, run } = await setup()
    const first = await run([`${name}:Q4_0`, golden.prompt, ...greedy])
    expect(first).toEqual({ code: 0, out: `${golden.prompt}${golden.text}\n`, err: '' })
    hub.asked.length = 0
    expect(await run([`${name}:Q4_0`, golden.prompt, ...greedy])).toEqual(first)
    expect(hub.asked).toEqual([])
  })

  it.each([
    ['logits', ['--tokens', '1,2', '--top', '1', '--json']],
    ['tokenize', [golden.prompt, '--json']],
    ['inspect', ['--json']],
  ])('%s takes it', async (command, args) => {
    const { run, path } = await setup()
    const found = await run([command, `${name}:Q4_0`, ...args])
    expect(found).toMatchObject({ code: 0, out: expect.stringContaining('{') })
    expect(found).toEqual(await run([command, path, ...args]))
  })

  it('converts', async () => {
    const { run } = await setup()
    const out = join(folder, 'converted.bin')
    expect((await run(['convert', `${name}:Q4_0`, out, '--quiet'])).code).toBe(0)
    expect(existsSync(out)).toBe(true)
  })

  it('is not asked for where HF_HUB_OFFLINE is set', async () => {
    const { hub, run } = await setup()
    const { code, err } = await run([name, golden.prompt], { env: { HF_HUB_OFFLINE: '1' } })
    expect(code).toBe(1)
    expect(err).toMatch(/hf:owner\/repo: is not in the cache folder, and HF_HUB_OFFLINE forbids/)
    expect(hub.asked).toEqual([])
  })
})
