// Words of FW rows side by side (W): four bytes of each, which is how panels hold them; and what unpacks them in place.
#pragma once

namespace tl {

/** Rows of bytes, `stride` apart. */
struct ByteRows {
  const uint8_t *first;
  size_t stride;

  TL_INLINE const uint8_t *row(int i) const { return first + stride * i; }
  /** What lies `bytes` on in each. */
  TL_INLINE ByteRows from(size_t bytes) const { return {first + bytes, stride}; }
};

/** A value of which the compiler knows no more than that it has it: not how it could be had from others. */
template <class T> TL_INLINE T opaque(T x) {
#if defined(__GNUC__)
  asm("" : "+r"(x));
#endif
  return x;
}

#if defined(__AVX512BW__)

struct W { __m512i v; };
/** Each byte's bits from `from` on, masked. */
template <int from> TL_INLINE W w_bits(W a, uint8_t mask) {
  return {_mm512_and_si512(from == 0 ? a.v : _mm512_srli_epi16(a.v, from), _mm512_set1_epi8(char(mask)))};
}
/** Each byte, which must be small enough, shifted left. */
template <int n> TL_INLINE W w_shl(W a) { return {_mm512_slli_epi16(a.v, n)}; }
TL_INLINE W w_or(W a, W b) { return {_mm512_or_si512(a.v, b.v)}; }
TL_INLINE W w_add(W a, uint8_t b) { return {_mm512_add_epi8(a.v, _mm512_set1_epi8(char(b)))}; }
/** table[i] for each byte i, which must be below 16. */
TL_INLINE W w_lookup(const int8_t table[16], W indices) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table)), indices.v)};
}
TL_INLINE W w_load(const void *p) { return {_mm512_loadu_si512(p)}; }
TL_INLINE void w_store(void *p, W a) { _mm512_storeu_si512(p, a.v); }
/** The same four bytes in all places. */
TL_INLINE W w_spread(const void *four) {
  int32_t word;
  std::memcpy(&word, four, 4);
  return {_mm512_set1_epi32(word)};
}
/** Nibbles from 4 · `half` on, of the eight in each word, as bytes. */
template <int half> TL_INLINE W w_nibbles(W a) {
  const __m512i four = half ? _mm512_srli_epi32(a.v, 16) : _mm512_and_si512(a.v, _mm512_set1_epi32(0xffff));
  const __m512i pairs = _mm512_and_si512(_mm512_or_si512(four, _mm512_slli_epi32(four, 8)), _mm512_set1_epi32(0x00ff00ff));
  return {_mm512_and_si512(_mm512_or_si512(pairs, _mm512_slli_epi32(pairs, 4)), _mm512_set1_epi8(0x0f))};
}
/** Nibble `which` of each word, as a number. */
template <int which> TL_INLINE P w_nibble(W a) { return _mm512_and_si512(_mm512_srli_epi32(a.v, 4 * which), _mm512_set1_epi32(15)); }
/** Of four rows, `stride` bytes apart, their bytes side by side: word j of lane L of out[k] has byte 16L + 4k + j of each, lanes having four words. */
TL_INLINE void w_weave(const uint8_t *p, size_t stride, W *out) {
  const auto row = [&](int i) { return _mm512_loadu_si512(p + stride * i); };
  const __m512i low = _mm512_unpacklo_epi8(row(0), row(1)), high = _mm512_unpackhi_epi8(row(0), row(1));
  const __m512i low2 = _mm512_unpacklo_epi8(row(2), row(3)), high2 = _mm512_unpackhi_epi8(row(2), row(3));
  out[0].v = _mm512_unpacklo_epi16(low, low2);
  out[1].v = _mm512_unpackhi_epi16(low, low2);
  out[2].v = _mm512_unpacklo_epi16(high, high2);
  out[3].v = _mm512_unpackhi_epi16(high, high2);
}
/** The first sixteen bytes of each row: words[i] has four of them from 4i on. */
TL_INLINE void transpose_rows(ByteRows rows, W *words) {
  // Else compilers keep sixteen places, for which there are no registers.
  const size_t one = rows.stride, three = opaque(3 * one);
  const uint8_t *const quarter[4] = {rows.first, opaque(rows.first + 4 * one), opaque(rows.first + 8 * one), opaque(rows.first + 12 * one)};
  // Rows i, i + 4, i + 8 and i + 12, so that rows are in order after two steps within lanes.
  const auto four = [&](size_t offset) {
    const auto at = [&](int i) { return _mm_loadu_si128((const __m128i *)(quarter[i] + offset)); };
    __m512i all = _mm512_castsi128_si512(at(0));
    all = _mm512_mask_broadcast_i32x4(all, 0x00f0, at(1));
    all = _mm512_mask_broadcast_i32x4(all, 0x0f00, at(2));
    return _mm512_mask_broadcast_i32x4(all, 0xf000, at(3));
  };
  const __m512i a = four(0), b = four(one), c = four(2 * one), d = four(three);
  const __m512i ab = _mm512_unpacklo_epi32(a, b), cd = _mm512_unpacklo_epi32(c, d);
  const __m512i ab_high = _mm512_unpackhi_epi32(a, b), cd_high = _mm512_unpackhi_epi32(c, d);
  words[0].v = _mm512_unpacklo_epi64(ab, cd);
  words[1].v = _mm512_unpackhi_epi64(ab, cd);
  words[2].v = _mm512_unpacklo_epi64(ab_high, cd_high);
  words[3].v = _mm512_unpackhi_epi64(ab_high, cd_high);
}

