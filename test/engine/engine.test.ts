// Engine and sessions on a backend whose logits tell what each token saw: steps, rewinds, forks, aborts, blocks.
import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/engine/session.ts'
import { ContextOverflowError, DisposedError, InvalidOptionError } from '../../src/errors.ts'
import { range } from '../conformance/random.ts'
import { withResolvers } from '../support/with-resolvers.ts'
import { fed, feedRight, full, ids, window } from './feeds.ts'
import { expectedRows, freeBlocks, mockEngine, rowsOf, VOCABULARY } from './mock.ts'

const enough = new Error('enough')

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('expected a rejection'),
    (error: unknown) => error,
  )
}

describe('a step', () => {
  test('computes the tokens of all sessions that ask in one turn', async () => {
    const { engine, backend } = await mockEngine()
    const sessions = [await fed(engine, ids(35)), engine.session(), engine.session()]
    backend.steps.length = 0
    await Promise.all(sessions.map((session, i) => feedRight(session, ids([1, 4, 2][i]!, `session ${i}`))))
    expect(backend.steps).toMatchObject([{ tokens: 7, sequences: 3 }])
  })

  test('takes in what arrives while the one before runs', async () => {
    const { engine, backend } = await mockEngine()
    const late: Promise<void>[] = []
    backend.during = () => {
      if (backend.steps.length === 1) late.push(feedRight(engine.session(), ids(3)))
    }
    await feedRight(engine.session(), ids(17))
    await Promise.all(late)
    expect(backend.steps).toMatchObject([
      { tokens: 8, sequences: 1 },
      { tokens: 7, sequences: 2 },
      { tokens: 5, sequences: 1 },
    ])
  })

  test('serves short feeds at once, beside a part of the long ones', async () => {
    const { engine, backend } = await mockEngine()
    const done: string[] = []
    await Promise.all([
      engine
        .session()
        .feed(ids(40))
        .then(() => done.push('long')),
      engine
        .session()
        .feed(ids(1))
        .then(() => done.push('short')),
    ])
    expect(done).toEqual(['short', 'long'])
    expect(backend.steps.map(({ tokens }) => tokens)).toEqual([1 + 4, 16, 16, 4])
  })

  test('holds no more sequences than it may', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 2 })
    await Promise.all(range(4).map(i => feedRight(engine.session(), ids(3, `session ${i}`))))
    expect(backend.steps.map(({ sequences }) => sequences)).toEqual([2, 2])
  })

  test('gives each session as much of its logits as it wants', async () => {
    const { engine, backend } = await mockEngine()
    const [row] = expectedRows([full], [7]) as [Float32Array]
    const best = range(VOCABULARY).sort((a, b) => row[b]! - row[a]!)
    const expected = (count: number) => {
      const kept = best.slice(0, count)
      return {
        rows: 1,
        width: count,
        ids: Int32Array.from(kept),
        values: Float32Array.from(kept, id => row[id]!),
      }
    }
    const ask = (...wants: Parameters<Session['feed']>[1][]) =>
      Promise.all(wants.map(options => engine.session().feed([7], options)))
    expect(await ask({ want: 'argmax' }, { want: { top: 3 } }, { want: { top: 9 } })).toEqual([
      expected(1),
      expected(3),
      expected(9),
    ])
    expect(await ask({ want: { top: 2 } }, {})).toEqual([
      expected(2),
      { rows: 1, width: VOCABULARY, ids: undefined, values: row },
    ])
    expect(backend.steps.map(({ want }) => want)).toEqual([{ top: 9 }, 'full'])
  })

  test('is as long as suits the backend, unless told', async () => {
    for (const [options, tokens] of [
      [{}, [16, 4]],
      [{ maxTokens: 7 }, [7, 7, 6]],
    ] as const) {
      const { engine, backend } = await mockEngine([full], options)
      await engine.session().feed(ids(20))
      expect(backend.steps.map(step => step.tokens)).toEqual(tokens)
    }
  })

  test('that fails rejects the feeds in it and no others', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 1 })
    backend.during = () => {
      if (backend.steps.length === 1) throw enough
    }
    const sessions = [engine.session(), engine.session()]
    const [first, second] = await Promise.allSettled(sessions.map(session => session.feed([1])))
    expect([first, second]).toMatchObject([{ status: 'rejected', reason: enough }, { status: 'fulfilled' }])
    await feedRight(sessions[0]!, ids(3))
  })
})

