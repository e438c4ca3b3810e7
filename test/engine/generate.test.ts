// The generation loop, on a backend whose logits are known.
import { describe, expect, test } from 'vitest'
import { generateTokens, type TokenLoopOptions } from '../../src/engine/generate.ts'
import { createSampler } from '../../src/engine/sampler.ts'
import type { Session } from '../../src/engine/session.ts'
import { ContextOverflowError, InvalidOptionError } from '../../src/errors.ts'
import { expectedRows, mockEngine } from './mock.ts'

const prompt = [3, 1, 4, 1, 5]
const enough = new Error('enough')
const options: TokenLoopOptions = {
  sampler: createSampler({ temperature: 0 }),
  maxTokens: 10,
  stopTokens: new Set(),
}

/** The best ids after `tokens`, each after those before it. */
function continued(tokens: readonly number[], count: number): number[] {
  const all = [...tokens]
  while (all.length < tokens.length + count) {
    const row = expectedRows([{ kind: 'full' }], all).at(-1)!
    all.push(row.indexOf(Math.max(...row)))
  }
  return all.slice(tokens.length)
}

/** All ids, and what the loop returned. */
async function run(session: Session, changes: Partial<TokenLoopOptions> = {}, tokens = prompt) {
  const loop = generateTokens(session, tokens, { ...options, ...changes })
  const ids: number[] = []
  for (;;) {
    const { done, value } = await loop.next()
    if (done) return { ids, finish: value }
    ids.push(value)
  }
}

describe('a generation', () => {
  test('yields the best ids, and feeds each but the last', async () => {
    const { engine, backend } = await mockEngine()
    const session = engine.session()
    const { ids, finish } = await run(session)
    expect(ids).toEqual(continued(prompt, 10))
    expect(finish).toBe('length')
    expect(session.tokens).toEqual([...prompt, ...ids.slice(0, -1)])
    expect(backend.steps.map(({ tokens }) => tokens)).toEqual([5, 1, 1, 1, 1, 1, 1, 1, 1, 1])
    expect(new Set(backend.steps.map(({ want }) => want))).toEqual(new Set(['argmax']))
  })

  test('goes on from what the session holds', async () => {
    const { engine } = await mockEngine()
    const session = engine.session()
    await session.feed([9, 9])
    expect((await run(session)).ids).toEqual(continued([9, 9, ...prompt], 10))
  })

  test('yields each id before it is fed', async () => {
    const { engine } = await mockEngine()
    const session = engine.session()
    let count = 0
    for await (const _ of generateTokens(session, prompt, options))
      expect(session.length).toBe(prompt.length + count++)
  })

  test('lets the sampler see the whole past', async () => {
    const { engine } = await mockEngine()
    const sampler = createSampler({ temperature: 0, presencePenalty: 100, repeatLastN: -1 })
    const { ids } = await run(engine.session(), { sampler, maxTokens: 40 })
    expect(new Set([...prompt, ...ids]).size).toBe(4 + 40)
  })

  test('tells the progress of the prompt alone', async () => {
    const { engine } = await mockEngine()
    const progress: number[][] = []
    const tokens = Array.from({ length: 20 }, (_, i) => i)
    await run(engine.session(), { onProgress: (...now) => progress.push(now) }, tokens)
    expect(progress).toEqual([
      [16, 20],
      [20, 20],
    ])
  })

  test('of no ids is refused', async () => {
    const { engine } = await mockEngine()
    await expect(run(engine.session(), {}, [])).rejects.toThrow(InvalidOptionError)
  })
})

