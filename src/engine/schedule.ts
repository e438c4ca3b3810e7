// Who computes how much in a step: fair turns, and short feeds that do not wait for long ones.
import type { Pending } from './pending.ts'

/** Feeds of so many tokens or fewer are somebody's next word. */
const SHORT = 8
/** Part of a step's tokens that long feeds have where short ones wait for the step to end. */
const LONG_SHARE = 1 / 4

/** Orders feeds by whose turn it is: those served longest ago first, of these the shortest. */
export function byTurn(a: Pending, b: Pending): number {
  return a.sequence.servedAt - b.sequence.servedAt || a.remaining - b.remaining
}

/** What a step holds. */
export interface StepRoom {
  readonly tokens: number
  readonly rows: number
  /** Cuts leave no fewer tokens than that behind. */
  readonly least?: number
}

/**
 * Tokens of a step: all where nobody waits for it to end. `waiting`: others are not in it. `least`: tokens that no feed is cut below.
 */
export function stepTokens(
  feeds: readonly Pending[],
  maxTokens: number,
  { waiting, least }: { readonly waiting: boolean; readonly least: number },
): number {
  const short = feeds.filter(({ remaining }) => remaining <= SHORT)
  const longCount = feeds.length - short.length
  if (!waiting && short.length === 0) return maxTokens
  const shortTokens = short.reduce((sum, { remaining }) => sum + remaining, 0)
  const longTokens = longCount === 0 ? 0 : Math.ceil(maxTokens * LONG_SHARE)
  return Math.min(maxTokens, shortTokens + Math.max(longTokens, 2 * least * longCount))
}

/**
 * Tokens of each feed in a step that all share, one at least if there are as many tokens and rows as feeds: what short ones leave of
 * equal parts goes to the longer ones.
 */
export function allot(feeds: readonly Pending[], room: StepRoom): Map<Pending, number> {
  let { tokens, rows } = room
  const { least = 1 } = room
  const ascending = feeds.toSorted((a, b) => a.remaining - b.remaining)
  const allotted = new Map<Pending, number>()
  ascending.forEach((feed, i) => {
    const left = feeds.length - i
    const fitting = feed.fitting(Math.floor(tokens / left), Math.floor(rows / left))
    const rest = feed.remaining - fitting
    const count = rest > 0 && rest < least && feed.remaining > least ? feed.remaining - least : fitting
    allotted.set(feed, count)
    tokens -= count
    rows -= feed.rowsIn(count)
  })
  return allotted
}