describe('a feed', () => {
  test.each([1, 2, 7, 16, 31, 32, 33, 100])('in pieces of %d is the same as at once', async size => {
    const { engine } = await mockEngine()
    const session = engine.session()
    const tokens = ids(100)
    while (session.length < 100) await feedRight(session, tokens.slice(session.length, session.length + size))
  })

  test.each([
    ['the last', undefined, [39]],
    ['the last', 'last', [39]],
    ['no', [], []],
    ['some', [0, 8, 15, 16, 38], [0, 8, 15, 16, 38]],
    ['all', 'all', range(40)],
  ] as const)('answers %s rows (%j)', async (_, rows, indices) => {
    const { engine } = await mockEngine()
    const tokens = ids(40)
    const logits = await engine.session().feed(tokens, { rows })
    const expected = expectedRows([full], tokens)
    expect(rowsOf(logits)).toEqual(indices.map(i => expected[i]))
  })

  test('joins the best few of several steps', async () => {
    const { engine } = await mockEngine()
    const tokens = ids(20)
    const logits = await engine.session().feed(tokens, { rows: 'all', want: 'argmax' })
    const best = expectedRows([full], tokens).map(row => row.indexOf(Math.max(...row)))
    expect(logits).toMatchObject({ rows: 20, width: 1, ids: Int32Array.from(best) })
  })

  test('tells its progress', async () => {
    const { engine } = await mockEngine()
    const progress: number[][] = []
    await engine.session().feed(ids(40), { onProgress: (done, total) => progress.push([done, total]) })
    expect(progress).toEqual([
      [16, 40],
      [32, 40],
      [40, 40],
    ])
  })

  test.each([1, 2, 3])('whose progress throws after step %d ends there, and no other does', async step => {
    const groups = [full, window(8)]
    const { engine } = await mockEngine(groups)
    const [session, other] = [engine.session(), engine.session()]
    const progress: number[] = []
    const onProgress = (done: number) => {
      if (progress.push(done) === step) throw enough
    }
    const [reason] = await Promise.all([
      rejection(session.feed(ids(40), { onProgress })),
      feedRight(other, ids(30, 'other'), groups),
    ])
    expect(reason).toBe(enough)
    expect(session.tokens).toEqual(ids(40).slice(0, progress.at(-1)))
    await feedRight(session, ids(20, 'more'), groups)
  })

  test('beyond the context is refused with the numbers, and changes nothing', async () => {
    const { engine } = await mockEngine([full], { maxSeqLen: 40 })
    const session = await fed(engine, ids(30))
    const error = await rejection(session.feed(ids(11)))
    expect(error).toBeInstanceOf(ContextOverflowError)
    expect(error).toMatchObject({ tokens: 41, capacity: 40 })
    await feedRight(session, ids(10))
  })

  test.each([
    ['no ids', [], {}],
    ['a negative id', [1, -1], {}],
    ['an id beyond the vocabulary', [VOCABULARY], {}],
    ['half an id', [0.5], {}],
    ['a row too many', [1, 2], { rows: [2] }],
    ['a negative row', [1, 2], { rows: [-1] }],
    ['half a row', [1, 2], { rows: [0.5] }],
    ['a row twice', [1, 2], { rows: [1, 1] }],
    ['rows that descend', [1, 2], { rows: [1, 0] }],
  ])('of %s is refused', async (_, tokens, options) => {
    const { engine, backend } = await mockEngine()
    const session = engine.session()
    expect(await rejection(session.feed(tokens, options))).toBeInstanceOf(InvalidOptionError)
    expect(backend.steps).toEqual([])
    await feedRight(session, [1])
  })

  test('has the session to itself', async () => {
    const { engine } = await mockEngine()
    const session = engine.session()
    const feeding = feedRight(session, ids(20))
    expect(await rejection(session.feed([1]))).toBeInstanceOf(InvalidOptionError)
    expect(() => session.rewind(0)).toThrow('already computing')
    expect(() => session.fork()).toThrow('already computing')
    await feeding
  })
})

