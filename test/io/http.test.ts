// A Source over HTTP against a server on this machine: good answers, and every way of answering wrongly.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { openUrl } from '../../src/io/http.ts'

const content = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251)

type Answer = (
  response: ServerResponse,
  range: { first: number; last: number },
  request: IncomingMessage,
) => void

let server: ReturnType<typeof createServer>
let url: string
/** How the server answers reads. */
let answer: Answer
/** How it answers the first request, for the first byte. */
let opening: Answer
let requests: IncomingMessage[]

const good: Answer = (response, { first, last }) => {
  response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}`, etag: '"one"' })
  response.end(content.subarray(first, last + 1))
}

beforeEach(async () => {
  answer = good
  opening = good
  requests = []
  server = createServer((request, response) => {
    requests.push(request)
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const reply = last === '0' ? opening : answer
    reply(response, { first: Number(first), last: Number(last) }, request)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/a%20b.gguf`
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

test('reads ranges', async () => {
  const source = await openUrl(`${url}?token=secret`, { headers: { authorization: 'Bearer x' } })
  expect(source.size).toBe(content.length)
  expect(source.name).toBe(url)
  expect(Buffer.compare(await source.read(1, 299_999), content.subarray(1))).toBe(0)
  expect((await source.read(5, 0)).length).toBe(0)
  expect(requests.map(request => request.headers.range)).toEqual(['bytes=0-0', 'bytes=1-299999'])
  expect(requests.every(request => request.headers.authorization === 'Bearer x')).toBe(true)
  await source.close()
  await expect(source.read(1, 1)).rejects.toThrow('was closed')
})

test('an empty file has no first byte', async () => {
  opening = response => response.writeHead(416, { 'content-range': 'bytes */0' }).end()
  expect((await openUrl(url)).size).toBe(0)
})

describe('cannot be opened', () => {
  const cases: Record<string, [Answer, string]> = {
    'a server without ranges': [
      response => response.writeHead(200).end(content),
      'the server sends only whole files, not ranges: download the file first',
    ],
    'a missing file': [response => response.writeHead(404).end('gone'), 'the server answered 404 Not Found'],
    'no Content-Range': [
      response => response.writeHead(206).end('x'),
      'expected a Content-Range of bytes with the size, found none',
    ],
    'an unknown size': [
      response => response.writeHead(206, { 'content-range': 'bytes 0-0/*' }).end('x'),
      'expected a Content-Range of bytes with the size, found bytes 0-0/*',
    ],
    'a size beyond safe integers': [
      response => response.writeHead(206, { 'content-range': 'bytes 0-0/9007199254740993' }).end('x'),
      'expected a Content-Range of bytes with the size, found bytes 0-0/9007199254740993',
    ],
    'a range that is refused': [
      response => response.writeHead(416, { 'content-range': 'bytes */7' }).end(),
      'expected the first byte, found 416 with Content-Range bytes */7',
    ],
    'a cut connection': [response => response.socket?.destroy(), 'cannot be reached: '],
  }
  test.each(Object.entries(cases))('%s', async (_, [reply, message]) => {
    opening = reply
    const error = await openUrl(url).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceError)
    expect(String(error)).toContain(`SourceError: ${url}: ${message}`)
  })

  test('a server that is not there', async () => {
    const { port } = server.address() as AddressInfo
    await new Promise(resolve => server.close(resolve))
    await expect(openUrl(`http://127.0.0.1:${port}/x`)).rejects.toThrow(
      `http://127.0.0.1:${port}/x: cannot be reached: `,
    )
  })

  test('what is no URL', async () => {
    await expect(openUrl('no url')).rejects.toThrow('no url: is not a URL')
  })
})

describe('a read fails', () => {
  const ranged =
    (range: string, body: Uint8Array, headers = {}): Answer =>
    response =>
      response.writeHead(206, { 'content-range': range, ...headers }).end(body)
  const cases: Record<string, [Answer, string]> = {
    'another range': [
      ranged('bytes 11-20/300000', content.subarray(11, 21)),
      'expected the range 10-19/300000, found 11-20/300000',
    ],
    'a shorter range': [
      ranged('bytes 10-18/300000', content.subarray(10, 19)),
      'expected the range 10-19/300000, found 10-18/300000',
    ],
    'another size': [
      ranged('bytes 10-19/300001', content.subarray(10, 20)),
      'expected the range 10-19/300000, found 10-19/300001',
    ],
    'another version': [
      ranged('bytes 10-19/300000', content.subarray(10, 20), { etag: '"two"' }),
      'expected the version "one", found "two": it changed while in use',
    ],
    'the whole file': [response => response.writeHead(200).end(content), 'the server sends only whole files'],
    'too few bytes': [
      ranged('bytes 10-19/300000', content.subarray(10, 17)),
      'expected 10 bytes at offset 10, found 7',
    ],
    'too many bytes': [
      ranged('bytes 10-19/300000', content.subarray(10, 21)),
      'expected 10 bytes at offset 10, found more',
    ],
    'no bytes': [ranged('bytes 10-19/300000', new Uint8Array(0)), 'expected 10 bytes at offset 10, found 0'],
    'a cut body': [
      response => {
        response.writeHead(206, { 'content-range': 'bytes 10-19/300000', 'content-length': '10' })
        response.write(content.subarray(10, 14))
        setTimeout(() => response.socket?.destroy(), 50)
      },
      'expected 10 bytes at offset 10, found 4: the connection was cut (',
    ],
    'an error': [response => response.writeHead(503).end(), 'the server answered 503 Service Unavailable'],
  }
  test.each(Object.entries(cases))('%s', async (_, [reply, message]) => {
    const source = await openUrl(url)
    answer = reply
    const error = await source.read(10, 10).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SourceError)
    expect(String(error)).toContain(`SourceError: ${url}: ${message}`)
    answer = good
    expect(await source.read(10, 10)).toEqual(content.subarray(10, 20))
  })
})

test('a signal ends a read with its own reason', async () => {
  const controller = new AbortController()
  const source = await openUrl(url, { signal: controller.signal })
  answer = response => response.writeHead(206, { 'content-range': 'bytes 10-19/300000' }).write('abc')
  const read = source.read(10, 10)
  setTimeout(() => controller.abort(new Error('enough')), 50)
  await expect(read).rejects.toThrow(/^enough$/)
  await expect(source.read(0, 5)).rejects.toThrow(/^enough$/)
})
