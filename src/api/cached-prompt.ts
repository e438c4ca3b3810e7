// A prompt's ids, chosen so that what is in the cache is used: a reply that comes back in the next prompt as text has the ids that
// it was generated with, even if its text would be cut into others.
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/**
 * Ids with the text of `prompt` that begin with as many of `cached` as can be: up to the last of `ends`, lengths of `cached` at which
 * something was complete, where the texts of both are the same.
 */
export function withCachedIds(
  tokenizer: Tokenizer,
  prompt: readonly number[],
  cached: readonly number[],
  ends: readonly number[],
): readonly number[] {
  const common = commonLength(prompt, cached)
  if (common === prompt.length || common === cached.length) return prompt
  const ours = textEnds(tokenizer, cached, common)
  const theirs = textEnds(tokenizer, prompt, common)
  const agreed = commonLength(ours.text, theirs.text)
  const places = new Map(theirs.ends.map((end, i) => [end, common + i + 1]))
  for (const end of ends.toSorted((a, b) => b - a)) {
    if (end <= common || end > cached.length) continue
    const length = ours.ends[end - common - 1]!
    const place = places.get(length)
    if (length <= agreed && place !== undefined) return [...cached.slice(0, end), ...prompt.slice(place)]
  }
  return prompt
}

/** Number of elements that two sequences begin with alike. */
export function commonLength<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}

/** The text of `ids` from `start` on, and its length after each of them. */
function textEnds(
  tokenizer: Tokenizer,
  ids: readonly number[],
  start: number,
): { readonly text: string; readonly ends: readonly number[] } {
  const decode = tokenizer.stream({ special: true, continues: start > 0 })
  const pieces: string[] = []
  const ends: number[] = []
  let length = 0
  for (let i = start; i < ids.length; i++) {
    const piece = decode(ids[i])
    pieces.push(piece)
    length += piece.length
    ends.push(length)
  }
  return { text: pieces.join(''), ends }
}
