// Perplexity by llama-perplexity's method: windows, scored halves, BOS.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ggufBytes } from '../../src/formats/gguf.ts'
import { DisposedError, InvalidOptionError, loadModel, type Model, perplexity } from '../../src/index.ts'
import { fixtures, tinyLlama } from '../fixtures/models.ts'
import { golden, rejection, tinyBlob } from './tiny.ts'

const text = `${golden.prompt}${golden.text} `.repeat(3)
const enough = new Error('enough')
let model: Model

beforeAll(async () => {
  model = await loadModel(await tinyBlob(), { backend: 'reference' })
})
afterAll(() => model.dispose())

/** As the method is described, one token at a time: none but those before it, in its window, may matter. */
async function naive(model: Model, ids: readonly number[], length: number, bos?: number) {
  const losses: number[] = []
  for (let start = 0; start + length <= ids.length; start += length) {
    const window = ids.slice(start, start + length)
    if (bos !== undefined) window[0] = bos
    const session = model.session()
    for (const [i, id] of window.slice(0, -1).entries()) {
      const { values } = await session.feed([id])
      const sum = values.reduce((sum, value) => sum + Math.exp(value), 0)
      if (i >= Math.floor(length / 2)) losses.push(Math.log(sum) - values[window[i + 1]!]!)
    }
    session.dispose()
  }
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
  return { perplexity: expect.closeTo(Math.exp(mean), 6), tokens: losses.length }
}

test.each([4, 9, 16])('in windows of %d tokens, each with BOS first', async contextLength => {
  const ids = model.tokenizer.encode(text, { bos: true })
  expect(ids.length % 9).not.toBe(0) // so that a rest is left over
  expect(await perplexity(model, text, { contextLength })).toEqual(
    await naive(model, ids, contextLength, model.tokenizer.bos),
  )
})

test('without BOS where the model adds none', async () => {
  const own = await loadModel(await tinyBlob({ 'tokenizer.ggml.add_bos_token': false }), {
    backend: 'reference',
  })
  onTestFinished(() => own.dispose())
  const found = await perplexity(own, text, { contextLength: 8 })
  expect(found).toEqual(await naive(own, own.tokenizer.encode(text), 8))
  expect(found.perplexity).not.toBeCloseTo((await perplexity(model, text, { contextLength: 8 })).perplexity)
})

test('of a model that finds all tokens alike is the size of the vocabulary', async () => {
  const { metadata, tensors } = tinyLlama(fixtures.plain)
  const mute = tensors.map(tensor =>
    tensor.name === 'output.weight' ? { ...tensor, data: new Uint8Array(tensor.data.length) } : tensor,
  )
  const own = await loadModel(new Blob([Uint8Array.from(await ggufBytes({ metadata, tensors: mute }))]), {
    backend: 'reference',
  })
  onTestFinished(() => own.dispose())
  const { perplexity: found } = await perplexity(own, text, { contextLength: 16 })
  expect(found).toBeCloseTo(own.vocabularySize, 6)
})

test('takes windows of 512 tokens, or of the whole context if that is shorter', async () => {
  const words = 'the '.repeat(300)
  expect(await perplexity(model, words)).toEqual(await perplexity(model, words, { contextLength: 256 }))
})

test('tells how far it is', async () => {
  const progress: number[][] = []
  const { perplexity: last } = await perplexity(model, text, {
    contextLength: 16,
    onProgress: (...numbers) => progress.push(numbers),
  })
  expect(progress.map(([done]) => done)).toEqual(progress.map((_, i) => i + 1))
  expect(new Set(progress.map(([, total]) => total))).toEqual(new Set([progress.length]))
  expect(progress.at(-1)![2]).toBe(last)
})

test('an abort between windows ends it', async () => {
  const controller = new AbortController()
  let windows = 0
  const running = perplexity(model, text, {
    contextLength: 8,
    signal: controller.signal,
    onProgress: done => {
      windows = done
      controller.abort(enough)
    },
  })
  expect(await rejection(running)).toBe(enough)
  expect(windows).toBe(1)
})

describe('mistakes', () => {
  test.each([0, 3, 257, 4.5, Number.NaN])('a window of %d tokens', async contextLength => {
    const error = await rejection(perplexity(model, text, { contextLength }))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toMatch(`a window from 4 to 256 tokens, found ${contextLength}`)
  })

  test('a text shorter than a window', async () => {
    const error = await rejection(perplexity(model, 'the world', { contextLength: 16 }))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toMatch('at least 16 tokens, found 3')
  })

  test('a disposed model', async () => {
    const own = await loadModel(await tinyBlob(), { backend: 'reference' })
    await own.dispose()
    expect(await rejection(perplexity(own, text, { contextLength: 16 }))).toBeInstanceOf(DisposedError)
  })
})