#else

using W = B32;
template <int from> TL_INLINE W w_bits(W a, uint8_t mask) {
#if defined(__AVX2__)
  return b32_and({_mm256_srli_epi16(a.v, from)}, mask);
#else
  return b32_and(from == 0 ? a : b32_shr<from>(a), mask);
#endif
}
template <int n> TL_INLINE W w_shl(W a) { return b32_shl<n>(a); }
TL_INLINE W w_or(W a, W b) { return b32_or(a, b); }
TL_INLINE W w_add(W a, uint8_t b) { return b32_add(a, b); }
TL_INLINE W w_lookup(const int8_t table[16], W indices) { return b32_lookup(table, indices); }
TL_INLINE W w_load(const void *p) { return b32_load(p); }
TL_INLINE void w_store(void *p, W a) { b32_store(p, a); }

#if defined(__AVX2__)
TL_INLINE W w_spread(const void *four) {
  int32_t word;
  std::memcpy(&word, four, 4);
  return {_mm256_set1_epi32(word)};
}
template <int half> TL_INLINE W w_nibbles(W a) {
  const __m256i four = half ? _mm256_srli_epi32(a.v, 16) : _mm256_and_si256(a.v, _mm256_set1_epi32(0xffff));
  const __m256i pairs = _mm256_and_si256(_mm256_or_si256(four, _mm256_slli_epi32(four, 8)), _mm256_set1_epi32(0x00ff00ff));
  return {_mm256_and_si256(_mm256_or_si256(pairs, _mm256_slli_epi32(pairs, 4)), _mm256_set1_epi8(0x0f))};
}
template <int which> TL_INLINE P w_nibble(W a) { return {_mm256_and_si256(_mm256_srli_epi32(a.v, 4 * which), _mm256_set1_epi32(15))}; }
TL_INLINE void w_weave(const uint8_t *p, size_t stride, W *out) {
  const auto row = [&](int i) { return b32_load(p + stride * i).v; };
  const __m256i low = _mm256_unpacklo_epi8(row(0), row(1)), high = _mm256_unpackhi_epi8(row(0), row(1));
  const __m256i low2 = _mm256_unpacklo_epi8(row(2), row(3)), high2 = _mm256_unpackhi_epi8(row(2), row(3));
  out[0].v = _mm256_unpacklo_epi16(low, low2);
  out[1].v = _mm256_unpackhi_epi16(low, low2);
  out[2].v = _mm256_unpacklo_epi16(high, high2);
  out[3].v = _mm256_unpackhi_epi16(high, high2);
}
TL_INLINE void transpose_rows(ByteRows rows, W *words) {
  const auto pair = [&](int i) { return b32_pair(rows.row(i), rows.row(i + 4)).v; };
  const __m256i a = pair(0), b = pair(1), c = pair(2), d = pair(3);
  const __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
  const __m256i ab_high = _mm256_unpackhi_epi32(a, b), cd_high = _mm256_unpackhi_epi32(c, d);
  words[0].v = _mm256_unpacklo_epi64(ab, cd);
  words[1].v = _mm256_unpackhi_epi64(ab, cd);
  words[2].v = _mm256_unpacklo_epi64(ab_high, cd_high);
  words[3].v = _mm256_unpackhi_epi64(ab_high, cd_high);
}
#else
TL_INLINE W w_spread(const void *four) {
  uint8_t bytes[32];
  for (int i = 0; i < 8; i++) std::memcpy(bytes + 4 * i, four, 4);
  return b32_load(bytes);
}
template <int half> TL_INLINE W w_nibbles(W a) {
  uint32_t words[8];
  b32_store(words, a);
  for (auto &word : words) {
    word = word >> (16 * half) & 0xffff;
    word = (word | word << 8) & 0x00ff00ff;
    word = (word | word << 4) & 0x0f0f0f0f;
  }
  return b32_load(words);
}
template <int which> TL_INLINE P w_nibble(W a) {
  int32_t words[8];
  b32_store(words, a);
  for (auto &word : words) word = int32_t(uint32_t(word) >> (4 * which) & 15);
  P r;
  std::memcpy(&r, words, sizeof r);
  return r;
}
TL_INLINE void w_weave(const uint8_t *p, size_t stride, W *out) {
  for (int k = 0; k < 4; k++) {
    uint8_t bytes[32];
    for (int word = 0; word < 8; word++)
      for (int i = 0; i < 4; i++) bytes[4 * word + i] = p[stride * i + 16 * (word / 4) + 4 * k + word % 4];
    out[k] = b32_load(bytes);
  }
}
TL_INLINE void transpose_rows(ByteRows rows, W *words) {
  uint8_t to[4][32];
  for (int r = 0; r < 8; r++)
    for (int i = 0; i < 4; i++) std::memcpy(to[i] + 4 * r, rows.row(r) + 4 * i, 4);
  for (int i = 0; i < 4; i++) words[i] = b32_load(to[i]);
}
#endif