describe('rewind', () => {
  test.each([0, 1, 31, 32, 33, 63, 64, 70])('to %d of 70 forgets the rest', async length => {
    const { engine, backend } = await mockEngine()
    const session = await fed(engine, ids(70))
    session.rewind(length)
    expect(session.tokens).toEqual(ids(70).slice(0, length))
    const before = backend.computed
    await feedRight(session, ids(40, 'other'))
    expect(backend.computed - before).toBe(40)
  })

  test('gives back the blocks beyond', async () => {
    const { engine } = await mockEngine()
    const session = await fed(engine, ids(128))
    const free: number[] = []
    for (const length of [97, 96, 33, 32, 1, 0]) {
      session.rewind(length)
      free.push(freeBlocks(engine))
    }
    expect(free).toEqual([12, 13, 14, 15, 15, 16])
  })

  test.each([-1, 0.5, 4, Number.NaN])('to %d of 3 is refused', async length => {
    const { engine } = await mockEngine()
    const session = await fed(engine, ids(3))
    expect(() => session.rewind(length)).toThrow(InvalidOptionError)
    await feedRight(session, ids(1))
  })
})

describe('fork', () => {
  test.each([0, 1, 31, 32, 33, 50])('at %d: both branches go their own way', async length => {
    const { engine, backend } = await mockEngine()
    const trunk = await fed(engine, ids(50))
    trunk.rewind(length)
    const branch = trunk.fork()
    backend.steps.length = 0
    await Promise.all([feedRight(trunk, ids(3, 'trunk')), feedRight(branch, ids(2, 'branch'))])
    // Whoever writes first takes the copy; the other is then alone with the block.
    expect(backend.steps).toMatchObject([{ copies: length % 32 === 0 ? 0 : 1 }])
    await feedRight(trunk, ids(40, 'more trunk'))
    await feedRight(branch, ids(40, 'more branch'))
  })

  test('shares all blocks until one is written', async () => {
    const { engine } = await mockEngine()
    const trunk = await fed(engine, ids(70))
    const branches = range(3).map(() => trunk.fork())
    expect(freeBlocks(engine)).toBe(13)
    await branches[0]!.feed([1])
    expect(freeBlocks(engine)).toBe(12)
    trunk.dispose()
    for (const branch of branches) await feedRight(branch, ids(30))
    for (const branch of branches) branch.dispose()
    expect(freeBlocks(engine)).toBe(16)
  })

  test('leaves alone what it shares when one rewinds into it', async () => {
    const { engine } = await mockEngine()
    const trunk = await fed(engine, ids(70))
    const branch = trunk.fork()
    trunk.rewind(20)
    await feedRight(trunk, ids(30, 'other'))
    await feedRight(branch, ids(5))
  })
})

