// The vocabulary on x86: AVX2 with FMA and F16C, and AVX-512 with VNNI where the level has it.
#pragma once
#include "half.h"
#include <cstring>
#include <immintrin.h>

namespace tl {

using F8 = __m256;
struct I8 { __m256i v; };
struct B32 { __m256i v; };

inline F8 f8_set(float x) { return _mm256_set1_ps(x); }
inline F8 f8_load(const float *p) { return _mm256_loadu_ps(p); }
inline void f8_store(float *p, F8 a) { _mm256_storeu_ps(p, a); }
inline F8 f8_add(F8 a, F8 b) { return _mm256_add_ps(a, b); }
inline F8 f8_mul(F8 a, F8 b) { return _mm256_mul_ps(a, b); }
inline F8 f8_max(F8 a, F8 b) { return _mm256_max_ps(a, b); }
/** a · b + c */
inline F8 f8_fma(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
inline float f8_sum(F8 a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
/** Lane j is the sum of all lanes of r[j]. */
inline F8 f8_combine(const F8 r[8]) {
  const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
  const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(r[4], r[5]), _mm256_hadd_ps(r[6], r[7]));
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}
inline F8 f8_from_i8(I8 a) { return _mm256_cvtepi32_ps(a.v); }
inline F8 f8_from_half(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
/** Eight halves, the first four in `low`: kept in registers, since loading what was just stored in parts stalls. */
inline F8 f8_from_half_words(uint64_t low, uint64_t high) { return _mm256_cvtph_ps(_mm_set_epi64x(int64_t(high), int64_t(low))); }
inline void f8_to_half(void *p, F8 a) { _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)); }
inline F8 f8_from_bf16(const void *p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
/** Eight signed bytes, the first one lowest. */
inline F8 f8_from_s8_word(uint64_t word) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(int64_t(word)))); }
/** 2^(e - 128) for eight bytes e, the first one lowest; the least two are subnormal. */
inline F8 f8_from_exponents(uint64_t word) {
  const __m256i e = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(int64_t(word)));
  const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
  const __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(1 << 21), e);
  return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, subnormal, _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e)));
}

inline I8 i8_zero() { return {_mm256_setzero_si256()}; }

inline B32 b32_load(const void *p) { return {_mm256_loadu_si256((const __m256i *)p)}; }
inline void b32_store(void *p, B32 a) { _mm256_storeu_si256((__m256i *)p, a.v); }
/** The 16 bytes at `a`, then those at `b`. */
inline B32 b32_pair(const void *a, const void *b) {
  return {_mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)), _mm_loadu_si128((const __m128i *)b), 1)};
}
inline B32 b32_zero() { return {_mm256_setzero_si256()}; }
inline B32 b32_and(B32 a, uint8_t mask) { return {_mm256_and_si256(a.v, _mm256_set1_epi8(char(mask)))}; }
inline B32 b32_or(B32 a, B32 b) { return {_mm256_or_si256(a.v, b.v)}; }
inline B32 b32_add(B32 a, uint8_t b) { return {_mm256_add_epi8(a.v, _mm256_set1_epi8(char(b)))}; }
/** Each byte shifted right by n bits. */
template <int n> inline B32 b32_shr(B32 a) { return b32_and({_mm256_srli_epi16(a.v, n)}, uint8_t(0xff >> n)); }
/** Each byte shifted left by n bits. */
template <int n> inline B32 b32_shl(B32 a) { return b32_and({_mm256_slli_epi16(a.v, n)}, uint8_t(0xff << n)); }
/** Sixteen bytes: low nibbles, then high nibbles. */
inline B32 b32_nibbles(const void *p) {
  const __m128i raw = _mm_loadu_si128((const __m128i *)p);
  return b32_and({_mm256_set_m128i(_mm_srli_epi16(raw, 4), raw)}, 15);
}
/** table[i] for each byte i, which must be below 16. */
inline B32 b32_lookup(const int8_t table[16], B32 indices) {
  return {_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), indices.v)};
}
/** Byte i is 16 where bit i is set. */
inline B32 b32_bits_to_16(uint32_t bits) {
  const __m256i spread = _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(int(bits)), spread);
  const __m256i select = _mm256_set1_epi64x(int64_t(0x8040201008040201));
  const __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, select), select);
  return {_mm256_and_si256(set, _mm256_set1_epi8(16))};
}

