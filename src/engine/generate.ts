// The generation loop over token ids: feed, sample, yield, until a reason to stop. Knows no text.
import { sliceLogits } from '../backends/logits.ts'
import { ContextOverflowError } from '../errors.ts'
import type { Constraint } from './constraint.ts'
import type { Sampler } from './sampler.ts'
import type { Session } from './session.ts'

export interface TokenLoopOptions {
  readonly sampler: Sampler
  /** Most tokens to yield. */
  readonly maxTokens: number
  /** Tokens that end the loop; they are not yielded. */
  readonly stopTokens: ReadonlySet<number>
  /** Bounds what is drawn; told of each id, interjected ones too. */
  readonly constraint?: Constraint | undefined
  readonly signal?: AbortSignal | undefined
  /** Asked after each id: ids that follow it, whatever the model would say. They are yielded too. */
  readonly interject?: ((id: number) => readonly number[]) | undefined
  /** While the prompt is computed. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * Feeds `prompt` to the session and yields the ids that follow, each before it is fed itself. Returns `stop` at a
 * stop token, `length` after `maxTokens` or at the end of the context. Rejects with ContextOverflowError if the
 * prompt leaves no room for a single token.
 */
export async function* generateTokens(
  session: Session,
  prompt: readonly number[],
  { sampler, maxTokens, stopTokens, constraint, interject, signal, onProgress }: TokenLoopOptions,
): AsyncGenerator<number, 'stop' | 'length'> {
  if (session.length + prompt.length >= session.capacity)
    throw new ContextOverflowError(session.length + prompt.length + 1, session.capacity)
  let next = prompt
  for (let count = 0; count < maxTokens; ) {
    const mask = constraint?.allowed()
    const logits = await session.feed(next, {
      want: mask ? 'full' : sampler.want,
      repeatable: sampler.repeatable,
      signal,
      onProgress: count === 0 ? onProgress : undefined,
    })
    const row = sliceLogits(logits, logits.rows - 1, 1)
    const id = sampler.draw(sampler.distribution(row, session.tokens, mask))
    if (stopTokens.has(id)) return 'stop'
    constraint?.accept(id)
    yield id
    count++
    const given = interject?.(id) ?? []
    for (const next of given) {
      if (count === maxTokens) return 'length'
      constraint?.accept(next)
      yield next
      count++
    }
    next = [id, ...given]
    // The ids that are out but not yet fed count, too.
    if (session.length + next.length >= session.capacity) return 'length'
  }
  return 'length'
}
