// Two runs of 32 bytes of a row at a time (B64), and their products with activations: one register with AVX-512, two of the
// vocabulary's vectors elsewhere.
#pragma once

namespace tl {

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)

struct B64 { __m512i v; };

inline B64 b64_load(const void *p) { return {_mm512_loadu_si512(p)}; }
inline void b64_store(void *p, B64 a) { _mm512_storeu_si512(p, a.v); }
/** The 32 bytes at `a`, then those at `b`. */
inline B64 b64_pair(const void *a, const void *b) {
  return {_mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)a)), _mm256_loadu_si256((const __m256i *)b), 1)};
}
/** The same 32 bytes for both runs. */
inline B64 b64_twice(const void *p) { return {_mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)p))}; }
inline B64 b64_and(B64 a, uint8_t mask) { return {_mm512_and_si512(a.v, _mm512_set1_epi8(char(mask)))}; }
inline B64 b64_or(B64 a, B64 b) { return {_mm512_or_si512(a.v, b.v)}; }
/** Each byte of the first run shifted right by `first` bits, of the second by `second`; then masked. */
template <int first, int second> inline B64 b64_bits(B64 a, uint8_t mask) {
  const __m512i counts = _mm512_inserti64x4(_mm512_set1_epi16(first), _mm256_set1_epi16(second), 1);
  return b64_and({first == second ? _mm512_srli_epi16(a.v, first) : _mm512_srlv_epi16(a.v, counts)}, mask);
}
/** The low nibbles of 32 bytes, then their high ones, which may stay where they are: HIGH_NIBBLE times as large. */
inline B64 b64_nibble_runs(const void *p) {
  const __m512i masks = _mm512_inserti64x4(_mm512_set1_epi8(0x0f), _mm256_set1_epi8(char(0xf0)), 1);
  return {_mm512_and_si512(b64_twice(p).v, masks)};
}
constexpr float HIGH_NIBBLE = 16;
/** Each byte, which must be small enough, shifted left. */
template <int n> inline B64 b64_shl(B64 a) { return {_mm512_slli_epi16(a.v, n)}; }
/** Sixteen bytes of each place. */
inline B64 b64_quad(const void *a, const void *b, const void *c, const void *d) {
  __m512i all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)a));
  all = _mm512_mask_broadcast_i32x4(all, 0x00f0, _mm_loadu_si128((const __m128i *)b));
  all = _mm512_mask_broadcast_i32x4(all, 0x0f00, _mm_loadu_si128((const __m128i *)c));
  return {_mm512_mask_broadcast_i32x4(all, 0xf000, _mm_loadu_si128((const __m128i *)d))};
}
/** Of sixteen bytes each: low nibbles, then high nibbles. */
inline B64 b64_nibbles(const void *a, const void *b) {
  const __m512i first = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)a));
  const __m512i both = _mm512_mask_broadcast_i32x4(first, 0xff00, _mm_loadu_si128((const __m128i *)b));
  const __m512i counts = _mm512_set_epi64(4, 4, 0, 0, 4, 4, 0, 0);
  return b64_and({_mm512_srlv_epi64(both, counts)}, 15);
}
/** table[i] for each byte i, which must be below 16. */
inline B64 b64_lookup(const int8_t table[16], B64 indices) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), indices.v)};
}
/** Byte i is 16 where bit i is set. */
inline B64 b64_bits_to_16(uint32_t a, uint32_t b) {
  return {_mm512_maskz_mov_epi8(__mmask64(a) | __mmask64(b) << 32, _mm512_set1_epi8(16))};
}

/** One token's sums over a row: two, so that additions need not wait for each other, and those of eight tokens stay in registers. */
struct Sums {
  F even = f_set(0), odd = f_set(0);

  /** Eight numbers that are still to be added up. */
  F8 lanes() const { return f8_fold(f_add(even, odd)); }
};

/** Adds products of minima and sums of activations. */
inline void add_minima(Sums &sums, F8 minima, const float *x) {
  sums.odd = f_fma(_mm512_zextps256_ps512(minima), _mm512_zextps256_ps512(f8_load(x)), sums.odd);
}