/** acc[i] += Σ w[4i..4i+3] · x[4i..4i+3]; w unsigned and below 128, x signed. */
inline I8 dot_u8(I8 acc, B32 w, B32 x) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
  return {_mm256_dpbusd_epi32(acc.v, w.v, x.v)};
#else
  const __m256i pairs = _mm256_maddubs_epi16(w.v, x.v);
  return {_mm256_add_epi32(acc.v, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
#endif
}
/** The same with w signed; neither is -128 in x. */
inline I8 dot_s8(I8 acc, B32 w, B32 x) {
  // |w| is unsigned, and x takes w's sign.
  return dot_u8(acc, {_mm256_abs_epi8(w.v)}, {_mm256_sign_epi8(x.v, w.v)});
}

/** Sums of lanes 0-3 of r[0..3] in the low half, of lanes 4-7 in the high half. */
inline __m256i i8_sum4(const I8 r[4]) {
  // Instructions that add neighbours do the same, and take up to twice as long.
  const auto halves = [](I8 a, I8 b) { return _mm256_add_epi32(_mm256_unpacklo_epi32(a.v, b.v), _mm256_unpackhi_epi32(a.v, b.v)); };
  const __m256i a = halves(r[0], r[1]), b = halves(r[2], r[3]);
  return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}
/** Lane j is the sum of all lanes of r[j]. */
inline I8 i8_combine(const I8 r[8]) {
  const __m256i a = i8_sum4(r), b = i8_sum4(r + 4);
  return {_mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31))};
}
/** Sums of lanes 0-3 and 4-7 of each r[j] in order. */
inline I8 i8_combine_halves(const I8 r[4]) {
  return {_mm256_permutevar8x32_epi32(i8_sum4(r), _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0))};
}

inline float half_to_float(uint16_t half) { return _cvtsh_ss(half); }
inline uint16_t float_to_half(float value) { return uint16_t(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT)); }

#if defined(__AVX512BW__)
/** Where four halves that lie `stride` bytes apart, the first one `offset` bytes on, are among the words of a register. */
constexpr int64_t word_indices(int stride, int offset) {
  uint64_t indices = 0;
  for (int i = 0; i < 4; i++) indices |= uint64_t((offset + i * stride) / 2 & 31) << (16 * i);
  return int64_t(indices);
}
/**
 * Eight halves that lie `stride` bytes apart: one permutation takes as many of them as there are in 64 bytes, up to four. The
 * blocks whose first half may lie two bytes before `p` are all that is read.
 */
