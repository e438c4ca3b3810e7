// What is gathered until it fills large pages.
import { expect, test } from 'vitest'
import { PageWrites } from '../../src/io/page-writes.ts'

const PAGE = 2 ** 21

test.each([
  ['from the start', 0],
  ['where another left off', 3 * PAGE + 12_345],
])('pieces of any size are written in whole large pages, %s', async (_, start) => {
  const writes: { bytes: Uint8Array; at: number }[] = []
  const pages = new PageWrites(async (bytes, at) => {
    writes.push({ bytes: bytes.slice(), at })
  }, start)
  const all = Uint8Array.from({ length: 4 * PAGE + 77 }, (_, i) => i % 251)
  let sent = 0
  for (const size of [1, 70_000, 0, PAGE - 5, 2 * PAGE + 9, 123, all.length]) {
    const piece = all.slice(sent, sent + size)
    await pages.add(piece)
    // Whose bytes they are is free to change them.
    piece.fill(255)
    sent = Math.min(all.length, sent + size)
  }
  await pages.flush()
  await pages.flush()

  expect(Buffer.concat(writes.map(({ bytes }) => bytes)).equals(all)).toBe(true)
  let at = start
  for (const write of writes) {
    expect(write.at).toBe(at)
    at += write.bytes.length
    if (write !== writes.at(-1)) expect(at % PAGE).toBe(0)
    expect(write.bytes.length).toBeLessThanOrEqual(PAGE)
  }
})
