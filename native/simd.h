// The SIMD vocabulary that all kernels are written in, chosen by what the compiler was told to target: eight
// floats (F8), eight 32-bit sums (I8), thirty-two bytes (B32) or twice as many (B64), and FW floats (F) for long float loops.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include "simd_avx.h"
#elif defined(__ARM_FEATURE_DOTPROD)
#include "simd_neon.h"
#else
#include "simd_portable.h"
#endif

/** Loops over registers: unless they are gone, so are the registers. TL_INLINE is for functions that keep theirs, TL_ALWAYS_INLINE for lambdas. */
#if defined(__GNUC__) && (defined(__AVX2__) || defined(__ARM_FEATURE_DOTPROD))
#define TL_UNROLL _Pragma("GCC unroll 16")
#define TL_ALWAYS_INLINE __attribute__((always_inline))
#else
#define TL_UNROLL
#define TL_ALWAYS_INLINE
#endif
#define TL_INLINE inline TL_ALWAYS_INLINE

namespace tl {

#if !defined(__AVX2__)
/**
 * FW rows of FW words, `stride` bytes apart, become FW words of each column side by side, each four columns
 * `step` of them after the four before; `add` is added to each byte.
 */
template <int step = 4> inline void transpose_words(const uint8_t *from, size_t stride, uint8_t *to, uint8_t add) {
  for (int column = 0; column < FW; column++)
    for (int r = 0; r < FW; r++)
      for (int i = 0; i < 4; i++) to[4 * (FW * (column / 4 * step + column % 4) + r) + i] = uint8_t(from[stride * r + 4 * column + i] + add);
}
/** Four words of each of four rows: words i of all rows side by side at to + i · stride. */
inline void transpose4(const void *a, const void *b, const void *c, const void *d, void *to, size_t stride) {
  const void *rows[4] = {a, b, c, d};
  for (int i = 0; i < 4; i++)
    for (int r = 0; r < 4; r++) std::memcpy((uint8_t *)to + stride * i + 4 * r, (const uint8_t *)rows[r] + 4 * i, 4);
}
#endif

inline float bf16_to_f32(uint16_t bits) {
  const uint32_t word = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/** Rounds to nearest, ties to even. */
inline uint16_t f32_to_bf16(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  if ((word & 0x7fffffff) > 0x7f800000) return uint16_t(word >> 16 | 0x40);
  return uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

template <typename T>
inline T load_unaligned(const void *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

/** 1 / (1 + e^-a). */
inline F f_sigmoid(F a) { return f_div(f_set(1.0f), f_add(f_set(1.0f), f_exp(f_mul(a, f_set(-1.0f))))); }

/** cap · tanh(a / cap), by tanh u = 2 sigmoid(2u) - 1. */
inline F f_softcap(F a, float cap) {
  return f_mul(f_add(f_mul(f_sigmoid(f_mul(a, f_set(2 / cap))), f_set(2.0f)), f_set(-1.0f)), f_set(cap));
}

/** See f_from_e4m3. */
constexpr float E4M3_UNIT = 256;

/** Eight signed bytes. */
inline F8 f8_from_s8(const void *p) { return f8_from_s8_word(load_unaligned<uint64_t>(p)); }

} // namespace tl

#include "simd_words.h"
#include "simd_pairs.h"
