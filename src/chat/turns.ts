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
 * whole; the last one stays, whether or not it fits.
 */
export function firstThatFits(
  messages: readonly Message[],
  first: number,
  fits: (messages: readonly Message[]) => boolean,
): number {
  const later = turnStarts(messages).filter(start => start > first)
  for (const start of [first, ...later]) {
    if (start === later.at(-1) || fits(messages.slice(start))) return start
  }
  return first
}
