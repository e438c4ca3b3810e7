// IEEE half precision and bfloat16 to float32 and back, as bit patterns. Knows no format.

const word = new Uint32Array(1)
const single = new Float32Array(word.buffer)
const halves = new Float32Array(0x10000).map((_, bits) => halfValue(bits))

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 0x3ff
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

export function f16ToF32(bits: number): number {
  return halves[bits]!
}

/** Rounds to nearest, ties to even; too large becomes infinite. */
export function f32ToF16(value: number): number {
  single[0] = value
  const bits = word[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal: adding a half rounds to multiples of 2^-24, which are then the lowest bits.
    single[0] = Math.abs(single[0]!) + 0.5
    return sign | (word[0]! - 0x3f000000)
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
}

export function bf16ToF32(bits: number): number {
  word[0] = bits << 16
  return single[0]!
}

/** Rounds to nearest, ties to even. */
export function f32ToBf16(value: number): number {
  single[0] = value
  const bits = word[0]!
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}
