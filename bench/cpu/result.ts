// From pairs of times to a row of a table.
import type { Model } from '../../src/index.ts'
import { type Row, shareGoal } from './rows.ts'
import {
  CALM,
  drift,
  kept,
  median,
  type Pair,
  type Probe,
  quantile,
  type Spread,
  spread,
} from './statistics.ts'

export type Cost = Model['cost']

export interface Result {
  readonly row: Row
  /** Tokens a second of all sequences together; of `start`, milliseconds. */
  readonly torchless: Spread
  readonly llama: Spread
  /** Of torchless's figure to llama.cpp's, pair by pair; `low` and `high`: 10th and 90th percentile. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number }
  readonly machine: Probe
  /** Of what the machine gave in the same minute: of its multiplications for prefill, else of its bandwidth. */
  readonly share: number | undefined
  readonly met: boolean
  /** `disturbed`: of those kept, for want of calm ones. */
  readonly pairs: { readonly kept: number; readonly dropped: number; readonly disturbed: number }
}

/**
 * Medians of the calm pairs, of at least `least` pairs even if the machine was not calm. `cost` is what torchless reads
 * and multiplies for a token, where that is known.
 */
export function resultOf(row: Row, all: readonly Pair[], least: number, cost: Cost | undefined): Result {
  const pairs = kept(all, least)
  const torchless = pairs.map(pair => figure(row, pair.torchless))
  const llama = pairs.map(pair => figure(row, pair.llama))
  const ratios = torchless.map((value, i) => value / llama[i]!)
  const machine = {
    read: median(pairs.map(({ before, after }) => (before.read + after.read) / 2)),
    int8: median(pairs.map(({ before, after }) => (before.int8 + after.int8) / 2)),
  }
  const share = cost && row.kind !== 'start' ? median(pairs.map(pair => shareOf(row, pair, cost))) : undefined
  const ratio = { median: median(ratios), low: quantile(ratios, 0.1), high: quantile(ratios, 0.9) }
  return {
    row,
    ...{ torchless: spread(torchless), llama: spread(llama), ratio, machine, share },
    met: isMet(row, ratio.median, share, machine),
    pairs: {
      kept: pairs.length,
      dropped: all.length - pairs.length,
      disturbed: pairs.filter(pair => drift(pair) > CALM).length,
    },
  }
}

function figure({ kind, tokens, batch }: Row, milliseconds: number): number {
  return kind === 'start' ? milliseconds : (tokens * batch * 1000) / milliseconds
}

function shareOf(row: Row, { torchless, before, after }: Pair, cost: Cost): number {
  const steps = (row.tokens * 1000) / torchless
  if (row.kind === 'prefill') return (2 * steps * cost.multiplications) / (before.int8 + after.int8)
  // The cache grows during the run: its mean length counts.
  const cacheBytes = cost.kvBytesPerToken * (row.depth + row.tokens / 2) * row.batch
  return (2 * steps * (cost.weightBytes + cacheBytes)) / (before.read + after.read)
}

function isMet(row: Row, ratio: number, share: number | undefined, { read }: Probe): boolean {
  if (row.kind === 'start') return ratio <= row.goal
  return ratio >= row.goal && (!row.bandwidth || share === undefined || share >= shareGoal(read))
}
