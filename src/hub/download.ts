// One file of a hub becomes one file here: begun, cut, resumed, checked, and only then under its own name.
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { SourceError } from '../errors.ts'
import { discard } from '../io/http.ts'
import { PageWrites, writeAll } from '../io/page-writes.ts'
import { reason } from '../io/source.ts'
import type { HubClient, HubFile, PassingError } from './client.ts'
import { whileLocked } from './wait.ts'

export interface DownloadOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of the bytes that are here, also of those that were here before. */
  readonly onProgress: (done: number) => void
  /** Told that another process downloads the same. */
  readonly onWait?: () => void
}

/** Bytes that are read at once from what is here already. */
const PIECE = 2 ** 20
/** Milliseconds without a byte after which those that came are written. */
const QUIET = 500
/** Bytes after which a connection counts as a good one. */
const PROGRESS = 2 ** 20

/** Bytes of the file that are here: all, or what an earlier attempt left. */
export async function bytesHere(path: string, { size }: HubFile): Promise<number> {
  if ((await sizeOf(path)) === size) return size
  const begun = (await sizeOf(incomplete(path))) ?? 0
  return begun <= size ? begun : 0
}

/**
 * Brings the file to `path`. Until its hash is right it is `path.incomplete`, which stays where it was when anything is cut or
 * aborted, and is gone on from the next time. Rejects with a SourceError, or with the signal's reason.
 */
export async function download(
  client: HubClient,
  commit: string,
  file: HubFile,
  path: string,
  options: DownloadOptions,
): Promise<void> {
  if ((await sizeOf(path)) === file.size) return options.onProgress(file.size)
  await attempt(path, () =>
    whileLocked(
      `${path}.lock`,
      async () => {
        // Another may have brought it meanwhile.
        if ((await sizeOf(path)) === file.size) return options.onProgress(file.size)
        const handle = await open(incomplete(path), constants.O_RDWR | constants.O_CREAT)
        try {
          await fill(client, commit, file, handle, options)
          await handle.sync()
        } finally {
          await handle.close()
          if ((await sizeOf(incomplete(path))) === 0 && file.size > 0) await rm(incomplete(path))
        }
        await rename(incomplete(path), path).catch(async error => {
          // Another took us for dead, and was done first.
          if ((await sizeOf(path)) !== file.size) throw error
        })
      },
      options,
    ),
  )
}

/** Goes on from what the file holds until its hash is right; wrong bytes of an earlier attempt are fetched anew, once. */
async function fill(
  client: HubClient,
  commit: string,
  file: HubFile,
  handle: FileHandle,
  options: DownloadOptions,
): Promise<void> {
  const part = new Part(file, handle, options)
  await part.recall()
  for (;;) {
    const old = part.at > 0
    // The most that was ever here: beginning anew again and again is no progress.
    let most = part.at
    await client.patiently(async progressed => {
      try {
        if (part.at < file.size) await receive(client, commit, file, part, options)
      } finally {
        await part.flush()
        if (part.at - most >= PROGRESS) {
          most = part.at
          progressed()
        }
      }
    })
    const found = part.digest()
    if (found === file.digest.hex) return
    await part.reset()
    if (!old)
      throw client.error(
        `the checksum of ${file.path} is wrong: expected ${file.digest.algorithm} ${file.digest.hex}, found ${found}`,
      )
  }
}

/** One request: adds to the part until it is whole, or fails. */
async function receive(
  client: HubClient,
  commit: string,
  file: HubFile,
  part: Part,
  { signal }: DownloadOptions,
): Promise<void> {
  let { response, version } = await client.open(commit, file.path, part.at)
  if (part.at > 0 && (response.status !== 206 || (version !== undefined && version !== file.digest.hex))) {
    // Whole files only, or another version than what is here: from the start.
    await discard(response)
    await part.reset()
    ;({ response } = await client.open(commit, file.path, 0))
  }
  const problem = mismatch(response, part.at, file.size)
  if (problem) {
    await discard(response)
    throw client.error(`${file.path}: ${problem}`)
  }
  const reader = response.body?.getReader()
  for (;;) {
    let chunk: Uint8Array | undefined
    try {
      const reading = reader?.read()
      await ifQuiet(reading, () => part.flush())
      chunk = (await reading)?.value
    } catch (error) {
      signal?.throwIfAborted()
      throw cut(client, file, part.at, reason(error), error)
    }
    if (chunk === undefined) break
    try {
      if (part.at + chunk.length > file.size)
        throw client.error(`${file.path}: expected ${file.size} bytes, found more`)
      await part.add(chunk)
    } catch (error) {
      await reader?.cancel().catch(() => {})
      throw error
    }
  }
  if (part.at < file.size) throw cut(client, file, part.at, 'it ended')
}

