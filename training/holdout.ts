// Names, pairs of numbers and questions that the model is judged by are never trained on: a hash of their text says which.

/** One in this many. */
const SHARE = 10

/** Whether a text is kept for judging. */
export function heldOut(text: string): boolean {
  let hash = 0x811c9dc5
  // FNV-1a, then mixed once more: its low bits alone hang on the last letters.
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return ((hash ^ (hash >>> 13)) >>> 0) % SHARE === 0
}

/** The first of what `draw` makes whose key is kept for judging, or is not. Throws Error after too many tries. */
export function drawn<T>(unseen: boolean, draw: () => T, key: (made: T) => string): T {
  for (let tries = 0; tries < 10_000; tries++) {
    const made = draw()
    if (heldOut(key(made)) === unseen) return made
  }
  throw new Error(`nothing was made that is ${unseen ? 'unseen' : 'seen'} in training`)
}
