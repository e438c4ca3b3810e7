// Words of FW rows side by side (W): four bytes of each, which is how panels hold them; and what unpacks them in place.
#pragma once

namespace tl {

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
TL_INLINE void w_store(void *p, W a) { _mm512_storeu_si512(p, a.v); }
/** Sixteen bytes at `offset` of each row: words[i] has four of them from 4i on. */
TL_INLINE void transpose_rows(const uint8_t *const *rows, size_t offset, W *words) {
  const auto at = [&](int row) { return _mm_loadu_si128((const __m128i *)(rows[row] + offset)); };
  // Rows i, i + 4, i + 8 and i + 12, so that rows are in order after two steps within lanes.
  const auto four = [&](int i) {
    __m512i all = _mm512_castsi128_si512(at(i));
    all = _mm512_mask_broadcast_i32x4(all, 0x00f0, at(i + 4));
    all = _mm512_mask_broadcast_i32x4(all, 0x0f00, at(i + 8));
    return _mm512_mask_broadcast_i32x4(all, 0xf000, at(i + 12));
  };
  const __m512i a = four(0), b = four(1), c = four(2), d = four(3);
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
TL_INLINE void w_store(void *p, W a) { b32_store(p, a); }

#if defined(__AVX2__)
TL_INLINE void transpose_rows(const uint8_t *const *rows, size_t offset, W *words) {
  const auto pair = [&](int i) { return b32_pair(rows[i] + offset, rows[i + 4] + offset).v; };
  const __m256i a = pair(0), b = pair(1), c = pair(2), d = pair(3);
  const __m256i ab = _mm256_unpacklo_epi32(a, b), cd = _mm256_unpacklo_epi32(c, d);
  const __m256i ab_high = _mm256_unpackhi_epi32(a, b), cd_high = _mm256_unpackhi_epi32(c, d);
  words[0].v = _mm256_unpacklo_epi64(ab, cd);
  words[1].v = _mm256_unpackhi_epi64(ab, cd);
  words[2].v = _mm256_unpacklo_epi64(ab_high, cd_high);
  words[3].v = _mm256_unpackhi_epi64(ab_high, cd_high);
}
#else
TL_INLINE void transpose_rows(const uint8_t *const *rows, size_t offset, W *words) {
  uint8_t to[4][32];
  for (int r = 0; r < 8; r++)
    for (int i = 0; i < 4; i++) std::memcpy(to[i] + 4 * r, rows[r] + offset + 4 * i, 4);
  for (int i = 0; i < 4; i++) words[i] = b32_load(to[i]);
}
#endif

#endif

} // namespace tl
