// JSON numbers within exact bounds, as expressions: digits are compared with those of the bounds as they come.
import { characters, choice, type Expression, empty, optional, repeat, sequence, text } from './expression.ts'

export interface NumberBounds {
  readonly integer: boolean
  readonly low?: Bound | undefined
  readonly high?: Bound | undefined
  readonly multipleOf?: number | undefined
}

export interface Bound {
  readonly value: number
  readonly exclusive: boolean
}

/** Numbers of up to so many digits are what they say: no two of them are the same double, and none is rounded over a bound. */
const DIGITS = 15
/** Digits before the point, where a side has no bound. */
const UNBOUNDED_DIGITS = 9
/** So many numbers, or fewer, are written out. */
const WRITTEN_OUT = 200
const MOST_NODES = 50_000

const digit = characters([[0x30, 0x39]])
const nonZero = characters([[0x31, 0x39]])
const whole = choice(text('0'), sequence(nonZero, repeat(digit, 0, DIGITS - 1)))

/** Any number, with up to 15 digits on each side of the point; and any whole one, zero without a sign. */
const anyNumber = sequence(
  optional(text('-')),
  whole,
  optional(sequence(text('.'), repeat(digit, 1, DIGITS))),
  optional(
    sequence(
      characters([
        [0x45, 0x45],
        [0x65, 0x65],
      ]),
      optional(
        characters([
          [0x2b, 0x2b],
          [0x2d, 0x2d],
        ]),
      ),
      repeat(digit, 1, 2),
    ),
  ),
)
const anyInteger = choice(text('0'), sequence(optional(text('-')), nonZero, repeat(digit, 0, DIGITS - 1)))

/** The expression, or the reason why there is none. No bound is overstepped, but not every number within them can be written. */
export function numberExpression({ integer, low, high, multipleOf }: NumberBounds): Expression | string {
  if (!low && !high && multipleOf === undefined) return integer ? anyInteger : anyNumber
  const step = multipleOf === undefined ? undefined : decimal(multipleOf)
  if (step && step.digits <= 0n) return 'expected a number above 0'
  if (step && step.scale > DIGITS) return `more than ${DIGITS} digits behind the point cannot be guaranteed`
  const bounded = Math.max(digitsBefore(low), digitsBefore(high), low && high ? 1 : UNBOUNDED_DIGITS)
  const places = integer ? 0 : step ? step.scale : Math.max(0, DIGITS - bounded)
  const before = integer ? DIGITS : Math.min(bounded, DIGITS - places)
  const scale = 10n ** BigInt(places)
  const unit = step ? unitOf(step, places) : 1n
  const limit = 10n ** BigInt(before + places) - 1n
  const first = low ? max(-limit, ceiling(low, scale)) : -limit
  const last = high ? min(limit, -ceiling({ ...high, value: -high.value }, scale)) : limit
  if (first > limit || last < -limit) return `numbers of more than ${DIGITS} digits cannot be guaranteed`
  if (places === 0 && (last - first) / unit <= BigInt(WRITTEN_OUT)) {
    const start = first + (((-first % unit) + unit) % unit)
    const count = last < start ? 0 : Number((last - start) / unit) + 1
    return choice(...Array.from({ length: count }, (_, i) => text(String(start + BigInt(i) * unit))))
  }
  const positive = magnitudes(max(0n, first), last, places, unit)
  const negative = magnitudes(max(1n, -last), -first, places, unit)
  if (!positive || !negative) return `multiples of ${multipleOf} cannot be guaranteed in a range so wide`
  return choice(positive, sequence(text('-'), negative))
}

/** Digits on their way. */
interface Digits {
  /** How many are still to come, those behind the point included. */
  readonly left: number
  /** Those of the bounds, as long as what is written is their beginning. */
  readonly low: string | undefined
  readonly high: string | undefined
  /** What is written, modulo the unit. */
  readonly rest: bigint
}

/** Numbers from `first` to `last` that are multiples of `unit`, all counted in the last of `places` digits behind the point. */
function magnitudes(first: bigint, last: bigint, places: number, unit: bigint): Expression | undefined {
  const nodes: { ends: boolean; edges: { on: Expression; to: number }[] }[] = [{ ends: false, edges: [] }]
  const numbers = new Map<string, number>()
  const waiting: Digits[] = []
  const numberOf = (digits: Digits): number => {
    const { left, low, high, rest } = digits
    const key = `${left},${low},${high},${rest}`
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, nodes.length)
    waiting.push(digits)
    // Zeros behind the point need not be written.
    const aboveLow = low === undefined || /^0*$/.test(low)
    const ends = left <= places && aboveLow && (rest * 10n ** BigInt(left)) % unit === 0n
    return nodes.push({ ends, edges: [] }) - 1
  }
  for (let length = places + 1; length <= places + DIGITS; length++) {
    const low = max(first, length === places + 1 ? 0n : 10n ** BigInt(length - 1))
    const high = min(last, 10n ** BigInt(length) - 1n)
    if (low > high) continue
    const [from, to] = [low, high].map(bound => String(bound).padStart(length, '0'))
    nodes[0]!.edges.push({ on: empty, to: numberOf({ left: length, low: from, high: to, rest: 0n }) })
  }
  for (let digits = waiting.pop(); digits; digits = waiting.pop()) {
    if (nodes.length > MOST_NODES) return undefined
    const { left, low, high, rest } = digits
    if (left === 0) continue
    const node = nodes[numberOf(digits)]!
    for (let value = Number(low?.[0] ?? 0); value <= Number(high?.[0] ?? 9); value++) {
      const next = {
        left: left - 1,
        low: low?.[0] === String(value) ? low.slice(1) : undefined,
        high: high?.[0] === String(value) ? high.slice(1) : undefined,
        rest: (rest * 10n + BigInt(value)) % unit,
      }
      node.edges.push({ on: text(`${left === places ? '.' : ''}${value}`), to: numberOf(next) })
    }
  }
  return { kind: 'graph', nodes }
}

/** Whether a number is a multiple of another one, both as decimals write them. */
export function isMultiple(value: number, step: number): boolean {
  const [a, b] = [decimal(value), decimal(step)]
  return (a.digits * 10n ** BigInt(b.scale)) % (b.digits * 10n ** BigInt(a.scale)) === 0n
}

/** A double as decimals write it: `digits / 10 ** scale`. */
function decimal(value: number): { digits: bigint; scale: number } {
  const [mantissa, exponent = '0'] = String(value).split('e') as [string, string?]
  const [before, behind = ''] = mantissa.split('.') as [string, string?]
  const scale = behind.length - Number(exponent)
  const digits = BigInt(before + behind)
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 }
}

/** Digits before the point. */
function digitsBefore(bound: Bound | undefined): number {
  return bound ? String(BigInt(Math.trunc(Math.abs(bound.value)))).length : 1
}

/** The least whole number of `1 / scale` that is not below a lower bound. */
function ceiling({ value, exclusive }: Bound, scale: bigint): bigint {
  const { digits, scale: places } = decimal(value)
  const [scaled, whole] = [digits * scale, 10n ** BigInt(places)]
  const floor = scaled / whole - (scaled % whole < 0n ? 1n : 0n)
  if (floor * whole !== scaled) return floor + 1n
  return exclusive ? floor + 1n : floor
}

/** Multiples of the step that are whole numbers of the last place. */
function unitOf({ digits, scale }: { digits: bigint; scale: number }, places: number): bigint {
  let [a, b] = [digits * 10n ** BigInt(places), 10n ** BigInt(scale)]
  const whole = a
  while (b > 0n) [a, b] = [b, a % b]
  return whole / a
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
