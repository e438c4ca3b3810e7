// Perplexity by llama-perplexity's method, so that numbers compare.
import { InvalidOptionError } from '../errors.ts'
import type { Model } from './model.ts'

export interface PerplexityOptions {
  /** Tokens in a window. Default 512, or the whole context if that is shorter. */
  readonly contextLength?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** After each window: windows done, windows in all, the perplexity so far. */
  readonly onProgress?: ((done: number, total: number, perplexity: number) => void) | undefined
}

export interface Perplexity {
  readonly perplexity: number
  /** Tokens that were scored. */
  readonly tokens: number
}

/**
 * exp of the mean negative log-likelihood over windows without overlap. Only the second half of each is scored,
 * so that each token has half a window of context at least; a window's first token is BOS where the model adds one.
 */
export async function perplexity(
  model: Model,
  text: string,
  options: PerplexityOptions = {},
): Promise<Perplexity> {
  const length = options.contextLength ?? Math.min(512, model.contextLength)
  if (!Number.isInteger(length) || length < 4 || length > model.contextLength)
    throw new InvalidOptionError(
      `perplexity: expected a window from 4 to ${model.contextLength} tokens, found ${length}`,
    )
  const ids = model.tokenizer.encode(text, { bos: true })
  const windows = Math.floor(ids.length / length)
  if (windows === 0)
    throw new InvalidOptionError(
      `perplexity: expected a text of at least ${length} tokens, found ${ids.length}`,
    )
  const bos = model.tokenizer.encode('', { bos: true })[0]

  const first = Math.floor(length / 2)
  const rows = Array.from({ length: length - 1 - first }, (_, i) => first + i)
  let loss = 0
  for (let window = 0; window < windows; window++) {
    const tokens = ids.slice(window * length, (window + 1) * length)
    if (bos !== undefined) tokens[0] = bos
    const { values, width } = await model.logits(tokens, {
      rows,
      ...(options.signal && { signal: options.signal }),
    })
    rows.forEach((row, i) => {
      loss -= logProbability(values.subarray(i * width, (i + 1) * width), tokens[row + 1]!)
    })
    options.onProgress?.(window + 1, windows, Math.exp(loss / ((window + 1) * rows.length)))
  }
  const tokens = windows * rows.length
  return { perplexity: Math.exp(loss / tokens), tokens }
}

/** Natural logarithm of the probability that a row of logits gives to `id`. */
export function logProbability(logits: Float32Array, id: number): number {
  let greatest = -Infinity
  for (const logit of logits) if (logit > greatest) greatest = logit
  let sum = 0
  for (const logit of logits) sum += Math.exp(logit - greatest)
  return logits[id]! - greatest - Math.log(sum)
}
