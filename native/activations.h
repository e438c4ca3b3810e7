// Activations in the forms that weights are multiplied with: rows in 8 bits for a few tokens, tiles of tokens side by
// side for panels.
#pragma once
#include "simd.h"
#include <cstddef>

namespace tl {

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#define TL_WOVEN 1
constexpr bool HAS_WOVEN = true;
#else
constexpr bool HAS_WOVEN = false;
#endif
/** Blocks of a scale and 32 nibbles have so many bytes; so many of them are multiplied at a time, in vectors of 64 bytes (woven.h). */
constexpr int WOVEN_BYTES = 18, WOVEN_RUNS = 16, WOVEN_LENGTH = 320;

/** Runs of 32, rounded up to whole groups of sixteen: what the arrays of a QuantizedRow hold. */
inline int padded_runs(int columns) { return (columns + 511) / 512 * 16; }

/** One token's activations: q · d by runs of 32, and d · Σq for formats with an offset or a minimum. */
struct QuantizedRow {
  int8_t *q;
  /** The same, of each four runs the first halves, then the second halves; for formats that are `split`. */
  int8_t *split;
  /**
   * The same as nibbles of blocks of 18 bytes lie, zero where scales are: of each sixteen runs what low nibbles meet, then what high
   * ones do. Null where no weight is multiplied like that.
   */
  int8_t *woven;
  /** By runs of 32. */
  float *d, *sum;
  /** By runs of 16. */
  float *d16, *sum16;
  /** Where sums of products begin with bytes that count from 128, -128 · Σq, or from 8; and, by runs of 16, from 32. */
  int32_t *start128, *start8, *start32;

  static size_t woven_bytes(int columns) { return size_t(padded_runs(columns) / WOVEN_RUNS) * 2 * WOVEN_LENGTH; }
  static size_t bytes(int columns, bool is_woven) {
    return size_t(padded_runs(columns)) * (64 + 10 * sizeof(float)) + (is_woven ? woven_bytes(columns) : 0);
  }

  static QuantizedRow at(uint8_t *memory, int columns, bool is_woven) {
    const int runs = padded_runs(columns);
    int8_t *bytes = (int8_t *)memory;
    int8_t *woven = is_woven ? bytes + size_t(runs) * 64 : nullptr;
    float *floats = (float *)(memory + size_t(runs) * 64 + (is_woven ? woven_bytes(columns) : 0));
    int32_t *starts = (int32_t *)(floats + 6 * runs);
    return {bytes, bytes + size_t(runs) * 32, woven, floats, floats + runs, floats + 2 * runs, floats + 4 * runs, starts, starts + runs, starts + 2 * runs};
  }

  /** Columns must be a multiple of 32. */
  void quantize(const float *x, int columns) const {
    const int runs = columns / 32, padded = padded_runs(columns);
    // Places that are known not to be written to themselves: compilers take bytes for anything.
    const auto [q, split, woven, d, sum, d16, sum16, start128, start8, start32] = *this;
    for (int i = 0; i < runs; i++) {
      float unit;
      int32_t totals[2];
      quantize32(x + 32 * i, q + 32 * i, unit, totals);
      const int32_t total = totals[0] + totals[1];
      d[i] = d16[2 * i] = d16[2 * i + 1] = unit;
      sum[i] = unit * float(total);
      start128[i] = -128 * total;
      start8[i] = -8 * total;
      for (int half = 0; half < 2; half++) {
        sum16[2 * i + half] = unit * float(totals[half]);
        start32[2 * i + half] = -32 * totals[half];
      }
    }
    for (int i = runs; i < padded; i++) {
      std::memset(q + 32 * i, 0, 32);
      d[i] = sum[i] = 0;
      d16[2 * i] = d16[2 * i + 1] = sum16[2 * i] = sum16[2 * i + 1] = 0;
    }
    for (int first = 0; first < padded; first += 4)
      for (int i = 0; i < 4; i++)
        for (int half = 0; half < 2; half++) std::memcpy(split + 32 * first + 64 * half + 16 * i, q + 32 * (first + i) + 16 * half, 16);
  }
  /** Of what is quantized. */
  void weave(int columns) const {
    std::memset(woven, 0, woven_bytes(columns));
    for (int i = 0; i < columns / 32; i++) {
      int8_t *low = woven + 2 * WOVEN_LENGTH * (i / WOVEN_RUNS) + WOVEN_BYTES * (i % WOVEN_RUNS) + 2;
      std::memcpy(low, q + 32 * i, 16);
      std::memcpy(low + WOVEN_LENGTH, q + 32 * i + 16, 16);
    }
  }
};

/** Tokens whose sums over a row are in registers at a time. */
constexpr int ROW_TOKENS = FW == 16 ? 8 : 4;
/** Fewer tokens go row by row, more go by panels. */
constexpr int PANEL_FROM = ROW_TOKENS + 1;
/** The same of formats with kernels for runs (runs.h), where tokens need not have the numbers that they have alone. */
constexpr int RUNS_FROM = 4;

/** Tokens whose sums are in registers at a time, and of formats with a scale every 16 weights, which need more of them. */
constexpr int TILE_TOKENS = FW == 16 ? 12 : 4, TILE_TOKENS_HALVES = FW == 16 ? 8 : 4;
/** Where fewer tokens are no worse off in narrow tiles. */
constexpr int WIDE_FROM = 24;
/** All tiles are a multiple of this wide; tokens that fill the last one up count for nothing. */
constexpr int TILE_STEP = 4;

inline int padded_tokens(int count) { return (count + TILE_STEP - 1) / TILE_STEP * TILE_STEP; }

/** In which forms weights want their activations, beside rows of floats. */
struct Forms {
  bool floats = false, rounded = false, quantized = false, halves = false, woven = false;
};

inline int tile_width(int count, const Forms &forms) {
  return count < WIDE_FROM || forms.halves ? TILE_TOKENS_HALVES : TILE_TOKENS;
}

/**
 * Tokens in tiles: what the tokens of a tile have in one place lies side by side, so that a kernel reads it as it goes. The last
 * tile is as narrow as may be.
 */
struct Tiles {
  int columns, width;
  /** [tile][columns / 4][width][4], and by runs of 32 or 16 [tile][run][width]. */
  uint8_t *q;
  float *d, *sum, *sum16;
  int32_t *start128, *start8, *start32;
  /** By runs of 32, with bytes that count from `base`. */
  const int32_t *starts_of(int base) const { return base == 8 ? start8 : start128; }
  /** [tile][columns][width]; pairs of bf16 [tile][columns / 2][width][2]. Padded with zeros to whole panels of words. */
  uint8_t *floats, *rounded;

