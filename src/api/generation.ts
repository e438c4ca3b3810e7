// One generation: text pieces as an async iterable, and how it went.
import * as z from 'zod'
import { generateTokens } from '../engine/generate.ts'
import { createSampler, type SamplerOptions } from '../engine/sampler.ts'
import type { Session } from '../engine/session.ts'
import { InvalidOptionError } from '../errors.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { checkOptions, count, signal } from './options.ts'
import { StopFilter } from './stop.ts'
import { Structure, type StructuredOptions, structuredFields } from './structured.ts'

export interface GenerateOptions extends SamplerOptions, StructuredOptions {
  /** Most tokens to generate. Default: a quarter of the context, see `defaultMaxTokens`. */
  readonly maxTokens?: number | undefined
  /** Ends before the first of these texts; they are not part of the output. */
  readonly stop?: string | readonly string[] | undefined
  /** Go on where the model would end. Default false. */
  readonly ignoreEos?: boolean | undefined
  /** Parse special tokens (`<|im_end|>`) in a text prompt. Default true: a completion's prompt is the caller's own. */
  readonly special?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** While a prompt is computed: tokens done, tokens in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** `stop`: the model or a stop string ended it; `length`: the limit or the end of the context; `abort`: the signal. */
export type Finish = 'stop' | 'length' | 'abort'

/** Numbers of tokens. */
export interface Usage {
  readonly prompt: number
  readonly completion: number
}

/** Tokens a second; 0 where nothing was measured. */
export interface Timings {
  readonly prefillPerSecond: number
  readonly decodePerSecond: number
}

const number = z.number()
/** Options that a completion and a chat have in common. */
export const samplingFields = {
  temperature: number.optional(),
  topK: z.int().optional(),
  topP: number.optional(),
  minP: number.optional(),
  repeatPenalty: number.optional(),
  presencePenalty: number.optional(),
  frequencyPenalty: number.optional(),
  repeatLastN: z.int().optional(),
  seed: z.int().optional(),
  maxTokens: count.optional(),
  stop: z
    .union([z.string().transform(text => [text]), z.array(z.string())], 'expected a text or several')
    .optional(),
}

/** What is told while a response comes into being. */
export const progressFields = {
  signal: signal.optional(),
  onProgress: z
    .custom<GenerateOptions['onProgress']>(value => typeof value === 'function', 'expected a function')
    .optional(),
}

const schema = z.strictObject({
  ...samplingFields,
  ...structuredFields,
  ...progressFields,
  ignoreEos: z.boolean().default(false),
  special: z.boolean().default(true),
})

/** A quarter of the context, between 2,048 (1,024 for contexts below 4,096) and 32,768 tokens. */
export function defaultMaxTokens(contextLength: number): number {
  const least = contextLength < 4096 ? 1024 : 2048
  return Math.min(32_768, Math.max(least, Math.floor(contextLength / 4)))
}

/** `Value`: what `value` answers, by the schema. Iterate it once. `finish`, `usage` and `timings` hold once the iteration has ended, however it ended. */
export class Generation<Value = unknown> implements AsyncIterable<string> {
  finish: Finish = 'abort'
  usage: Usage = { prompt: 0, completion: 0 }
  timings: Timings = { prefillPerSecond: 0, decodePerSecond: 0 }
  readonly #pieces: AsyncGenerator<string, void, undefined>
  #value: unknown

  /** Made by `Model.generate`. Takes the session over. */
  constructor(
    tokenizer: Tokenizer,
    session: Session,
    prompt: string | readonly number[],
    options: GenerateOptions,
  ) {
    this.#pieces = this.#run(tokenizer, session, prompt, options)
  }

  [Symbol.asyncIterator](): AsyncIterator<string> {
    return this.#pieces
  }

  /** All pieces together. */
  async text(): Promise<string> {
    let text = ''
    for await (const piece of this) text += piece
    return text
  }

  /**
   * The value of all pieces together, by the schema; undefined without one.
   */
  async value(): Promise<Value> {
    await this.text()
    return this.#value as Value
  }

  async *#run(
    tokenizer: Tokenizer,
    session: Session,
    prompt: string | readonly number[],
    options: GenerateOptions,
  ): AsyncGenerator<string, void, undefined> {
    try {
      const o = checkOptions('generate', schema, options)
      const ids =
        typeof prompt === 'string' ? tokenizer.encode(prompt, { bos: true, special: o.special }) : prompt
      if (ids.length === 0) throw new InvalidOptionError('generate: expected a prompt, found no tokens')
      this.usage = { prompt: ids.length, completion: 0 }
      if (o.ignoreEos && (o.grammar !== undefined || o.schema !== undefined))
        throw new InvalidOptionError('generate: ignoreEos: a grammar or a schema says where the output ends')
      const structure = Structure.of('generate', tokenizer, o)
      const maxTokens = o.maxTokens ?? defaultMaxTokens(session.capacity)
      const constraint = structure?.constraint(Math.min(maxTokens, session.capacity - ids.length))
      const tokens = generateTokens(session, ids, {
        sampler: createSampler(o),
        maxTokens,
        constraint,
        stopTokens: o.ignoreEos ? new Set() : tokenizer.endOfGeneration,
        signal: o.signal,
        onProgress: o.onProgress,
      })
      // A grammar counts each byte, the first space included.
      const decode = tokenizer.stream({ continues: prompt !== '' || structure !== undefined })
      const pieces = this.#pass(tokens, decode, new StopFilter(o.stop ?? []), () => constraint?.over === true)
      let text = ''
      for await (const piece of pieces) {
        if (constraint) text += piece
        yield piece
      }
      if (constraint) this.#value = await structure!.value(text, constraint)
    } finally {
      session.dispose()
    }
  }

  async *#pass(
    tokens: AsyncGenerator<number, 'stop' | 'length'>,
    decode: (id?: number) => string,
    filter: StopFilter,
    isOver: () => boolean,
  ): AsyncGenerator<string, void, undefined> {
    const started = performance.now()
    let prefilled = started
    try {
      for (;;) {
        const { value, done } = await tokens.next()
        if (this.usage.completion === 0) prefilled = performance.now()
        if (done) {
          const { text, stopped } = filter.push(decode())
          this.finish = stopped ? 'stop' : value
          const rest = stopped ? text : text + filter.flush()
          if (rest) yield rest
          return
        }
        this.usage = { ...this.usage, completion: this.usage.completion + 1 }
        const { text, stopped } = filter.push(decode(value))
        const ends = stopped || isOver()
        if (ends) this.finish = 'stop'
        if (text) yield text
        if (ends) return
      }
    } finally {
      this.timings = {
        prefillPerSecond: rate(this.usage.prompt, prefilled - started),
        decodePerSecond: rate(this.usage.completion - 1, performance.now() - prefilled),
      }
      await tokens.return('stop')
    }
  }
}

export function rate(tokens: number, milliseconds: number): number {
  return tokens > 0 && milliseconds > 0 ? (tokens * 1000) / milliseconds : 0
}
