// Which turns of a conversation a prompt has room for.
import type { Message } from './template.ts'

/** Where turns begin: at each message of the user, but for answers to what came before, as those of tools are. */
export function turnStarts(messages: readonly Message[]): number[] {
  return messages.flatMap(({ role }, i) =>
    role === 'user' && (i === 0 || messages[i - 1]!.role !== 'user') ? [i] : [],
  )
}

/**
 * The first message that a prompt can begin with, from `first` on, so that `fits` says yes: the oldest turns go first, each as a
 * whole; the last one stays, whether or not it fits. Asks about few of them, since each answer takes a prompt.
 */
export function firstThatFits(
  messages: readonly Message[],
  first: number,
  fits: (messages: readonly Message[]) => boolean,
): number {
  const starts = [first, ...turnStarts(messages).filter(start => start > first)]
  if (starts.length === 1 || fits(messages.slice(first))) return first
  // What fits begins behind `low`, and at `high` at the latest.
  let low = 0
  let high = starts.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (fits(messages.slice(starts[middle]))) high = middle
    else low = middle
  }
  return starts[high]!
}