  static int float_words(int columns) { return (columns + FW - 1) / FW * FW; }
  static int rounded_words(int columns) { return (columns + 2 * FW - 1) / (2 * FW) * FW; }

  static size_t bytes(int columns, const Forms &forms) {
    return (forms.quantized ? size_t(columns / 32) * (32 + 8 * 4) : 0) + (forms.floats ? size_t(float_words(columns)) * 4 : 0) +
           (forms.rounded ? size_t(rounded_words(columns)) * 4 : 0);
  }

  Tiles() = default;
  /** Places for `count` tokens, which must be a padded count; `memory` is of `count` times bytes(). */
  Tiles(int columns, int count, int width, const Forms &forms, uint8_t *memory) : columns(columns), width(width) {
    const size_t runs = columns / 32;
    const auto take = [&](bool wanted, size_t bytes) {
      uint8_t *place = memory;
      if (wanted) memory += bytes * count;
      return place;
    };
    q = take(forms.quantized, columns);
    d = (float *)take(forms.quantized, runs * 4);
    sum = (float *)take(forms.quantized, runs * 4);
    sum16 = (float *)take(forms.quantized, runs * 8);
    start128 = (int32_t *)take(forms.quantized, runs * 4);
    start8 = (int32_t *)take(forms.quantized, runs * 4);
    start32 = (int32_t *)take(forms.quantized, runs * 8);
    floats = take(forms.floats, size_t(float_words(columns)) * 4);
    rounded = take(forms.rounded, size_t(rounded_words(columns)) * 4);
  }

  /** The same from token `first` on, which must begin a tile. */
  Tiles from(int first) const {
    const size_t runs = size_t(columns / 32) * first;
    Tiles rest = *this;
    rest.q += size_t(columns) * first;
    rest.d += runs;
    rest.sum += runs;
    rest.sum16 += 2 * runs;
    rest.start128 += runs;
    rest.start8 += runs;
    rest.start32 += 2 * runs;
    rest.floats += size_t(float_words(columns)) * 4 * first;
    rest.rounded += size_t(rounded_words(columns)) * 4 * first;
    return rest;
  }

  /** Writes the first tile, of `count` tokens; row(t) is where token t is in the form that is packed. */
  template <class Row> void pack_quantized(int count, Row row) const {
    const int runs = columns / 32;
    const auto pack = [&](auto *to, int words, auto QuantizedRow::*of) {
      pack_words((uint8_t *)to, padded_tokens(count), words, [&](int t) { return (const uint8_t *)(row(t).*of); }, count);
    };
    pack(q, columns / 4, &QuantizedRow::q);
    pack(d, runs, &QuantizedRow::d);
    pack(sum, runs, &QuantizedRow::sum);
    pack(sum16, 2 * runs, &QuantizedRow::sum16);
    pack(start128, runs, &QuantizedRow::start128);
    pack(start8, runs, &QuantizedRow::start8);
    pack(start32, 2 * runs, &QuantizedRow::start32);
  }
  template <class Row> void pack_floats(int count, Row row) const {
    pack_values(floats, padded_tokens(count), columns * 4, float_words(columns), [&](int t) { return (const uint8_t *)row(t); }, count);
  }
  template <class Row> void pack_rounded(int count, Row row) const {
    pack_values(rounded, padded_tokens(count), columns * 2, rounded_words(columns), [&](int t) { return (const uint8_t *)row(t); }, count);
  }

private:
  /** to[word][w] of rows of whole words; the last token's values stand in for those that are missing. */
  template <class Row> static void pack_words(uint8_t *to, int w, int words, Row row, int count) {
    for (int t = 0; t < w; t += 4) {
      const uint8_t *rows[4];
      for (int i = 0; i < 4; i++) rows[i] = row(t + i < count ? t + i : count - 1);
      int word = 0;
      for (; word + 4 <= words; word += 4) {
        transpose4(rows[0] + 4 * word, rows[1] + 4 * word, rows[2] + 4 * word, rows[3] + 4 * word, to + 4 * (size_t(word) * w + t), 4 * w);
      }
      for (; word < words; word++)
        for (int i = 0; i < 4; i++) std::memcpy(to + 4 * (size_t(word) * w + t + i), rows[i] + 4 * word, 4);
    }
  }
  /** The same of rows that need not end with a word, followed by words that are zero. */
  template <class Row> static void pack_values(uint8_t *to, int w, int bytes, int words, Row row, int count) {
    const int whole = bytes / 4;
    pack_words(to, w, whole, row, count);
    std::memset(to + size_t(4) * whole * w, 0, size_t(4) * (words - whole) * w);
    if (bytes % 4 == 0) return;
    for (int t = 0; t < w; t++) std::memcpy(to + 4 * (size_t(whole) * w + t), row(t < count ? t : count - 1) + 4 * whole, bytes % 4);
  }
};

} // namespace tl
