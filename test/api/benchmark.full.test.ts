// Measuring a model: the shape of the answer, and that what is asked for is what is computed.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  benchmark,
  ContextOverflowError,
  InvalidOptionError,
  loadModel,
  type Model,
} from '../../src/index.ts'
import { rejection, tinyBlob } from './tiny.ts'

let model: Model
beforeAll(async () => {
  model = await loadModel(await tinyBlob())
})
afterAll(() => model.dispose())

const few = { promptTokens: 20, tokens: 5, repeats: 3 } as const

test('prefill and decode, each with its spread', async () => {
  const progress: string[] = []
  const onProgress = (done: number, total: number) => progress.push(`${done}/${total}`)
  const { prefill, decode, machine, hash } = await benchmark(model, {
    ...few,
    depth: 7,
    batch: 3,
    onProgress,
  })
  expect(prefill).toMatchObject({ tokens: 20 })
  expect(decode).toMatchObject({ tokens: 5, depth: 7, batch: 3 })
  for (const rate of [prefill!, decode!]) {
    expect(rate.min).toBeGreaterThan(0)
    expect(rate.median).toBeGreaterThanOrEqual(rate.min)
    expect(rate.max).toBeGreaterThanOrEqual(rate.median)
  }
  // Weights once a step of three tokens, and the rows of three caches.
  const bytes = model.cost.weightBytes / 3 + model.cost.kvBytesPerToken * 9.5
  expect(decode!.gbPerSecond).toBeCloseTo((bytes * decode!.median) / 1e9, 9)
  if (model.backend === 'cpu') {
    expect(machine!.readGbPerSecond).toBeGreaterThan(0.1)
    expect(machine!.int8GmacPerSecond).toBeGreaterThan(0.1)
  } else expect(machine).toBeUndefined()
  expect(hash).toMatch(/^[\da-f]{8}$/)
  expect(progress).toEqual(['1/6', '2/6', '3/6', '4/6', '5/6', '6/6'])
})

test('the hash tells what was computed', async () => {
  const { hash } = await benchmark(model, { ...few, promptTokens: 0 })
  expect((await benchmark(model, { ...few, promptTokens: 0 })).hash).toBe(hash)
  expect((await benchmark(model, { ...few, promptTokens: 0, depth: 3 })).hash).not.toBe(hash)
})

test('only what is asked for', async () => {
  expect(await benchmark(model, { ...few, promptTokens: 0 })).toMatchObject({ prefill: undefined })
  expect(await benchmark(model, { ...few, tokens: 0 })).toMatchObject({ decode: undefined })
})

test('mistakes', async () => {
  expect(await rejection(benchmark(model, { promptTokens: 0, tokens: 0 }))).toBeInstanceOf(InvalidOptionError)
  expect(await rejection(benchmark(model, { batch: 0 }))).toBeInstanceOf(InvalidOptionError)
  expect(await rejection(benchmark(model, { promptTokens: 300 }))).toBeInstanceOf(ContextOverflowError)
  const enough = new Error('enough')
  expect(await rejection(benchmark(model, { ...few, signal: AbortSignal.abort(enough) }))).toBe(enough)
})