template <int stride> inline F8 f8_from_near_halves(const uint8_t *p) {
  static_assert(stride % 2 == 0 && stride <= 60);
  constexpr int near = stride <= 20 ? 4 : 2, last = 8 * stride - 2 - 64;
  __m512i all = _mm512_setzero_si512();
  for (int i = 0; i < 8; i += near) {
    const int from = i * stride < last ? i * stride : last;
    const __m512i order = _mm512_set_epi64(0, 0, 0, 0, 0, 0, word_indices(stride, 4 * stride - from), word_indices(stride, -from));
    all = _mm512_mask_permutexvar_epi16(all, __mmask32(((1 << near) - 1) << i), order, _mm512_loadu_si512(p + from));
  }
  return _mm256_cvtph_ps(_mm512_castsi512_si128(all));
}
template <int stride> constexpr bool NEAR_HALVES = stride % 2 == 0;
#else
/** What moves the half at byte `from` of a lane to word `place`, and clears the others: the lane's words from 4 · `quarter` on. */
constexpr int64_t half_order(int place, int from, int quarter) {
  uint64_t order = 0;
  for (int i = 0; i < 4; i++) order |= uint64_t(4 * quarter + i == place ? (from + 1) << 8 | from : 0x8080) << (16 * i);
  return int64_t(order);
}
/** Eight halves that lie `stride` bytes apart: of two in 32 bytes, the second is in the upper lane. Reads no more than the blocks that p is in. */
template <int stride> inline F8 f8_from_near_halves(const uint8_t *p) {
  constexpr int second = stride - 16;
  __m256i all = _mm256_setzero_si256();
  for (int i = 0; i < 8; i += 2) {
    const __m256i order = _mm256_set_epi64x(half_order(i + 1, second, 1), half_order(i + 1, second, 0), half_order(i, 0, 1), half_order(i, 0, 0));
    all = _mm256_or_si256(all, _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)(p + stride * i)), order));
  }
  return _mm256_cvtph_ps(_mm_or_si128(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}
template <int stride> constexpr bool NEAR_HALVES = stride > 16 && stride <= 30;
#endif

#if defined(__AVX512F__)
constexpr int FW = 16;
using F = __m512;
inline F f_set(float x) { return _mm512_set1_ps(x); }
inline F f_load(const float *p) { return _mm512_loadu_ps(p); }
inline void f_store(float *p, F a) { _mm512_storeu_ps(p, a); }
inline F f_add(F a, F b) { return _mm512_add_ps(a, b); }
inline F f_mul(F a, F b) { return _mm512_mul_ps(a, b); }
inline F f_max(F a, F b) { return _mm512_max_ps(a, b); }
inline F f_div(F a, F b) { return _mm512_div_ps(a, b); }
inline F f_fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
inline float f_sum(F a) { return _mm512_reduce_add_ps(a); }
inline float f_greatest(F a) { return _mm512_reduce_max_ps(a); }
inline F f_from_half(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
inline void f_to_half(void *p, F a) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT)); }
inline F f_from_bf16(const void *p) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
/** Floats of 8 bits: the upper bytes of halves. */
inline F f_from_e5m2(const void *p) {
  const __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
  return _mm512_cvtph_ps(_mm256_slli_epi16(bytes, 8));
}
/** The same with a bit less of exponent, so of a 256th: E4M3_UNIT times as large. 0x7f and 0xff are no numbers. */
inline F f_from_e4m3(const void *p) {
  const __m256i bytes = _mm256_slli_epi16(_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)), 8), all = _mm256_set1_epi16(0x7f00);
  const __m256i nan = _mm256_cmpeq_epi16(_mm256_and_si256(bytes, all), all);
  const __m256i halves = _mm256_and_si256(_mm256_srai_epi16(bytes, 1), _mm256_set1_epi16(int16_t(0xbf80)));
  return _mm512_cvtph_ps(_mm256_or_si256(halves, nan));
}
/** Eight numbers with the same sum. */
inline F8 f8_fold(F a) { return _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1)); }
/** Lane j is the sum of all lanes of r[j], for FW of them. */
inline F f_combine(const F8 r[16]) { return _mm512_insertf32x8(_mm512_castps256_ps512(f8_combine(r)), f8_combine(r + 8), 1); }
/** 2^k for whole k within float's range. */
inline F f_scale2(F x, F k) { return _mm512_scalef_ps(x, k); }
inline F f_round(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT); }
inline F f_min(F a, F b) { return _mm512_min_ps(a, b); }
/** x where a > b, else y. */
inline F f_above(F a, F b, F x, F y) { return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x); }
#else
constexpr int FW = 8;
using F = F8;
inline F f_set(float x) { return f8_set(x); }
inline F f_load(const float *p) { return f8_load(p); }
inline void f_store(float *p, F a) { f8_store(p, a); }
inline F f_add(F a, F b) { return f8_add(a, b); }
inline F f_mul(F a, F b) { return f8_mul(a, b); }
inline F f_max(F a, F b) { return f8_max(a, b); }
inline F f_div(F a, F b) { return _mm256_div_ps(a, b); }
inline F f_fma(F a, F b, F c) { return f8_fma(a, b, c); }
inline float f_sum(F a) { return f8_sum(a); }
inline float f_greatest(F a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
inline F f_from_half(const void *p) { return f8_from_half(p); }
inline void f_to_half(void *p, F a) { f8_to_half(p, a); }
inline F f_from_bf16(const void *p) { return f8_from_bf16(p); }
inline F f_from_e5m2(const void *p) {
  return _mm256_cvtph_ps(_mm_unpacklo_epi8(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)p)));
}
inline F f_from_e4m3(const void *p) {
  const __m128i bytes = _mm_unpacklo_epi8(_mm_setzero_si128(), _mm_loadl_epi64((const __m128i *)p)), all = _mm_set1_epi16(0x7f00);
  const __m128i nan = _mm_cmpeq_epi16(_mm_and_si128(bytes, all), all);
  return _mm256_cvtph_ps(_mm_or_si128(_mm_and_si128(_mm_srai_epi16(bytes, 1), _mm_set1_epi16(int16_t(0xbf80))), nan));
}
inline F8 f8_fold(F a) { return a; }
inline F f_combine(const F8 r[8]) { return f8_combine(r); }
inline F f_scale2(F x, F k) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(exponent));
}
inline F f_round(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline F f_min(F a, F b) { return _mm256_min_ps(a, b); }
inline F f_above(F a, F b, F x, F y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ)); }
#endif