#endif

/** acc[r] += Σ w[r][0..3] · x[r][0..3] for FW rows, as exact sums in 32 bits would be: N holds `n_words(greatest)` words of bytes up to that. */
#if defined(__AVX2__) && !defined(__AVX512VNNI__)
struct N { __m256i v; };
constexpr int n_words(int greatest) { return 32767 / (2 * 127 * greatest); }
TL_INLINE N n_zero() { return {_mm256_setzero_si256()}; }
template <bool is_signed = false> TL_INLINE N n_add(N acc, W w, W x) {
  // |w| is unsigned, and x takes w's sign.
  const __m256i products = is_signed ? _mm256_maddubs_epi16(_mm256_abs_epi8(w.v), _mm256_sign_epi8(x.v, w.v)) : _mm256_maddubs_epi16(w.v, x.v);
  return {in_turn(_mm256_add_epi16(acc.v, products))};
}
TL_INLINE P n_sum(N a) { return {_mm256_madd_epi16(a.v, _mm256_set1_epi16(1))}; }
#else
using N = P;
constexpr int n_words(int) { return 1 << 16; }
TL_INLINE N n_zero() { return p_zero(); }
#if defined(__AVX512VNNI__)
template <bool = false> TL_INLINE N n_add(N acc, W w, W x) { return _mm512_dpbusd_epi32(acc, w.v, x.v); }
#else
template <bool is_signed = false> TL_INLINE N n_add(N acc, W w, W x) { return is_signed ? dot_s8(acc, w, x) : dot_u8(acc, w, x); }
#endif
TL_INLINE P n_sum(N a) { return a; }
#endif
#if defined(__AVX512VNNI__)
/** The same with the same four bytes for all rows: one instruction, where compilers make two, of which processors can foresee fewer. */
TL_INLINE N n_add_spread(N acc, W w, const uint8_t *four) {
#if defined(__GNUC__)
  asm("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(w.v), "m"(*(const uint8_t(*)[4])four));
  return acc;
#else
  return n_add(acc, w, w_spread(four));
#endif
}
#endif
/** Sums of the products of two words, of bytes up to `greatest`. */
template <int greatest, bool is_signed> TL_INLINE P n_dot2(W a, W x, W b, W y) {
  const N first = n_add<is_signed>(n_zero(), a, x);
  if constexpr (n_words(greatest) >= 2) return n_sum(n_add<is_signed>(first, b, y));
  else return p_add(n_sum(first), n_sum(n_add<is_signed>(n_zero(), b, y)));
}

} // namespace tl
