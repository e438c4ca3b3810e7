// Products of bf16, where the processor has them. Only for sources that differ by it, and before panels.h: the others are compiled once
// for levels with and without it.
#pragma once
#include "simd.h"

#if defined(__AVX512BF16__)
#define TL_BF16_DOT 1

namespace tl {

/** Twice FW numbers in bf16. */
using BF = __m512bh;
inline BF bf_load(const void *p) {
  BF r;
  std::memcpy(&r, p, 64);
  return r;
}
/** One pair in all places. */
inline BF bf_set(const void *pair) {
  const __m512i all = _mm512_set1_epi32(*(const int32_t *)pair);
  BF r;
  std::memcpy(&r, &all, 64);
  return r;
}
/** acc[i] + a[2i] · b[2i] + a[2i+1] · b[2i+1] */
inline F bf_dot(BF a, BF b, F acc) { return _mm512_dpbf16_ps(acc, a, b); }
/** FW floats rounded to nearest, ties to even. */
inline void f_to_bf16(void *p, F a) {
  const __m256bh r = _mm512_cvtneps_pbh(a);
  std::memcpy(p, &r, 32);
}

} // namespace tl
#endif
