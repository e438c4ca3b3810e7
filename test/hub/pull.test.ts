// Pulling from a hub on this machine: what lies where afterwards, and every way in which a transfer goes wrong.
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { findSnapshot } from '../../src/hub/cache.ts'
import type { ClientOptions } from '../../src/hub/client.ts'
import { parseHubName } from '../../src/hub/name.ts'
import { type PullProgress, pullSnapshot } from '../../src/hub/pull.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { type Asked, commit, gitHash, type Hub, sha256, startHub } from '../support/hub.ts'

const size = 300_000
const weights = Uint8Array.from({ length: size }, (_, i) => (i * i) % 251)
const other = Uint8Array.from(weights, byte => byte ^ 1)
const text = (content: string) => new TextEncoder().encode(content)

const home = temporaryFolder()
let caches = 0

interface Setup {
  readonly hub: Hub
  readonly cache: string
  /** Where the file of weights lies when it is whole. */
  readonly blob: string
  pull(
    name?: string,
    options?: ClientOptions & PullProgress & { readonly token?: string; readonly offline?: boolean },
  ): ReturnType<typeof pullSnapshot>
}

async function setup(files: Record<string, Uint8Array> = { 'm-Q4_0.gguf': weights }): Promise<Setup> {
  const hub = await startHub({ 'owner/repo': files })
  const cache = join(home, `cache${++caches}`)
  return {
    ...{ hub, cache, blob: join(cache, 'models--owner--repo/blobs', sha256(weights)) },
    pull: (name = 'hf:owner/repo', { token, offline = false, ...options } = {}) =>
      pullSnapshot(
        parseHubName(name),
        { endpoint: hub.endpoint, token, offline, cacheFolder: cache },
        { retryDelay: 1, ...options },
      ),
  }
}

const isFile = ({ server }: Asked) => server === 'cdn'