/**
 * FW rows of FW words, `stride` bytes apart, become FW words of each column side by side, each four columns
 * `step` of them after the four before; `add` is added to each byte.
 */
#if defined(__AVX512F__)
template <int step = 4> inline void transpose_words(const uint8_t *from, size_t stride, uint8_t *to, uint8_t add) {
  __m512i a[16], b[16];
  for (int r = 0; r < 16; r++) a[r] = _mm512_loadu_si512(from + stride * r);
  // Words of neighbouring rows side by side, then of four rows, then of eight, then of all.
  for (int r = 0; r < 16; r += 2) {
    b[r] = _mm512_unpacklo_epi32(a[r], a[r + 1]);
    b[r + 1] = _mm512_unpackhi_epi32(a[r], a[r + 1]);
  }
  for (int r = 0; r < 16; r += 4)
    for (int i = 0; i < 2; i++) {
      a[r + 2 * i] = _mm512_unpacklo_epi64(b[r + i], b[r + 2 + i]);
      a[r + 2 * i + 1] = _mm512_unpackhi_epi64(b[r + i], b[r + 2 + i]);
    }
  for (int r = 0; r < 16; r += 8)
    for (int i = 0; i < 4; i++) {
      b[r + i] = _mm512_shuffle_i32x4(a[r + i], a[r + 4 + i], 0x88);
      b[r + 4 + i] = _mm512_shuffle_i32x4(a[r + i], a[r + 4 + i], 0xdd);
    }
  const __m512i more = _mm512_set1_epi8(char(add));
  const auto put = [&](int column, __m512i words) { _mm512_storeu_si512(to + 64 * (column / 4 * step + column % 4), _mm512_add_epi8(words, more)); };
  for (int i = 0; i < 8; i++) {
    put(i, _mm512_shuffle_i32x4(b[i], b[i + 8], 0x88));
    put(i + 8, _mm512_shuffle_i32x4(b[i], b[i + 8], 0xdd));
  }
}
#else
template <int step = 4> inline void transpose_words(const uint8_t *from, size_t stride, uint8_t *to, uint8_t add) {
  __m256i a[8], b[8];
  for (int r = 0; r < 8; r++) a[r] = _mm256_loadu_si256((const __m256i *)(from + stride * r));
  for (int r = 0; r < 8; r += 2) {
    b[r] = _mm256_unpacklo_epi32(a[r], a[r + 1]);
    b[r + 1] = _mm256_unpackhi_epi32(a[r], a[r + 1]);
  }
  for (int r = 0; r < 8; r += 4)
    for (int i = 0; i < 2; i++) {
      a[r + 2 * i] = _mm256_unpacklo_epi64(b[r + i], b[r + 2 + i]);
      a[r + 2 * i + 1] = _mm256_unpackhi_epi64(b[r + i], b[r + 2 + i]);
    }
  const __m256i more = _mm256_set1_epi8(char(add));
  const auto put = [&](int column, __m256i words) { _mm256_storeu_si256((__m256i *)(to + 32 * (column / 4 * step + column % 4)), _mm256_add_epi8(words, more)); };
  for (int i = 0; i < 4; i++) {
    put(i, _mm256_permute2x128_si256(a[i], a[i + 4], 0x20));
    put(i + 4, _mm256_permute2x128_si256(a[i], a[i + 4], 0x31));
  }
}
#endif

