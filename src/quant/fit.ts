// Finds the scale, or scale and minimum, with which small integers stand for a few values at the least weighted squared error. The plain
// twin of native/fit.h: every operation rounds to float32 in the same order, so that both find the same numbers. Knows no format.

/** Scales that are tried. */
const TRIES = 32
/** Values below this are zeros to every format. */
const NOTHING = Math.fround(1e-15)

const { fround, abs, min, max } = Math

/** What a scaled value is stored as. */
export type Quants = (scaled: number) => number

/**
 * Which scales are tried: in half of the tries the value of greatest magnitude becomes about `end`, in the others about `other`, more or
 * less by steps of `step`.
 */
export interface Search {
  readonly end: number
  readonly other: number
  readonly step: number
}

export interface Fit {
  readonly scale: number
  readonly minimum: number
}

/** The integers from `least` to `most`. */
export function integers(least: number, most: number): Quants {
  return scaled => nearest(max(least, min(most, scaled)))
}

/** To the nearest integer, ties to even. */
export function nearest(value: number): number {
  const whole = Math.round(value)
  return whole - value === 0.5 && whole % 2 !== 0 ? whole - 1 : whole
}

/** What to multiply by instead of dividing; 0 for scales that stand for zeros. */
export function inverseOf(scale: number): number {
  return abs(scale) >= fround(1e-30) ? fround(1 / scale) : 0
}

/** Quants by a scale and a minimum as they were stored, counted from `least`. */
export function quantized(
  x: Float32Array,
  { scale, minimum }: { readonly scale: number; readonly minimum: number },
  least: number,
  most: number,
): Uint8Array {
  const inverse = inverseOf(scale)
  const toInteger = integers(least, most)
  return Uint8Array.from(x, value => toInteger(fround(fround(value + minimum) * inverse)) - least)
}

/** The greatest magnitude. */
export function greatestOf(x: Float32Array): number {
  return x.reduce((greatest, value) => max(greatest, abs(value)), 0)
}

/** x ≈ scale · quant(x / scale); 0 stands for zeros. With the best scale of given quants the error is Σwx² - (Σwxq)² / Σwq². */
export function fitScale(x: Float32Array, w: Float32Array, quants: Quants, search: Search): number {
  let extreme = 0
  for (const value of x) if (abs(value) > abs(extreme)) extreme = value
  if (!(abs(extreme) >= NOTHING)) return 0
  const inverse = Float32Array.from({ length: TRIES }, (_, i) => {
    const half = (i % (TRIES / 2)) - TRIES / 4
    return fround((i < TRIES / 2 ? search.end : search.other) + search.step * half) / extreme
  })
  const [xq, qq, gain] = [new Float32Array(TRIES), new Float32Array(TRIES), new Float32Array(TRIES)]
  for (let i = 0; i < x.length; i++)
    for (let t = 0; t < TRIES; t++) {
      const q = quants(fround(inverse[t]! * x[i]!))
      const wq = fround(w[i]! * q)
      xq[t]! += fround(wq * x[i]!)
      qq[t]! += fround(wq * q)
    }
  for (let t = 0; t < TRIES; t++) gain[t] = fround(xq[t]! * xq[t]!) / qq[t]!
  const best = bestOf(gain)
  return qq[best]! > 0 ? fround(xq[best]! / qq[best]!) : 0
}

/**
 * x ≈ scale · q - minimum with q from 0 to `most`. The minimum is at least 0 unless it is `free`. First the range of the values is
 * divided by more or less than `most`; then the best scale and minimum so far are varied.
 */
export function fitAffine(x: Float32Array, w: Float32Array, most: number, free: boolean): Fit {
  const low = x.reduce((least, value) => min(least, value), free ? x[0]! : min(x[0]!, 0))
  const high = x.reduce((greatest, value) => max(greatest, value))
  const range = fround(high - low)
  if (!(range >= NOTHING)) return { scale: 0, minimum: -low }
  const step = fround(1 / (16 * most))
  const first = tryAffine(x, w, { low, inverse: fround(most / range), step }, most, free)
  // Weights of zero leave nothing to solve for.
  if (!(first.scale > 0)) return { scale: fround(range / most), minimum: -low }
  const around = { low: -first.minimum, inverse: fround(1 / first.scale), step: step / 4 }
  const second = tryAffine(x, w, around, most, free)
  return second.gain > first.gain && second.scale > 0 ? second : first
}

/**
 * Tries q = (x - low) · inverse for `inverse` and some around it, more or less by steps of `step` of it. Scale and minimum of given
 * quants follow by least squares. `gain` is what the fit takes off Σwx².
 */
function tryAffine(
  x: Float32Array,
  w: Float32Array,
  { low, inverse, step }: { readonly low: number; readonly inverse: number; readonly step: number },
  most: number,
  free: boolean,
): Fit & { readonly gain: number } {
  const quants = integers(0, most)
  const sums = () => new Float32Array(TRIES)
  const inverses = sums().map((_, i) => inverse * fround(1 + fround(step * (i - TRIES / 2))))
  const [q1, xq, qq, scale, offset, gain] = [sums(), sums(), sums(), sums(), sums(), sums()]
  const total = new Float32Array(2)
  for (let i = 0; i < x.length; i++) {
    const above = fround(x[i]! - low)
    total[0]! += w[i]!
    total[1]! += fround(w[i]! * x[i]!)
    for (let t = 0; t < TRIES; t++) {
      const q = quants(fround(inverses[t]! * above))
      const wq = fround(w[i]! * q)
      q1[t]! += wq
      xq[t]! += fround(wq * x[i]!)
      qq[t]! += fround(wq * q)
    }
  }
  const [w1, x1] = [total[0]!, total[1]!]
  for (let t = 0; t < TRIES; t++) {
    const determinant = fround(fround(w1 * qq[t]!) - fround(q1[t]! * q1[t]!))
    scale[t] = fround(fround(w1 * xq[t]!) - fround(x1 * q1[t]!)) / determinant
    offset[t] = fround(fround(qq[t]! * x1) - fround(q1[t]! * xq[t]!)) / determinant
    if (!free && offset[t]! > 0) {
      scale[t] = xq[t]! / qq[t]!
      offset[t] = 0
    }
    const saved = fround(scale[t]! * xq[t]!) + fround(offset[t]! * x1)
    gain[t] = determinant > 0 ? saved : -Infinity
  }
  const best = bestOf(gain)
  return { scale: scale[best]!, minimum: -offset[best]!, gain: gain[best]! }
}

/** The try of the greatest gain; the middle one if none is a number. */
function bestOf(gain: Float32Array): number {
  let best = TRIES / 2
  let greatest = -Infinity
  for (let t = 0; t < TRIES; t++)
    if (gain[t]! > greatest) {
      greatest = gain[t]!
      best = t
    }
  return best
}