/** Whether rows of signed bytes are multiplied as bytes from 0 to 255, with an offset of 128. */
constexpr bool ROWS_UNSIGNED = true;
inline B64 b64_unsign(B64 a) { return {_mm512_xor_si512(a.v, _mm512_set1_epi8(char(0x80)))}; }

/** Products of pair j, a lane for every four of them, times what `order` takes of the scales. */
inline void add_pair(Sums &sums, int j, B64 w, const int8_t *x, __m512 scales, __m512i order) {
  const __m512i products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w.v, _mm512_loadu_si512(x + 64 * j));
  F &sum = j % 2 == 0 ? sums.even : sums.odd;
  sum = f_fma(_mm512_cvtepi32_ps(products), _mm512_permutexvar_ps(order, scales), sum);
}

/** Adds the products of `pairs` pairs of runs, each run times its scale. */
template <bool> inline void add_runs(Sums &sums, const B64 *w, int pairs, const int8_t *x, F8 scales) {
  const __m512 all = _mm512_castps256_ps512(scales);
  const __m512i first = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(1), 1);
  TL_UNROLL
  for (int j = 0; j < 4; j++)
    if (j < pairs) add_pair(sums, j, w[j], x, all, _mm512_add_epi32(first, _mm512_set1_epi32(2 * j)));
}

/** The same with a scale every 16 weights. */
template <bool> inline void add_half_runs(Sums &sums, const B64 *w, const int8_t *x, F8 low, F8 high) {
  const __m512 all = _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
  const __m512i first = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  TL_UNROLL
  for (int j = 0; j < 4; j++) add_pair(sums, j, w[j], x, all, _mm512_add_epi32(first, _mm512_set1_epi32(4 * j)));
}

/** The same of runs whose halves lie apart: w[0] has the first halves of four runs, w[1] the second ones, and so on. */
template <int, bool> inline void add_split_runs(Sums &sums, const B64 *w, int quads, const int8_t *x, F8 scales) {
  const __m512 all = _mm512_castps256_ps512(scales);
  const __m512i first = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  TL_UNROLL
  for (int i = 0; i < 2; i++) {
    if (i >= quads) break;
    __m512i products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), w[2 * i].v, _mm512_loadu_si512(x + 128 * i));
    products = _mm512_dpbusd_epi32(products, w[2 * i + 1].v, _mm512_loadu_si512(x + 128 * i + 64));
    const __m512 spread = _mm512_permutexvar_ps(_mm512_add_epi32(first, _mm512_set1_epi32(4 * i)), all);
    F &sum = i == 0 ? sums.even : sums.odd;
    sum = f_fma(_mm512_cvtepi32_ps(products), spread, sum);
  }
}

#else

struct B64 { B32 a, b; };

inline B64 b64_load(const void *p) { return {b32_load(p), b32_load((const uint8_t *)p + 32)}; }
inline void b64_store(void *p, B64 x) {
  b32_store(p, x.a);
  b32_store((uint8_t *)p + 32, x.b);
}
/** The 32 bytes at `a`, then those at `b`. */
inline B64 b64_pair(const void *a, const void *b) { return {b32_load(a), b32_load(b)}; }
/** The same 32 bytes for both runs. */
inline B64 b64_twice(const void *p) { return b64_pair(p, p); }
inline B64 b64_and(B64 x, uint8_t mask) { return {b32_and(x.a, mask), b32_and(x.b, mask)}; }
inline B64 b64_or(B64 x, B64 y) { return {b32_or(x.a, y.a), b32_or(x.b, y.b)}; }
/** Each byte of the first run shifted right by `first` bits, of the second by `second`; then masked. */
template <int first, int second> inline B64 b64_bits(B64 x, uint8_t mask) {
  return {b32_and(b32_shr<first>(x.a), mask), b32_and(b32_shr<second>(x.b), mask)};
}
/** The low nibbles of 32 bytes, then their high ones, which may stay where they are: HIGH_NIBBLE times as large. */
inline B64 b64_nibble_runs(const void *p) { return b64_bits<0, 4>(b64_twice(p), 15); }
constexpr float HIGH_NIBBLE = 1;
/** Each byte, which must be small enough, shifted left. */
template <int n> inline B64 b64_shl(B64 x) { return {b32_shl<n>(x.a), b32_shl<n>(x.b)}; }
/** Sixteen bytes of each place. */
inline B64 b64_quad(const void *a, const void *b, const void *c, const void *d) { return {b32_pair(a, b), b32_pair(c, d)}; }
/** Of sixteen bytes each: low nibbles, then high nibbles. */
inline B64 b64_nibbles(const void *a, const void *b) { return {b32_nibbles(a), b32_nibbles(b)}; }
/** table[i] for each byte i, which must be below 16. */
inline B64 b64_lookup(const int8_t table[16], B64 indices) { return {b32_lookup(table, indices.a), b32_lookup(table, indices.b)}; }
/** Byte i is 16 where bit i is set. */
inline B64 b64_bits_to_16(uint32_t a, uint32_t b) { return {b32_bits_to_16(a), b32_bits_to_16(b)}; }

