// How fast a model is here: prefill and decode, repeated, with what the machine could do at best beside them.
import * as z from 'zod'
import { InvalidOptionError } from '../errors.ts'
import type { Model } from './model.ts'
import { checkOptions, count, signal } from './options.ts'

export interface BenchmarkOptions {
  /** Tokens of the prompt; 0: no prefill is measured. Default 512. */
  readonly promptTokens?: number | undefined
  /** Tokens that each sequence generates; 0: no decoding is measured. Default 128. */
  readonly tokens?: number | undefined
  /** Tokens in the context before those that are measured. Default 0. */
  readonly depth?: number | undefined
  /** Sequences that decode in one step. Default 1. */
  readonly batch?: number | undefined
  /** Default 5. */
  readonly repeats?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Measurements done, measurements in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Tokens a second, of all sequences together. */
export interface Rate {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Benchmark {
  readonly prefill: (Rate & { readonly tokens: number }) | undefined
  readonly decode:
    | (Rate & {
        readonly tokens: number
        readonly depth: number
        readonly batch: number
        /** Weights and cache rows read, at the median rate; in 10⁹ bytes a second. */
        readonly gbPerSecond: number
      })
    | undefined
  /** What the device could do at best, between the measurements; the median of several. */
  readonly machine: { readonly readGbPerSecond: number; readonly int8GmacPerSecond: number } | undefined
  /** Of the last logits: equal where the same program computed the same numbers. */
  readonly hash: string
}

const size = z.int().min(0)
const schema = z.strictObject({
  promptTokens: size.default(512),
  tokens: size.default(128),
  depth: size.default(0),
  batch: count.default(1),
  repeats: count.default(5),
  signal: signal.optional(),
  onProgress: z
    .custom<BenchmarkOptions['onProgress']>(value => typeof value === 'function', 'expected a function')
    .optional(),
})

/**
 * Measures a loaded model that does nothing else. Rejects with ContextOverflowError if the tokens do not fit into its
 * context.
 */
export async function benchmark(model: Model, options: BenchmarkOptions = {}): Promise<Benchmark> {
  const o = checkOptions('benchmark', schema, options)
  if (o.promptTokens === 0 && o.tokens === 0)
    throw new InvalidOptionError('benchmark: expected tokens to measure, found none')
  const total = o.repeats * (Number(o.promptTokens > 0) + Number(o.tokens > 0))
  let done = 0
  const progress = () => o.onProgress?.(++done, total)
  const prefill: number[] = []
  const decode: number[] = []
  const roofs: { readRate: number; int8Rate: number }[] = []
  let last = await warmUp(model, o.signal)

  // In turns, since what the machine gives changes from minute to minute.
  for (let repeat = 0; repeat < o.repeats; repeat++) {
    const roof = await model.measureDevice()
    if (roof) roofs.push(roof)
    if (o.promptTokens > 0) {
      prefill.push(await timePrefill(model, o.depth, o.promptTokens, o.signal))
      progress()
    }
    if (o.tokens > 0) {
      const { rate, logits } = await timeDecode(model, o)
      decode.push(rate)
      last = logits
      progress()
    }
  }
  const decodeRate = rateOf(decode)
  const cacheBytes = model.cost.kvBytesPerToken * (o.depth + o.tokens / 2) * o.batch
  return {
    prefill: o.promptTokens > 0 ? { tokens: o.promptTokens, ...rateOf(prefill) } : undefined,
    decode:
      o.tokens > 0
        ? {
            ...{ tokens: o.tokens, depth: o.depth, batch: o.batch, ...decodeRate },
            gbPerSecond: ((model.cost.weightBytes + cacheBytes) * decodeRate.median) / o.batch / 1e9,
          }
        : undefined,
    machine:
      roofs.length > 0
        ? {
            readGbPerSecond: rateOf(roofs.map(roof => roof.readRate)).median / 1e9,
            int8GmacPerSecond: rateOf(roofs.map(roof => roof.int8Rate)).median / 1e9,
          }
        : undefined,
    hash: hashOf(last),
  }
}

/** The first step touches pages for the first time. */
async function warmUp(model: Model, signal: AbortSignal | undefined): Promise<Float32Array> {
  return (await model.logits(someTokens(model, 4), { signal })).values
}

async function timePrefill(
  model: Model,
  depth: number,
  tokens: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const session = model.session()
  try {
    if (depth > 0) await session.feed(someTokens(model, depth), { want: 'argmax', signal })
    const prompt = someTokens(model, tokens)
    const start = performance.now()
    await session.feed(prompt, { want: 'argmax', signal })
    return (tokens * 1000) / (performance.now() - start)
  } finally {
    session.dispose()
  }
}

async function timeDecode(
  model: Model,
  {
    depth,
    tokens,
    batch,
    signal,
  }: { depth: number; tokens: number; batch: number; signal?: AbortSignal | undefined },
): Promise<{ rate: number; logits: Float32Array }> {
  const first = model.session()
  const sessions = [first]
  try {
    if (depth > 0) await first.feed(someTokens(model, depth), { want: 'argmax', signal })
    while (sessions.length < batch) sessions.push(first.fork())
    let ids = someTokens(model, batch)
    const start = performance.now()
    for (let i = 0; i + 1 < tokens; i++) {
      const answers = await Promise.all(
        sessions.map((session, s) => session.feed([ids[s]!], { want: 'argmax', signal })),
      )
      ids = answers.map(answer => answer.ids![0]!)
    }
    const whole = await Promise.all(sessions.map((session, s) => session.feed([ids[s]!], { signal })))
    return { rate: (tokens * batch * 1000) / (performance.now() - start), logits: whole[0]!.values }
  } finally {
    for (const session of sessions) session.dispose()
  }
}

/** The same every time, and no two alike in a row. */
function someTokens(model: Model, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (7 + i * 7919) % model.vocabularySize)
}

function rateOf(values: readonly number[]): Rate {
  const ordered = [...values].sort((a, b) => a - b)
  const middle = ordered.length >> 1
  const median =
    ordered.length % 2 === 1 ? ordered[middle]! : ((ordered[middle - 1] ?? 0) + (ordered[middle] ?? 0)) / 2
  return { median, min: ordered[0] ?? 0, max: ordered.at(-1) ?? 0 }
}

/** FNV-1a over the bits, as eight hexadecimal digits. */
function hashOf(values: Float32Array): string {
  let hash = 0x811c9dc5
  for (const byte of new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash.toString(16).padStart(8, '0')
}
