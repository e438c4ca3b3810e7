// Who computes how much in a step: fair turns, and short feeds that do not wait for long ones.
import type { Limits } from '../backends/backend.ts'
import type { Pending } from './pending.ts'

/** Feeds of so many tokens or fewer are somebody's next word. */
const SHORT = 8
/** Part of a step's tokens that long feeds have where short ones wait for the step to end. */
const LONG_SHARE = 1 / 4

/** Orders feeds by whose turn it is: those served longest ago first, of these the shortest. */
export function byTurn(a: Pending, b: Pending): number {
  return a.sequence.servedAt - b.sequence.servedAt || a.remaining - b.remaining
}

/**
 * Tokens of each feed in a step that all share, one at least if there are as many tokens and rows as feeds: what short ones leave of
 * equal parts goes to the longer ones.
 */
export function allot(
  feeds: readonly Pending[],
  { maxTokens, maxRows }: Pick<Limits, 'maxTokens' | 'maxRows'>,
): Map<Pending, number> {
  const ascending = feeds.toSorted((a, b) => a.remaining - b.remaining)
  const short = ascending.filter(({ remaining }) => remaining <= SHORT)
  const shortTokens = short.reduce((sum, { remaining }) => sum + remaining, 0)
  const mixed = short.length > 0 && short.length < feeds.length
  const mixedTokens = Math.max(feeds.length, shortTokens + Math.ceil(maxTokens * LONG_SHARE))
  let tokens = mixed ? Math.min(maxTokens, mixedTokens) : maxTokens
  let rows = maxRows
  const allotted = new Map<Pending, number>()
  ascending.forEach((feed, i) => {
    const left = feeds.length - i
    const count = feed.fitting(Math.floor(tokens / left), Math.floor(rows / left))
    allotted.set(feed, count)
    tokens -= count
    rows -= feed.rowsIn(count)
  })
  return allotted
}