/** The message of the SourceError that it rejects with. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(SourceError)
  expect((error as Error).name).toBe('SourceError')
  return (error as Error).message
}

test('a file, as the tools of HuggingFace lay it out; the second pull transfers nothing', async () => {
  const { hub, cache, blob, pull } = await setup()
  const progress: [number, number][] = []
  const found = await pull('hf:owner/repo:q4_0', { onProgress: (...now) => progress.push(now) })
  const folder = join(cache, 'models--owner--repo/snapshots', commit)
  const path = join(folder, 'm-Q4_0.gguf')
  expect(found).toEqual({ commit, folder, files: [path], model: path })
  expect(readFileSync(path).equals(weights)).toBe(true)
  expect(readlinkSync(path)).toBe(join('../../blobs', sha256(weights)))
  expect(lstatSync(blob).isFile()).toBe(true)
  expect(readFileSync(join(cache, 'models--owner--repo/refs/main'), 'utf8')).toBe(commit)
  expect(readdirSync(join(cache, 'models--owner--repo/blobs'))).toEqual([sha256(weights)])
  expect(readdirSync(folder)).toEqual(['m-Q4_0.gguf'])
  expect(progress.at(-1)).toEqual([size, size])
  expect(progress).toEqual([...progress].sort(([a], [b]) => a - b))

  expect(hub.transfers()).toEqual(['m-Q4_0.gguf'])
  expect(await pull()).toEqual(found)
  expect(hub.transfers()).toEqual(['m-Q4_0.gguf'])
  expect(await findSnapshot(cache, parseHubName('hf:owner/repo'))).toEqual(found)
  expect(await findSnapshot(cache, parseHubName('hf:owner/repo:Q8_0'))).toBeUndefined()
})

test('a checkpoint with its files, in folders and of git, from a listing of several pages', async () => {
  const files = {
    'README.md': text('not wanted'),
    'config.json': text('{}'),
    'empty.txt': text(''),
    'model.safetensors': weights,
    'pytorch_model.bin': other,
    'tokenizer.json': text('{"model":{}}'),
  }
  const { hub, cache, pull } = await setup(files)
  const { model, files: paths } = await pull('hf:owner/repo@v1')
  const folder = join(cache, 'models--owner--repo/snapshots', commit)
  expect(model).toBe(join(folder, 'model.safetensors'))
  expect(paths.map(path => path.slice(folder.length + 1)).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'tokenizer.json',
  ])
  expect(hub.transfers().sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json'])
  expect(readlinkSync(join(folder, 'config.json'))).toBe(join('../../blobs', gitHash(text('{}'))))
  expect(readFileSync(join(cache, 'models--owner--repo/refs/v1'), 'utf8')).toBe(commit)
  const { model: single } = await pull('hf:owner/repo:empty.txt')
  expect(readFileSync(single, 'utf8')).toBe('')
})

test('files of folders and with names that URLs would take apart', async () => {
  const path = 'a b/ü?#%41-Q4_0.gguf'
  const { pull } = await setup({ [path]: weights })
  const { model, folder } = await pull()
  expect(model).toBe(join(folder, path))
  expect(readFileSync(model).equals(weights)).toBe(true)
  expect(readlinkSync(model)).toBe(join('../../../blobs', sha256(weights)))
})

test("what HuggingFace's tools laid there without links is not transferred again", async () => {
  const { hub, cache, pull } = await setup()
  const folder = join(cache, 'models--owner--repo/snapshots', commit)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'm-Q4_0.gguf'), weights)
  expect((await pull()).folder).toBe(folder)
  expect(hub.transfers()).toEqual([])
  await writeFile(join(folder, 'm-Q4_0.gguf'), weights.subarray(1))
  await pull()
  expect(hub.transfers()).toEqual(['m-Q4_0.gguf'])
})

test('the same content under two names is transferred once', async () => {
  const files = { 'a/m-00001-of-00002.gguf': weights, 'a/m-00002-of-00002.gguf': weights }
  const { hub, pull } = await setup(files)
  expect((await pull()).files).toHaveLength(2)
  expect(hub.transfers()).toEqual(['m-00001-of-00002.gguf'])
})

describe('transfers that are cut', () => {
  test('go on where they were', async () => {
    const { hub, blob, pull } = await setup()
    const cuts = [100_000, 50_000]
    hub.misbehave = asked => (isFile(asked) && cuts.length > 0 ? { cutAfter: cuts.shift()! } : undefined)
    const done: number[] = []
    await pull(undefined, { onProgress: now => done.push(now) })
    const starts = hub.transfers().map(asked => Number(/bytes=(\d+)-$/.exec(asked)?.[1] ?? 0))
    expect(starts).toHaveLength(3)
    // What had come, less what the connection took with it.
    expect(starts[0]).toBe(0)
    expect(starts[1]).toBeGreaterThan(0)
    expect(starts[1]).toBeLessThanOrEqual(100_000)
    expect(starts[2]).toBeGreaterThan(starts[1]!)
    expect(starts[2]).toBeLessThanOrEqual(150_000)
    expect(readFileSync(blob).equals(weights)).toBe(true)
    expect(done).toEqual([...done].sort((a, b) => a - b))
  })

  test('end with one error after some attempts; the next pull goes on', async () => {
    const { hub, blob, pull } = await setup()
    hub.misbehave = asked => (isFile(asked) ? { cutAfter: 10_000 } : undefined)
    expect(await refusal(pull())).toMatch(
      /^hf:owner\/repo: m-Q4_0\.gguf: the connection was cut after \d+ of 300000 bytes/,
    )
    expect(hub.transfers()).toHaveLength(6)
    expect(existsSync(blob)).toBe(false)
    const here = readFileSync(`${blob}.incomplete`)
    expect(here.length).toBeGreaterThan(0)
    expect(here.equals(weights.subarray(0, here.length))).toBe(true)
    expect(existsSync(`${blob}.lock`)).toBe(false)
    hub.misbehave = () => undefined
    hub.asked.length = 0
    await pull()
    expect(hub.transfers()).toEqual([`m-Q4_0.gguf bytes=${here.length}-`])
    expect(readFileSync(blob).equals(weights)).toBe(true)
    expect(existsSync(`${blob}.incomplete`)).toBe(false)
  })

  test('an abort keeps what has come, and rejects with its reason', async () => {
    const { hub, blob, pull } = await setup()
    hub.misbehave = asked => (isFile(asked) ? { until: new Promise(() => {}) } : undefined)
    const controller = new AbortController()
    const reason = new Error('enough')
    const pulling = pull(undefined, {
      signal: controller.signal,
      onProgress: done => done > 0 && controller.abort(reason),
    })
    await expect(pulling).rejects.toBe(reason)
    expect(readFileSync(`${blob}.incomplete`)).toHaveLength(1)
    expect(existsSync(`${blob}.lock`)).toBe(false)
    expect(await findSnapshot(join(blob, '../../..'), parseHubName('hf:owner/repo'))).toBeUndefined()
  })

  test('an error of the caller ends it at once', async () => {
    const { hub, pull } = await setup()
    const thrown = new Error('of the caller')
    const fail = () => {
      throw thrown
    }
    await expect(pull(undefined, { onProgress: fail })).rejects.toBe(thrown)
    expect(hub.transfers()).toHaveLength(1)
  })

  test('a server that knows no ranges sends everything again', async () => {
    const { hub, blob, pull } = await setup()
    let cut = true
    hub.misbehave = asked => {
      if (!isFile(asked)) return undefined
      const answer = { whole: true, ...(cut && { cutAfter: 100_000 }) }
      cut = false
      return answer
    }
    await pull()
    expect(readFileSync(blob).equals(weights)).toBe(true)
    expect(hub.transfers()).toEqual([
      'm-Q4_0.gguf',
      expect.stringMatching(/^m-Q4_0\.gguf bytes=\d+-$/),
      'm-Q4_0.gguf',
    ])
  })

  test('another version than what is here begins anew', async () => {
    const { hub, blob, pull } = await setup()
    await begin(blob, other.subarray(0, 1000))
    hub.misbehave = ({ range, path }) =>
      range && path.includes('/resolve/') ? { headers: { 'x-linked-etag': `"${sha256(other)}"` } } : undefined
    await pull()
    expect(hub.transfers()).toEqual(['m-Q4_0.gguf bytes=1000-', 'm-Q4_0.gguf'])
    expect(readFileSync(blob).equals(weights)).toBe(true)
  })

  test.each([
    ['another range', { headers: { 'content-range': `bytes 0-9/${size}` }, status: 206, body: 'x' }],
    ['no range', { status: 206, body: 'x' }],
    ['another size', { headers: { 'content-range': `bytes 1000-${size}/${size + 1}` }, status: 206 }],
  ])('%s than was asked for is refused', async (_, answer) => {
    const { hub, blob, pull } = await setup()
    await begin(blob, weights.subarray(0, 1000))
    hub.misbehave = asked => (isFile(asked) ? answer : undefined)
    expect(await refusal(pull())).toContain(`expected the range 1000-${size - 1}/${size}, found `)
    expect(readFileSync(`${blob}.incomplete`)).toHaveLength(1000)
  })
})

async function begin(blob: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(blob, '..'), { recursive: true })
  await writeFile(`${blob}.incomplete`, bytes)
}

describe('checksums', () => {
  test.each(['m-Q4_0.gguf', 'config.json'])('of %s that are wrong leave nothing', async path => {
    const { hub, cache, pull } = await setup({ [path]: weights })
    hub.misbehave = asked => (asked.path.includes(path) ? { body: other } : undefined)
    // Of large files only the second server's answer has a body.
    const [kind, expected, found] = path.endsWith('.gguf')
      ? ['sha256', sha256(weights), sha256(other)]
      : ['git-sha1', gitHash(weights), gitHash(other)]
    expect(await refusal(pull(`hf:owner/repo:${path}`))).toBe(
      `hf:owner/repo:${path}: the checksum of ${path} is wrong: expected ${kind} ${expected}, found ${found}`,
    )
    expect(readdirSync(join(cache, 'models--owner--repo/blobs'))).toEqual([])
    expect(existsSync(join(cache, 'models--owner--repo/snapshots'))).toBe(false)
    expect(existsSync(join(cache, 'models--owner--repo/refs'))).toBe(false)
  })

  test('what an earlier attempt left wrong is transferred again', async () => {
    const { hub, blob, pull } = await setup()
    await begin(blob, other.subarray(0, 1000))
    await pull()
    expect(hub.transfers()).toEqual(['m-Q4_0.gguf bytes=1000-', 'm-Q4_0.gguf'])
    expect(readFileSync(blob).equals(weights)).toBe(true)
  })

  test.each([
    ['whole', weights],
    ['too long', new Uint8Array(size + 1)],
    ['whole and wrong', other],
  ])('what an earlier attempt left is checked: %s', async (_, bytes) => {
    const { hub, blob, pull } = await setup()
    await begin(blob, bytes)
    await pull()
    expect(hub.transfers()).toEqual(bytes === weights ? [] : ['m-Q4_0.gguf'])
    expect(readFileSync(blob).equals(weights)).toBe(true)
  })

  test.each([
    ['shorter', weights.subarray(1), `expected ${size} bytes, found ${size - 1}`],
    ['longer', new Uint8Array(size + 1), `expected ${size} bytes, found ${size + 1}`],
  ])('a file that is %s than listed', async (_, body, message) => {
    const { hub, pull } = await setup()
    hub.misbehave = asked => (isFile(asked) ? { body } : undefined)
    expect(await refusal(pull())).toContain(message)
    expect(hub.transfers()).toHaveLength(1)
  })

  test('a body without end', async () => {
    const { hub, pull } = await setup()
    hub.misbehave = asked => (isFile(asked) ? { body: new Uint8Array(size + 1), chunked: true } : undefined)
    expect(await refusal(pull())).toContain(`expected ${size} bytes, found more`)
  })
})

describe('refusals', () => {
  test.each([429, 500, 502, 503, 504, 408])('%d passes', async status => {
    const { hub, pull } = await setup()
    let left = 3
    hub.misbehave = () => (left-- > 0 ? { status, headers: { 'retry-after': '0' } } : undefined)
    expect((await pull()).files).toHaveLength(1)
  })

  test('what does not pass ends with one error', async () => {
    const { hub, pull } = await setup()
    hub.misbehave = () => ({ status: 503 })
    const notices: string[] = []
    const message = await refusal(pull(undefined, { notice: line => notices.push(line) }))
    expect(message).toBe(`hf:owner/repo: ${hub.endpoint} answered 503`)
    expect(hub.asked).toHaveLength(6)
    expect(notices).toEqual(Array(5).fill(`${message}: trying again in 1 s`))
  })

  test('Retry-After is waited for, unless it is too long', async () => {
    const { hub, pull } = await setup()
    let after = ['1']
    hub.misbehave = () =>
      after.length > 0 ? { status: 429, headers: { 'retry-after': after.pop()! } } : undefined
    const start = performance.now()
    await pull()
    expect(performance.now() - start).toBeGreaterThan(900)
    after = ['3600']
    expect(await refusal(pull())).toContain('answered 429')
  })

  test.each([
    [
      401,
      {},
      undefined,
      /gated or private \(401\): accept its conditions at \S+\/owner\/repo, then set HF_TOKEN/,
    ],
    [403, {}, 'hf_x', /does not let this token read it \(403\).*HF_TOKEN/],
    [404, {}, undefined, /no such repository, revision or file, or it is private: HF_TOKEN is not set \(404/],
    [401, { 'x-error-code': 'RepoNotFound' }, undefined, /no such repository/],
    [404, { 'x-error-code': 'RevisionNotFound' }, 'hf_x', /the repository has no revision main/],
    [418, {}, undefined, /answered 418/],
  ])('%d %o', async (status, headers, token, message) => {
    const { hub, pull } = await setup()
    hub.misbehave = () => ({ status, headers, body: '{"error":"no"}' })
    expect(await refusal(pull(undefined, { ...(token && { token }) }))).toMatch(message)
    expect(hub.asked).toHaveLength(1)
  })

  test('a hub that is not there is not asked twice', async () => {
    const { cache, hub } = await setup()
    hub.close()
    const settings = { endpoint: hub.endpoint, token: undefined, offline: false, cacheFolder: cache }
    const pulling = pullSnapshot(parseHubName('hf:owner/repo'), settings, { retryDelay: 100_000 })
    expect(await refusal(pulling)).toContain(`hf:owner/repo: ${hub.endpoint} cannot be reached: `)
  })

  test('a hub that goes away is waited for', async () => {
    const { hub, pull } = await setup()
    const notices: string[] = []
    hub.misbehave = ({ path }) => {
      if (path.includes('/tree/')) hub.close()
      return undefined
    }
    const message = await refusal(pull(undefined, { notice: line => notices.push(line) }))
    expect(message).toContain(`${hub.endpoint} cannot be reached: `)
    expect(notices).toHaveLength(5)
  })

  test('an abort between attempts', async () => {
    const { hub, pull } = await setup()
    hub.misbehave = () => ({ status: 503 })
    const controller = new AbortController()
    const pulling = pull(undefined, { signal: controller.signal, retryDelay: 60_000 })
    setTimeout(() => controller.abort('enough'), 200)
    await expect(pulling).rejects.toBe('enough')
  })

  test('no room for it', async () => {
    const { hub, pull } = await setup()
    hub.listing = entries =>
      entries.map(entry => ({ ...entry, size: 2 ** 50, lfs: { ...entry.lfs, size: 2 ** 50 } }))
    expect(await refusal(pull())).toMatch(/expected 1125899\.9 GB of free disk in .*, found [\d.]+ GB$/)
    expect(hub.transfers()).toEqual([])
  })

  test('a cache folder that is none', async () => {
    const { hub } = await setup()
    writeFileSync(join(home, 'file'), '')
    const settings = {
      endpoint: hub.endpoint,
      token: undefined,
      offline: false,
      cacheFolder: join(home, 'file'),
    }
    expect(await refusal(pullSnapshot(parseHubName('hf:owner/repo'), settings))).toMatch(/cannot be written/)
  })
})

describe('the token', () => {
  test('goes to the hub, and to no host that it redirects to', async () => {
    const { hub, pull } = await setup()
    await pull(undefined, { token: 'any-token' })
    const of = (server: string) => hub.asked.filter(asked => asked.server === server)
    expect(of('hub').length).toBeGreaterThan(2)
    expect(of('hub').every(({ authorization }) => authorization === 'Bearer any-token')).toBe(true)
    expect(of('cdn').map(({ authorization }) => authorization)).toEqual([undefined])
  })

  test('does not follow a list of files that goes on elsewhere', async () => {
    const { hub, pull } = await setup()
    hub.misbehave = ({ path }) =>
      path.includes('/tree/') ? { headers: { link: `<${hub.cdn}/more>; rel="next"` } } : undefined
    expect(await refusal(pull(undefined, { token: 'any' }))).toContain(`goes on at another host, ${hub.cdn}`)
    expect(hub.asked.filter(({ server }) => server === 'cdn')).toEqual([])
  })

  test('is in no message', async () => {
    const { hub, pull } = await setup()
    hub.misbehave = () => ({ status: 403 })
    expect(await refusal(pull(undefined, { token: 'secret' }))).not.toContain('secret')
  })
})

describe('hostile answers', () => {
  test.each([
    '../../../evil.gguf',
    '/evil.gguf',
    'a/../../evil.gguf',
    'c:evil.gguf',
    'a\\..\\evil.gguf',
    'a\0.gguf',
  ])('the path %j', async path => {
    const { hub, cache, pull } = await setup()
    hub.listing = entries => entries.map(entry => ({ ...entry, path }))
    expect(await refusal(pull())).toContain('expected paths inside the repository, found the file name')
    expect(hub.transfers()).toEqual([])
    expect(existsSync(cache)).toBe(false)
  })

  test.each([
    ['no list', () => ({ error: 'x' })],
    ['no entries', () => [null]],
    ['no path', ([entry]: object[]) => [{ ...entry, path: 5 }]],
    ['a negative size', ([entry]: object[]) => [{ ...entry, size: -1 }]],
    ['a size beyond safe integers', ([entry]: object[]) => [{ ...entry, size: 1e300 }]],
    ['a hash that is a path', ([entry]: object[]) => [{ ...entry, lfs: { oid: '../x', size: 1 } }]],
    ['a hash of upper case', ([entry]: object[]) => [{ ...entry, oid: 'A'.repeat(40) }]],
  ])('a listing with %s', async (_, listing) => {
    const { hub, pull } = await setup()
    hub.listing = listing
    expect(await refusal(pull())).toContain('the hub answered no list of files')
  })

  test.each([
    ['no JSON', 'nonsense'],
    ['no object', '[]'],
    ['no commit', '{"sha":null}'],
    ['a commit that is a path', '{"sha":"../../../../../../../../../../../../../x"}'],
  ])('of the revision: %s', async (_, body) => {
    const { hub, pull } = await setup()
    hub.misbehave = ({ path }) => (path.includes('/revision/') ? { status: 200, body } : undefined)
    expect(await refusal(pull())).toContain('the hub answered no list of files')
  })

  test('a listing without end', async () => {
    const { hub, pull } = await setup()
    hub.misbehave = ({ path }) =>
      path.includes('/tree/')
        ? { status: 200, body: '[]', headers: { link: `<${hub.endpoint}${path}>; rel="next"` } }
        : undefined
    expect(await refusal(pull())).toContain('more than 1000 pages')
  })

  test.each([
    ['itself', (hub: Hub) => `${hub.endpoint}/x`, 'redirects more than 10 times'],
    ['a file', () => 'file:///etc/passwd', 'the hub redirects to file://'],
    ['nothing', () => 'http://', 'the hub redirects to no URL'],
  ])('a redirect to %s', async (_, location, message) => {
    const { hub, pull } = await setup()
    hub.misbehave = () => ({ status: 302, headers: { location: location(hub) } })
    expect(await refusal(pull())).toContain(message)
  })
})

describe('several at once', () => {
  test('transfer a file once, and all have it', async () => {
    const { hub, pull } = await setup()
    let release = () => {}
    const until = new Promise<void>(resolve => {
      release = resolve
    })
    hub.misbehave = asked => (isFile(asked) ? { until } : undefined)
    const waits: string[] = []
    const notice = (line: string) => {
      waits.push(line)
      release()
    }
    const all = await Promise.all([pull(undefined, { notice }), pull(undefined, { notice })])
    expect(all[0]).toEqual(all[1])
    expect(waits).toEqual(['another process downloads m-Q4_0.gguf: waiting for it'])
    expect(hub.transfers()).toEqual(['m-Q4_0.gguf'])
    expect(readFileSync(all[0].model).equals(weights)).toBe(true)
  })

  test.each([
    ['whose process is gone', `4194305 ${hostname()}`, 0],
    ['that gave no sign for a minute', `${process.pid} ${hostname()}`, 61],
  ])('a lock %s is taken over', async (_, holder, age) => {
    const { blob, pull } = await setup()
    await mkdir(join(blob, '..'), { recursive: true })
    await writeFile(`${blob}.lock`, holder)
    const then = Date.now() / 1000 - age
    await utimes(`${blob}.lock`, then, then)
    await pull()
    expect(existsSync(blob)).toBe(true)
    expect(existsSync(`${blob}.lock`)).toBe(false)
  })

  test('waiting for a lock can be aborted, and leaves it', async () => {
    const { blob, pull } = await setup()
    await mkdir(join(blob, '..'), { recursive: true })
    await writeFile(`${blob}.lock`, `${process.pid} ${hostname()}`)
    const controller = new AbortController()
    const pulling = pull(undefined, { signal: controller.signal, notice: () => controller.abort('enough') })
    await expect(pulling).rejects.toBe('enough')
    expect(existsSync(`${blob}.lock`)).toBe(true)
  })
})

describe('offline', () => {
  test('what is here is found, and nothing is asked', async () => {
    const { hub, pull } = await setup()
    const found = await pull()
    hub.asked.length = 0
    expect(await pull(undefined, { offline: true })).toEqual(found)
    expect(hub.asked).toEqual([])
  })

  test('what is not here is not had', async () => {
    const { hub, pull } = await setup()
    expect(await refusal(pull(undefined, { offline: true }))).toBe(
      'hf:owner/repo: is not in the cache folder, and HF_HUB_OFFLINE forbids to download it',
    )
    expect(hub.asked).toEqual([])
  })
})
