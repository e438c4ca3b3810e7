// What a model file is, without loading its weights.
import { describe, expect, test } from 'vitest'
import { ggufBytes } from '../../src/formats/gguf.ts'
import { inspectModel, ModelFormatError, SourceError } from '../../src/index.ts'
import { fixtures, tinyLlama, vocabularyBytes } from '../fixtures/models.ts'
import { rejection, tinyBlob } from './tiny.ts'

const fixture = tinyLlama(fixtures.plain)
const weightBytes = fixture.tensors.reduce((sum, { data }) => sum + data.length, 0)
/** Keys and values of 2 layers, 2 heads of 16 numbers, 2 bytes each. */
const kvPerToken = 2 * 2 * 2 * 16 * 2

test('a model that runs', async () => {
  const { metadata, tensors, program, memory, ...rest } = await inspectModel(await tinyBlob())
  expect(rest).toEqual({
    format: 'gguf',
    architecture: 'llama',
    // Embedding and output, two layers of four attention and three MLP matrices, five norms.
    parameters: 2 * 355 * 64 + 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64) + 5 * 64,
    contextLength: 256,
    quantization: { F16: 16, F32: 5 },
    unsupported: undefined,
  })
  expect(memory!.kvPerToken).toBe(kvPerToken)
  // Besides weights and cache there are the results of 512 tokens; the widest are 128 numbers, and of 64 rows of logits 355.
  const results = memory!.eager - weightBytes - 256 * kvPerToken
  expect(results).toBeGreaterThan(512 * 128 * 4)
  expect(results).toBeLessThan(20 * 512 * 128 * 4)
  // All weights fit; each is read in whole blocks.
  expect(memory!.lazy).toBeGreaterThan(memory!.eager)
  expect(memory!.lazy).toBeLessThan(memory!.eager + 21 * 8192)
  expect(metadata).toMatchObject({ 'general.name': 'torchless fixture', 'llama.block_count': 2 })
  expect(tensors.map(({ name, type, shape, bytes }) => ({ name, type, shape, bytes }))).toEqual(
    fixture.tensors.map(({ name, type, shape, data }) => ({ name, type, shape, bytes: data.length })),
  )
  expect(program).toMatch(/matmul\(.*blk\.1\.ffn_down\.weight/)
})

test('offsets are where the data lies in the file', async () => {
  const file = await tinyBlob()
  const { tensors } = await inspectModel(file)
  for (const [i, { offset, bytes }] of tensors.entries()) {
    const data = await file.slice(offset, offset + bytes).arrayBuffer()
    expect(Buffer.compare(Buffer.from(data), fixture.tensors[i]!.data)).toBe(0)
  }
})

test('a tensor with two uses needs memory once', async () => {
  const [one, two] = await Promise.all(
    [fixtures.tied, { ...fixtures.tied, tied: false }].map(async options => {
      const { metadata, tensors } = tinyLlama({ ...options, seed: 1 })
      const file = await ggufBytes({ metadata, tensors })
      const { memory } = await inspectModel(new Blob([Uint8Array.from(file)]))
      return memory!.eager - tensors.reduce((sum, { data }) => sum + data.length, 0)
    }),
  )
  expect(one).toBe(two)
})

test('a window holds the cache down', async () => {
  const { memory: full } = await inspectModel(await tinyBlob())
  const { memory } = await inspectModel(await tinyBlob({ 'llama.attention.sliding_window': 100 }))
  expect(memory!.kvPerToken).toBe(kvPerToken)
  expect(full!.eager - memory!.eager).toBe(156 * kvPerToken)
})

test('lazy mode takes the memory that it is given, or the least that is possible', async () => {
  const eager = (await inspectModel(await tinyBlob())).memory!.eager
  const [least, some] = await Promise.all(
    [1, 80_000].map(async lazyMemory => (await inspectModel(await tinyBlob(), { lazyMemory })).memory!.lazy),
  )
  expect(least).toBeLessThan(some!)
  expect(eager - some!).toBeGreaterThan(weightBytes - 80_000 - 5 * 64 * 4)
})

test('metadata is plain JSON, long arrays cut', async () => {
  const { metadata } = await inspectModel(
    await tinyBlob({
      'a.big': 2n ** 60n,
      'a.bigs': BigUint64Array.of(1n, 2n ** 60n),
      'a.short': Int32Array.from({ length: 64 }, (_, i) => i),
      'a.long': Int32Array.from({ length: 65 }, (_, i) => i),
    }),
  )
  expect(metadata).toMatchObject({
    'a.big': `${2n ** 60n}`,
    'a.bigs': ['1', `${2n ** 60n}`],
    'a.short': Array.from({ length: 64 }, (_, i) => i),
    'a.long': { length: 65, first: [0, 1, 2, 3, 4, 5, 6, 7] },
    'tokenizer.ggml.tokens': { length: 355, first: expect.arrayContaining(['<unk>', '<s>', '</s>']) },
  })
  expect(JSON.parse(JSON.stringify(metadata))).toEqual(metadata)
})

describe('a model that does not run is still told of', () => {
  test('an unknown architecture', async () => {
    const found = await inspectModel(
      await tinyBlob({ 'general.architecture': 'abacus', 'abacus.context_length': 99 }),
    )
    expect(found).toMatchObject({ architecture: 'abacus', contextLength: 99 })
    expect(found.unsupported).toMatch(/found abacus/)
    expect(found.memory).toBeUndefined()
    expect(found.program).toBeUndefined()
    expect(found.tensors).toHaveLength(fixture.tensors.length)
  })

  test('no architecture at all', async () => {
    const found = await inspectModel(await tinyBlob({ 'general.architecture': undefined }))
    expect(found).toMatchObject({ architecture: 'unknown', contextLength: undefined })
    expect(found.unsupported).toMatch(/general\.architecture/)
  })

  test('a vocabulary without weights', async () => {
    const found = await inspectModel(new Blob([Uint8Array.from(await vocabularyBytes('bpe'))]))
    expect(found).toMatchObject({ parameters: 0, quantization: {}, tensors: [] })
    expect(found.unsupported).toEqual(expect.any(String))
  })
})

test('what is no model', async () => {
  expect(await rejection(inspectModel(new Blob(['not a model'])))).toBeInstanceOf(ModelFormatError)
  expect(await rejection(inspectModel('missing.gguf'))).toEqual(
    new SourceError('missing.gguf', 'no such file'),
  )
})
