// How far numbers are from what they should be.

/** mean((a - b)²) / mean(b²), where b is right. */
export function nmse(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values for ${b.length}`)
  let [error, power] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    error += (a[i]! - b[i]!) ** 2
    power += b[i]! ** 2
  }
  return error / power
}

/** The index of the greatest value, and its lead over the second. */
export function best(values: ArrayLike<number>): { index: number; lead: number } {
  let [index, first, second] = [0, -Infinity, -Infinity]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (value > first) [index, second, first] = [i, first, value]
    else if (value > second) second = value
  }
  return { index, lead: first - second }
}
