// Medians and spreads, and which measurements count on a machine that changes from minute to minute.

/** What the machine gives at a moment: bytes a second, int8 multiplications a second. */
export interface Probe {
  readonly read: number
  readonly int8: number
}

/** Both engines' times for the same work, in milliseconds, between two probes. */
export interface Pair {
  readonly torchless: number
  readonly llama: number
  readonly before: Probe
  readonly after: Probe
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The most that the probes of a pair may differ by. */
export const CALM = 0.05

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that a `share` of the values lie below, between two of them if need be; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const ordered = values.toSorted((a, b) => a - b)
  const place = share * (ordered.length - 1)
  const below = ordered[Math.floor(place)] ?? Number.NaN
  const above = ordered[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: quantile(values, 0), max: quantile(values, 1) }
}

/** By which share the machine changed during a pair. */
export function drift({ before, after }: Pick<Pair, 'before' | 'after'>): number {
  return Math.max(difference(before.read, after.read), difference(before.int8, after.int8))
}

function difference(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(a, b)
}

/** The calm pairs; where there are fewer than `least`, the calmest `least`. */
export function kept(pairs: readonly Pair[], least: number): Pair[] {
  const calm = pairs.filter(pair => drift(pair) <= CALM)
  return calm.length >= least ? calm : pairs.toSorted((a, b) => drift(a) - drift(b)).slice(0, least)
}
