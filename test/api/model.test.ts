// A model as programs use it: text out of it, and every way of ending early.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  ContextOverflowError,
  DisposedError,
  type GenerateOptions,
  InvalidOptionError,
  type LoadOptions,
  loadModel,
  type Model,
} from '../../src/index.ts'
import { golden, greedy, rejection, tinyBlob } from './tiny.ts'

/** Would run on to the end of the context. */
const endless = { temperature: 0, ignoreEos: true } as const
/** A prompt that takes several steps. */
const long = Array.from({ length: 150 }, (_, i) => 260 + (i % 90))
const enough = new Error('enough')

let file: Blob
/** For tests that leave it as it is. */
let model: Model

beforeAll(async () => {
  file = await tinyBlob()
  model = await loadModel(file, { backend: 'reference' })
})
afterAll(() => model.dispose())

/** A model of a test's own. */
async function load(options?: LoadOptions, from = file): Promise<Model> {
  const own = await loadModel(from, { backend: 'reference', ...options })
  onTestFinished(() => own.dispose())
  return own
}

function continuation(model: Model, options: GenerateOptions = greedy): Promise<string> {
  return model.generate(golden.prompt, options).text()
}

/** Calls `onPiece` with each piece and the number of it. */
async function read(generation: AsyncIterable<string>, onPiece: (count: number) => unknown) {
  const pieces: string[] = []
  for await (const piece of generation) {
    pieces.push(piece)
    await onPiece(pieces.length)
  }
  return pieces
}

describe('generating', () => {
  test('gives text piece by piece, and then how it went', async () => {
    const generation = model.generate(golden.prompt, greedy)
    const pieces = await read(generation, () => {})
    expect(pieces.length).toBeGreaterThan(10)
    expect(pieces).not.toContain('')
    expect(pieces.join('')).toBe(golden.text)
    expect(generation.finish).toBe('length')
    expect(generation.usage).toEqual({
      prompt: golden.promptTokens.length,
      completion: golden.tokens.length,
    })
    expect(generation.timings.prefillPerSecond).toBeGreaterThan(0)
    expect(generation.timings.decodePerSecond).toBeGreaterThan(0)
  })

  test('takes token ids as they are', async () => {
    expect(await model.generate(golden.promptTokens, greedy).text()).toBe(golden.text)
    expect(await model.generate(golden.promptTokens.slice(1), greedy).text()).not.toBe(golden.text)
  })

  test('keeps the space that a continuation begins with', async () => {
    expect(golden.text).toMatch(/^k {2}/)
    const prompt = [...golden.promptTokens, golden.tokens[0]!]
    const maxTokens = golden.tokens.length - 1
    expect(await model.generate(prompt, { ...greedy, maxTokens }).text()).toBe(golden.text.slice(1))
  })

  test('ends after maxTokens', async () => {
    const generation = model.generate(golden.prompt, { ...greedy, maxTokens: 3 })
    expect(await generation.text()).toBe(textOf(3))
    expect(generation.finish).toBe('length')
    expect(generation.usage.completion).toBe(3)
  })

  test('ends where the model does, unless told to ignore it', async () => {
    const own = await load({}, await tinyBlob({ 'tokenizer.ggml.eos_token_id': golden.tokens[4]! }))
    const generation = own.generate(golden.prompt, greedy)
    expect(await generation.text()).toBe(textOf(4))
    expect(generation.finish).toBe('stop')
    expect(generation.usage.completion).toBe(4)
    expect(await continuation(own, { ...greedy, ignoreEos: true })).toBe(golden.text)
  })

  test('ends before a stop string', async () => {
    const stop = golden.text.slice(8, 12)
    const generation = model.generate(golden.prompt, { ...greedy, stop })
    expect(await generation.text()).toBe(golden.text.slice(0, golden.text.indexOf(stop)))
    expect(generation.finish).toBe('stop')
    expect(generation.usage.completion).toBeLessThan(golden.tokens.length)
  })

  test('gives back what only looked like a stop string', async () => {
    const stop = [`${golden.text.slice(-1)} and more`]
    expect(await continuation(model, { ...greedy, stop })).toBe(golden.text)
  })

  test('ends at the end of the context', async () => {
    const generation = (await load({ maxSeqLen: 16 })).generate(golden.prompt, endless)
    await generation.text()
    expect(generation.finish).toBe('length')
    expect(generation.usage).toEqual({ prompt: 6, completion: 10 })
  })

  test('takes special tokens in a prompt for what they are, unless told not to', async () => {
    const promptTokens = async (special?: boolean) => {
      const generation = model.generate('<|im_end|>', { maxTokens: 1, special })
      await generation.text()
      return generation.usage.prompt
    }
    expect(await promptTokens()).toBe(2)
    expect(await promptTokens(false)).toBeGreaterThan(2)
  })

  test('tells how far a prompt is', async () => {
    const progress: number[][] = []
    await model.generate(long, { maxTokens: 2, onProgress: (...p) => progress.push(p) }).text()
    expect(progress.length).toBeGreaterThan(1)
    expect(progress.at(-1)).toEqual([long.length, long.length])
  })

  test('repeats itself with the same seed, and not with another', async () => {
    const drawn = (seed: number) => continuation(model, { temperature: 2, seed, maxTokens: 20 })
    expect(await drawn(1)).toBe(await drawn(1))
    expect(await drawn(1)).not.toBe(await drawn(2))
  })
})

