// Who is served when more ask than a step or the cache holds, on a backend whose logits tell what each token saw.
import { describe, expect, test } from 'vitest'
import type { Session } from '../../src/engine/session.ts'
import { range } from '../conformance/random.ts'
import { fed, feedRight, full, ids, window } from './feeds.ts'
import { expectedRows, freeBlocks, mockEngine, rowsOf, VOCABULARY } from './mock.ts'

describe('turns', () => {
  /** Feeds one id after another, as generations do, and tells each. */
  async function decode(session: Session, count: number, told: () => void): Promise<void> {
    for (let i = 0; i < count; i++) {
      await feedRight(session, [i % VOCABULARY])
      told()
    }
  }

  test('come round for all where a step holds fewer', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 4, maxSeqLen: 128 })
    const served = new Map<number, number>()
    await Promise.all(
      range(10).map(i =>
        decode(engine.session(), 20, () => {
          const step = backend.steps.length
          // Two rounds of three steps at most, however the first steps were filled.
          expect(step - (served.get(i) ?? 0)).toBeLessThan(7)
          served.set(i, step)
        }),
      ),
    )
    expect(backend.steps).toHaveLength(50)
  })

  test('are kept by a long feed and by short ones beside it', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 4, maxSeqLen: 128 })
    let longDone = 0
    const long = engine
      .session()
      .feed(ids(100), { onProgress: () => longDone++ })
      .then(() => backend.steps.length)
    let short = 0
    const decoders = range(5).map(() => decode(engine.session(), 40, () => short++))
    // Four tokens or more in every other step, and the others' words meanwhile.
    expect(await long).toBeLessThan(52)
    expect(longDone).toBeGreaterThan(5)
    expect(short).toBeGreaterThan(60)
    await Promise.all(decoders)
  })

  test('are shared by those whose words take longer to handle', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 4 })
    const slow = async () => {
      const session = engine.session()
      for (let i = 0; i < 10; i++) {
        await feedRight(session, [i])
        for (let j = 0; j < 30; j++) await Promise.resolve()
      }
    }
    await Promise.all([decode(engine.session(), 10, () => {}), slow(), slow()])
    expect(backend.steps.map(({ sequences }) => sequences)).toEqual(range(10).map(() => 3))
  })
})

describe('repeatable', () => {
  // The mock has 16 tokens a step, and few are 2.
  test('few tokens and many have steps of their own, and turns', async () => {
    const { engine, backend } = await mockEngine([full], { repeatable: true, maxRows: 32 })
    const decoding = range(5).map(async i => {
      const session = engine.session()
      for (let j = 0; j < 12; j++) await feedRight(session, ids(1 + (j % 2), `${i} ${j}`))
    })
    const lengths = [60, 3, 4, 5, 17, 18, 19, 35, 3]
    const long = lengths.map((length, i) => feedRight(engine.session(), ids(length, `long ${i}`)))
    await Promise.all([...long, ...decoding])
    for (const { tokens, parts } of backend.steps)
      if (tokens > 2) for (const part of parts) expect(part).toBeGreaterThan(2)
    expect(backend.steps.some(({ sequences }) => sequences === 2)).toBe(true)
    expect(backend.steps.every(({ repeatable }) => repeatable)).toBe(true)
    // Nobody waits until the others have ended.
    const kinds = backend.steps.map(({ tokens }) => (tokens > 2 ? 'm' : 'f')).join('')
    expect(kinds.slice(0, kinds.lastIndexOf('m'))).not.toMatch(/f{9}|m{9}/)
  })

  test('only those who ask for it', async () => {
    const { engine, backend } = await mockEngine([full], { repeatable: true })
    const feed = (length: number, repeatable: boolean) => engine.session().feed(ids(length), { repeatable })
    await Promise.all([
      feed(1, false),
      feed(1, false),
      feed(1, false),
      feed(9, false),
      feed(1, true),
      feed(5, true),
    ])
    expect(backend.steps.map(({ parts }) => parts.toSorted())).toEqual([[1, 1, 1, 4], [1], [5], [5]])
    // A feed alone is so in any case: drafts are checked against what would have been said without them.
    expect(backend.steps.map(({ repeatable }) => repeatable)).toEqual([false, true, true, true])
  })

  test.each([3, 16, 17, 18, 19, 33, 34, 100])(
    'a feed of %d tokens is cut as if it were alone',
    async length => {
      const { engine, backend } = await mockEngine([full], { repeatable: true, maxRows: 32 })
      await feedRight(engine.session(), ids(length))
      for (const { tokens } of backend.steps) expect(tokens).toBeGreaterThan(2)
      expect(backend.computed).toBe(length)
    },
  )
})