/** Does something, once, if nothing comes of a promise for `QUIET`; else waits for the promise. */
async function ifQuiet(promise: Promise<unknown> | undefined, action: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const long = new Promise<typeof QUIET>(resolve => {
    timer = setTimeout(resolve, QUIET, QUIET)
  })
  const first = await Promise.race([promise, long]).finally(() => clearTimeout(timer))
  if (first === QUIET) await action()
}

function cut(client: HubClient, file: HubFile, at: number, why: string, cause?: unknown): PassingError {
  return client.passing(`${file.path}: the connection was cut after ${at} of ${file.size} bytes (${why})`, {
    cause,
  })
}

/** What is wrong with the answer to a request for the bytes from `at` on. */
function mismatch(response: Response, at: number, size: number): string | undefined {
  const range = response.headers.get('content-range')
  if (response.status === 416) return `the hub has no byte ${at} of ${size}`
  if (response.status === 206)
    return range === `bytes ${at}-${size - 1}/${size}`
      ? undefined
      : `expected the range ${at}-${size - 1}/${size}, found ${range ?? 'none'}`
  const length = response.headers.get('content-length')
  if (length === null || response.headers.has('content-encoding')) return undefined
  return Number(length) === size ? undefined : `expected ${size} bytes, found ${length}`
}

/** The beginning of a file, and the state of its hash behind it. */
class Part {
  /** Bytes that are here, written or about to be. */
  at = 0
  private hash: Hash
  private pages: PageWrites

  constructor(
    private readonly file: HubFile,
    private readonly handle: FileHandle,
    private readonly options: DownloadOptions,
  ) {
    this.hash = this.newHash()
    this.pages = this.pagesFrom(0)
  }

  /** Reads what an earlier attempt left. */
  async recall(): Promise<void> {
    const { size } = await this.handle.stat()
    if (size > this.file.size) return this.reset()
    const piece = new Uint8Array(Math.min(PIECE, size))
    while (this.at < size) {
      this.options.signal?.throwIfAborted()
      const { bytesRead } = await this.handle.read(piece, 0, piece.length, this.at)
      if (bytesRead === 0) return this.reset()
      this.count(piece.subarray(0, bytesRead))
    }
    this.pages = this.pagesFrom(size)
  }

  async add(bytes: Uint8Array): Promise<void> {
    await this.pages.add(bytes)
    this.count(bytes)
  }

  /** Writes what `add` has held back. */
  flush(): Promise<void> {
    return this.pages.flush()
  }

  async reset(): Promise<void> {
    this.pages = this.pagesFrom(0)
    await this.handle.truncate(0)
    this.at = 0
    this.hash = this.newHash()
    this.options.onProgress(0)
  }

  /** In hexadecimal; the hash is used up. */
  digest(): string {
    return this.hash.digest('hex')
  }

  private count(bytes: Uint8Array): void {
    this.hash.update(bytes)
    this.at += bytes.length
    this.options.onProgress(this.at)
  }

  /** At their place: should another write the same file, it writes the same bytes there. */
  private pagesFrom(at: number): PageWrites {
    return new PageWrites((bytes, place) => writeAll(this.handle, bytes, place), at)
  }

  private newHash(): Hash {
    if (this.file.digest.algorithm === 'sha256') return createHash('sha256')
    return createHash('sha1').update(`blob ${this.file.size}\0`)
  }
}

function incomplete(path: string): string {
  return `${path}.incomplete`
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch {
    return undefined
  }
}

/** Failures of the file system are a SourceError of the file; others stay as they are. */
export async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (!isOfFiles(error)) throw error
    throw new SourceError(path, `cannot be written: ${reason(error)}`, { cause: error })
  }
}

function isOfFiles(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && !(error instanceof SourceError)
}
