// What is raced, and what ratio to llama.cpp is the goal.
import type { ModelType } from '../models.ts'

/** What both do and are timed at. */
export interface Work {
  /** `start`: a process of its own, from its birth to the first token that it prints. */
  readonly kind: 'decode' | 'prefill' | 'start'
  /** Tokens that are timed, of each sequence; of `start` those of the prompt. */
  readonly tokens: number
  /** Tokens in the cache before them. */
  readonly depth: number
  /** Sequences that decode in one step. */
  readonly batch: number
}

export interface Row extends Work {
  /** The table that it stands in. */
  readonly group: string
  readonly name: string
  readonly shape: string
  readonly type: ModelType
  /** The ratio that torchless's rate should have to llama.cpp's; of `start`, at most this one of the times. */
  readonly goal: number
  /** Whether reading the weights has to come near to what the memory gives. */
  readonly bandwidth?: true
  /** The instruction set that both are held to. Default: the best that each has for this processor. */
  readonly level?: 'avx2'
  /** Of `start`, whether llama.cpp rearranges the weights while it loads, as it does unless told otherwise. Default true. */
  readonly repack?: false
  /** Of each engine. Default: as many as torchless takes by itself. */
  readonly threads?: number
  /** Whether `--quick` has it. */
  readonly quick?: true
}

/**
 * The least share of the memory's bandwidth (bytes a second) that decoding should reach: less in minutes in which the
 * neighbours are quiet, and memory gives more than two cores can take.
 */
export function shareGoal(readRate: number): number {
  return readRate >= 40e9 ? 0.8 : 0.95
}

type Options = Partial<Omit<Row, 'group' | 'name' | 'type' | 'goal'>>

const row = (group: string, name: string, type: ModelType, goal: number, options: Options): Row => ({
  ...{ group, name, type, goal, shape: 'llama-1b', kind: 'decode', tokens: 32, depth: 0, batch: 1 },
  ...options,
})

const decode = (type: ModelType, options: Options = {}) =>
  row('Decode', `decode ${type}`, type, 1, { bandwidth: true, ...options })

const prefill = (type: ModelType, goal: number, options: Options = {}) =>
  row('Prefill', `prefill ${type}`, type, goal, { kind: 'prefill', tokens: 512, ...options })

const deepDecode = (depth: number, goal: number, options: Options = {}) =>
  row('Long contexts', `decode at ${depth}`, 'Q4_0', goal, { depth, tokens: 16, ...options })

const batch = (size: number, goal: number, options: Options = {}) =>
  row('Several sequences', `batch of ${size}`, 'Q4_0', goal, { batch: size, tokens: 16, ...options })

export const rows: readonly Row[] = [
  decode('Q4_0', { quick: true }),
  decode('Q4_K_M', { quick: true }),
  decode('Q8_0'),
  decode('Q6_K'),
  decode('F16'),
  decode('BF16'),
  prefill('Q4_0', 2.1, { quick: true }),
  prefill('Q4_K_M', 2.1, { quick: true }),
  prefill('Q5_K_M', 2.1),
  prefill('Q6_K', 2.1),
  prefill('IQ4_XS', 2.1),
  prefill('Q8_0', 2.8),
  prefill('F16', 1.05),
  prefill('BF16', 1.3),
  deepDecode(2048, 2, { quick: true }),
  deepDecode(8192, 2),
  row('Long contexts', 'prefill at 2048', 'Q4_0', 2.5, { kind: 'prefill', depth: 2048, tokens: 512 }),
  batch(2, 1.3),
  batch(4, 1.5),
  batch(8, 2, { quick: true }),
  batch(16, 2.5),
  row('Small models', 'decode llama-24m', 'Q8_0', 1.7, { shape: 'llama-24m', tokens: 512 }),
  row('Small models', 'decode qwen3-moe-small', 'Q4_0', 1, { shape: 'qwen3-moe-small' }),
  row('Small models', 'prefill qwen3-moe-small', 'Q4_0', 1.8, {
    ...{ shape: 'qwen3-moe-small', kind: 'prefill', tokens: 512 },
  }),
  row('Start', 'first token', 'Q4_0', 0.8, { kind: 'start', tokens: 16 }),
  row('Start', 'first token, no repack', 'Q4_0', 0.8, { kind: 'start', tokens: 16, repack: false }),
  row('AVX2', 'avx2 decode Q4_0', 'Q4_0', 1, { level: 'avx2' }),
  row('AVX2', 'avx2 prefill Q4_0', 'Q4_0', 1.3, { level: 'avx2', kind: 'prefill', tokens: 512 }),
]

/** The same with half of the tokens, for which half of the time does. */
export function shortened(row: Row): Row {
  return { ...row, tokens: row.tokens / 2 }
}

/** The same on so many threads. */
export function onThreads(row: Row, threads: number): Row {
  return { ...row, threads, name: `${row.name}, ${threads} ${threads === 1 ? 'thread' : 'threads'}` }
}