/** Four words of each of four rows: words i of all rows side by side at to + i · stride. */
inline void transpose4(const void *a, const void *b, const void *c, const void *d, void *to, size_t stride) {
  __m128 rows[4] = {_mm_loadu_ps((const float *)a), _mm_loadu_ps((const float *)b), _mm_loadu_ps((const float *)c), _mm_loadu_ps((const float *)d)};
  _MM_TRANSPOSE4_PS(rows[0], rows[1], rows[2], rows[3]);
  for (int i = 0; i < 4; i++) _mm_storeu_ps((float *)((uint8_t *)to + stride * i), rows[i]);
}

/** Rounds 32 floats to q · d with |q| <= 127; `totals` are the sums of the first 16 of q and of the others. */
inline void quantize32(const float *x, int8_t *q, float &d, int32_t *totals) {
  const __m256 unsign = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  const __m256 v[4] = {f8_load(x), f8_load(x + 8), f8_load(x + 16), f8_load(x + 24)};
  __m256 greatest = _mm256_and_ps(v[0], unsign);
  for (int i = 1; i < 4; i++) greatest = _mm256_max_ps(greatest, _mm256_and_ps(v[i], unsign));
  __m128 most = _mm_max_ps(_mm256_castps256_ps128(greatest), _mm256_extractf128_ps(greatest, 1));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  most = _mm_max_ss(most, _mm_movehdup_ps(most));
  d = _mm_cvtss_f32(most) / 127.0f;
  const __m256 inverse = f8_set(d > 0 ? 1.0f / d : 0.0f);
  __m256i w[4];
  for (int i = 0; i < 4; i++) w[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
  // Packing works within 128-bit halves; the permutation puts the dwords back in order.
  const __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(w[0], w[1]), _mm256_packs_epi32(w[2], w[3]));
  const __m256i order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
  _mm256_storeu_si256((__m256i *)q, _mm256_permutevar8x32_epi32(bytes, order));
  const __m256i first = _mm256_add_epi32(w[0], w[1]), second = _mm256_add_epi32(w[2], w[3]);
  // Four pairs of a part of each sum.
  const __m256i pairs = _mm256_add_epi32(_mm256_unpacklo_epi32(first, second), _mm256_unpackhi_epi32(first, second));
  const __m128i two = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  _mm_storel_epi64((__m128i *)totals, _mm_add_epi32(two, _mm_shuffle_epi32(two, 0x4e)));
}

/** FW sums, one a row of a panel. */
#if defined(__AVX512VNNI__)
using P = __m512i;
/** Whether panels may hold bytes from 0 to 255. */
constexpr bool PANEL_UNSIGNED = true;
inline P p_zero() { return _mm512_setzero_si512(); }
inline P p_set(const int32_t *value) { return _mm512_set1_epi32(*value); }
inline P p_add(P a, P b) { return _mm512_add_epi32(a, b); }
inline F p_float(P a) { return _mm512_cvtepi32_ps(a); }
#else
using P = I8;
/** Whether panels may hold bytes from 0 to 255. */
constexpr bool PANEL_UNSIGNED = false;
inline P p_zero() { return i8_zero(); }
inline P p_set(const int32_t *value) { return {_mm256_set1_epi32(*value)}; }
/** A sum to be had before others: compilers like to add in pairs, for which more products have to wait than there are registers. */
inline __m256i in_turn(__m256i sum) {
#if defined(__GNUC__)
  asm("" : "+x"(sum));
#endif
  return sum;
}
inline P p_add(P a, P b) { return {in_turn(_mm256_add_epi32(a.v, b.v))}; }
inline F p_float(P a) { return f8_from_i8(a); }
#endif

} // namespace tl

#include "simd_exp.h"
