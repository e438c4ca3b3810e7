// A prompt's ids, chosen so that what is in the cache is used: a reply that comes back in the next prompt as text has the ids that
// it was generated with, even if its text would be cut into others.
import type { Tokenizer } from '../tokenizer/tokenizer.ts'

/** Where a reply lies in a session: ids that the model itself chose. */
export interface ReplySpan {
  readonly start: number
  readonly end: number
}

/**
 * Ids with the text of `prompt` that begin with as many of `cached` as can be. Only within `replies` may ids differ that say the same:
 * elsewhere equal texts may be a special token and its name in somebody's message.
 */
export function withCachedIds(
  tokenizer: Tokenizer,
  prompt: readonly number[],
  cached: readonly number[],
  replies: readonly ReplySpan[],
): readonly number[] {
  let ids = prompt
  for (const { start, end } of replies) {
    const common = commonLength(ids, cached)
    if (common < start || common >= ids.length) return ids
    if (common >= end) continue
    const rest = sameText(tokenizer, ids, cached.slice(common, end), common)
    if (rest === undefined) return ids
    ids = [...cached.slice(0, end), ...ids.slice(rest)]
  }
  return ids
}

/** Number of elements that two sequences begin with alike. */
export function commonLength<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  const most = Math.min(a.length, b.length)
  let length = 0
  while (length < most && a[length] === b[length]) length++
  return length
}

/** Up to where `ids` say from `start` on what `span` says; undefined where they say something else. */
function sameText(
  tokenizer: Tokenizer,
  ids: readonly number[],
  span: readonly number[],
  start: number,
): number | undefined {
  const options = { special: true, continues: start > 0 }
  const ours = tokenizer.stream(options)
  const text = span.map(id => ours(id)).join('')
  const theirs = tokenizer.stream(options)
  let said = ''
  for (let i = start; i < ids.length && said.length < text.length; i++) {
    said += theirs(ids[i])
    if (said === text) return i + 1
  }
  return undefined
}
