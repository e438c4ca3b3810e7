// Dot products of quantized rows with a few rows of activations in 8 bits: rows are read front to back, once.
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

/** Whether this level multiplies the format's bytes with 128 added, which makes them unsigned. */
template <class Format> constexpr bool made_unsigned() { return ROWS_UNSIGNED && Format::is_signed; }
/** What the bytes that are multiplied count from. */
template <class Format> constexpr int row_offset() { return made_unsigned<Format>() ? 128 : Format::offset; }

/** Adds the products of the group at p, group `g` of its row, of `runs` runs. */
template <class Format, int tokens, bool ahead = true>
TL_INLINE void dot_group(const uint8_t *p, int g, int runs, const QuantizedRow *x, Sums *sums) {
  constexpr bool has_min = Format::has_min || row_offset<Format>() != 0;
  if constexpr (ahead)
    for (size_t line = 0; line < group_bytes<Format>(); line += 64) __builtin_prefetch(p + PREFETCH_AHEAD + line);
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

/**
 * Dot products of rows in `places` places, `apart` bytes from one to the next, with `tokens` rows of activations, in eight parts each;
 * those of place p and token t go to lanes[FW · (tokens · p + t)].
 */
template <class Format, int tokens, int places>
TL_INLINE void dot_rows(const uint8_t *row, size_t apart, int columns, const QuantizedRow *x, F8 *lanes) {
  // Of two places processors read enough ahead by themselves, unless many instructions keep the loads behind them from beginning.
  constexpr bool ahead = places == 1 || Format::split;
  Sums sums[places][tokens];
  const int whole = columns / 256;
  const auto add = [&](int g, int runs) TL_ALWAYS_INLINE {
    TL_UNROLL
    for (int p = 0; p < places; p++) dot_group<Format, tokens, ahead>(row + apart * p + group_bytes<Format>() * g, g, runs, x, sums[p]);
  };
  // Of a whole group the compiler knows how many runs there are.
  for (int g = 0; g < whole; g++) add(g, 8);
  if (Format::length < 256 && columns % 256 != 0) add(whole, runs_left<Format>(columns, whole));
  TL_UNROLL
  for (int p = 0; p < places; p++)
    TL_UNROLL
    for (int t = 0; t < tokens; t++) lanes[FW * (tokens * p + t)] = sums[p][t].lanes();
}

} // namespace tl
