// A Source over an HTTP URL, read by range requests. Knows nothing of what the bytes mean.
import { SourceError } from '../errors.ts'
import { makeSource, reason, type Source } from './source.ts'

/** What can be set on a URL. */
export interface UrlOptions {
  /** Sent with every request, for example `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the opening and every later read. */
  readonly signal?: AbortSignal
}

interface Range {
  readonly first: number
  readonly last: number
  readonly size: number
}

/** Opens a URL whose server answers range requests; a {@link SourceError} says why it cannot be used. */
export async function openUrl(url: string | URL, options: UrlOptions = {}): Promise<Source> {
  const name = nameOf(url)
  // A range of one byte, not HEAD: signed links are signed for GET only, and this shows that ranges work.
  const response = await request(name, url, options, 'bytes=0-0')
  await discard(response)
  const size = response.status === 416 ? sizeOfEmpty(name, response) : rangeOf(name, response).size
  const etag = response.headers.get('etag')
  return makeSource(name, size, async (offset, length) => {
    if (length === 0) return new Uint8Array(0)
    const last = offset + length - 1
    const response = await request(name, url, options, `bytes=${offset}-${last}`)
    try {
      const range = rangeOf(name, response)
      if (range.first !== offset || range.last !== last || range.size !== size)
        throw new SourceError(
          name,
          `expected the range ${offset}-${last}/${size}, found ${range.first}-${range.last}/${range.size}`,
        )
      const now = response.headers.get('etag')
      if (etag !== null && now !== null && now !== etag)
        throw new SourceError(name, `expected the version ${etag}, found ${now}: it changed while in use`)
    } catch (error) {
      await discard(response)
      throw error
    }
    return readBody(name, response, { offset, length, signal: options.signal })
  })
}

async function request(
  name: string,
  url: string | URL,
  { headers, signal }: UrlOptions,
  range: string,
): Promise<Response> {
  try {
    return await fetch(url, { headers: { ...headers, range }, ...(signal && { signal }) })
  } catch (error) {
    signal?.throwIfAborted()
    const why = error instanceof Error && error.cause !== undefined ? error.cause : error
    throw new SourceError(name, `cannot be reached: ${reason(why)}`, { cause: error })
  }
}

/** The range that a 206 answer says it holds. */
function rangeOf(name: string, response: Response): Range {
  if (response.status === 200)
    throw new SourceError(name, 'the server sends only whole files, not ranges: download the file first')
  if (response.status !== 206)
    throw new SourceError(name, `the server answered ${response.status} ${response.statusText}`.trimEnd())
  const text = response.headers.get('content-range')
  const numbers = /^bytes (\d+)-(\d+)\/(\d+)$/i
    .exec(text ?? '')
    ?.slice(1)
    .map(Number)
  const [first, last, size] = numbers ?? []
  if (first === undefined || last === undefined || size === undefined || !Number.isSafeInteger(size))
    throw new SourceError(name, `expected a Content-Range of bytes with the size, found ${text ?? 'none'}`)
  return { first, last, size }
}

/** An empty file has no first byte, and says so with 416. */
function sizeOfEmpty(name: string, response: Response): number {
  const text = response.headers.get('content-range')
  if (text !== 'bytes */0')
    throw new SourceError(name, `expected the first byte, found 416 with Content-Range ${text ?? 'none'}`)
  return 0
}

/** Exactly `length` bytes; a longer body is not read to its end. */
async function readBody(
  name: string,
  response: Response,
  { offset, length, signal }: { offset: number; length: number; signal: AbortSignal | undefined },
): Promise<Uint8Array> {
  const fail = (found: string, options?: ErrorOptions) =>
    new SourceError(name, `expected ${length} bytes at offset ${offset}, found ${found}`, options)
  const bytes = new Uint8Array(length)
  const reader = response.body?.getReader()
  let done = 0
  for (;;) {
    let chunk: Uint8Array | undefined
    try {
      chunk = (await reader?.read())?.value
    } catch (error) {
      signal?.throwIfAborted()
      throw fail(`${done}: the connection was cut (${reason(error)})`, { cause: error })
    }
    if (chunk === undefined) break
    if (done + chunk.length > length) {
      await reader?.cancel()
      throw fail('more')
    }
    bytes.set(chunk, done)
    done += chunk.length
  }
  if (done < length) throw fail(`${done}`)
  return bytes
}

/** Frees the connection of an answer that is not read. */
export async function discard(response: Response): Promise<void> {
  try {
    await response.body?.cancel()
  } catch {
    // The connection was cut: nothing is left to free.
  }
}

/** For messages: without user, password and query, where links carry their secrets. */
function nameOf(url: string | URL): string {
  try {
    const { origin, pathname } = new URL(url)
    return origin + pathname
  } catch (error) {
    throw new SourceError(String(url), 'is not a URL', { cause: error })
  }
}
