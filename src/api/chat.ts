/// <reference lib="esnext.disposable" preserve="true" />
// A conversation with a model: its history as plain data, and the cache that makes a turn cost what is new in it.
import * as z from 'zod'
import { type BuiltinName, builtinNames } from '../chat/builtin.ts'
import type { Message } from '../chat/template.ts'
import { closingText, endsInThinking, findThinkingMarkers, type ThinkingMarkers } from '../chat/thinking.ts'
import { firstThatFits, turnStarts } from '../chat/turns.ts'
import type { Constraint } from '../engine/constraint.ts'
import { createSampler, type SamplerOptions } from '../engine/sampler.ts'
import type { Session } from '../engine/session.ts'
import { DisposedError, InvalidOptionError } from '../errors.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { type AnswerBound, AnswerConstraint } from './answer-constraint.ts'
import { commonLength, type ReplySpan, withCachedIds } from './cached-prompt.ts'
import { defaultMaxTokens, progressFields, samplingFields } from './generation.ts'
import type { Model } from './model.ts'
import { checkOptions } from './options.ts'
import { type Reply, ReplyStream, replyPieces } from './reply.ts'
import {
  type OutputOf,
  type OutputSchema,
  Structure,
  type StructuredOptions,
  structuredFields,
} from './structured.ts'
import type { Prompt, PromptTemplate } from './template.ts'

/** How replies are drawn. */
export interface ReplyOptions extends SamplerOptions, StructuredOptions {
  /** Most tokens of a reply, thinking included. Default: a quarter of the context, see `defaultMaxTokens`. */
  readonly maxTokens?: number | undefined
  /** Ends an answer before the first of these texts. */
  readonly stop?: string | readonly string[] | undefined
  /** Tokens of thinking after which the trace is closed and the answer begins. Default: no limit. */
  readonly thinkingBudget?: number | undefined
  /** Whether the model is to think, for templates that ask. Default: as the template has it. */
  readonly enableThinking?: boolean | undefined
}

export interface ChatOptions extends ReplyOptions {
  /** What the model is told before the conversation. */
  readonly system?: string | undefined
  /** Messages so far, without the system's. */
  readonly history?: readonly Message[] | undefined
  /** A built-in format instead of the model's own template. */
  readonly template?: BuiltinName | undefined
}

export interface SendOptions extends ReplyOptions {
  readonly signal?: AbortSignal | undefined
  /** While what is new of the prompt is computed: tokens done, tokens in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /** Told which of the oldest messages the context has no room for any more. They stay in the history. */
  readonly onDropped?: ((messages: readonly Message[]) => void) | undefined
  /**
   * Bounds the tokens of the answer, where neither a grammar nor a schema does; what the model thinks before is free. Asked for each reply.
   */
  readonly constraint?: (() => Constraint) | undefined
}

/** How full the context is, in tokens. */
export interface ContextUse {
  readonly used: number
  /** Left for the next message and its reply. */
  readonly room: number
  readonly capacity: number
  /** Messages of the history that the prompt no longer holds. */
  readonly dropped: number
  /** The messages that go next when room is needed. */
  readonly nextDropped: readonly Message[]
}

const replyFields = {
  ...samplingFields,
  ...structuredFields,
  thinkingBudget: z.int().min(0).optional(),
  enableThinking: z.boolean().optional(),
}
const replySchema = z.strictObject(replyFields)
const message = z.looseObject({ role: z.string() }) as unknown as z.ZodType<Message>
const chatSchema = z.strictObject({
  ...replyFields,
  system: z.string().optional(),
  history: z.array(message).default([]),
  template: z.enum(builtinNames as readonly [BuiltinName, ...BuiltinName[]]).optional(),
})
const sendSchema = z.strictObject({
  ...replyFields,
  ...progressFields,
  onDropped: z
    .custom<SendOptions['onDropped']>(value => typeof value === 'function', 'expected a function')
    .optional(),
  constraint: z
    .custom<SendOptions['constraint']>(value => typeof value === 'function', 'expected a function')
    .optional(),
})

/** Tokens kept free for a reply where there is a choice: a part of the context. */
const REPLY_SHARE = 1 / 4

/**
 * Made by `Model.chat`. `history` is plain data; `system` and `options` may be changed at any time and hold from the next message on.
 * Dispose it when done: it holds cache of the model.
 */
export class Chat {
  readonly model: Model
  /** What the model is told before the conversation; `undefined` for nothing. */
  system: string | undefined
  /** What the model is told behind that, by a mode of the chat such as coding mode. */
  instructions: string | undefined
  readonly #template: PromptTemplate
  readonly #templateName: BuiltinName | undefined
  readonly #tokenizer: Tokenizer
  readonly #markers: ThinkingMarkers | undefined
  #options: z.infer<typeof replySchema>
  #history: Message[]
  /** Messages at the beginning that the context had no room for. */
  #dropped = 0
  #session: Session | undefined
  /** Where replies lie in the session. */
  #replies: ReplySpan[] = []
  #retries = 0
  #answering = false
  #disposed = false

