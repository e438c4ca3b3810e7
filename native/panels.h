// Matrix products for many tokens: a panel of FW rows is unpacked once, so that lane r of a vector is row r, and multiplied
// with all tokens, a tile of them at a time, whose sums stay in registers. A word of a panel is what one instruction takes of
// a row: four bytes, two bf16 or one float.
#pragma once
#include "kernels.h"
#include "parts.h"
#include "rows.h"
#include <algorithm>

namespace tl {

/** Panels side by side that bytes are multiplied with at a time, so that an activation that is loaded serves them all. */
#if defined(__AVX2__)
constexpr int BYTE_PANELS = 2;
#else
constexpr int BYTE_PANELS = 1;
#endif
/** Words of a row that are unpacked at a time: with FW rows they stay in the first-level cache. */
constexpr int PANEL_WORDS = 256;
/** The same of bytes, with the rows of several panels. */
constexpr int BYTE_WORDS = std::min(PANEL_WORDS, 4096 / (BYTE_PANELS * FW));
/** Rows are given out in multiples of so many. */
constexpr int PANEL_ROWS = BYTE_PANELS * FW;

struct Panel {
  /** [word][FW] */
  alignas(64) uint8_t words[PANEL_WORDS * FW * 4];
  /** [run][FW], by runs of 32 or 16 */
  alignas(64) float d[PANEL_WORDS / 4 * FW];
  alignas(64) float m[PANEL_WORDS / 4 * FW];
  /** [FW][PANEL_WORDS]: rows as words before they are transposed, and their scales. */
  alignas(64) uint8_t rows[FW * PANEL_WORDS * 4];
  alignas(64) float row_d[FW * PANEL_WORDS / 4], row_m[FW * PANEL_WORDS / 4];
  /** Rows of blocks, if there are too few. */
  uint8_t copied[FW * BYTE_WORDS * 5];
};

/** The rows of a weight that panels hold: `rows` of them from `row` on, columns [from, to). */
struct PanelPlace {
  int row, rows, from, to;

  /** What panel `index` of these holds, which repeats the last row where there are no more. */
  PanelPlace of(int index) const {
    const int before = std::min(index * FW, rows - 1);
    return {row + before, std::min(FW, rows - before), from, to};
  }
  /** Lanes without a row repeat the last one; their sums go nowhere. */
  int row_at(int lane) const { return row + (lane < rows ? lane : rows - 1); }
};

/** Asks for the bytes of coming panels, line by line, spread over the steps in which the present ones are multiplied. */
struct Ahead {
  const uint8_t *line = nullptr, *row_end = nullptr;
  size_t row_bytes = 0, bytes = 0;
  int rows_left = 0, lines = 0, steps = 1, owed = 0, early = 0;

