// Dot products with rows of blocks of 18 bytes, a scale and 32 nibbles, multiplied as they lie in memory: 64 bytes at a time, whichever
// blocks they belong to, as activations lie in the same order, with zeros where scales are. That takes two thirds of the instructions
// of putting nibbles together block by block.
#pragma once
#include "rows.h"

namespace tl {

/** Formats that are multiplied like this, on levels that have what it takes. */
template <class Format> constexpr bool IS_WOVEN = HAS_WOVEN && Format::bytes == WOVEN_BYTES;

/** As dot_row, of such formats. */
template <class Format, int tokens> void dot_woven_row(const uint8_t *row, int columns, const QuantizedRow *x, F8 *lanes);

#if defined(TL_WOVEN)

/** The block of each word of four bytes, with zeros behind the last. None has nibbles of two: one that has the last of a block goes on with the next one's scale. */
struct WovenWords {
  alignas(64) int32_t blocks[WOVEN_LENGTH / 4];
  constexpr WovenWords() : blocks() {
    for (int i = 0; i < WOVEN_LENGTH / 4; i++) blocks[i] = 4 * i / WOVEN_BYTES % WOVEN_RUNS;
  }
};
inline constexpr WovenWords WOVEN_WORDS;

/** One token's sums over a row: of products, and of the weights' scales times sums of activations, which offsets are taken off by. */
struct WovenSums {
  F products = f_set(0), offsets = f_set(0);
  template <class Format> F8 lanes() const { return f8_fold(f_fma(offsets, f_set(float(-row_offset<Format>())), products)); }
};

/** Up to 64 of the `left` bytes at p, then zeros. */
template <bool whole> TL_INLINE __m512i load_some(const uint8_t *p, int left) {
  if (whole) return _mm512_loadu_si512(p);
  return left <= 0 ? _mm512_setzero_si512() : _mm512_maskz_loadu_epi8(left >= 64 ? ~__mmask64(0) : ~__mmask64(0) >> (64 - left), p);
}

/** Scales of sixteen blocks, of which there are `bytes` bytes at p: each 64 bytes have those of four. */
template <bool whole> TL_INLINE F woven_scales(const uint8_t *p, int bytes) {
  const __m512i order = _mm512_set1_epi64(word_indices(WOVEN_BYTES, 0));
  __m512i all = _mm512_setzero_si512();
  TL_UNROLL
  for (int i = 0; i < WOVEN_RUNS; i += 4)
    all = _mm512_mask_permutexvar_epi16(all, __mmask32(15u << i), order, load_some<whole>(p + WOVEN_BYTES * i, bytes - WOVEN_BYTES * i));
  return _mm512_cvtph_ps(_mm512_castsi512_si256(all));
}

/** Adds the products of the blocks in `bytes` bytes at p, group `g` of their row; of a whole group the compiler knows that it is one. */
template <class Format, int tokens, bool whole>
TL_INLINE void add_woven(const uint8_t *p, int bytes, int g, const QuantizedRow *x, WovenSums *sums) {
  const F d = woven_scales<whole>(p, bytes);
  F scales[tokens];
  TL_UNROLL
  for (int t = 0; t < tokens; t++) {
    scales[t] = f_mul(d, f_load(x[t].d + WOVEN_RUNS * g));
    sums[t].offsets = f_fma(d, f_load(x[t].sum + WOVEN_RUNS * g), sums[t].offsets);
  }
  const auto add = [&](int at, B64 raw) TL_ALWAYS_INLINE {
    __builtin_prefetch(p + PREFETCH_AHEAD + at, 0, 2);
    B64 low = Format::of_nibbles(b64_and(raw, 15)), high = Format::of_nibbles(b64_bits<4, 4>(raw, 15));
    if constexpr (made_unsigned<Format>()) {
      low = b64_unsign(low);
      high = b64_unsign(high);
    }
    const __m512i blocks = _mm512_load_si512(WOVEN_WORDS.blocks + at / 4);
    TL_UNROLL
    for (int t = 0; t < tokens; t++) {
      const int8_t *in = x[t].woven + 2 * WOVEN_LENGTH * g + at;
      __m512i products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low.v, _mm512_loadu_si512(in));
      products = _mm512_dpbusd_epi32(products, high.v, _mm512_loadu_si512(in + WOVEN_LENGTH));
      sums[t].products = f_fma(_mm512_cvtepi32_ps(products), _mm512_permutexvar_ps(blocks, scales[t]), sums[t].products);
    }
  };
  constexpr int whole_bytes = WOVEN_RUNS * WOVEN_BYTES;
  TL_UNROLL
  for (int at = 0; at + 64 <= whole_bytes; at += 64) add(at, {load_some<whole>(p + at, bytes - at)});
  // Half of 64 bytes.
  constexpr int rest = whole_bytes / 64 * 64;
  add(rest, {whole ? _mm512_zextsi256_si512(b32_load(p + rest).v) : load_some<false>(p + rest, bytes - rest)});
}

template <class Format, int tokens> TL_INLINE void dot_woven_row(const uint8_t *row, int columns, const QuantizedRow *x, F8 *lanes) {
  WovenSums sums[tokens];
  const int runs = columns / 32, groups = runs / WOVEN_RUNS, left = runs % WOVEN_RUNS;
  constexpr size_t bytes = WOVEN_RUNS * WOVEN_BYTES;
  for (int g = 0; g < groups; g++) add_woven<Format, tokens, true>(row + bytes * g, 0, g, x, sums);
  TL_UNROLL
  for (int t = 0; t < tokens; t++) lanes[FW * t] = sums[t].template lanes<Format>();
  if (left == 0) return;
  // Sums of their own: those above stay in registers.
  WovenSums rest[tokens];
  add_woven<Format, tokens, false>(row + bytes * groups, left * WOVEN_BYTES, groups, x, rest);
  for (int t = 0; t < tokens; t++) lanes[FW * t] = f8_add(lanes[FW * t], rest[t].template lanes<Format>());
}

#endif

} // namespace tl
