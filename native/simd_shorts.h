// Products of 16-bit numbers, two at a time in each 32-bit sum, where the processor has them: at twice the rate of floats.
#pragma once
#include "simd.h"

#if defined(__AVX512VNNI__)
#define TL_SHORTS 1

namespace tl {

/** acc + a[2i] · b[2i] + a[2i+1] · b[2i+1] */
TL_INLINE P s_dot(P acc, W a, W b) { return _mm512_dpwssd_epi32(acc, a.v, b.v); }
/** Numbers of two vectors, rounded, side by side. */
TL_INLINE W s_pairs(F even, F odd) {
  return {_mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_cvtps_epi32(even), _mm512_slli_epi32(_mm512_cvtps_epi32(odd), 16))};
}
/** FW numbers, rounded, one behind the other. */
TL_INLINE void s_store(void *p, F a) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(a))); }
/** What `join` makes of all lanes of each of eight vectors; it must not depend on the order. */
template <class Join> TL_INLINE F8 s_combine(const F *a, Join join) {
  __m256 fours[2];
  TL_UNROLL
  for (int i = 0; i < 2; i++) {
    __m256 folded[4];
    TL_UNROLL
    for (int j = 0; j < 4; j++) folded[j] = join(_mm512_castps512_ps256(a[4 * i + j]), _mm512_extractf32x8_ps(a[4 * i + j], 1));
    const __m256d low = _mm256_castps_pd(join(_mm256_unpacklo_ps(folded[0], folded[1]), _mm256_unpackhi_ps(folded[0], folded[1])));
    const __m256d high = _mm256_castps_pd(join(_mm256_unpacklo_ps(folded[2], folded[3]), _mm256_unpackhi_ps(folded[2], folded[3])));
    fours[i] = join(_mm256_castpd_ps(_mm256_unpacklo_pd(low, high)), _mm256_castpd_ps(_mm256_unpackhi_pd(low, high)));
  }
  return join(_mm256_permute2f128_ps(fours[0], fours[1], 0x20), _mm256_permute2f128_ps(fours[0], fours[1], 0x31));
}
TL_INLINE F8 s_sums(const F *a) { return s_combine(a, f8_add); }
TL_INLINE F8 s_greatest(const F *a) { return s_combine(a, f8_max); }
TL_INLINE F f_sqrt(F a) { return _mm512_sqrt_ps(a); }
/** 2^a within 2.6e-6 of it, which is finer than 16 bits are: a polynomial of least greatest error for what is behind the whole number. */
TL_INLINE F s_exp2(F a) {
  const F r = _mm512_reduce_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  F p = f_fma(f_set(0.01353417f), r, f_set(0.05201146f));
  p = f_fma(p, r, f_set(0.24144276f));
  p = f_fma(p, r, f_set(0.69300383f));
  p = f_fma(p, r, f_set(1.00000259f));
  return _mm512_scalef_ps(p, a);
}

/** The greatest absolute value of `count` halves, FW at a time; not a number if one of them is none. */
TL_INLINE float greatest_half(const uint8_t *p, int count) {
  // Absolute halves are in the order of their bits, with what is no number behind all others.
  __m256i best = _mm256_setzero_si256();
  for (int i = 0; i < count; i += FW)
    best = _mm256_max_epu16(best, _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(p + 2 * i)), _mm256_set1_epi16(0x7fff)));
  const __m128i eight = _mm_max_epu16(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
  const int least = _mm_cvtsi128_si32(_mm_minpos_epu16(_mm_xor_si128(eight, _mm_set1_epi16(-1))));
  return half_to_float(uint16_t(~least));
}

} // namespace tl
#endif
