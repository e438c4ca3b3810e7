// Matrix products of quantized weights with activations in 8 bits: row by row for a few tokens, and by panels of
// FW rows, unpacked once, for many.
#pragma once
#include "formats.h"
#include <cstddef>

namespace tl {

/** Runs of 32, rounded up to whole groups of eight: what the arrays of a QuantizedRow hold. */
inline int padded_runs(int columns) { return (columns + 255) / 256 * 8; }

/** One token's activations: q · d by runs of 32, and d · Σq for formats with an offset or a minimum. */
struct QuantizedRow {
  int8_t *q;
  /** By runs of 32. */
  float *d, *sum;
  /** By runs of 16. */
  float *d16, *sum16;

  static size_t bytes(int columns) { return size_t(padded_runs(columns)) * (32 + 6 * sizeof(float)); }

  static QuantizedRow at(uint8_t *memory, int columns) {
    const int runs = padded_runs(columns);
    float *floats = (float *)(memory + size_t(runs) * 32);
    return {(int8_t *)memory, floats, floats + runs, floats + 2 * runs, floats + 4 * runs};
  }

  /** Columns must be a multiple of 32. */
  void quantize(const float *x, int columns) const {
    const int runs = columns / 32, padded = padded_runs(columns);
    for (int i = 0; i < runs; i++) {
      const int total = quantize32(x + 32 * i, q + 32 * i, d[i]);
      int first = 0;
      for (int j = 0; j < 16; j++) first += q[32 * i + j];
      sum[i] = d[i] * float(total);
      d16[2 * i] = d16[2 * i + 1] = d[i];
      sum16[2 * i] = d[i] * float(first);
      sum16[2 * i + 1] = d[i] * float(total - first);
    }
    for (int i = runs; i < padded; i++) {
      std::memset(q + 32 * i, 0, 32);
      d[i] = sum[i] = 0;
      d16[2 * i] = d16[2 * i + 1] = sum16[2 * i] = sum16[2 * i + 1] = 0;
    }
  }
};

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
      if constexpr (Format::has_min) acc[t] = f8_fma(u.m, f8_load(x[t].sum + 8 * g), acc[t]);
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

/** Columns of a panel that are unpacked at a time; with FW rows they stay in the first-level cache. */
constexpr int PANEL_COLUMNS = 1024;
/** Tokens whose sums are in registers at a time. */
constexpr int PANEL_TOKENS = FW == 16 ? 8 : 4;

/** FW rows × PANEL_COLUMNS: four bytes of each row side by side, and the scales of FW rows for each run. */
struct Panel {
  alignas(64) uint8_t q[PANEL_COLUMNS * FW];
  alignas(64) float d[PANEL_COLUMNS / 16 * FW];
  alignas(64) float m[PANEL_COLUMNS / 16 * FW];
};

/** Unpacks columns [from, from + PANEL_COLUMNS) of `rows` rows; the rest of the panel is zero. */
template <class Format>
inline void unpack_panel(const uint8_t *first, size_t row_bytes, int rows, int columns, int from, Panel &panel) {
  constexpr bool shifted = Format::is_signed && PANEL_UNSIGNED;
  constexpr int runs = Format::halves ? 16 : 8;
  const int groups = padded_runs(columns) / 8, first_group = from / 256;
  const int last_group = groups < first_group + PANEL_COLUMNS / 256 ? groups : first_group + PANEL_COLUMNS / 256;
  // The rows' own bytes of a group, before they are transposed.
  alignas(64) uint8_t rows_bytes[FW * 256];
  for (int g = first_group; g < last_group; g++) {
    const int at = g - first_group;
    for (int r = 0; r < FW; r++) {
      Unpacked u;
      alignas(32) float d[16] = {}, m[16] = {};
      uint8_t *bytes = rows_bytes + 256 * r;
      if (r < rows) {
        Format::unpack(first + row_bytes * r + group_bytes<Format>() * g, runs_left<Format>(columns, g), u);
        for (int i = 0; i < 8; i++) b32_store(bytes + 32 * i, u.q[i]);
        if constexpr (shifted) u.m = minus_offset<128>(u.d);
        f8_store(d, u.d);
        if constexpr (Format::has_min || shifted) f8_store(m, u.m);
        if constexpr (Format::halves) {
          f8_store(d + 8, u.d_high);
          f8_store(m + 8, u.m_high);
        }
      } else {
        std::memset(bytes, 0, 256);
      }
      for (int j = 0; j < runs; j++) {
        panel.d[(runs * at + j) * FW + r] = d[j];
        panel.m[(runs * at + j) * FW + r] = m[j];
      }
    }
    for (int word = 0; word < 64; word += FW)
      transpose_words(rows_bytes + 4 * word, 256, panel.q + 4 * size_t(64 * at + word) * FW, shifted ? 0x80808080 : 0);
  }
}

/** out[t][FW] += panel · x for `tokens` tokens, from column `from` of x on. */
template <class Format, int tokens>
inline void multiply_panel(const Panel &panel, const QuantizedRow *x, int columns, int from, float *out) {
  constexpr bool shifted = Format::is_signed && PANEL_UNSIGNED, with_min = Format::has_min || shifted;
  constexpr int length = Format::halves ? 16 : 32;
  F acc[tokens];
  for (int t = 0; t < tokens; t++) acc[t] = f_load(out + t * FW);
  const int all = padded_runs(columns) * 32 - from;
  const int runs = (all < PANEL_COLUMNS ? all : PANEL_COLUMNS) / length;
  for (int run = 0; run < runs; run++) {
    P sums[tokens];
    for (auto &s : sums) s = p_zero();
    for (int i = 0; i < length / 4; i++) {
      const uint8_t *w = panel.q + size_t(run * length / 4 + i) * FW * 4;
      for (int t = 0; t < tokens; t++) sums[t] = p_dot<Format::is_signed>(sums[t], w, x[t].q + from + run * length + 4 * i);
    }
    const F d = f_load(panel.d + run * FW), m = f_load(panel.m + run * FW);
    const int at = from / length + run;
    for (int t = 0; t < tokens; t++) {
      const float xd = Format::halves ? x[t].d16[at] : x[t].d[at];
      acc[t] = f_fma(p_float(sums[t]), f_mul(d, f_set(xd)), acc[t]);
      if constexpr (with_min) acc[t] = f_fma(m, f_set(Format::halves ? x[t].sum16[at] : x[t].sum[at]), acc[t]);
    }
  }
  for (int t = 0; t < tokens; t++) f_store(out + t * FW, acc[t]);
}

} // namespace tl