  /** Words of rows that lie side by side are not in runs. */
  Ahead(const Weight &w, const PanelPlace &next, int steps) : row_bytes(w.row_bytes), rows_left(w.across() ? 0 : next.rows), steps(steps) {
    line = w.data + w.row_bytes * next.row + w.row_bytes * next.from / w.columns;
    bytes = w.row_bytes * (next.to - next.from) / w.columns;
    row_end = line + bytes;
    lines = int(bytes / 64 + 1) * next.rows;
    // Where there are many steps, only the last ones ask, a line each: activations would push out again what comes early.
    early = std::max(0, steps - lines);
    this->steps = steps - early;
  }
  void fetch() {
    if (early > 0) {
      early--;
      return;
    }
    for (owed += lines; owed >= steps && rows_left > 0; owed -= steps) {
      __builtin_prefetch(line, 0, 2);
      line += 64;
      if (line >= row_end) {
        row_end += row_bytes;
        line = row_end - bytes;
        rows_left--;
      }
    }
  }
};

/** Where word `word` of a row belongs in the order of the columns, if the format is `split`. */
constexpr int joined_word(int word) { return word / 32 * 32 + word % 16 / 4 * 8 + word % 32 / 16 * 4 + word % 4; }

/** Words of FW rows into [word][FW]; `add` is added to each byte. */
template <bool split = false> inline void transpose_panel(Panel &panel, int words, uint8_t add) {
  for (int word = 0; word < words; word += FW)
    transpose_words<split ? 8 : 4>(panel.rows + 4 * word, PANEL_WORDS * 4, panel.words + 4 * size_t(split ? joined_word(word) : word) * FW, add);
}

/**
 * Sums of products with bytes up to `greatest`: with a scale every 16 weights, with bytes that count from `base`, which is taken off
 * where sums begin, with minima, of signed bytes.
 */
template <int greatest, bool halves, int base, bool has_min, bool is_signed> struct ByteProducts {
  static constexpr int run_words = halves ? 4 : 8;

  /**
   * Products of a run, whose words begin at w in the first panel, with `tokens` tokens of a tile that is `width` wide, whose words begin
   * at x.
   */
  template <int panels, int width, int tokens>
  static TL_INLINE void products(const uint8_t *w, const uint8_t *x, const int32_t *begin, P (*sums)[tokens]) {
    constexpr int some = std::min(run_words, n_words(greatest));
    static_assert(run_words % some == 0);
    TL_UNROLL
    for (int first = 0; first < run_words; first += some) {
      N n[panels][tokens];
      TL_UNROLL
      for (int t = 0; t < tokens; t++)
        for (int p = 0; p < panels; p++) n[p][t] = n_zero();
      if constexpr (base != 0)
        for (int t = 0; t < tokens; t++)
          for (int p = 0; p < panels; p++) n[p][t] = p_set(begin + t);
      TL_UNROLL
      for (int i = first; i < first + some; i++) {
        W words[panels];
        for (int p = 0; p < panels; p++) words[p] = w_load(w + size_t(i) * FW * 4 + p * sizeof(Panel));
        TL_UNROLL
        for (int t = 0; t < tokens; t++) {
          const W four = w_spread(x + 4 * (i * width + t));
          for (int p = 0; p < panels; p++) n[p][t] = n_add<is_signed>(n[p][t], words[p], four);
        }
      }
      TL_UNROLL
      for (int t = 0; t < tokens; t++)
        for (int p = 0; p < panels; p++) sums[p][t] = first == 0 ? n_sum(n[p][t]) : p_add(sums[p][t], n_sum(n[p][t]));
    }
  }

  /** Of tokens [offset, offset + tokens) of the tile of `width` that begins with token `token`. */
  template <int panels, int width, int tokens>
  static TL_INLINE void add(const Panel *panel, const Tiles &x, int token, int offset, int from, int to, F (*acc)[tokens], Ahead &shared) {
    Ahead ahead = shared;
    // The tile's first run of these columns, in runs of all tokens.
    const size_t first = size_t(x.columns / 32) * token + size_t(from / 32) * width;
    const int runs = (to - from) / 32;
    for (int run = 0; run < runs; run++) {
      ahead.fetch();
      const size_t at = first + size_t(run) * width;
      const uint8_t *w = panel->words + size_t(run) * 32 * FW, *q = x.q + 32 * at + 4 * offset;
      const float *scales = x.d + at + offset;
      P sums[panels][tokens];
      if constexpr (halves) {
        const int32_t *start = x.start32 + 2 * at + offset;
        F both[panels][tokens];
        products<panels, width, tokens>(w, q, start, sums);
        for (int p = 0; p < panels; p++) {
          const F d = f_load(panel[p].d + 2 * run * FW);
          TL_UNROLL
          for (int t = 0; t < tokens; t++) both[p][t] = f_mul(p_float(sums[p][t]), d);
        }
        products<panels, width, tokens>(w + 16 * FW, q + 16 * width, start + width, sums);
        for (int p = 0; p < panels; p++) {
          const F d = f_load(panel[p].d + (2 * run + 1) * FW);
          TL_UNROLL
          for (int t = 0; t < tokens; t++) acc[p][t] = f_fma(f_fma(p_float(sums[p][t]), d, both[p][t]), f_set(scales[t]), acc[p][t]);
        }
        if constexpr (has_min) {
          const float *sum = x.sum16 + 2 * at + offset;
          for (int p = 0; p < panels; p++) {
            const float *m = panel[p].m + 2 * run * FW;
            TL_UNROLL
            for (int t = 0; t < tokens; t++) acc[p][t] = f_fma(f_load(m), f_set(sum[t]), acc[p][t]);
            TL_UNROLL
            for (int t = 0; t < tokens; t++) acc[p][t] = f_fma(f_load(m + FW), f_set(sum[width + t]), acc[p][t]);
          }
        }
      } else {
        products<panels, width, tokens>(w, q, x.starts_of(base) + at + offset, sums);
        for (int p = 0; p < panels; p++) {
          const F d = f_load(panel[p].d + run * FW);
          TL_UNROLL
          for (int t = 0; t < tokens; t++) acc[p][t] = f_fma(p_float(sums[p][t]), f_mul(d, f_set(scales[t])), acc[p][t]);
        }
        if constexpr (has_min) {
          const float *sum = x.sum + at + offset;
          for (int p = 0; p < panels; p++) {
            const F m = f_load(panel[p].m + run * FW);
            TL_UNROLL
            for (int t = 0; t < tokens; t++) acc[p][t] = f_fma(m, f_set(sum[t]), acc[p][t]);
          }
        }
      }
    }
    shared = ahead;
  }
};

template <class Format> concept HasRuns = requires(ByteRows rows) { Format::runs(rows, [](int, const W *) {}); };

/** Weights of a block format times activations in 8 bits. */
template <class Format> struct QuantizedPanel {
  static constexpr int panels = BYTE_PANELS, columns = BYTE_WORDS * 4;
  /** Steps through a panel, at each of which something may be asked for, and through its rows when it is unpacked. */
  static constexpr int steps = columns / 32, unpack_steps = HasRuns<Format> ? columns / Format::length : FW;
  static constexpr bool halves = Format::halves;
  /** Offsets are taken off where sums begin, if bytes may be large; else they are minima. */
  static constexpr bool starts = PANEL_UNSIGNED && (Format::is_signed || Format::offset != 0) && !(halves && Format::offset > 32);
  /** What the panel's bytes count from: one of those that activations have sums for. */
  static constexpr int base = !starts ? 0 : halves ? 32 : Format::offset == 8 ? 8 : 128;
  static_assert(!starts || (base >= Format::offset && (base == 128 || !Format::is_signed)));
  static constexpr bool has_min = Format::has_min || (Format::offset != 0 && !starts);
  using Products = ByteProducts<Format::greatest, halves, base, has_min, Format::is_signed && !starts>;

  static constexpr int group_runs = halves ? 16 : 8;
  static constexpr uint8_t added = starts ? base - Format::offset : 0;

  static void unpack(const Weight &w, const PanelPlace &place, Panel &panel, Ahead &ahead) {
    const ByteRows rows = rows_of(w, place, panel);
    if constexpr (HasRuns<Format>) unpack_words(rows, place, panel, ahead);
    else unpack_rows(rows, place, panel, ahead);
    unpack_scales(rows, place.to - place.from, panel);
  }

  /** Scales and minima of FW rows' first columns, at most `most` of them, which must be known for places to be. */
  template <int most = columns> static void unpack_scales(ByteRows rows, int count, Panel &panel) {
    constexpr int runs_most = most / 256 * group_runs;
    static_assert(runs_most * FW <= int(sizeof panel.row_d / sizeof(float)));
    const int whole = count / 256;
    const auto put = [&](int r, int g, int runs) {
      Scales s;
      Format::scales(rows.row(r) + group_bytes<Format>() * g, runs, s);
      if constexpr (Format::offset != 0 && !starts) set_minima(s, Format::offset, halves);
      float *d = panel.row_d + r * runs_most + group_runs * g, *m = panel.row_m + r * runs_most + group_runs * g;
      f8_store(d, s.d);
      if constexpr (halves) f8_store(d + 8, s.d_high);
      if constexpr (has_min) f8_store(m, s.m);
      if constexpr (has_min && halves) f8_store(m + 8, s.m_high);
    };
    for (int r = 0; r < FW; r++) {
      // Of a whole group the compiler knows how many runs there are.
      for (int g = 0; g < whole; g++) put(r, g, 8);
      if (count % 256 != 0) put(r, whole, runs_left<Format>(count, whole));
    }
    for (int run = 0; run < (count + 255) / 256 * group_runs; run += FW) {
      transpose_words((uint8_t *)(panel.row_d + run), runs_most * 4, (uint8_t *)(panel.d + run * FW), 0);
      if constexpr (has_min) transpose_words((uint8_t *)(panel.row_m + run), runs_most * 4, (uint8_t *)(panel.m + run * FW), 0);
    }
  }

protected:
  /** The rows from where the place begins; copied where there are less than FW of them. */
  static ByteRows rows_of(const Weight &w, const PanelPlace &place, Panel &panel) {
    const size_t offset = group_bytes<Format>() * (place.from / 256);
    if (place.rows == FW) return {w.row(place.row) + offset, w.row_bytes};
    const size_t bytes = w.row_bytes * (place.to - place.from) / w.columns;
    for (int r = 0; r < FW; r++) std::memcpy(panel.copied + sizeof panel.copied / FW * r, w.row(place.row_at(r)) + offset, bytes);
    return {panel.copied, sizeof panel.copied / FW};
  }

  static void unpack_words(ByteRows rows, const PanelPlace &place, Panel &panel, Ahead &shared) {
    Ahead ahead = shared;
    const int blocks = (place.to - place.from) / Format::length;
    for (int block = 0; block < blocks; block++) {
      ahead.fetch();
      Format::runs(rows.from(size_t(block) * Format::bytes), [&](int run, const W *words) {
        uint8_t *to = panel.words + (size_t(block) * Format::length + 32 * run) * FW;
        TL_UNROLL
        for (int i = 0; i < 8; i++) w_store(to + i * FW * 4, added != 0 ? w_add(words[i], added) : words[i]);
      });
    }
    shared = ahead;
  }

  /** Rows as bytes first, of formats whose words cannot be unpacked in place. */
  static void unpack_rows(ByteRows rows, const PanelPlace &place, Panel &panel, Ahead &ahead) {
    const int groups = (place.to - place.from + 255) / 256;
    for (int r = 0; r < FW; r++) {
      ahead.fetch();
      for (int g = 0; g < groups; g++) {
        B64 q[4];
        Format::quants(rows.row(r) + group_bytes<Format>() * g, runs_left<Format>(place.to - place.from, g), q);
        for (int i = 0; i < 4; i++) b64_store(panel.rows + size_t(r) * PANEL_WORDS * 4 + 256 * g + 64 * i, q[i]);
      }
    }
    transpose_panel<Format::split>(panel, 64 * groups, added);
  }
};

/** Rows of weights as floats. */
struct F32Source {
  static void load(const Weight &w, int row, int from, int count, float *out) { std::memcpy(out, w.row(row) + size_t(4) * from, size_t(count) * 4); }
};
struct F16Source {
  static void load(const Weight &w, int row, int from, int count, float *out) {
    const uint8_t *p = w.row(row) + size_t(2) * from;
    int i = 0;
    for (; i + FW <= count; i += FW) f_store(out + i, f_from_half(p + 2 * i));
    for (; i < count; i++) out[i] = half_to_float(load_unaligned<uint16_t>(p + 2 * i));
  }
};
struct BF16Source {
  static void load(const Weight &w, int row, int from, int count, float *out) {
    const uint8_t *p = w.row(row) + size_t(2) * from;
    int i = 0;
    for (; i + FW <= count; i += FW) f_store(out + i, f_from_bf16(p + 2 * i));
    for (; i < count; i++) out[i] = bf16_to_f32(load_unaligned<uint16_t>(p + 2 * i));
  }
};

/** Floats of 8 bits, perhaps with a scale for each tile; `unit` is what those are of that `load_some` answers. */
template <class Format> struct F8Source {
  /** Columns of a tile. */
  static constexpr int tile = 128;
  static F load_some(const uint8_t *p) { return Format::load(p); }
  static float scale(const Weight &w, int row, int column) { return Format::unit * (w.parts.scales ? tile_scale(w, row, column) : 1); }
  static void load(const Weight &w, int row, int from, int count, float *out) {
    const uint8_t *p = w.row(row) + from;
    for (int i = 0; i < count; i += tile) {
      const F factor = f_set(scale(w, row, from + i));
      const int end = i + tile < count ? i + tile : count;
      int k = i;
      for (; k + FW <= end; k += FW) f_store(out + k, f_mul(load_some(p + k), factor));
      if (k < end) decode_columns(w, row, from + k, end - k, out + k);
    }
  }
};
struct E4M3 {
  static constexpr float unit = E4M3_UNIT;
  static F load(const void *p) { return f_from_e4m3(p); }
};
struct E5M2 {
  static constexpr float unit = 1;
  static F load(const void *p) { return f_from_e5m2(p); }
};
using E4M3Source = F8Source<E4M3>;
using E5M2Source = F8Source<E5M2>;

/** Sums of products of floats. */
struct FloatProducts {
  template <int panels, int width, int tokens>
  static TL_INLINE void add(const Panel *panel, const Tiles &x, int token, int, int from, int to, F (*acc)[tokens], Ahead &ahead) {
    static_assert(panels == 1 && width == tokens);
    const float *w = (const float *)panel->words, *in = (const float *)x.floats + size_t(Tiles::float_words(x.columns)) * token + size_t(from) * tokens;
    for (int word = 0; word < to - from; word += FW) {
      ahead.fetch();
      TL_UNROLL
      for (int i = word; i < word + FW; i++) {
        const F weights = f_load(w + size_t(i) * FW);
        TL_UNROLL
        for (int t = 0; t < tokens; t++) acc[0][t] = f_fma(weights, f_set(in[size_t(i) * tokens + t]), acc[0][t]);
      }
    }
  }
};

/** Weights as floats times floats; Source brings any format there. */
template <class Source> struct FloatPanel {
  static constexpr int panels = 1, columns = PANEL_WORDS;
  static constexpr int steps = PANEL_WORDS / FW, unpack_steps = FW;
  using Products = FloatProducts;

  static void unpack(const Weight &w, const PanelPlace &place, Panel &panel, Ahead &ahead) {
    const int count = place.to - place.from, words = Tiles::float_words(count);
    for (int r = 0; r < FW; r++) {
      ahead.fetch();
      float *out = (float *)panel.rows + size_t(r) * PANEL_WORDS;
      Source::load(w, place.row_at(r), place.from, count, out);
      for (int i = count; i < words; i++) out[i] = 0;
    }
    transpose_panel(panel, words, 0);
  }
};

#if defined(TL_BF16_DOT)
/** Weights in bf16 times activations rounded to it: pairs of products are added in one instruction. */
struct RoundedPanel {
  static constexpr int panels = 1, columns = 2 * PANEL_WORDS;
  static constexpr int steps = PANEL_WORDS / FW, unpack_steps = FW;
  using Products = RoundedPanel;

