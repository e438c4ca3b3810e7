// Sessions that live at random side by side, each compared with a plain array of tokens.
import { expect, test } from 'vitest'
import type { Session } from '../../src/engine/session.ts'
import type { CacheGroup } from '../../src/graph/ops.ts'
import { Random, range } from '../conformance/random.ts'
import { expectedRows, freeBlocks, mockEngine, rowsOf, VOCABULARY } from './mock.ts'

const enough = new Error('enough')
const full: CacheGroup = { kind: 'full' }
const window = (size: number): CacheGroup => ({ kind: 'window', window: size })

test.each([[[full]], [[window(20)]], [[full, window(20)]], [[window(1), full, window(70)]]])(
  '%j: feeds, rewinds, forks, aborts and disposals, more than the cache holds',
  async groups => {
    const random = new Random(`sessions ${JSON.stringify(groups)}`)
    const limits = { maxSeqLen: 192, maxTokens: 16, maxRows: 8, maxSequences: 3 }
    const { engine, backend } = await mockEngine(groups, { ...limits, repeatable: groups.length > 1 })
    const all = freeBlocks(engine)
    const seen = { fed: 0, aborted: 0, partly: 0, recomputed: 0 }
    let left = 300
    let alive = 0
    let lives: Promise<void>[] = []

    const doomed: AbortController[] = []
    backend.during = async () => {
      if (random.below(3) === 0) await Promise.resolve()
      if (random.below(3) === 0) doomed.pop()?.abort(enough)
    }

    async function live(session: Session, tokens: number[]): Promise<void> {
      alive++
      while (left-- > 0) {
        const choice = random.below(12)
        if (choice === 0 || tokens.length === limits.maxSeqLen) {
          tokens.length = random.below(tokens.length + 1)
          session.rewind(tokens.length)
        } else if (choice === 1 && tokens.length > 0) {
          // A short rewind, as speculation makes them.
          tokens.length -= random.below(Math.min(8, tokens.length))
          session.rewind(tokens.length)
        } else if (choice === 2 && alive < 9) {
          lives.push(live(session.fork(), [...tokens]))
        } else if (choice === 3) {
          session.dispose()
          session = engine.session()
          tokens = []
        } else {
          await feed(session, tokens)
        }
        expect(session.tokens).toEqual(tokens)
      }
      session.dispose()
      alive--
    }

    async function feed(session: Session, tokens: number[]): Promise<void> {
      const count = 1 + random.below(Math.min(random.below(2) ? 4 : 60, limits.maxSeqLen - tokens.length))
      const ids = range(count).map(() => random.below(VOCABULARY))
      const rows = range(count).filter(() => random.below(4) === 0)
      const controller = new AbortController()
      if (random.below(5) === 0) doomed.push(controller)
      const onProgress = (_: number, total: number) => {
        if (total > count) seen.recomputed++
      }
      try {
        const logits = await session.feed(ids, {
          ...{ rows, signal: controller.signal, onProgress, repeatable: random.below(2) === 0 },
        })
        const start = tokens.length
        tokens.push(...ids)
        const expected = expectedRows(groups, tokens)
        expect(rowsOf(logits)).toEqual(rows.map(row => expected[start + row]))
        seen.fed++
      } catch (error) {
        if (error === enough) seen.aborted++
        else throw error
        const kept = ids.slice(0, session.length - tokens.length)
        if (kept.length > 0) seen.partly++
        tokens.push(...kept)
      }
    }

    for (let i = 0; i < 4; i++) lives.push(live(engine.session(), []))
    while (lives.length > 0) {
      const now = lives
      lives = []
      await Promise.all(now)
    }

    // Without these, it would have tested little.
    expect(seen.fed).toBeGreaterThan(50)
    expect(seen.aborted).toBeGreaterThan(5)
    expect(seen.partly).toBeGreaterThan(0)
    expect(seen.recomputed).toBeGreaterThan(5)
    expect(freeBlocks(engine)).toBe(all)
  },
)
