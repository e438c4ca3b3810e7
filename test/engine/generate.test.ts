// The generation loop, on a backend whose logits are known.
import { describe, expect, test } from 'vitest'
import { generateTokens, type TokenLoopOptions } from '../../src/engine/generate.ts'
import { createSampler } from '../../src/engine/sampler.ts'
import type { Session } from '../../src/engine/session.ts'
import { ContextOverflowError, InvalidOptionError } from '../../src/errors.ts'
import { Random } from '../fixtures/random.ts'
import { expectedRows, mockEngine, VOCABULARY } from './mock.ts'

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

  /** The same few ids to choose from, until `count` were accepted. */
  function sets(count: number, ids: readonly number[]) {
    const mask = new Uint32Array(2)
    for (const id of ids) mask[id >> 5]! |= 1 << (id & 31)
    let left = count
    return { allowed: () => (left > 0 ? mask : undefined), accept: () => void left-- }
  }

  test('bounds what is drawn as long as it has something to say', async () => {
    const { engine, backend } = await mockEngine()
    const constraint = sets(3, [10, 20, 30])
    const { ids } = await run(engine.session(), { constraint, maxTokens: 5 })
    expect(ids.slice(0, 3).every(id => [10, 20, 30].includes(id))).toBe(true)
    expect(ids.slice(3)).toEqual(continued([...prompt, ...ids.slice(0, 3)], 2))
    expect(backend.steps.map(({ want }) => want)).toEqual(['full', 'full', 'full', 'argmax', 'argmax'])
  })

  test('with one id to choose from costs no step', async () => {
    const { engine, backend } = await mockEngine()
    const session = engine.session()
    const { ids } = await run(session, { constraint: turns(3), maxTokens: 5 })
    expect(ids).toEqual([10, 20, 10, ...continued([...prompt, 10, 20, 10], 2)])
    expect(backend.steps.map(({ tokens }) => tokens)).toEqual([prompt.length, 3, 1])
    expect(session.tokens).toEqual([...prompt, ...ids.slice(0, -1)])
  })

  test('with one id to choose from, which ends it', async () => {
    const { engine } = await mockEngine()
    const { ids, finish } = await run(engine.session(), { constraint: turns(9), stopTokens: new Set([20]) })
    expect({ ids, finish }).toEqual({ ids: [10], finish: 'stop' })
  })

  test('is told of interjected ids', async () => {
    const { engine } = await mockEngine()
    const constraint = turns(3)
    const interject = (id: number) => (id === 10 ? [7] : [])
    await run(engine.session(), { constraint, interject, maxTokens: 4 })
    expect(constraint.accepted.slice(0, 4)).toEqual([10, 7, 10, 7])
  })
})

