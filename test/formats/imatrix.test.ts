// Importance matrices: llama.cpp's GGUF files and the older .dat ones, sound and damaged.
import { describe, expect, test } from 'vitest'
import { ModelFormatError, TorchlessError } from '../../src/errors.ts'
import { bytesWritten } from '../../src/formats/contents.ts'
import { ggufBytes, type WritableTensor, type WritableValue } from '../../src/formats/gguf.ts'
import { readImportance, writeImportance } from '../../src/formats/imatrix.ts'
import { bytesSource } from '../../src/io/source.ts'

const read = (bytes: Uint8Array) => readImportance(bytesSource('matrix', bytes))
const floats = (name: string, shape: number[], ...values: number[]): WritableTensor => ({
  ...{ name, type: 'F32', shape },
  data: new Uint8Array(Float32Array.from(values).buffer),
})

/** As llama-imatrix lays it out: numbers of 32 bits, texts with their lengths. */
function dat(
  entries: readonly (readonly [name: string, chunks: number, values: readonly number[]])[],
  tail = true,
): Uint8Array {
  const parts: Buffer[] = []
  const number = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    parts.push(bytes)
  }
  const text = (value: string) => {
    number(Buffer.byteLength(value))
    parts.push(Buffer.from(value))
  }
  number(entries.length)
  for (const [name, chunks, values] of entries) {
    text(name)
    number(chunks)
    number(values.length)
    parts.push(Buffer.from(Float32Array.from(values).buffer))
  }
  if (tail) {
    number(7)
    text('wiki.txt')
  }
  return Buffer.concat(parts)
}

describe('GGUF', () => {
  const tensors = [
    floats('blk.0.attn_q.weight.in_sum2', [1, 3], 1, 4, 9),
    floats('blk.0.attn_q.weight.counts', [1, 1], 2),
    // Newer files have plain sums as well.
    floats('blk.0.attn_q.weight.in_sum', [1, 3], -1, 2, 3),
    floats('blk.0.ffn_up_exps.weight.in_sum2', [2, 2], 1, 2, 0, 0),
    floats('blk.0.ffn_up_exps.weight.counts', [2, 1], 5, 0),
  ]
  const metadata: Record<string, WritableValue> = {
    'general.type': 'imatrix',
    'imatrix.datasets': ['a.txt', 'b.txt'],
  }
  const file = (changed: readonly WritableTensor[] = tensors, keys = metadata) =>
    ggufBytes({ metadata: keys, tensors: changed })

  test('as llama-imatrix writes it', async () => {
    const found = await read(await file())
    expect([...found.tensors.keys()]).toEqual(['blk.0.attn_q.weight', 'blk.0.ffn_up_exps.weight'])
    expect(found.tensors.get('blk.0.ffn_up_exps.weight')).toEqual({
      sums: Float32Array.of(1, 2, 0, 0),
      counts: Float32Array.of(5, 0),
    })
    expect(found.datasets).toEqual(['a.txt', 'b.txt'])
    expect(found.chunks).toBeUndefined()
  })

  test('what is written is read', async () => {
    const written = {
      tensors: new Map([
        ['blk.0.attn_k.weight', { sums: Float32Array.of(0.5, 2), counts: Float32Array.of(512) }],
        ['blk.0.ffn_down_exps.weight', { sums: Float32Array.of(1, 2, 3, 4), counts: Float32Array.of(3, 0) }],
      ]),
      datasets: ['text.txt'],
      chunks: { count: 3, size: 512 },
    }
    expect(await read(await bytesWritten(sink => writeImportance(sink, written)))).toEqual(written)
  })

  test.each<[string, () => Promise<Uint8Array>, RegExp]>([
    [
      'another kind of file',
      () => file(tensors, { 'general.type': 'model' }),
      /general\.type: expected "imatrix", found "model"/,
    ],
    [
      'a model',
      () => file(tensors, { 'general.architecture': 'llama' }),
      /general\.type: expected "imatrix", found nothing/,
    ],
    ['no counts', () => file(tensors.slice(0, 1)), /attn_q\.weight\.counts: expected one/],
    ['no sums', () => file(tensors.slice(1, 2)), /in_sum2, found none/],
    [
      'counts that do not divide',
      () => file([tensors[0]!, floats('blk.0.attn_q.weight.counts', [2, 1], 1, 1)]),
      /each of 2 counts/,
    ],
    [
      'sums that are no numbers',
      () => file([floats('x.in_sum2', [1, 2], 1, Number.NaN), floats('x.counts', [1, 1], 1)]),
      /finite/,
    ],
    [
      'negative sums',
      () => file([floats('x.in_sum2', [1, 2], 1, -1), floats('x.counts', [1, 1], 1)]),
      /at least 0, found -1/,
    ],
    [
      'halves',
      () => file([{ ...tensors[0]!, type: 'F16', data: new Uint8Array(6) }, tensors[1]!]),
      /type F32, found F16/,
    ],
  ])('%s', async (_, bytes, message) => {
    const failed = read(await bytes())
    await expect(failed).rejects.toThrow(ModelFormatError)
    await expect(failed).rejects.toThrow(message)
  })
})

describe('.dat', () => {
  const sound = dat([
    ['blk.0.attn_q.weight', 4, [4, 8]],
    ['blk.0.ffn_up.weight', 4, [1, 2, 3]],
  ])

  test('as older ones are', async () => {
    const found = await read(sound)
    expect([...found.tensors]).toEqual([
      ['blk.0.attn_q.weight', { sums: Float32Array.of(4, 8), counts: Float32Array.of(4) }],
      ['blk.0.ffn_up.weight', { sums: Float32Array.of(1, 2, 3), counts: Float32Array.of(4) }],
    ])
    expect(found.datasets).toEqual(['wiki.txt'])
  })

  test('the oldest end with the last entry', async () => {
    expect((await read(dat([['a', 1, [1]]], false))).datasets).toEqual([])
  })

  test('one that was cut anywhere is refused', async () => {
    const end = dat(
      [...[['blk.0.attn_q.weight', 4, [4, 8]] as const], ['blk.0.ffn_up.weight', 4, [1, 2, 3]]],
      false,
    ).length
    for (let length = 0; length < end; length++)
      await expect(read(sound.subarray(0, length)), `${length} bytes`).rejects.toThrow(ModelFormatError)
  })

  test.each([
    ['no entries', 0, 0],
    ['more entries than fit', 0, 2 ** 30],
    ['a negative length of a name', 4, -1],
    ['a long name', 4, 2 ** 20],
  ])('%s', async (_, at, value) => {
    const bytes = Buffer.from(sound)
    bytes.writeInt32LE(value, at)
    await expect(read(bytes)).rejects.toThrow(ModelFormatError)
  })

  test('damaged at random, it is read or refused with a typed error', async () => {
    let state = 1
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(sound)
      for (let k = 0; k < 3; k++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        bytes[(state >>> 8) % bytes.length] = state & 255
      }
      await read(bytes).catch(error => expect(error).toBeInstanceOf(TorchlessError))
    }
  })
})
