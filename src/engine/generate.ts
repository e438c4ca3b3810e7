// The generation loop over token ids: feed, sample, yield, until a reason to stop. Knows no text.
import type { Logits } from '../backends/backend.ts'
import { sliceLogits } from '../backends/logits.ts'
import { ContextOverflowError } from '../errors.ts'
import type { Constraint } from './constraint.ts'
import { onlyAllowed, type Sampler, type TokenMask } from './sampler.ts'
import type { Session } from './session.ts'

/** Ids in a draft: at first, and at most. */
const [FIRST_DRAFT, MOST_DRAFT] = [8, 32]

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
  /** Told of each draft: ids that were computed ahead, and how many of them were drawn. */
  readonly onDraft?: ((tried: number, drawn: number) => void) | undefined
}

/**
 * Feeds `prompt` to the session and yields the ids that follow, each before it is fed itself. Returns `stop` at a
 * stop token, `length` after `maxTokens` or at the end of the context. Rejects with ContextOverflowError if the
 * prompt leaves no room for a single token.
 *
 * What a constraint drafts is computed along with the ids before it, and counts as far as the sampler draws the same. An id that
 * is the only one allowed needs neither logits nor a step of its own, and no random number either.
 */
export async function* generateTokens(
  session: Session,
  prompt: readonly number[],
  options: TokenLoopOptions,
): AsyncGenerator<number, 'stop' | 'length'> {
  const { sampler, maxTokens, stopTokens, constraint, interject, signal, onProgress } = options
  const { capacity } = session
  if (session.length + prompt.length >= capacity)
    throw new ContextOverflowError(session.length + prompt.length + 1, capacity)
  const drafts = new Drafts(options)
  /** What is certain: ids that are fed, and those still to be. */
  let known = session.length
  let next = [...prompt]
  let logits: Logits | undefined
  try {
    for (let count = 0; count < maxTokens; ) {
      const mask = constraint?.allowed()
      const only = mask && onlyAllowed(mask)
      // The prompt is computed in any case, so that times tell what it took.
      if (count === 0 || (next.length > 0 && only === undefined)) {
        drop(session, known)
        // Steps are so small that nobody can tell from their logits how many ids were fed at once.
        const { exactTokens } = session
        while (count > 0 && next.length > exactTokens) {
          const some = next.splice(0, exactTokens)
          known += some.length
          await session.feed(some, { want: 'argmax', signal })
        }
        // A draft of n ids leads to n + 1 that are drawn.
        const room = Math.min(maxTokens - count - 1, capacity - known - next.length - 1)
        const ahead = count > 0 ? drafts.begin(Math.min(room, exactTokens - next.length)) : []
        known += next.length
        logits = await session.feed([...next, ...ahead], {
          rows: Array.from({ length: ahead.length + 1 }, (_, i) => next.length - 1 + i),
          want: mask || ahead.length > 0 ? 'full' : sampler.want,
          repeatable: sampler.repeatable,
          signal,
          onProgress: count === 0 ? onProgress : undefined,
        })
        next = []
      } else signal?.throwIfAborted()
      const id = only ?? draw(sampler, sliceLogits(logits!, drafts.drawn, 1), session, known, mask)
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
      if (next.length === 0 && drafts.take(id)) known++
      else next.push(id)
      next.push(...given)
      if (next.length > 0) drafts.end()
      // The ids that are out but not yet fed count, too.
      if (known + next.length >= capacity) return 'length'
    }
    return 'length'
  } finally {
    drafts.end()
    drop(session, known)
  }
}

/** Draws what follows the first `known` tokens of the session. */
function draw(sampler: Sampler, row: Logits, session: Session, known: number, mask: TokenMask | undefined) {
  const { tokens } = session
  return sampler.draw(
    sampler.distribution(row, tokens.length > known ? tokens.slice(0, known) : tokens, mask),
  )
}

/** Takes back what was fed ahead and is not what follows. */
function drop(session: Session, known: number): void {
  if (session.length > known && !session.disposed) session.rewind(known)
}

/** Ids that are computed ahead of their time, one draft after the other; how long they may be is learnt from how far they were right. */
class Drafts {
  readonly #options: Pick<TokenLoopOptions, 'constraint' | 'onDraft'>
  #ids: readonly number[] = []
  #most = FIRST_DRAFT
  /** Ids of the draft that were drawn: the row of logits that is next. */
  drawn = 0

  constructor(options: Pick<TokenLoopOptions, 'constraint' | 'onDraft'>) {
    this.#options = options
  }

  /** A draft of at most `room` ids. */
  begin(room: number): readonly number[] {
    const most = Math.min(this.#most, room)
    const ids = most > 0 ? this.#options.constraint?.draft?.(most) : undefined
    this.#ids = ids?.slice(0, most) ?? []
    return this.#ids
  }

  /** Whether an id that was drawn is the next of the draft: then it is fed already. */
  take(id: number): boolean {
    if (this.#ids[this.drawn] !== id) return false
    this.drawn++
    return true
  }

  end(): void {
    const tried = this.#ids.length
    if (tried > 0) {
      const right = this.drawn
      this.#most = right === tried ? Math.max(this.#most, Math.min(MOST_DRAFT, 2 * tried)) : right + 1
      this.#options.onDraft?.(tried, right)
    }
    this.#ids = []
    this.drawn = 0
  }
}
