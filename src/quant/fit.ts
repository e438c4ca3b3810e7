// Finds the integers and the scale that stand for a few values with the least weighted squared error. Knows no format.

/** How finely scales beside the obvious one are tried. */
const STEP = 0.1

/**
 * `x ≈ scale · q - minimum` with q from 0 to `most` and a minimum of at least 0. For each scale tried, the values are
 * rounded, then scale and minimum are solved for by least squares. Writes q.
 */
export function fitAffine(
  x: Float32Array,
  weights: Float32Array,
  most: number,
  q: Uint8Array,
): { scale: number; minimum: number } {
  let low = 0
  let high = -Infinity
  for (const value of x) {
    if (value < low) low = value
    if (value > high) high = value
  }
  if (high <= low) {
    q.fill(0)
    return { scale: 0, minimum: -low }
  }
  let best = { scale: (high - low) / most, minimum: -low, error: Infinity }
  const tried = new Uint8Array(x.length)
  for (let step = -10; step <= 10; step++) {
    const inverse = (most + step * STEP) / (high - low)
    let [sumW, sumX, sumQ, sumQQ, sumXQ] = [0, 0, 0, 0, 0]
    for (let i = 0; i < x.length; i++) {
      const w = weights[i]!
      const level = clamp(Math.round(inverse * (x[i]! - low)), 0, most)
      tried[i] = level
      sumW += w
      sumX += w * x[i]!
      sumQ += w * level
      sumQQ += w * level * level
      sumXQ += w * level * x[i]!
    }
    const determinant = sumW * sumQQ - sumQ * sumQ
    if (determinant <= 0) continue
    let scale = (sumW * sumXQ - sumX * sumQ) / determinant
    let minimum = -(sumQQ * sumX - sumQ * sumXQ) / determinant
    if (minimum < 0) [scale, minimum] = [sumXQ / sumQQ, 0]
    let error = 0
    for (let i = 0; i < x.length; i++) error += weights[i]! * (scale * tried[i]! - minimum - x[i]!) ** 2
    if (error < best.error) {
      best = { scale, minimum, error }
      q.set(tried)
    }
  }
  return best
}

/** `x ≈ scale · q` with q from -`half` to `half` - 1. Writes q; a scale of 0 stands for zeros. */
export function fitSymmetric(x: Float32Array, weights: Float32Array, half: number, q: Int8Array): number {
  let largest = 0
  for (const value of x) if (Math.abs(value) > Math.abs(largest)) largest = value
  q.fill(0)
  if (Math.abs(largest) < 1e-15) return 0
  let [scale, gain] = [0, -Infinity]
  const tried = new Int8Array(x.length)
  for (let step = -9; step <= 9; step++) {
    // The largest value takes the end that reaches one further.
    const inverse = -(half + step * STEP) / largest
    let [sumXQ, sumQQ] = [0, 0]
    for (let i = 0; i < x.length; i++) {
      const level = clamp(Math.round(inverse * x[i]!), -half, half - 1)
      tried[i] = level
      sumXQ += weights[i]! * level * x[i]!
      sumQQ += weights[i]! * level * level
    }
    // With the best scale the error is Σwx² - (Σwxq)²/Σwq².
    if (sumQQ > 0 && sumXQ ** 2 / sumQQ > gain) {
      ;[scale, gain] = [sumXQ / sumQQ, sumXQ ** 2 / sumQQ]
      q.set(tried)
    }
  }
  return scale
}

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}