  static void unpack(const Weight &w, const PanelPlace &place, Panel &panel, Ahead &ahead) {
    const int count = place.to - place.from, words = Tiles::rounded_words(count);
    for (int r = 0; r < FW; r++) {
      ahead.fetch();
      uint8_t *out = panel.rows + size_t(r) * PANEL_WORDS * 4;
      std::memcpy(out, w.row(place.row_at(r)) + size_t(2) * place.from, size_t(2) * count);
      std::memset(out + size_t(2) * count, 0, size_t(4) * words - size_t(2) * count);
    }
    transpose_panel(panel, words, 0);
  }

  template <int panels, int width, int tokens>
  static TL_INLINE void add(const Panel *panel, const Tiles &x, int token, int, int from, int to, F (*acc)[tokens], Ahead &ahead) {
    static_assert(panels == 1 && width == tokens);
    const uint8_t *w = panel->words, *in = x.rounded + 4 * (size_t(Tiles::rounded_words(x.columns)) * token + size_t(from / 2) * tokens);
    for (int word = 0; word < (to - from + 1) / 2; word += FW) {
      ahead.fetch();
      TL_UNROLL
      for (int i = word; i < word + FW; i++) {
        const BF weights = bf_load(w + size_t(i) * 64);
        TL_UNROLL
        for (int t = 0; t < tokens; t++) acc[0][t] = bf_dot(weights, bf_set(in + 4 * (size_t(i) * tokens + t)), acc[0][t]);
      }
    }
  }
};
#endif

} // namespace tl