  constructor(model: Model, options: ChatOptions) {
    const { system, history, template, ...rest } = checkOptions('chat', chatSchema, options)
    this.model = model
    this.system = system
    this.#history = structuredClone(history)
    this.#options = rest
    this.#tokenizer = model.tokenizer
    this.#checkReplies(rest)
    this.#templateName = template
    this.#template = template === undefined ? model.template : model.templateNamed(template)
    this.#markers = findThinkingMarkers(
      this.#template.sources.get('default') ?? '',
      text => this.#tokenizer.encode(text, { special: true }).length === 1,
    )
  }

  /** Messages without the system's: `role`, `content`, and `thinking` where there was some. */
  get history(): readonly Message[] {
    return this.#history
  }

  /** How replies are drawn, unless `send` is told otherwise. */
  get options(): ReplyOptions {
    return this.#options
  }

  set options(options: ReplyOptions) {
    const checked = checkOptions('chat', replySchema, options)
    this.#checkReplies(checked)
    this.#options = checked
  }

  /** Whether the model thinks aloud before it answers. */
  get thinks(): boolean {
    return this.#markers !== undefined
  }

  /**
   * Says `content` and answers with the reply: `await` it whole, or take it piece by piece with `for await`. Nothing happens before
   * one of the two. Rejects with the signal's reason on abort, and keeps in the history what came until then; with ContextOverflowError
   * where the message alone does not fit, and with TemplateError where the template refuses it: then the history stays as it was. With a
   * `schema` the reply has the `value`; rejects with InvalidOutputError, behind the last piece, where the answer has none.
   */
  send<S extends OutputSchema>(
    content: string,
    options: SendOptions & { readonly schema: S },
  ): ReplyStream<OutputOf<S>>
  send(content: string, options?: SendOptions): ReplyStream
  send(content: string, options: SendOptions = {}): ReplyStream {
    return this.#reply('send', options, () => {
      this.#retries = 0
      this.#history.push({ role: 'user', content })
    })
  }

  /** The last reply again, drawn anew. Rejects as `send` does, and with InvalidOptionError if there was none. */
  retry<S extends OutputSchema>(options: SendOptions & { readonly schema: S }): ReplyStream<OutputOf<S>>
  retry(options?: SendOptions): ReplyStream
  retry(options: SendOptions = {}): ReplyStream {
    return this.#reply('retry', options, () => {
      const asked = this.#history.findLastIndex(({ role }) => role === 'user')
      if (asked < 0) throw new InvalidOptionError('retry: expected a message to answer, found none')
      this.#history.length = asked + 1
      this.#retries++
    })
  }

  /** Forgets the conversation; the system prompt stays. */
  clear(): void {
    this.#checkIdle('clear')
    this.#history = []
    this.#dropped = 0
  }

  /** Forgets all messages but the first `length`. */
  rewind(length: number): void {
    this.#checkIdle('rewind')
    this.#history = this.#history.slice(0, length)
    this.#dropped = Math.min(this.#dropped, this.#history.length)
  }

  /** A second conversation with the same past, which shares its cache. */
  fork(): Chat {
    this.#checkIdle('fork')
    const other = new Chat(this.model, {
      ...this.#options,
      system: this.system,
      history: this.#history,
      template: this.#templateName,
    })
    other.#copyFrom(this)
    return other
  }

  #copyFrom(other: Chat): void {
    this.instructions = other.instructions
    this.#dropped = other.#dropped
    this.#session = other.#session?.fork()
    this.#replies = [...other.#replies]
  }

  /** How full the context is with the conversation as it stands. */
  context(): ContextUse {
    this.#check()
    const rest = this.#history.slice(this.#dropped)
    const used =
      rest.length === 0 && this.system === undefined && this.instructions === undefined
        ? 0
        : this.#render(rest, false, this.#options.enableThinking).tokens.length
    const capacity = this.model.contextLength
    const [, second] = turnStarts(rest)
    return {
      ...{ used, capacity, room: Math.max(0, capacity - used), dropped: this.#dropped },
      nextDropped: second === undefined ? [] : rest.slice(0, second),
    }
  }

  /** Gives the cache back until the next message, which then computes the whole conversation again. */
  releaseCache(): void {
    this.#checkIdle('releaseCache')
    this.#session?.dispose()
    this.#session = undefined
    this.#replies = []
  }

  /** Gives the cache back; a reply under way should be aborted first. Later calls throw DisposedError. */
  dispose(): void {
    this.#disposed = true
    this.#session?.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #reply(what: string, options: SendOptions, begin: () => void): ReplyStream {
    this.#checkIdle(what)
    const { onDropped, signal, onProgress, constraint, ...given } = checkOptions(what, sendSchema, options)
    const chosen = Object.entries(given).filter(([, value]) => value !== undefined)
    const o: z.infer<typeof replySchema> = { ...this.#options, ...Object.fromEntries(chosen) }
    const structure = Structure.of(what, this.#tokenizer, o)
    if (structure && constraint)
      throw new InvalidOptionError(`${what}: expected a constraint, or a grammar or schema, found both`)
    const chat = this
    return new ReplyStream(async function* (end) {
      let last: Reply | undefined
      chat.#checkIdle(what)
      const before = { history: [...chat.#history], dropped: chat.#dropped, retries: chat.#retries }
      chat.#answering = true
      let kept = false
      try {
        begin()
        const prompt = chat.#prompt(o, onDropped)
        chat.#session ??= chat.model.session()
        const session = chat.#session
        const tokens = withCachedIds(chat.#tokenizer, prompt.tokens, session.tokens, chat.#replies)
        const reused = Math.min(commonLength(tokens, session.tokens), tokens.length - 1)
        session.rewind(reused)
        chat.#replies = chat.#replies.filter(({ end }) => end <= reused)
        const maxTokens = o.maxTokens ?? defaultMaxTokens(session.capacity)
        const left = Math.min(maxTokens, session.capacity - tokens.length)
        const bound = structure
          ? chat.#bound(prompt.text, left, structure.shortest, tokens => structure.constraint(tokens))
          : constraint && chat.#bound(prompt.text, left, 1, constraint, true)
        yield* replyPieces({
          constraint: bound,
          ...{
            session,
            tokens,
            reused,
            prompt: prompt.text,
            tokenizer: chat.#tokenizer,
            markers: chat.#markers,
            closing: () => closingText(chat.#markers!, messages => chat.#template.render(messages).text),
          },
          dropped: chat.#dropped - before.dropped,
          options: {
            ...o,
            stop: o.stop ?? [],
            maxTokens,
            signal,
            onProgress,
          },
          // Another draw needs other numbers, and the same ones the next time.
          seed: o.seed === undefined ? undefined : o.seed + chat.#retries,
          end: reply => {
            const { text, thinking, finish } = reply
            last = reply
            kept = finish !== 'abort' || text !== '' || thinking !== ''
            if (kept)
              chat.#history.push({ role: 'assistant', content: text, ...(thinking !== '' && { thinking }) })
            chat.#replies.push({ start: tokens.length, end: Math.max(tokens.length, session.length) })
            end(reply)
          },
        })
        if (structure && bound && last) end({ ...last, value: await structure.value(last.text, bound) })
      } finally {
        if (!kept) {
          chat.#history = before.history
          chat.#dropped = before.dropped
          chat.#retries = before.retries
        }
        chat.#answering = false
        if (chat.#disposed) chat.#session?.dispose()
      }
    })
  }

  /** A bound on the answer of a reply that may have `left` tokens, `reserve` of them for the answer. */
  #bound(
    prompt: string,
    left: number,
    reserve: number,
    answer: (left: number) => AnswerBound,
    traceFirst = false,
  ): AnswerBound {
    const markers = this.#markers
    if (!markers) return answer(left)
    const open = endsInThinking(prompt, markers)
    return new AnswerConstraint({
      tokenizer: this.#tokenizer,
      markers,
      open,
      left,
      reserve,
      traceFirst,
      answer,
    })
  }

  /** The prompt for the next reply, of as many turns as there is room for. */
  #prompt({ maxTokens, enableThinking }: ReplyOptions, onDropped: SendOptions['onDropped']): Prompt {
    const capacity = this.model.contextLength
    const reserve = Math.min(maxTokens ?? capacity, Math.floor(capacity * REPLY_SHARE))
    let prompt: Prompt | undefined
    const first = firstThatFits(this.#history, this.#dropped, messages => {
      prompt = this.#render(messages, true, enableThinking)
      return prompt.tokens.length + reserve <= capacity
    })
    if (first > this.#dropped) onDropped?.(this.#history.slice(this.#dropped, first))
    const fitting = this.#history.slice(first)
    this.#dropped = first
    return this.#render(fitting, true, enableThinking)
  }

  #render(
    messages: readonly Message[],
    addGenerationPrompt: boolean,
    enableThinking: boolean | undefined,
  ): Prompt {
    // Templates that repeat thoughts know them by this name; the others drop them.
    const known = messages.map(({ thinking, ...rest }) =>
      thinking === undefined ? rest : { ...rest, reasoning_content: thinking },
    )
    const told = [this.system, this.instructions].filter(text => text !== undefined)
    const system = told.length === 0 ? [] : [{ role: 'system', content: told.join('\n\n') }]
    return this.#template.render([...system, ...known], { addGenerationPrompt, enableThinking })
  }

  /** Which numbers are out of range, and what cannot be asked for, is known to those who draw. */
  #checkReplies(options: z.infer<typeof replySchema>): void {
    createSampler(options)
    Structure.of('chat', this.#tokenizer, options)
  }

  #checkIdle(what: string): void {
    this.#check()
    if (this.#answering) throw new InvalidOptionError(`${what}: the chat is answering; await its reply first`)
  }

  #check(): void {
    if (this.#disposed) throw new DisposedError('chat')
  }
}
