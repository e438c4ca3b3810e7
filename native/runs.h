// Matrix products for several tokens, too few for panels to pay: words of FW rows are multiplied where they are unpacked, in registers,
// and the processor loads and unpacks the next ones meanwhile. Sums are added up as those of panels are, to the last digit.
#pragma once
#include "products.h"

namespace tl {

/** Most tokens, in two tiles. */
constexpr int RUN_TOKENS = 16;
/** Columns of rows that are read on end: enough for processors to foresee how it goes on. */
struct RunPlaces {
  static constexpr int panels = 1, columns = 2048;
};

/** Formats whose blocks are runs, for which there are registers enough. */
template <class Format> concept InRuns = FW == 16 && PutsWords<Format> && Format::length == 32;

template <InRuns Format> struct Runs {
  using Kind = QuantizedPanel<Format>;

  /** Adds the products of a run with the tokens of a tile, whose activations begin `at` runs of one token on. */
  template <int tokens> static TL_INLINE void multiply(const W *words, const Panel &panel, int run, const Tiles &x, size_t at, float *sums) {
    P products[tokens];
    TL_UNROLL
    for (int t = 0; t < tokens; t++) products[t] = Kind::starts ? p_set(x.start + at + t) : p_zero();
    TL_UNROLL
    for (int i = 0; i < 8; i++)
      TL_UNROLL
      for (int t = 0; t < tokens; t++) products[t] = n_add(products[t], words[i], w_spread(x.q + 32 * at + 4 * (i * tokens + t)));
    const F d = f_load(panel.d + run * FW);
    TL_UNROLL
    for (int t = 0; t < tokens; t++) {
      F sum = f_fma(p_float(products[t]), f_mul(d, f_set(x.d[at + t])), f_load(sums + t * FW));
      if constexpr (Kind::has_min) sum = f_fma(f_load(panel.m + run * FW), f_set(x.sum[at + t]), sum);
      f_store(sums + t * FW, sum);
    }
  }

  /** FW rows' columns of a place times a tile of `first` tokens and one of `second`; `sums` are [token][FW]. */
  template <int first, int second>
  static void add(const Weight &w, const PanelPlace &place, Panel &panel, const Tiles &x, float *sums, Ahead ahead) {
    const ByteRows rows{w.row(place.row) + group_bytes<Format>() * (place.from / 256), w.row_bytes};
    Kind::template unpack_scales<RunPlaces::columns>(rows, place.to - place.from, panel);
    const size_t second_tile = size_t(x.columns / 32) * first;
    for (int run = 0; run < (place.to - place.from) / 32; run++) {
      ahead.fetch();
      W words[8];
      Format::words(rows.from(size_t(run) * Format::bytes), [&](int word, W bytes) { words[word] = Kind::added != 0 ? w_add(bytes, Kind::added) : bytes; });
      const size_t before = place.from / 32 + run;
      multiply<first>(words, panel, run, x, before * first, sums);
      if constexpr (second > 0) multiply<second>(words, panel, run, x, second_tile + before * second, sums + first * FW);
    }
  }
};

/** Rows [begin, end), whole panels, times up to RUN_TOKENS tokens. */
template <class Format>
void by_runs(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &output, uint8_t *memory) {
  Panel &panel = *(Panel *)memory;
  float *sums = (float *)(&panel + 1);
  for (PanelPlace place{begin, FW, 0, std::min(w.columns, RunPlaces::columns)}; place.row < end; place = next_place<RunPlaces>(place, end, w.columns)) {
    if (place.from == 0) std::fill_n(sums, FW * padded_tokens(count), 0.0f);
    const Ahead ahead(w, next_place<RunPlaces>(place, w.rows, w.columns), (place.to - place.from) / 32);
    switch (padded_tokens(count)) {
    case 4: Runs<Format>::template add<4, 0>(w, place, panel, x, sums, ahead); break;
    case 8: Runs<Format>::template add<8, 0>(w, place, panel, x, sums, ahead); break;
    case 12: Runs<Format>::template add<8, 4>(w, place, panel, x, sums, ahead); break;
    case 16: Runs<Format>::template add<8, 8>(w, place, panel, x, sums, ahead); break;
    }
    if (place.to < w.columns) continue;
    for (int t = 0; t < count; t++) output.put_rows(t, place.row, FW, f_load(sums + t * FW));
  }
}

} // namespace tl