describe('a full cache', () => {
  test('takes the blocks of those who were idle longest', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 2, maxSeqLen: 64 })
    const [oldest, older] = [await fed(engine, ids(33)), await fed(engine, ids(33, 'older'))]
    await oldest.feed([1])
    await feedRight(engine.session(), ids(40, 'new'))
    expect(engine.freeBlocks).toEqual([0])
    const computed = async (session: Session) => {
      const before = backend.computed
      await feedRight(session, [2])
      return backend.computed - before
    }
    expect(await computed(oldest)).toBe(1)
    expect(await computed(older)).toBe(34)
    expect(await computed(oldest)).toBe(1)
  })

  test('lets feeds wait for blocks, in their order', async () => {
    const { engine } = await mockEngine([full], { maxSequences: 2, maxSeqLen: 64 })
    const done: number[] = []
    await Promise.all(
      range(9).map(async i => {
        const session = engine.session()
        await feedRight(session, ids(50, `session ${i}`))
        await feedRight(session, ids(14, `more ${i}`))
        session.dispose()
        done.push(i)
      }),
    )
    expect(done).toHaveLength(9)
    expect(done.indexOf(0)).toBeLessThan(3)
    expect(done.indexOf(8)).toBeGreaterThan(5)
    expect(freeBlocks(engine)).toBe(4)
  })

  test('in which nobody can go on lets the one that came last begin again', async () => {
    const { engine, backend } = await mockEngine([full], { maxSequences: 2, maxSeqLen: 96 })
    const sessions = range(3).map(() => engine.session())
    await Promise.all(sessions.map((session, i) => session.feed(ids(60, `session ${i}`))))
    expect(engine.freeBlocks).toEqual([0])
    backend.steps.length = 0
    // Each needs a third block.
    const rows = range(30)
    const [first, second, third] = await Promise.all(
      sessions.map(session => session.feed(ids(30, 'more'), { rows })),
    )
    for (const [i, logits] of [first, second, third].entries()) {
      const tokens = [...ids(60, `session ${i}`), ...ids(30, 'more')]
      expect(rowsOf(logits!)).toEqual(expectedRows([full], tokens).slice(60))
      expect(sessions[i]!.tokens).toEqual(tokens)
    }
    expect(backend.computed).toBeGreaterThan(90)
    for (const session of sessions) session.dispose()
    expect(freeBlocks(engine)).toBe(6)
  })

  test('tells progress that begins again', async () => {
    const { engine } = await mockEngine([full], { maxSequences: 1, maxSeqLen: 64 })
    const session = await fed(engine, ids(30))
    await feedRight(engine.session(), ids(50, 'other'))
    const progress: number[][] = []
    await session.feed(ids(10), { onProgress: (done, total) => progress.push([done, total]) })
    expect(progress).toEqual([
      [16, 40],
      [32, 40],
      [40, 40],
    ])
  })

  test('has the copy that a fork needs', async () => {
    const { engine } = await mockEngine([full], { maxSequences: 1, maxSeqLen: 64 })
    const trunk = await fed(engine, ids(40))
    const branch = trunk.fork()
    await Promise.all([feedRight(branch, ids(3)), feedRight(trunk, ids(4))])
    trunk.dispose()
    branch.dispose()
    expect(freeBlocks(engine)).toBe(2)
  })

  test('of one group alone', async () => {
    // 10 full blocks, but 3 of the window.
    const groups = [full, window(8)]
    const { engine } = await mockEngine(groups, { maxSequences: 1, maxSeqLen: 320, maxTokens: 8 })
    const sessions = range(7).map(() => engine.session())
    for (let i = 0; i < 3; i++) await Promise.all(sessions.map(session => feedRight(session, [i], groups)))
    await feedRight(sessions[0]!, ids(300), groups)
    for (const session of sessions) await feedRight(session, [4], groups)
    for (const session of sessions) session.dispose()
    expect(freeBlocks(engine)).toBe(3)
  })
})
