// A hub on this machine, as far as downloading goes: /api/models, /resolve, and a second server that large files are redirected to,
// as HuggingFace does. Tests make it misbehave.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export const commit = '0123456789abcdef0123456789abcdef01234567'

export interface Asked {
  readonly server: 'hub' | 'cdn'
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

/** How an answer differs from a good one. */
export interface Misbehaviour {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string | Uint8Array
  /** The connection is cut after so many bytes of the body. */
  readonly cutAfter?: number
  /** Sends a first byte of the body, and then nothing until `release` resolves. */
  readonly until?: Promise<void>
  /** Takes no notice of ranges. */
  readonly whole?: boolean
  /** Does not say how long the body is. */
  readonly chunked?: boolean
}

export interface Entry {
  type: string
  path: string
  size: number
  oid: string
  lfs?: { oid: string; size: number; pointerSize: number }
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** As `git hash-object` has it. */
export const gitHash = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

const isLarge = (path: string) => /\.(gguf|safetensors|model|bin)$/i.test(path)

export class Hub {
  endpoint = ''
  /** The second server. */
  cdn = ''
  readonly asked: Asked[] = []
  /** By name, by path. */
  readonly repositories: ReadonlyMap<string, ReadonlyMap<string, Uint8Array>>
  /** Tests change what is listed, */
  listing: (entries: Entry[]) => unknown = entries => entries
  /** and how requests are answered. */
  misbehave: (asked: Asked) => Misbehaviour | undefined = () => undefined
  private readonly servers: Server[] = []

  constructor(repositories: Record<string, Record<string, Uint8Array>>) {
    this.repositories = new Map(
      Object.entries(repositories).map(([name, files]) => [name, new Map(Object.entries(files))]),
    )
  }

  /** What was asked for files, of the server that has their bytes: names, and ranges behind them. */
  transfers(): string[] {
    return this.asked
      .filter(({ server, path }) => server === 'cdn' || (path.includes('/resolve/') && !isLarge(path)))
      .map(({ path, range }) => {
        const name = path.replace(/\?.*/, '').split('/').at(-1)
        return range ? `${name} ${range}` : `${name}`
      })
  }

  /** Answers the URL of a new server. */
  async listen(server: Asked['server'], handle: Handler): Promise<string> {
    const created = createServer((request, response) => {
      const { range, authorization } = request.headers
      const asked = { server, path: request.url!, range, authorization }
      this.asked.push(asked)
      const bad = this.misbehave(asked) ?? {}
      if (bad.status === undefined) return handle(request, response, bad)
      response.writeHead(bad.status, bad.headers).end(bad.body)
    })
    this.servers.push(created)
    await new Promise<void>(resolve => created.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(created.address() as AddressInfo).port}`
  }

  /** From now on nothing is answered. */
  close(): void {
    for (const server of this.servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}

/** Runs until the test is finished. */
export async function startHub(repositories: Record<string, Record<string, Uint8Array>>): Promise<Hub> {
  const hub = new Hub(repositories)
  hub.cdn = await hub.listen('cdn', (request, response, bad) => sendLarge(hub, request, response, bad))
  hub.endpoint = await hub.listen('hub', (request, response, bad) => route(hub, request, response, bad))
  onTestFinished(() => hub.close())
  return hub
}

type Handler = (request: IncomingMessage, response: ServerResponse, bad: Misbehaviour) => void

function route(hub: Hub, request: IncomingMessage, response: ServerResponse, bad: Misbehaviour): void {
  const { pathname, searchParams } = new URL(request.url!, 'http://hub')
  const json = (value: unknown, headers = {}) =>
    response
      .writeHead(200, { 'content-type': 'application/json', ...headers, ...bad.headers })
      .end(JSON.stringify(value))
  const [, name, kind, revision] =
    /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(pathname) ?? []
  const files = hub.repositories.get(name ?? '')
  if (kind === 'revision' && files && ['main', 'v1', commit].includes(revision!))
    return void json({ id: name, sha: commit })
  if (kind === 'tree' && files && revision === commit) {
    // Two entries a page, so that every longer listing has several.
    const start = Number(searchParams.get('cursor') ?? 0)
    const all = hub.listing([...files].map(([path, bytes]) => entryOf(path, bytes)))
    if (!Array.isArray(all)) return void json(all)
    const next = `<${hub.endpoint}${pathname}?recursive=true&cursor=${start + 2}>; rel="next"`
    return void json(all.slice(start, start + 2), start + 2 < all.length ? { link: next } : {})
  }
  const [, repository, path] = /^\/([^/]+\/[^/]+)\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(pathname) ?? []
  const bytes = hub.repositories.get(repository ?? '')?.get(decodeURIComponent(path ?? ''))
  if (!bytes)
    return void response.writeHead(404, { 'x-error-code': files ? 'RevisionNotFound' : 'RepoNotFound' }).end()
  if (!isLarge(path!))
    return void sendBytes(bytes, request, response, {
      ...bad,
      headers: { etag: `"${gitHash(bytes)}"`, ...bad.headers },
    })
  response.writeHead(302, {
    location: `${hub.cdn}/${repository}/${path}?signature=secret`,
    'x-linked-etag': `"${sha256(bytes)}"`,
    ...bad.headers,
  })
  response.end()
}

function entryOf(path: string, bytes: Uint8Array): Entry {
  const entry = { type: 'file', path, size: bytes.length, oid: gitHash(bytes) }
  return isLarge(path)
    ? { ...entry, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }
    : entry
}

function sendLarge(hub: Hub, request: IncomingMessage, response: ServerResponse, bad: Misbehaviour): void {
  const [, owner, name, ...path] = new URL(request.url!, 'http://cdn').pathname.split('/')
  const bytes = hub.repositories.get(`${owner}/${name}`)?.get(decodeURIComponent(path.join('/')))
  if (bytes) sendBytes(bytes, request, response, bad)
  else response.writeHead(404).end()
}

function sendBytes(
  all: Uint8Array,
  request: IncomingMessage,
  response: ServerResponse,
  bad: Misbehaviour,
): void {
  const first = bad.whole ? undefined : /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]
  const body = bad.body === undefined ? all.subarray(Number(first ?? 0)) : Buffer.from(bad.body)
  const headers = { ...(!bad.chunked && { 'content-length': String(body.length) }), ...bad.headers }
  if (first === undefined) response.writeHead(200, headers)
  else
    response.writeHead(206, { ...headers, 'content-range': `bytes ${first}-${all.length - 1}/${all.length}` })
  if (bad.cutAfter !== undefined) response.write(body.subarray(0, bad.cutAfter), () => request.socket.end())
  else if (bad.until) {
    response.write(body.subarray(0, 1))
    void bad.until.then(() => response.end(body.subarray(1)))
  } else response.end(body)
}