describe('generations at once', () => {
  test('each give what they give alone', async () => {
    const jobs: [string | number[], GenerateOptions][] = [
      [golden.prompt, greedy],
      ['once upon', { temperature: 1, seed: 7, maxTokens: 15 }],
      [long, { temperature: 1, topK: 5, seed: 8, maxTokens: 5 }],
      ['the world', { temperature: 0, repeatPenalty: 1.3, maxTokens: 10 }],
    ]
    const alone: string[] = []
    for (const [prompt, options] of jobs) alone.push(await model.generate(prompt, options).text())
    const together = jobs.map(([prompt, options]) => model.generate(prompt, options).text())
    expect(await Promise.all(together)).toEqual(alone)
    expect(alone[0]).toBe(golden.text)
  })

  test('may be more than a step holds', async () => {
    const own = await load({ maxSeqLen: 64 })
    const texts = Array.from({ length: 20 }, () => continuation(own, { ...greedy, maxTokens: 5 }))
    expect(new Set(await Promise.all(texts))).toEqual(new Set([textOf(5)]))
  })

  test('do not mind that another is aborted', async () => {
    const controller = new AbortController()
    const other = rejection(model.generate('the world', { ...endless, signal: controller.signal }).text())
    const pieces = await read(model.generate(golden.prompt, greedy), count => {
      if (count === 3) controller.abort(enough)
    })
    expect(pieces.join('')).toBe(golden.text)
    expect(await other).toBe(enough)
  })

  test('wait for their turn where the cache has no room for them', async () => {
    const own = await load({ maxSeqLen: 16 })
    const texts = Array.from({ length: 40 }, () => continuation(own, { ...greedy, maxTokens: 5 }))
    expect(new Set(await Promise.all(texts))).toEqual(new Set([textOf(5)]))
  })
})

describe('an abort', () => {
  test('before the start computes nothing', async () => {
    const generation = model.generate(golden.prompt, { ...greedy, signal: AbortSignal.abort(enough) })
    expect(await rejection(generation.text())).toBe(enough)
    expect(generation.finish).toBe('abort')
    expect(generation.usage.completion).toBe(0)
    expect(await continuation(model)).toBe(golden.text)
  })

  test('in the middle of a prompt ends it there', async () => {
    const controller = new AbortController()
    const progress: number[] = []
    const generation = model.generate(long, {
      signal: controller.signal,
      onProgress: done => {
        progress.push(done)
        controller.abort(enough)
      },
    })
    expect(await rejection(generation.text())).toBe(enough)
    expect(progress).toHaveLength(1)
    expect(await continuation(model)).toBe(golden.text)
  })

  test('in the middle of a text ends it there', async () => {
    const controller = new AbortController()
    const generation = model.generate(golden.prompt, { ...endless, signal: controller.signal })
    let seen = 0
    const reading = read(generation, count => {
      seen = count
      if (count === 3) controller.abort(enough)
    })
    expect(await rejection(reading)).toBe(enough)
    expect(seen).toBe(3)
    expect(generation.finish).toBe('abort')
    expect(generation.usage.completion).toBeGreaterThanOrEqual(3)
    expect(await continuation(model)).toBe(golden.text)
  })
})

