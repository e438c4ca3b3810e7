// Matrix products for several tokens, too few for panels to pay: words of FW rows are multiplied where they are unpacked, in registers,
// and the processor loads and unpacks the next ones meanwhile. Sums are added up as those of panels are, to the last digit.
#pragma once
#include "products.h"

#if defined(__AVX512VNNI__)
#define TL_RUNS 1

namespace tl {

template <HasRuns Format> struct Runs {
  using Kind = QuantizedPanel<Format>;
  static constexpr bool halves = Kind::halves;
  /** Columns of rows that are read on end: enough for processors to foresee how it goes on. */
  static constexpr int panels = 1, columns = 2048;
  /** Most tokens, in one or two tiles: scales of every 16 weights leave fewer registers. */
  static constexpr int most_tokens = halves ? 8 : 16;
  /** Columns whose scales are unpacked at a time: they lie in between the weights, and take long enough for these to come meanwhile. */
  static constexpr int scaled = Format::length == 32 ? columns : 512;

  /** Products of `count` words, in which activations begin at q. */
  template <int count, int tokens> static TL_INLINE void products(const W *words, const uint8_t *q, const int32_t *begin, P *out) {
    TL_UNROLL
    for (int t = 0; t < tokens; t++) out[t] = Kind::starts ? p_set(begin + t) : p_zero();
    TL_UNROLL
    for (int i = 0; i < count; i++)
      TL_UNROLL
      for (int t = 0; t < tokens; t++) out[t] = n_add_spread(out[t], words[i], q + 4 * (i * tokens + t));
  }

  /** Adds the products of run `run` of a panel with the tokens of a tile, whose activations begin `at` runs of one token on. */
  template <int tokens> static TL_INLINE void multiply(const W *words, const Panel &panel, int run, const Tiles &x, size_t at, float *sums) {
    const uint8_t *q = x.q + 32 * at;
    P some[tokens];
    if constexpr (halves) {
      F both[tokens];
      products<4, tokens>(words, q, x.start32 + 2 * at, some);
      const float *d = panel.d + 2 * run * FW, *m = panel.m + 2 * run * FW;
      TL_UNROLL
      for (int t = 0; t < tokens; t++) both[t] = f_mul(p_float(some[t]), f_load(d));
      products<4, tokens>(words + 4, q + 16 * tokens, x.start32 + 2 * at + tokens, some);
      TL_UNROLL
      for (int t = 0; t < tokens; t++) {
        F sum = f_fma(f_fma(p_float(some[t]), f_load(d + FW), both[t]), f_set(x.d[at + t]), f_load(sums + t * FW));
        if constexpr (Kind::has_min) {
          sum = f_fma(f_load(m), f_set(x.sum16[2 * at + t]), sum);
          sum = f_fma(f_load(m + FW), f_set(x.sum16[2 * at + tokens + t]), sum);
        }
        f_store(sums + t * FW, sum);
      }
    } else {
      products<8, tokens>(words, q, x.starts_of(Kind::base) + at, some);
      const F d = f_load(panel.d + run * FW);
      TL_UNROLL
      for (int t = 0; t < tokens; t++) {
        F sum = f_fma(p_float(some[t]), f_mul(d, f_set(x.d[at + t])), f_load(sums + t * FW));
        if constexpr (Kind::has_min) sum = f_fma(f_load(panel.m + run * FW), f_set(x.sum[at + t]), sum);
        f_store(sums + t * FW, sum);
      }
    }
  }

  /** FW rows' columns of a place times a tile of `first` tokens and one of `second`; `sums` are [token][FW]. */
  template <int first, int second>
  static void add(const Weight &w, const PanelPlace &place, Panel &panel, const Tiles &x, float *sums, Ahead ahead) {
    const ByteRows all{w.row(place.row) + group_bytes<Format>() * (place.from / 256), w.row_bytes};
    const size_t second_tile = size_t(x.columns / 32) * first;
    for (int from = place.from; from < place.to; from += scaled) {
      const ByteRows rows = all.from(group_bytes<Format>() * ((from - place.from) / 256));
      const int count = std::min(scaled, place.to - from);
      Kind::template unpack_scales<scaled>(rows, count, panel);
      for (int block = 0; block < count / Format::length; block++)
        Format::runs(rows.from(size_t(block) * Format::bytes), [&](int run_of_block, const W *raw) TL_ALWAYS_INLINE {
          ahead.fetch();
          W words[8];
          TL_UNROLL
          for (int i = 0; i < 8; i++) words[i] = Kind::added != 0 ? w_add(raw[i], Kind::added) : raw[i];
          const int run = block * (Format::length / 32) + run_of_block;
          const size_t before = from / 32 + run;
          multiply<first>(words, panel, run, x, before * first, sums);
          if constexpr (second > 0) multiply<second>(words, panel, run, x, second_tile + before * second, sums + first * FW);
        });
    }
  }
};

/** Rows [begin, end), whole panels, times up to `most_tokens` tokens. */
template <HasRuns Format>
void by_runs(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &output, uint8_t *memory) {
  Panel &panel = *(Panel *)memory;
  float *sums = (float *)(&panel + 1);
  for (PanelPlace place{begin, FW, 0, std::min(w.columns, Runs<Format>::columns)}; place.row < end; place = next_place<Runs<Format>>(place, end, w.columns)) {
    if (place.from == 0) std::fill_n(sums, FW * padded_tokens(count), 0.0f);
    const Ahead ahead(w, next_place<Runs<Format>>(place, w.rows, w.columns), (place.to - place.from) / 32);
    const int padded = padded_tokens(count);
    if (padded == 4) Runs<Format>::template add<4, 0>(w, place, panel, x, sums, ahead);
    else if (padded == 8) Runs<Format>::template add<8, 0>(w, place, panel, x, sums, ahead);
    else if constexpr (Runs<Format>::most_tokens > 8) {
      if (padded == 12) Runs<Format>::template add<8, 4>(w, place, panel, x, sums, ahead);
      else Runs<Format>::template add<8, 8>(w, place, panel, x, sums, ahead);
    }
    if (place.to < w.columns) continue;
    for (int t = 0; t < count; t++) output.put_rows(t, place.row, FW, f_load(sums + t * FW));
  }
}

} // namespace tl
#endif
