// Requests to a hub: its listing through HuggingFace's package, files by range; with patience for what passes, and a token that no
// other host sees. Knows nothing of folders.
import * as z from 'zod'
import { SourceError } from '../errors.ts'
import { reason } from '../io/source.ts'
import type { HubName } from './name.ts'
import type { HubSettings } from './settings.ts'
import { pause } from './wait.ts'

/** A file of a repository, and what its bytes must hash to. */
export interface HubFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** SHA-256 of files that the hub keeps outside git, else git's own hash of a blob. In hexadecimal. */
  readonly digest: { readonly algorithm: 'sha256' | 'git-sha1'; readonly hex: string }
}

export interface Listing {
  /** What the revision means now. */
  readonly commit: string
  readonly files: readonly HubFile[]
}

export interface ClientOptions {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds before the first repetition of a request; doubles with each. */
  readonly retryDelay?: number | undefined
  /** Told, in one line each, what a user should know. */
  readonly notice?: ((line: string) => void) | undefined
}

/** The answer to a request, and the hash that the hub itself, not whom it sent us to, named as the file's version. */
export interface Answer {
  readonly response: Response
  readonly version: string | undefined
}

const ATTEMPTS = 6
/** Milliseconds. */
const LONGEST_PAUSE = 60_000
const MOST_REDIRECTS = 10
/** Bytes of a listing's page, and pages of a listing: more than any repository has. */
const MOST_BYTES = 2 ** 26
const MOST_PAGES = 1000
const REDIRECTS = [301, 302, 303, 307, 308]
const PASSING = [408, 425, 429, 500, 502, 503, 504]