// It holds 16 whole contexts: a way of ending that kept its own would be noticed.
describe('the cache is given back by', () => {
  const ways: Record<string, (own: Model) => Promise<unknown>> = {
    'leaving the loop': async own => {
      for await (const _ of own.generate(golden.prompt, endless)) break
    },
    'throwing in the loop': own =>
      rejection(
        read(own.generate(golden.prompt, endless), () => {
          throw enough
        }),
      ),
    'an abort': own => {
      const controller = new AbortController()
      const generation = own.generate(golden.prompt, { ...endless, signal: controller.signal })
      return rejection(read(generation, () => controller.abort()))
    },
    'the end of the context': own => continuation(own, endless),
    'a stop string': own => continuation(own, { ...greedy, stop: golden.text[0]! }),
    'logits of ids': own => own.logits([1, 300]),
    'the end of a feed of a session that is disposed': async own => {
      const session = own.session()
      const feeding = session.feed([1, 300])
      session.dispose()
      await feeding
    },
  }
  test.each(Object.entries(ways))('%s', async (_, end) => {
    const own = await load({ maxSeqLen: 8 })
    for (let i = 0; i < 16; i++) await end(own)
    expect(await continuation(own, { ...greedy, maxTokens: 1 })).toBe(textOf(1))
  })
})

describe('a disposed model', () => {
  test('says so, however often it is disposed', async () => {
    const own = await loadModel(file, { backend: 'reference' })
    const session = own.session()
    const generation = own.generate(golden.prompt)
    await Promise.all([own.dispose(), own.dispose()])
    await own.dispose()
    expect(() => own.generate(golden.prompt)).toThrow(new DisposedError('model'))
    expect(() => own.session()).toThrow(new DisposedError('model'))
    await expect(own.logits([1])).rejects.toThrow(DisposedError)
    await expect(session.feed([1])).rejects.toThrow(DisposedError)
    await expect(generation.text()).rejects.toThrow(DisposedError)
    session.dispose()
  })

  test('ends the generations that run', async () => {
    const own = await loadModel(file, { backend: 'reference' })
    const other = rejection(own.generate('the world', endless).text())
    let seen = 0
    const reading = read(own.generate(golden.prompt, endless), count => {
      seen = count
      return count === 3 && own.dispose()
    })
    expect(await rejection(reading)).toBeInstanceOf(DisposedError)
    expect(await other).toBeInstanceOf(DisposedError)
    expect(seen).toBe(3)
  })

  test('is what `await using` leaves', async () => {
    let kept: Model
    {
      await using own = await loadModel(file, { backend: 'reference' })
      kept = own
      expect(await continuation(own)).toBe(golden.text)
    }
    expect(() => kept.generate(golden.prompt)).toThrow(DisposedError)
  })
})

describe('mistakes of the caller', () => {
  test.each([
    ['temperature', -1],
    ['temperature', Number.NaN],
    ['topK', 1.5],
    ['topP', 2],
    ['minP', -0.5],
    ['repeatPenalty', 0],
    ['repeatLastN', -2],
    ['seed', 0.5],
    ['maxTokens', 0],
    ['stop', 5],
    ['signal', {}],
    ['onProgress', true],
    ['topk', 1],
  ])('the option %s: %s', async (name, value) => {
    const error = await rejection(continuation(model, { [name]: value }))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(String(error)).toContain(name)
  })

  test.each([[[]], [[355]], [[-1]], [[0.5]]])('token ids %j', async ids => {
    await expect(model.generate(ids).text()).rejects.toThrow(InvalidOptionError)
  })

  test('a prompt that leaves no room', async () => {
    const own = await load({ maxSeqLen: golden.promptTokens.length })
    const error = await rejection(continuation(own))
    expect(error).toBeInstanceOf(ContextOverflowError)
    expect(error).toMatchObject({ tokens: 7, capacity: 6 })
    expect(await own.generate(golden.promptTokens.slice(1), { maxTokens: 1 }).text()).not.toBe('')
  })
})

test('an onProgress that throws ends only its own generation', async () => {
  const onProgress = () => {
    throw enough
  }
  const throwing = model.generate('the world', { onProgress }).text()
  expect(await Promise.allSettled([throwing, continuation(model)])).toEqual([
    { status: 'rejected', reason: enough },
    { status: 'fulfilled', value: golden.text },
  ])
})

/** Of the first tokens that llama.cpp finds. */
function textOf(tokens: number): string {
  const decode = model.tokenizer.stream({ continues: true })
  return golden.tokens.slice(0, tokens).map(decode).join('')
}
