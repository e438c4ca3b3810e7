// The two 16-bit float types, f16 (IEEE binary16) and bf16 (the upper half of a float32), to float32 and back,
// rounding to nearest, ties to even; float32 from its bits. Must not know block formats.

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

let f16Table: Float32Array | undefined

/** Value by bits; 256 KiB that replace branches on subnormals and infinities, made when the first one is wanted. */
function f16Values(): Float32Array {
  f16Table ??= Float32Array.from({ length: 1 << 16 }, (_, i) => widen(i))
  return f16Table
}

/** The value of f16 bits. */
export function f16ToF32(half: number): number {
  return f16Values()[half]!
}

/** The f16 bits of a float32. */
export function f32ToF16(value: number): number {
  float[0] = value
  const sign = (bits[0]! >>> 16) & 0x8000
  const magnitude = bits[0]! & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00 // NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // from 65,520, half-way to what would be 2^16
  if (magnitude < 0x38800000) {
    // Next to 0.5, float32 has the spacing of f16's subnormals, 2^-24: the addition rounds.
    float[0] = Math.abs(float[0]!) + 0.5
    return sign | (bits[0]! - 0x3f000000)
  }
  return sign | roundOff(magnitude - 0x38000000, 13)
}

/** The value of bf16 bits. */
export function bf16ToF32(half: number): number {
  return bitsToF32(half << 16)
}

/** The value of float32 bits. */
export function bitsToF32(word: number): number {
  bits[0] = word
  return float[0]!
}

/** The bf16 bits of a float32. */
export function f32ToBf16(value: number): number {
  float[0] = value
  const word = bits[0]!
  if ((word & 0x7fffffff) > 0x7f800000) return (word >>> 16) | 0x40 // a NaN must not round to an infinity
  return ((word >>> 16) & 0x8000) | roundOff(word & 0x7fffffff, 16)
}

/** Values of f16 bits, one by one. */
export function f16sToF32s(halves: Uint16Array): Float32Array {
  const table = f16Values()
  const values = new Float32Array(halves.length)
  for (let i = 0; i < halves.length; i++) values[i] = table[halves[i]!]!
  return values
}

/** f16 bits of float32 values, one by one. */
export function f32sToF16s(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) halves[i] = f32ToF16(values[i]!)
  return halves
}

/** Values of bf16 bits, one by one. */
export function bf16sToF32s(halves: Uint16Array): Float32Array {
  const words = new Int32Array(halves.length)
  for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16
  return new Float32Array(words.buffer)
}

/** bf16 bits of float32 values, one by one. */
export function f32sToBf16s(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length)
  for (let i = 0; i < values.length; i++) halves[i] = f32ToBf16(values[i]!)
  return halves
}

/** Drops the lowest `count` bits, to nearest, ties to even; a carry into the exponent is the right one. */
function roundOff(word: number, count: number): number {
  const half = 1 << (count - 1)
  return (word + half - 1 + ((word >> count) & 1)) >>> count
}

/** float32 value of f16 bits, by moving the fields to where float32 has them. */
function widen(half: number): number {
  const exponent = half & 0x7c00
  // An infinity or NaN has the greatest exponent in both types.
  bits[0] = ((half & 0x7fff) << 13) | (exponent === 0x7c00 ? 0x7f800000 : 0)
  // The biases, 127 and 15, differ by 112; multiplying makes subnormals right as well.
  const value = exponent === 0x7c00 ? float[0]! : float[0]! * 2 ** 112
  return half & 0x8000 ? -value : value
}
