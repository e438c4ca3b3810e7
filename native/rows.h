// Dot products of quantized rows with a few rows of activations in 8 bits: the row is read front to back, once.
#pragma once
#include "activations.h"
#include "formats.h"

namespace tl {

constexpr int PREFETCH_AHEAD = 4096;

template <class Format> inline int runs_left(int columns, int group) {
  const int left = columns / 32 - 8 * group;
  return left < 8 ? left : 8;
}

/** Bytes of a row's group of eight runs. */
template <class Format> constexpr size_t group_bytes() { return size_t(Format::bytes) * (256 / Format::length); }

/** Minima of formats whose bytes count from an offset, if they have one where this level multiplies them. */
template <class Format> TL_INLINE void add_offset(Unpacked &u) {
  constexpr int offset = ROWS_UNSIGNED && Format::is_signed ? 128 : Format::offset;
  if constexpr (offset != 0) set_minima(u, offset, Format::halves);
  if constexpr (ROWS_UNSIGNED && Format::is_signed)
    for (auto &pair : u.q) pair = b64_unsign(pair);
}

/** Adds the products of a row's group of `runs` runs. */
template <class Format, int tokens>
TL_INLINE void dot_group(const uint8_t *row, int g, int runs, const QuantizedRow *x, Sums *sums) {
  constexpr bool has_min = Format::has_min || Format::offset != 0 || (ROWS_UNSIGNED && Format::is_signed);
  const uint8_t *p = row + group_bytes<Format>() * g;
  for (size_t line = 0; line < group_bytes<Format>(); line += 64) __builtin_prefetch(p + PREFETCH_AHEAD + line);
  Unpacked u;
  Format::unpack(p, runs, u);
  add_offset<Format>(u);
  TL_UNROLL
  for (int t = 0; t < tokens; t++) {
    const int8_t *q = x[t].q + 256 * g;
    if constexpr (Format::halves) {
      const float *d = x[t].d16 + 16 * g, *s = x[t].sum16 + 16 * g;
      add_half_runs<Format::is_signed>(sums[t], u.q, q, f8_mul(u.d, f8_load(d)), f8_mul(u.d_high, f8_load(d + 8)));
      if constexpr (has_min) {
        add_minima(sums[t], u.m, s);
        add_minima(sums[t], u.m_high, s + 8);
      }
    } else {
      add_runs<Format::is_signed>(sums[t], u.q, (runs + 1) / 2, q, f8_mul(u.d, f8_load(x[t].d + 8 * g)));
      if constexpr (has_min) add_minima(sums[t], u.m, x[t].sum + 8 * g);
    }
  }
}

/** Dot products of one row with `tokens` rows of activations. */
template <class Format, int tokens>
inline void dot_row(const uint8_t *row, int columns, const QuantizedRow *x, float *out) {
  Sums sums[tokens];
  const int whole = columns / 256;
  // Of a whole group the compiler knows how many runs there are.
  for (int g = 0; g < whole; g++) dot_group<Format, tokens>(row, g, 8, x, sums);
  if (columns % 256 != 0) dot_group<Format, tokens>(row, whole, runs_left<Format>(columns, whole), x, sums);
  TL_UNROLL
  for (int t = 0; t < tokens; t++) out[t] = sums[t].total();
}

} // namespace tl