describe('a draft', () => {
  /** Ids that `drafts` answers for those accepted so far. */
  function drafting(drafts: (accepted: readonly number[], most: number) => readonly number[]) {
    const accepted: number[] = []
    return {
      allowed: () => undefined,
      accept: (id: number) => void accepted.push(id),
      draft: (most: number) => drafts(accepted, most),
    }
  }

  test('that is right costs one step for all of it', async () => {
    const { engine, backend } = await mockEngine()
    const right = continued(prompt, 10)
    const tried: number[][] = []
    const session = engine.session()
    const constraint = drafting(({ length }) => right.slice(length, length + 4))
    const { ids } = await run(session, { constraint, onDraft: (...one) => tried.push(one) })
    expect(ids).toEqual(right)
    expect(backend.steps.map(({ tokens }) => tokens)).toEqual([5, 5, 4])
    expect(tried).toEqual([
      [4, 4],
      [3, 3],
    ])
    expect(session.tokens).toEqual([...prompt, ...right.slice(0, -1)])
  })

  test('that goes wrong counts up to there, and the next one is shorter', async () => {
    const { engine, backend } = await mockEngine()
    const right = continued(prompt, 10)
    const constraint = drafting(({ length }) =>
      right.slice(length, length + 8).map((id, i) => (i === 1 ? 49 - id : id)),
    )
    const { ids } = await run(engine.session(), { constraint })
    expect(ids).toEqual(right)
    expect(backend.steps.map(({ tokens }) => tokens)).toEqual([5, 8, 1, 3, 3, 3, 1])
  })

  test('is so short, and forced ids are fed in so small parts, that logits are exact', async () => {
    const { engine, backend } = await mockEngine(undefined, {}, 4)
    const right = continued(prompt, 10)
    const constraint = drafting(({ length }) => right.slice(length))
    expect((await run(engine.session(), { constraint })).ids).toEqual(right)
    expect(backend.steps.map(({ tokens }) => tokens)).toEqual([5, 4, 4, 1])
    const mask = (length: number) => {
      const bits = new Uint32Array(2)
      if (length > 6) return undefined
      bits[0] = 1 << length
      return bits
    }
    const accepted: number[] = []
    const forced = { allowed: () => mask(accepted.length), accept: (id: number) => void accepted.push(id) }
    const { ids } = await run(engine.session(), { constraint: forced, maxTokens: 8 })
    expect(ids).toEqual([0, 1, 2, 3, 4, 5, 6, ...continued([...prompt, 0, 1, 2, 3, 4, 5, 6], 1)])
    expect(backend.steps.slice(4).map(({ tokens }) => tokens)).toEqual([5, 4, 3])
  })

  test('of which the caller took a part leaves the rest', async () => {
    const { engine } = await mockEngine()
    const session = engine.session()
    const right = continued(prompt, 10)
    const constraint = drafting(({ length }) => right.slice(length))
    const ids: number[] = []
    for await (const id of generateTokens(session, prompt, { ...options, constraint }))
      if (ids.push(id) === 4) break
    expect(session.tokens).toEqual([...prompt, ...right.slice(0, 3)])
  })

  test('under which the session is disposed does no harm', async () => {
    const { engine } = await mockEngine()
    const session = engine.session()
    const right = continued(prompt, 10)
    const constraint = drafting(({ length }) => right.slice(length))
    let count = 0
    for await (const _ of generateTokens(session, prompt, { ...options, constraint }))
      if (++count === 3) {
        session.dispose()
        break
      }
    expect(session.disposed).toBe(true)
  })

  test('leaves the session at its last sound step when it is aborted', async () => {
    const { engine, backend } = await mockEngine()
    const controller = new AbortController()
    backend.during = () => {
      if (backend.steps.length === 3) controller.abort(enough)
    }
    const session = engine.session()
    const constraint = drafting(({ length }, most) =>
      Array.from({ length: most }, (_, i) => (length + i) % 50),
    )
    await expect(run(session, { constraint, signal: controller.signal })).rejects.toBe(enough)
    expect(session.length).toBe(prompt.length + 1)
  })

  /** What a constraint of this seed allows and drafts depends on what it accepted alone. */
  function arbitrary(seed: number, right: readonly number[], drafts: boolean) {
    const accepted: number[] = []
    const random = () => new Random(accepted.reduce((hash, id) => (hash * 31 + id + 1) % 1_000_003, seed))
    return {
      allowed() {
        const own = random()
        const kind = own.below(4)
        if (kind === 0) return undefined
        const mask = new Uint32Array(2)
        for (let count = kind === 1 ? 1 : own.below(30) + 1; count > 0; count--) {
          const id = own.below(VOCABULARY)
          mask[id >> 5]! |= 1 << (id & 31)
        }
        return mask
      },
      accept: (id: number) => void accepted.push(id),
      ...(drafts && {
        draft(most: number) {
          const own = random()
          // Longer than asked for now and then; wrong in some places, as the ids that came without drafts in others.
          return Array.from({ length: own.below(most + 3) }, (_, i) =>
            own.below(5) === 0 ? own.below(VOCABULARY) : (right[accepted.length + i] ?? 0),
          )
        },
      }),
    }
  }

  test.each([
    { temperature: 0 },
    { temperature: 1 },
    { temperature: 1.5, topP: 0.9, presencePenalty: 1, repeatPenalty: 1.2, repeatLastN: 8 },
    { temperature: 1, topK: 5 },
  ])('changes nothing, right or wrong: %j', async sampling => {
    let [drafted, saved] = [0, 0]
    for (let seed = 0; seed < 25; seed++) {
      const own = new Random(seed)
      const [first, stop, most, late] = [own.below(12) + 1, own.below(50), own.below(60), own.below(40)]
      const once = async (right: readonly number[], drafts: boolean) => {
        const { engine, backend } = await mockEngine([{ kind: 'full' }, { kind: 'window', window: 20 }], {
          maxSeqLen: 48,
        })
        const session = engine.session()
        let count = 0
        const { ids, finish } = await run(
          session,
          {
            sampler: createSampler({ ...sampling, seed }),
            maxTokens: most,
            stopTokens: new Set([stop]),
            constraint: arbitrary(seed, right, drafts),
            interject: () => (++count === late ? [7, 8] : []),
            onDraft: (_, drawn) => {
              drafted += drawn
            },
          },
          Array.from({ length: first }, (_, i) => i),
        )
        const fed = session.tokens.slice(first)
        expect(fed).toEqual(ids.slice(0, fed.length))
        expect(fed.length).toBeLessThanOrEqual(ids.length - (finish === 'length' && ids.length > 0 ? 1 : 0))
        return { ids, finish, steps: backend.steps.length }
      }
      const plain = await once([], false)
      const { steps, ...ahead } = await once(plain.ids, true)
      expect(ahead).toEqual({ ids: plain.ids, finish: plain.finish })
      saved += plain.steps - steps
    }
    expect(drafted).toBeGreaterThan(50)
    expect(saved).toBeGreaterThan(20)
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