/** One token's sums over a row. */
struct Sums {
  F8 products = f8_set(0), minima = f8_set(0);
  /** Eight numbers that are still to be added up. */
  F8 lanes() const { return f8_add(products, minima); }
};

/** Whether rows of signed bytes are multiplied as bytes from 0 to 255, with an offset of 128. */
constexpr bool ROWS_UNSIGNED = false;
inline B64 b64_unsign(B64 x) { return x; }

/** Products of eight runs, a vector each; zero beyond `pairs` pairs. */
template <bool is_signed> inline void multiply_runs(I8 *r, const B64 *w, int pairs, const int8_t *x) {
  const auto dot = [](B32 a, const int8_t *b) { return is_signed ? dot_s8(i8_zero(), a, b32_load(b)) : dot_u8(i8_zero(), a, b32_load(b)); };
  TL_UNROLL
  for (int j = 0; j < 4; j++) {
    r[2 * j] = j < pairs ? dot(w[j].a, x + 64 * j) : i8_zero();
    r[2 * j + 1] = j < pairs ? dot(w[j].b, x + 64 * j + 32) : i8_zero();
  }
}

/** Adds the products of `pairs` pairs of runs, each run times its scale. */
template <bool is_signed> inline void add_runs(Sums &sums, const B64 *w, int pairs, const int8_t *x, F8 scales) {
  I8 r[8];
  multiply_runs<is_signed>(r, w, pairs, x);
  sums.products = f8_fma(f8_from_i8(i8_combine(r)), scales, sums.products);
}

/** The same with a scale every 16 weights. */
template <bool is_signed> inline void add_half_runs(Sums &sums, const B64 *w, const int8_t *x, F8 low_scales, F8 high_scales) {
  I8 r[8];
  multiply_runs<is_signed>(r, w, 4, x);
  sums.products = f8_fma(f8_from_i8(i8_combine_halves(r)), low_scales, sums.products);
  sums.products = f8_fma(f8_from_i8(i8_combine_halves(r + 4)), high_scales, sums.products);
}

/** The same of runs whose halves lie apart: w[0] has the first halves of four runs, w[1] the second ones, and so on. */
template <int greatest, bool is_signed> inline void add_split_runs(Sums &sums, const B64 *w, int quads, const int8_t *x, F8 scales) {
  I8 r[4];
  TL_UNROLL
  for (int i = 0; i < 2; i++) {
    const B64 &first = w[2 * i], &second = w[2 * i + 1];
    const auto at = [&](int byte) { return b32_load(x + 128 * i + byte); };
    r[2 * i] = i < quads ? n_dot2<greatest, is_signed>(first.a, at(0), second.a, at(64)) : i8_zero();
    r[2 * i + 1] = i < quads ? n_dot2<greatest, is_signed>(first.b, at(32), second.b, at(96)) : i8_zero();
  }
  sums.products = f8_fma(f8_from_i8(i8_combine_halves(r)), scales, sums.products);
}

/** Adds products of minima and sums of activations. */
inline void add_minima(Sums &sums, F8 minima, const float *x) { sums.minima = f8_fma(minima, f8_load(x), sums.minima); }

#endif

} // namespace tl