describe('ends', () => {
  test('at a stop token, which it does not yield', async () => {
    const { engine } = await mockEngine()
    const expected = continued(prompt, 10)
    const stop = expected.findIndex((id, i) => i >= 4 && expected.indexOf(id) === i)
    const session = engine.session()
    const { ids, finish } = await run(session, { stopTokens: new Set([49.5, expected[stop]!]) })
    expect({ ids, finish }).toEqual({ ids: expected.slice(0, stop), finish: 'stop' })
    expect(session.tokens).toEqual([...prompt, ...ids])
  })

  test.each([0, 1, 2])('after %d tokens', async maxTokens => {
    const { engine, backend } = await mockEngine()
    const { ids, finish } = await run(engine.session(), { maxTokens })
    expect({ ids, finish }).toEqual({ ids: continued(prompt, maxTokens), finish: 'length' })
    expect(backend.steps).toHaveLength(maxTokens)
  })

  test('when the context is full', async () => {
    const { engine } = await mockEngine(undefined, { maxSeqLen: 8 })
    const session = engine.session()
    const { ids, finish } = await run(session)
    expect({ ids, finish }).toEqual({ ids: continued(prompt, 3), finish: 'length' })
    // Nothing is to follow the last one: it need not be fed.
    expect(session.length).toBe(7)
  })

  test('before it starts, if the prompt leaves no room', async () => {
    const { engine, backend } = await mockEngine(undefined, { maxSeqLen: 8 })
    const session = engine.session()
    await session.feed([1, 2, 3])
    const error = await run(session).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ContextOverflowError)
    expect(error).toMatchObject({ tokens: 9, capacity: 8 })
    expect(backend.steps).toHaveLength(1)
    expect((await run(session, { maxTokens: 1 }, prompt.slice(1))).ids).toHaveLength(1)
  })

  test('when the loop is left, and the session can go on', async () => {
    const { engine } = await mockEngine()
    const session = engine.session()
    const ids: number[] = []
    for await (const id of generateTokens(session, prompt, options)) if (ids.push(id) === 3) break
    expect(session.length).toBe(7)
    expect((await run(session, {}, [ids[2]!])).ids).toEqual(continued([...prompt, ...ids], 10))
  })
})

describe('a constraint', () => {
  /** Ids 10 and 20 by turns, until `count` were accepted; then everything. */
  function turns(count: number) {
    const accepted: number[] = []
    return {
      accepted,
      allowed() {
        if (accepted.length >= count) return undefined
        const mask = new Uint32Array(2)
        const id = accepted.length % 2 === 0 ? 10 : 20
        mask[id >> 5]! |= 1 << (id & 31)
        return mask
      },
      accept(id: number) {
        accepted.push(id)
      },
    }
  }

  test('bounds what is drawn as long as it has something to say', async () => {
    const { engine, backend } = await mockEngine()
    const constraint = turns(3)
    const { ids } = await run(engine.session(), { constraint, maxTokens: 5 })
    expect(ids).toEqual([10, 20, 10, ...continued([...prompt, 10, 20, 10], 2)])
    expect(backend.steps.map(({ want }) => want)).toEqual(['full', 'full', 'full', 'argmax', 'argmax'])
  })

  test('is told of interjected ids', async () => {
    const { engine } = await mockEngine()
    const constraint = turns(3)
    const interject = (id: number) => (id === 10 ? [7] : [])
    await run(engine.session(), { constraint, interject, maxTokens: 4 })
    expect(constraint.accepted.slice(0, 4)).toEqual([10, 7, 10, 7])
  })
})

describe('an abort', () => {
  test('before the start computes nothing', async () => {
    const { engine, backend } = await mockEngine()
    await expect(run(engine.session(), { signal: AbortSignal.abort(enough) })).rejects.toBe(enough)
    expect(backend.steps).toEqual([])
  })

  test.each([1, 2, 5])('in step %d ends it with the reason', async step => {
    const { engine, backend } = await mockEngine()
    const controller = new AbortController()
    backend.during = () => {
      if (backend.steps.length === step) controller.abort(enough)
    }
    const session = engine.session()
    await expect(run(session, { signal: controller.signal })).rejects.toBe(enough)
    expect(backend.steps).toHaveLength(step)
    expect(session.length).toBe(step === 1 ? 0 : prompt.length + step - 2)
  })

  test('between two ids ends it at the next', async () => {
    const { engine } = await mockEngine()
    const controller = new AbortController()
    const loop = generateTokens(engine.session(), prompt, { ...options, signal: controller.signal })
    await loop.next()
    controller.abort(enough)
    await expect(loop.next()).rejects.toBe(enough)
  })
})