describe('a window', () => {
  // Blocks go back when they are 16 + 16 positions beyond the window.
  const options = { maxSeqLen: 384 }

  test.each([1, 2, 31, 32, 33, 100, 1000])('of %d sees what it should, and no more', async size => {
    for (const groups of [[window(size)], [full, window(size)]]) {
      const { engine } = await mockEngine(groups, options)
      await feedRight(engine.session(), ids(200), groups)
    }
  })

  test('gives blocks back', async () => {
    const { engine } = await mockEngine([window(32)], options)
    const all = freeBlocks(engine)
    const session = engine.session()
    const used: number[] = []
    for (const length of [64, 95, 96, 128, 200, 384]) {
      await feedRight(session, ids(length - session.length, `to ${length}`), [window(32)])
      used.push(all - freeBlocks(engine))
    }
    expect(used).toEqual([2, 3, 2, 2, 3, 2])
    session.dispose()
    expect(freeBlocks(engine)).toBe(all)
  })

  test('never needs more blocks than the pool has for the sequences of a step', async () => {
    const { engine } = await mockEngine([window(20)], options)
    const sessions = range(4).map(() => engine.session())
    for (let length = 0; length < 384; length += 32)
      await Promise.all(sessions.map((session, i) => session.feed(ids(32, `session ${i}`))))
  })

  test.each([[[window(20)]], [[full, window(20)]]])('%j: rewinds', async groups => {
    const { engine, backend } = await mockEngine(groups, options)
    const session = await fed(engine, ids(192))
    const computed = async (length: number) => {
      session.rewind(length)
      expect(session.length).toBe(length)
      const before = backend.computed
      await feedRight(session, ids(3, `from ${length}`), groups)
      return backend.computed - before
    }
    expect(await computed(192)).toBe(3)
    expect(await computed(192 - 32)).toBe(3)
    // Position 128 begins the first block that is kept; 147 is the last position whose window begins there.
    expect(await computed(147)).toBe(3)
    expect(await computed(146)).toBe(149)
    expect(await computed(115)).toBe(3)
  })

  test('rewound, forked, fed and aborted while it has to be computed again', async () => {
    const groups = [full, window(20)]
    const { engine, backend } = await mockEngine(groups, options)
    const session = await fed(engine, ids(200))
    session.rewind(100)
    const branch = session.fork()
    session.rewind(90)

    const controller = new AbortController()
    const steps = backend.steps.length
    backend.during = () => {
      if (backend.steps.length === steps + 3) controller.abort(enough)
    }
    expect(await rejection(session.feed([1], { signal: controller.signal }))).toBe(enough)
    expect(session.tokens).toEqual(ids(200).slice(0, 90))
    // Within the block that the aborted step was to fill.
    session.rewind(60)

    await Promise.all([
      feedRight(session, ids(4, 'trunk'), groups),
      feedRight(branch, ids(5, 'branch'), groups),
    ])
  })
})

describe('an abort', () => {
  test('before the feed computes nothing', async () => {
    const { engine, backend } = await mockEngine()
    const session = await fed(engine, ids(20))
    const steps = backend.steps.length
    expect(await rejection(session.feed([1], { signal: AbortSignal.abort(enough) }))).toBe(enough)
    expect(backend.steps.length).toBe(steps)
    expect(session.length).toBe(20)
    await feedRight(session, ids(20))
  })

  test.each([1, 2, 3])('in step %d leaves the session at the step before', async step => {
    const { engine, backend } = await mockEngine()
    const session = await fed(engine, ids(20))
    const controller = new AbortController()
    backend.during = () => {
      if (backend.steps.length === 2 + step) controller.abort(enough)
    }
    expect(await rejection(session.feed(ids(50, 'more'), { signal: controller.signal }))).toBe(enough)
    expect(session.tokens).toEqual([...ids(20), ...ids(50, 'more').slice(0, (step - 1) * 16)])
    await feedRight(session, ids(40, 'other'))
    session.dispose()
    expect(freeBlocks(engine)).toBe(16)
  })

  test('answers before the step ends', async () => {
    const { engine, backend } = await mockEngine()
    const controller = new AbortController()
    const { promise, resolve } = withResolvers()
    backend.during = () => {
      controller.abort(enough)
      return promise
    }
    const session = engine.session()
    expect(await rejection(session.feed(ids(20), { signal: controller.signal }))).toBe(enough)
    const branch = session.fork()
    const feeds = [feedRight(session, ids(3, 'trunk')), feedRight(branch, ids(4, 'branch'))]
    resolve()
    await Promise.all(feeds)
  })

  test('of one session leaves the others in the step alone', async () => {
    const { engine, backend } = await mockEngine()
    const controller = new AbortController()
    backend.during = () => controller.abort(enough)
    const [aborted, other] = [engine.session(), engine.session()]
    const [reason] = await Promise.all([
      rejection(aborted.feed(ids(4), { signal: controller.signal })),
      feedRight(other, ids(5)),
    ])
    expect(reason).toBe(enough)
    expect(aborted.length).toBe(0)
    await feedRight(aborted, ids(6))
  })

  test('stops a step that nobody waits for any more', async () => {
    const { engine, backend } = await mockEngine()
    const controllers = [new AbortController(), new AbortController()]
    const stopped: (boolean | undefined)[] = []
    backend.during = signal => {
      for (const controller of controllers) {
        controller.abort(enough)
        stopped.push(signal?.aborted)
      }
    }
    const feeds = controllers.map(({ signal }) => engine.session().feed([1], { signal }))
    expect(await Promise.all(feeds.map(rejection))).toEqual([enough, enough])
    expect(stopped).toEqual([false, true])
  })

  test('leaves a copied block copied', async () => {
    const { engine, backend } = await mockEngine()
    const trunk = await fed(engine, ids(40))
    const branch = trunk.fork()
    const controller = new AbortController()
    backend.during = () => controller.abort(enough)
    expect(await rejection(branch.feed([1], { signal: controller.signal }))).toBe(enough)
    expect(backend.steps.at(-1)!.copies).toBe(1)
    await feedRight(branch, ids(3, 'branch'))
    await feedRight(trunk, ids(3, 'trunk'))
  })
})

