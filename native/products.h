// What products of every kind of weight share: rows side by side, and panels one after the other.
#pragma once
#include "matmul.h"
#include <algorithm>

namespace tl {

/**
 * Calls dots(row, rows, lanes) for up to FW rows at a time. Row r's answer for token t goes to lanes[FW · t + r] in eight parts,
 * which are added up for all of these rows together; answers of further places follow, FW · tokens on.
 */
template <int tokens, int places, class Dots> void each_rows(const Span &span, int first_token, const Output &output, Dots dots) {
  F8 lanes[places * tokens * FW];
  for (int row = span.begin; row < span.end; row += FW) {
    const int rows = std::min(FW, span.end - row);
    dots(row, rows, lanes);
    for (int p = 0; p < places; p++)
      for (int t = 0; t < tokens; t++)
        output.put_rows(first_token + t, row + p * span.apart, rows, f_combine(lanes + FW * (p * tokens + t)));
  }
}

/** Panels times `tokens` tokens of one tile, which begins with token `token`; `sums` are those of the tile so far, [token][panel][FW]. */
template <class Kind, int width, int tokens>
void multiply_part(const Panel *panel, const PanelPlace &place, const Tiles &x, int token, int offset, float *sums, Ahead &ahead) {
  constexpr int panels = Kind::panels;
  F acc[panels][tokens];
  TL_UNROLL
  for (int t = 0; t < tokens; t++)
    for (int p = 0; p < panels; p++) acc[p][t] = place.from == 0 ? f_set(0) : f_load(sums + ((offset + t) * panels + p) * FW);
  Kind::Products::template add<panels, width, tokens>(panel, x, token, offset, place.from, place.to, acc, ahead);
  TL_UNROLL
  for (int t = 0; t < tokens; t++)
    for (int p = 0; p < panels; p++) f_store(sums + ((offset + t) * panels + p) * FW, acc[p][t]);
}

/** Of several panels, as many tokens at a time as there are registers for their sums. */
template <class Kind> constexpr int tokens_at_once(int width) {
  if (Kind::panels == 1) return width;
  return FW == 8 ? 2 : width % 6 == 0 ? 6 : 4;
}

template <class Kind, int width>
void multiply_tile(const Panel *panel, const PanelPlace &place, const Tiles &x, int token, float *sums, Ahead &ahead) {
  constexpr int some = tokens_at_once<Kind>(width);
  for (int offset = 0; offset < width; offset += some) multiply_part<Kind, width, some>(panel, place, x, token, offset, sums, ahead);
}

/** The place that follows; one without rows behind the last. */
template <class Kind> PanelPlace next_place(PanelPlace place, int end, int columns) {
  place.from = place.to;
  if (place.from == columns) {
    place.from = 0;
    place.row += place.rows;
    place.rows = std::min(FW * Kind::panels, end - place.row);
  }
  place.to = std::min(columns, place.from + Kind::columns);
  return place;
}

template <class Kind>
void by_panels(const Weight &w, int begin, int end, const Tiles &tiles, int count, const Output &output, uint8_t *memory) {
  constexpr int panels = Kind::panels;
  Panel *panel = (Panel *)memory;
  float *sums = (float *)(panel + panels);
  PanelPlace place{begin, std::min(FW * panels, end - begin), 0, std::min(w.columns, Kind::columns)};
  const int passes = (padded_tokens(count) + tokens_at_once<Kind>(tiles.width) - 1) / tokens_at_once<Kind>(tiles.width);
  while (place.row < end) {
    // Who multiplies these rows most often goes on with those behind them.
    Ahead ahead(w, next_place<Kind>(place, w.rows, w.columns), Kind::steps * passes + Kind::unpack_steps * panels);
    for (int p = 0; p < panels; p++) Kind::unpack(w, place.of(p), panel[p], ahead);
    for (int t = 0; t < count; t += tiles.width) {
      const int left = std::min(tiles.width, count - t);
      float *own = sums + size_t(t) * panels * FW;
      switch (padded_tokens(left)) {
      case 4: multiply_tile<Kind, 4>(panel, place, tiles, t, own, ahead); break;
#if defined(__AVX512F__)
      case 8: multiply_tile<Kind, 8>(panel, place, tiles, t, own, ahead); break;
      case 12: multiply_tile<Kind, 12>(panel, place, tiles, t, own, ahead); break;
#endif
      }
      if (place.to < w.columns) continue;
      for (int i = 0; i < left; i++)
        for (int p = 0; p * FW < place.rows; p++)
          output.put_rows(t + i, place.row + p * FW, std::min(FW, place.rows - p * FW), f_load(own + (i * panels + p) * FW));
    }
    place = next_place<Kind>(place, end, w.columns);
  }
}

/** Rows of a weight in a block format times `count` rows of activations, row by row or by panels; `memory` is this thread's own. */
void by_quantized_rows(const Weight &w, int begin, int end, const Activations &a, int count, const Output &o, uint8_t *memory);
void by_quantized_panels(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &o, uint8_t *memory);
/** Whether `by_quantized_panels` has kernels for several tokens in this format, which are faster than row by row from RUNS_FROM on. */
bool multiplies_runs(Type type);

} // namespace tl
