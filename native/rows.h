// Dot products of quantized rows with a few rows of activations in 8 bits: rows are read front to back, once.
#pragma once
#include "activations.h"
#include "formats.h"

namespace tl {

/**
 * Rows are asked for so many bytes ahead, for the second-level cache: of the first one's lines few can be on their way, which are for
 * what comes next.
 */
constexpr int PREFETCH_AHEAD = 6144;

template <class Format> inline int runs_left(int columns, int group) {
  const int left = columns / 32 - 8 * group;
  return left < 8 ? left : 8;
}

/** Bytes of a row's group of eight runs. */
template <class Format> constexpr size_t group_bytes() { return size_t(Format::bytes) * (256 / Format::length); }

/** Whether this level multiplies the format's bytes with 128 added, which makes them unsigned. */
template <class Format> constexpr bool made_unsigned() { return ROWS_UNSIGNED && Format::is_signed; }
/** What the bytes that are multiplied count from. */
template <class Format> constexpr int row_offset() { return made_unsigned<Format>() ? 128 : Format::offset; }

/** Adds the products of the group at p, group `g` of its row, of `runs` runs. */
template <class Format, int tokens>
TL_INLINE void dot_group(const uint8_t *p, int g, int runs, const QuantizedRow *x, Sums *sums) {
  constexpr bool has_min = Format::has_min || row_offset<Format>() != 0;
  for (size_t line = 0; line < group_bytes<Format>(); line += 64) __builtin_prefetch(p + PREFETCH_AHEAD + line, 0, 2);
  B64 q[4];
  Scales s;
  Format::quants(p, runs, q);
  Format::scales(p, runs, s);
  if constexpr (row_offset<Format>() != 0) set_minima(s, row_offset<Format>(), Format::halves);
  if constexpr (made_unsigned<Format>())
    for (auto &pair : q) pair = b64_unsign(pair);
  TL_UNROLL
  for (int t = 0; t < tokens; t++) {
    const int8_t *in = (Format::split ? x[t].split : x[t].q) + 256 * g;
    if constexpr (Format::halves) {
      const float *d = x[t].d16 + 16 * g, *sum = x[t].sum16 + 16 * g;
      add_half_runs<Format::is_signed>(sums[t], q, in, f8_mul(s.d, f8_load(d)), f8_mul(s.d_high, f8_load(d + 8)));
      if constexpr (has_min) {
        add_minima(sums[t], s.m, sum);
        add_minima(sums[t], s.m_high, sum + 8);
      }
    } else {
      const F8 d = f8_mul(s.d, f8_load(x[t].d + 8 * g));
      if constexpr (Format::split) add_split_runs<Format::greatest, Format::is_signed>(sums[t], q, (runs + 3) / 4, in, d);
      else add_runs<Format::is_signed>(sums[t], q, (runs + 1) / 2, in, d);
      if constexpr (has_min) add_minima(sums[t], s.m, x[t].sum + 8 * g);
    }
  }
}

/** Dot products of a row with `tokens` rows of activations, in eight parts each; those of token t go to lanes[FW · t]. */
template <class Format, int tokens> TL_INLINE void dot_row(const uint8_t *row, int columns, const QuantizedRow *x, F8 *lanes) {
  Sums sums[tokens];
  const int whole = columns / 256;
  // Of a whole group the compiler knows how many runs there are.
  for (int g = 0; g < whole; g++) dot_group<Format, tokens>(row + group_bytes<Format>() * g, g, 8, x, sums);
  if (Format::length < 256 && columns % 256 != 0)
    dot_group<Format, tokens>(row + group_bytes<Format>() * whole, whole, runs_left<Format>(columns, whole), x, sums);
  TL_UNROLL
  for (int t = 0; t < tokens; t++) lanes[FW * t] = sums[t].lanes();
}

} // namespace tl
