// One reply of a chat: its pieces as an async iterable, or the whole as a promise.
import { endsInThinking, type ReplyPiece, type ThinkingMarkers, ThinkingSplitter } from '../chat/thinking.ts'
import { generateTokens } from '../engine/generate.ts'
import { createSampler, type SamplerOptions } from '../engine/sampler.ts'
import type { Session } from '../engine/session.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type AnswerBound, controlMarks } from './answer-constraint.ts'
import { type Finish, rate, type Timings, type Usage } from './generation.ts'
import { StopFilter } from './stop.ts'
import { PieceStream } from './stream.ts'

/** Numbers of tokens. */
export interface ReplyUsage extends Usage {
  /** Of the completion, tokens of the trace. */
  readonly thinking: number
  /** Of the prompt, tokens that were in the cache. */
  readonly reused: number
  /** Tokens that a constraint drafted, and those of them that are in the completion. */
  readonly drafted: number
  readonly accepted: number
}

/** `Value`: by the schema that the answer had to follow. */
export interface Reply<Value = unknown> {
  readonly text: string
  /** What the answer stands for, where it had to follow a schema. Missing where the caller took no more pieces. */
  readonly value: Value
  /** What the model thought before; empty where it did not. */
  readonly thinking: string
  /** `abort` where the caller took no more pieces. */
  readonly finish: Finish
  readonly usage: ReplyUsage
  readonly timings: Timings
  /** Messages that had to leave the context for this turn. */
  readonly dropped: number
}

/** Made by `Chat.send` and `Chat.retry`. */
export class ReplyStream<Value = unknown> extends PieceStream<ReplyPiece, Reply<Value>> {}

export interface ReplyParts {
  /** Holds the first `reused` of `tokens`. */
  readonly session: Session
  readonly tokens: readonly number[]
  readonly reused: number
  /** The text of `tokens`. */
  readonly prompt: string
  readonly tokenizer: Tokenizer
  readonly markers: ThinkingMarkers | undefined
  /** Closes a trace that has had its tokens. */
  readonly closing: () => string
  readonly dropped: number
  readonly seed: number | undefined
  /** Bounds the reply; made for it alone. */
  readonly constraint: AnswerBound | undefined
  readonly options: Omit<SamplerOptions, 'seed'> & {
    readonly maxTokens: number
    readonly stop: readonly string[]
    readonly thinkingBudget?: number | undefined
    readonly signal?: AbortSignal | undefined
    readonly onProgress?: ((done: number, total: number) => void) | undefined
  }
  /** Told what came, however it ended. */
  readonly end: (reply: Reply) => void
}

/** Generates a reply; a caller who takes no more pieces ends it. */
export async function* replyPieces(parts: ReplyParts): AsyncGenerator<ReplyPiece, void, undefined> {
  const { session, tokens, reused, tokenizer, options, constraint } = parts
  const trace = new Trace(parts)
  const stops = new StopFilter(options.stop)
  const decode = tokenizer.stream({ continues: true })
  let text = ''
  let thinking = ''
  let finish: Finish = 'abort'
  let completion = 0
  let [drafted, accepted] = [0, 0]
  const started = performance.now()
  let prefilled = started

  // A trace that is to have no tokens is closed before its first.
  const given = trace.interject()
  for (const id of given) constraint?.accept(id)
  const ids = generateTokens(session, [...tokens.slice(reused), ...given], {
    sampler: createSampler({ ...options, seed: parts.seed }),
    maxTokens: options.maxTokens,
    stopTokens: tokenizer.endOfGeneration,
    constraint,
    interject: () => trace.interject(),
    signal: options.signal,
    onProgress: options.onProgress,
    onDraft: (tried, drawn) => {
      drafted += tried
      accepted += drawn
    },
  })
  /** What goes out of split pieces; `stopped` where a stop string ends the answer. */
  const outgoing = (pieces: readonly ReplyPiece[]): { pieces: ReplyPiece[]; stopped: boolean } => {
    const out: ReplyPiece[] = []
    let stopped = false
    for (const piece of pieces) {
      if ('thinking' in piece) {
        thinking += piece.thinking
        out.push(piece)
      } else if (!stopped) {
        const kept = stops.push(piece.text)
        stopped = kept.stopped
        text += kept.text
        if (kept.text !== '') out.push({ text: kept.text })
      }
    }
    return { pieces: out, stopped }
  }
  const summary = (): Reply => ({
    ...{ text, thinking, finish, dropped: parts.dropped, value: undefined },
    usage: { prompt: tokens.length, completion, thinking: trace.tokens, reused, drafted, accepted },
    timings: {
      prefillPerSecond: rate(tokens.length - reused, prefilled - started),
      decodePerSecond: rate(completion - 1, performance.now() - prefilled),
    },
  })
  try {
    for (const id of given) yield* outgoing(trace.take(id, decode)).pieces
    for (;;) {
      const { value, done } = await ids.next()
      if (completion === 0) prefilled = performance.now()
      const over = done || constraint?.over === true
      const split = done ? [] : trace.take(value, decode)
      if (over) split.push(...trace.splitter.push(decode()), ...trace.splitter.flush())
      const { pieces, stopped } = outgoing(split)
      if (!done) completion++
      if (stopped) finish = 'stop'
      else if (over) finish = done ? value : 'stop'
      yield* pieces
      if (stopped) return
      if (over) {
        const rest = stops.flush()
        text += rest
        if (rest !== '') yield { text: rest }
        return
      }
    }
  } finally {
    await ids.return('stop')
    parts.end(summary())
  }
}

/** The trace of a reply as its tokens come: where it begins and ends, how long it is, and when it is to be closed. */
class Trace {
  readonly splitter: ThinkingSplitter
  /** Tokens of the trace so far, the model's own marks among them. */
  tokens = 0
  readonly #budget: number
  readonly #closing: () => readonly number[]
  readonly #marks: ReadonlyMap<number, string>
  #closed = false
  /** Ids that are still to come of those that close it. */
  #closingLeft = 0

  constructor({ prompt, tokenizer, markers, closing, options }: ReplyParts) {
    const open = markers !== undefined && endsInThinking(prompt, markers)
    this.splitter = new ThinkingSplitter(markers, open)
    this.#budget = options.thinkingBudget ?? Number.POSITIVE_INFINITY
    this.#closing = () => tokenizer.encode(closing(), { special: true })
    this.#marks = markers ? controlMarks(tokenizer, markers) : new Map()
  }

  take(id: number, decode: (id: number) => string): ReplyPiece[] {
    const before = this.splitter.thinking
    const mark = this.splitter.answering ? undefined : this.#marks.get(id)
    const pieces = this.splitter.push(mark ?? decode(id))
    // Those that close the trace are not the model's.
    if (this.#closingLeft > 0) this.#closingLeft--
    else if (before || this.splitter.thinking) this.tokens++
    return pieces
  }

  /** The end of the trace, once it has had its tokens. */
  interject(): readonly number[] {
    if (this.#closed || !this.splitter.thinking || this.tokens < this.#budget) return []
    this.#closed = true
    const ids = this.#closing()
    this.#closingLeft = ids.length
    return ids
  }
}