describe('dispose', () => {
  test('of a session gives all blocks back, once', async () => {
    const groups = [full, window(8)]
    const { engine } = await mockEngine(groups, { maxSeqLen: 96, maxTokens: 8 })
    const all = freeBlocks(engine)
    expect(all).toBe(12)
    const sessions = [await fed(engine, ids(90)), await fed(engine, ids(20)), engine.session()]
    sessions.push(sessions[0]!.fork(), sessions[1]!.fork())
    await sessions[3]!.feed([1])
    for (const session of [...sessions, ...sessions]) session.dispose()
    expect(freeBlocks(engine)).toBe(all)
  })

  test('of a session lets the feed under way end first', async () => {
    const { engine, backend } = await mockEngine()
    const session = engine.session()
    const others: Promise<void>[] = []
    backend.during = () => {
      session.dispose()
      // Would take its block, were it given back already.
      if (others.length === 0) others.push(feedRight(engine.session(), [1]))
    }
    const tokens = ids(20)
    expect(rowsOf(await session.feed(tokens))).toEqual([expectedRows([full], tokens)[19]])
    await Promise.all(others)
    expect(freeBlocks(engine)).toBe(15)
  })

  test('of a session is the end of it', async () => {
    const { engine } = await mockEngine()
    const session = await fed(engine, ids(3))
    session.dispose()
    expect(await rejection(session.feed([1]))).toBeInstanceOf(DisposedError)
    expect(() => session.rewind(0)).toThrow(DisposedError)
    expect(() => session.fork()).toThrow(DisposedError)
  })

  test('of the engine ends the feeds under way', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 1 })
    const sessions = [engine.session(), engine.session()]
    const disposals: Promise<void>[] = []
    backend.during = () => {
      disposals.push(engine.dispose())
    }
    for (const error of await Promise.all(sessions.map(session => rejection(session.feed([1])))))
      expect(error).toBeInstanceOf(DisposedError)
    await Promise.all(disposals)
    expect(backend.disposed).toBe(true)
    expect(backend.steps).toHaveLength(1)
    await engine.dispose()
    expect(() => engine.session()).toThrow(DisposedError)
    expect(await rejection(sessions[0]!.feed([1]))).toBeInstanceOf(DisposedError)
    for (const session of sessions) session.dispose()
  })
})

test('a feed of an id that is undefined is refused', async () => {
  const { engine } = await mockEngine()
  const nothing = [] as number[]
  expect(await rejection(engine.session().feed([1, nothing[0]!]))).toBeInstanceOf(InvalidOptionError)
})
