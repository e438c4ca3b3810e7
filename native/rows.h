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

/** Adds the products of a row's group of `runs` runs. */
template <class Format, int tokens>
inline void dot_group(const uint8_t *row, int g, int runs, const QuantizedRow *x, F8 *acc) {
  const uint8_t *p = row + group_bytes<Format>() * g;
  for (size_t line = 0; line < group_bytes<Format>(); line += 64) __builtin_prefetch(p + PREFETCH_AHEAD + line);
  Unpacked u;
  Format::unpack(p, runs, u);
  if constexpr (Format::offset != 0) set_minima<Format>(u);
  for (int t = 0; t < tokens; t++) {
    I8 r[8];
    const int8_t *q = x[t].q + 256 * g;
    for (int j = 0; j < 8; j++) {
      r[j] = i8_zero();
      if (j >= runs) continue;
      const B32 xq = b32_load(q + 32 * j);
      r[j] = Format::is_signed ? dot_s8(r[j], u.q[j], xq) : dot_u8(r[j], u.q[j], xq);
    }
    if constexpr (Format::halves) {
      I8 low, high;
      i8_combine_halves(r, low, high);
      const float *d = x[t].d16 + 16 * g, *s = x[t].sum16 + 16 * g;
      acc[t] = f8_fma(f8_from_i8(low), f8_mul(u.d, f8_load(d)), acc[t]);
      acc[t] = f8_fma(f8_from_i8(high), f8_mul(u.d_high, f8_load(d + 8)), acc[t]);
      acc[t] = f8_fma(u.m, f8_load(s), acc[t]);
      acc[t] = f8_fma(u.m_high, f8_load(s + 8), acc[t]);
    } else {
      acc[t] = f8_fma(f8_from_i8(i8_combine(r)), f8_mul(u.d, f8_load(x[t].d + 8 * g)), acc[t]);
      if constexpr (Format::has_min || Format::offset != 0) acc[t] = f8_fma(u.m, f8_load(x[t].sum + 8 * g), acc[t]);
    }
  }
}

/** Dot products of one row with `tokens` rows of activations. */
template <class Format, int tokens>
inline void dot_row(const uint8_t *row, int columns, const QuantizedRow *x, float *out) {
  F8 acc[tokens];
  for (auto &a : acc) a = f8_set(0);
  const int whole = columns / 256;
  // Of a whole group the compiler knows how many runs there are.
  for (int g = 0; g < whole; g++) dot_group<Format, tokens>(row, g, 8, x, acc);
  if (columns % 256 != 0) dot_group<Format, tokens>(row, whole, runs_left<Format>(columns, whole), x, acc);
  for (int t = 0; t < tokens; t++) out[t] = f8_sum(acc[t]);
}

} // namespace tl
