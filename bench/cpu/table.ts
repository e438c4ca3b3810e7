// Results as text.
import type { Result } from './result.ts'
import { shareGoal } from './rows.ts'
import type { Spread } from './statistics.ts'

export interface Heading {
  /** ISO 8601. */
  readonly date: string
  readonly processor: string
  /** Of each engine, in rows that do not say otherwise. */
  readonly threads: number
  readonly level: string
  /** Versions. */
  readonly torchless: string
  readonly llama: string
}

/** A table for each group of rows, in the order of the results. */
export function report(heading: Heading, results: readonly Result[]): string {
  const { date, processor, threads, level, torchless, llama } = heading
  const groups = [...new Set(results.map(({ row }) => row.group))]
  return [
    `${date}, ${processor}, ${threads} threads\ntorchless ${torchless} (${level}) and ${llama}, in turns`,
    ...groups.map(group =>
      groupTable(
        group,
        results.filter(({ row }) => row.group === group),
      ),
    ),
    'Medians (least to most); ratios pair by pair (10th to 90th percentile); pairs: kept, dropped since the machine changed.',
  ].join('\n\n')
}

function groupTable(group: string, results: readonly Result[]): string {
  const unit = results[0]?.row.kind === 'start' ? 'ms' : 'tokens/s'
  const engines = [`torchless, ${unit}`, `llama.cpp, ${unit}`]
  return aligned([[group, ...engines, 'ratio', 'of the machine', 'goal', '', 'pairs'], ...results.map(cells)])
}

function cells(result: Result): string[] {
  const { row, ratio, share, machine, met, pairs } = result
  const roof =
    row.kind === 'prefill'
      ? `${(machine.int8 / 1e9).toFixed(0)} GMAC/s`
      : `${(machine.read / 1e9).toFixed(1)} GB/s`
  const leastShare = row.bandwidth ? `, ${percent(shareGoal(machine.read))}` : ''
  const disturbed = pairs.disturbed > 0 ? ` (${pairs.disturbed} of the kept disturbed)` : ''
  return [
    row.name,
    shown(result.torchless),
    shown(result.llama),
    `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
    share === undefined ? '' : `${percent(share)} of ${roof}`,
    `${row.kind === 'start' ? '≤' : '≥'} ${row.goal.toFixed(2)}${leastShare}`,
    met ? 'met' : 'NOT MET',
    `${pairs.kept}, ${pairs.dropped}${disturbed}`,
  ]
}

function shown({ median, min, max }: Spread): string {
  const digits = median >= 100 ? 0 : 1
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`
}

/** Lines of as many cells each, in columns two blanks apart. */
export function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  return lines
    .map(line =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
