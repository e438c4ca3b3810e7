// What tests of engines feed their sessions, and whether the right rows come of it.
import { expect } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import type { Session } from '../../src/engine/session.ts'
import type { CacheGroup } from '../../src/graph/ops.ts'
import { Random, range } from '../conformance/random.ts'
import { expectedRows, rowsOf, VOCABULARY } from './mock.ts'

export const full: CacheGroup = { kind: 'full' }
export const window = (size: number): CacheGroup => ({ kind: 'window', window: size })

export function ids(count: number, seed = 'tokens'): number[] {
  const random = new Random(seed)
  return range(count).map(() => random.below(VOCABULARY))
}

/** Feeds `next` and compares all its rows with what the whole sequence must give. */
export async function feedRight(
  session: Session,
  next: readonly number[],
  groups: readonly CacheGroup[] = [full],
) {
  const tokens = [...session.tokens, ...next]
  const logits = await session.feed(next, { rows: 'all' })
  expect(session.tokens).toEqual(tokens)
  expect(rowsOf(logits)).toEqual(expectedRows(groups, tokens).slice(-next.length))
}

export async function fed(engine: Engine, tokens: readonly number[]): Promise<Session> {
  const session = engine.session()
  await session.feed(tokens)
  return session
}