const hash = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`))
const entrySchema = z.object({
  type: z.string(),
  path: z.string().max(4096),
  size: z.int().min(0),
  oid: hash(40),
  lfs: z.object({ oid: hash(64), size: z.int().min(0) }).optional(),
})

/** A failure that may have passed when the request is repeated. */
export class PassingError extends SourceError {
  /** Milliseconds that the server asks for. */
  readonly after: number

  constructor(file: string, problem: string, options: ErrorOptions & { readonly after?: number } = {}) {
    super(file, problem, options)
    this.name = 'SourceError'
    this.after = options.after ?? 0
  }
}

export class HubClient {
  /** Whether anything was ever answered. */
  private reached = false

  constructor(
    readonly name: HubName,
    private readonly settings: HubSettings,
    private readonly options: ClientOptions = {},
  ) {}

  /** What the repository holds at the revision. */
  async list(): Promise<Listing> {
    // Loaded here, because most runs need no hub.
    const { listFiles, modelInfo } = await import('@huggingface/hub')
    const { repository, revision } = this.name
    let requests = 0
    const from = (schema: z.ZodType) => ({
      hubUrl: this.settings.endpoint,
      fetch: (url: string | URL | Request) => {
        if (requests++ > MOST_PAGES)
          throw this.error(`the hub's list of files has more than ${MOST_PAGES} pages`)
        return this.page(String(url), schema)
      },
    })
    const info = await modelInfo({
      ...from(z.looseObject({})),
      ...{ name: repository, revision, additionalFields: ['sha'] },
    })
    const commit = this.check(hash(40), info.sha)
    const files: HubFile[] = []
    const repo = { type: 'model', name: repository } as const
    for await (const entry of listFiles({
      ...from(z.array(z.looseObject({}))),
      ...{ repo, revision: commit, recursive: true },
    })) {
      if (entry.type !== 'file') continue
      const { path, size, oid, lfs } = this.check(entrySchema, entry)
      const digest = lfs
        ? ({ algorithm: 'sha256', hex: lfs.oid } as const)
        : ({ algorithm: 'git-sha1', hex: oid } as const)
      files.push({ path, size: lfs?.size ?? size, digest })
    }
    return { commit, files }
  }

  /** Asks once for the bytes of a file from `offset` on. */
  open(commit: string, path: string, offset: number): Promise<Answer> {
    const plain = path.split('/').map(encodeURIComponent).join('/')
    return this.send(`${this.settings.endpoint}/${this.name.repository}/resolve/${commit}/${plain}`, {
      // What is compressed on the way has other ranges.
      'accept-encoding': 'identity',
      ...(offset > 0 && { range: `bytes=${offset}-` }),
    })
  }

  /** Repeats what fails in passing, with growing pauses; `action` is told how to begin counting anew. */
  async patiently<T>(action: (progressed: () => void) => Promise<T>): Promise<T> {
    const { signal, retryDelay = 1000, notice } = this.options
    for (let attempt = 1; ; attempt++) {
      try {
        return await action(() => {
          attempt = 0
        })
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof PassingError) || attempt >= ATTEMPTS || error.after > LONGEST_PAUSE)
          throw error
        const wait = Math.max(error.after, Math.min(LONGEST_PAUSE, retryDelay * 2 ** attempt))
        notice?.(`${error.message}: trying again in ${Math.ceil(wait / 1000)} s`)
        await pause(wait, signal)
      }
    }
  }

  error(problem: string, options?: ErrorOptions): SourceError {
    return new SourceError(this.name.text, problem, options)
  }

  passing(problem: string, options?: ErrorOptions & { readonly after?: number }): PassingError {
    return new PassingError(this.name.text, problem, options)
  }

  /** A page of the hub's own, whole, for the package to read. */
  private page(url: string, schema: z.ZodType): Promise<Response> {
    if (originOf(url) !== originOf(this.settings.endpoint))
      throw this.error(`the hub's list of files goes on at another host, ${originOf(url)}`)
    return this.patiently(async () => {
      const { response } = await this.send(url, { accept: 'application/json' })
      const bytes = await this.body(response)
      this.check(schema, parse(bytes))
      return new Response(bytes, { headers: response.headers })
    })
  }

  private async body(response: Response): Promise<Uint8Array<ArrayBuffer>> {
    const chunks: Uint8Array[] = []
    let size = 0
    try {
      for await (const chunk of response.body ?? []) {
        size += chunk.length
        if (size > MOST_BYTES) throw this.error(`the hub's list of files is longer than ${MOST_BYTES} bytes`)
        chunks.push(chunk)
      }
    } catch (error) {
      if (error instanceof SourceError) throw error
      throw this.passing(`the connection was cut (${reason(error)})`, { cause: error })
    }
    const bytes = new Uint8Array(size)
    let at = 0
    for (const chunk of chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes
  }

  /** One request with all its redirects, answered 200, 206 or 416. The token goes to the hub's own host only. */
  private async send(first: string, headers: Record<string, string>): Promise<Answer> {
    const { endpoint, token } = this.settings
    let url = first
    let version: string | undefined
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const own = originOf(url) === originOf(endpoint)
      const response = await this.fetch(url, {
        ...headers,
        ...(own && token && { authorization: `Bearer ${token}` }),
      })
      if (own) version ??= versionIn(response)
      if (!REDIRECTS.includes(response.status)) {
        if ([200, 206, 416].includes(response.status)) return { response, version }
        await response.body?.cancel()
        throw this.refusal(url, response)
      }
      await response.body?.cancel()
      url = this.target(url, response.headers.get('location'))
    }
    throw this.error(`the hub redirects more than ${MOST_REDIRECTS} times`)
  }

  private async fetch(url: string, headers: Record<string, string>): Promise<Response> {
    const { signal } = this.options
    try {
      const response = await fetch(url, { headers, redirect: 'manual', ...(signal && { signal }) })
      this.reached = true
      return response
    } catch (error) {
      signal?.throwIfAborted()
      const why = error instanceof Error && error.cause !== undefined ? error.cause : error
      const problem = `${originOf(url)} cannot be reached: ${reason(why)}`
      // Of a hub that never answered, the user should hear at once.
      throw this.reached ? this.passing(problem, { cause: error }) : this.error(problem, { cause: error })
    }
  }

  private target(from: string, location: string | null): string {
    const url = location !== null && URL.canParse(location, from) ? new URL(location, from) : undefined
    const safe = url && (url.protocol === 'https:' || url.protocol === new URL(from).protocol)
    if (!safe || !/^https?:$/.test(url.protocol))
      throw this.error(`the hub redirects to ${url ? `${url.protocol}//${url.host}` : 'no URL'}`)
    return url.href
  }

  private refusal(url: string, response: Response): SourceError {
    const { status, headers } = response
    const { repository, revision } = this.name
    const { endpoint, token } = this.settings
    const code = headers.get('x-error-code')
    const page = `${endpoint}/${repository}`
    if (PASSING.includes(status))
      return this.passing(`${originOf(url)} answered ${status}`, { after: secondsAfter(headers) * 1000 })
    if (code === 'RevisionNotFound') return this.error(`the repository has no revision ${revision}`)
    if (status === 404 || code === 'RepoNotFound')
      return this.error(
        `the hub has no such repository, revision or file, or it is private${token ? '' : ': HF_TOKEN is not set'} (${status} for ${page})`,
      )
    if (status === 401 || status === 403)
      return this.error(
        token
          ? `the hub does not let this token read it (${status}): accept its conditions at ${page}, and see that the token in HF_TOKEN is valid and may read gated repositories`
          : `it is gated or private (${status}): accept its conditions at ${page}, then set HF_TOKEN to a token from ${endpoint}/settings/tokens`,
      )
    return this.error(`${originOf(url)} answered ${status}`)
  }

  private check<T>(schema: z.ZodType<T>, value: unknown): T {
    const result = schema.safeParse(value)
    if (result.success) return result.data
    const { path, message } = result.error.issues[0]!
    throw this.error(`the hub answered no list of files: ${[...path, message].join(': ')}`)
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : 'nowhere'
}

/** The hash in the hub's header, which is that of the listing; other servers' ETags say nothing of the content. */
function versionIn({ headers }: Response): string | undefined {
  const etag = headers.get('x-linked-etag') ?? headers.get('etag')
  return /^(?:W\/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?$/.exec(etag ?? '')?.[1]
}

function secondsAfter(headers: Headers): number {
  const text = headers.get('retry-after') ?? ''
  return /^\d{1,9}$/.test(text) ? Number(text) : 0
}
