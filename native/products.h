// What products of every kind of weight share: rows side by side, and panels one after the other.
#pragma once
#include "matmul.h"
#include <algorithm>

namespace tl {

/**
 * Calls dots(row, rows, lanes) for up to FW rows at a time. Row r's answer for token t goes to lanes[FW · t + r] in eight parts,
 * which are added up for all of these rows together.
 */
template <int tokens, class Dots> void each_rows(int begin, int end, int first_token, const Output &output, Dots dots) {
  F8 lanes[tokens * FW];
  for (int row = begin; row < end; row += FW) {
    const int rows = std::min(FW, end - row);
    dots(row, rows, lanes);
    for (int t = 0; t < tokens; t++) output.put_rows(first_token + t, row, rows, f_combine(lanes + FW * t));
  }
}

/** One panel times one tile of tokens, of which the first is `token`; `sums` are those of the row's panels so far. */
template <class Products, int tokens>
void multiply_tile(const Panel &panel, const PanelPlace &place, const Tiles &x, int token, float *sums, Ahead &ahead) {
  F acc[tokens];
  TL_UNROLL
  for (int t = 0; t < tokens; t++) acc[t] = place.from == 0 ? f_set(0) : f_load(sums + t * FW);
  Products::template add<tokens>(panel, x, token, place.from, place.to, acc, ahead);
  TL_UNROLL
  for (int t = 0; t < tokens; t++) f_store(sums + t * FW, acc[t]);
}

/** The place that follows; one without rows behind the last. */
template <class Kind> PanelPlace next_place(PanelPlace place, int end, int columns) {
  place.from = place.to;
  if (place.from == columns) {
    place.from = 0;
    place.row += place.rows;
    place.rows = std::min(FW, end - place.row);
  }
  place.to = std::min(columns, place.from + Kind::columns);
  return place;
}

template <class Kind>
void by_panels(const Weight &w, int begin, int end, const Tiles &tiles, int count, const Output &output, uint8_t *memory) {
  using Products = typename Kind::Products;
  Panel &panel = *(Panel *)memory;
  float *sums = (float *)(memory + sizeof(Panel));
  PanelPlace place{begin, std::min(FW, end - begin), 0, std::min(w.columns, Kind::columns)};
  while (place.row < end) {
    Kind::unpack(w, place, panel);
    const PanelPlace next = next_place<Kind>(place, end, w.columns);
    Ahead ahead(w, next, Kind::steps);
    for (int t = 0; t < count; t += tiles.width) {
      const int left = std::min(tiles.width, count - t);
      float *own = sums + size_t(t) * FW;
      switch (padded_tokens(left)) {
      case 4: multiply_tile<Products, 4>(panel, place, tiles, t, own, ahead); break;
#if defined(__AVX512F__)
      case 8: multiply_tile<Products, 8>(panel, place, tiles, t, own, ahead); break;
      case 12: multiply_tile<Products, 12>(panel, place, tiles, t, own, ahead); break;
#endif
      }
      if (place.to < w.columns) continue;
      for (int i = 0; i < left; i++) output.put_rows(t + i, place.row, place.rows, f_load(own + i * FW));
    }
    place = next;
  }
}

/**
 * Rows [begin, end) of a weight in a format of TL_FOR_EACH_DOT times `count` rows of activations, row by row or by panels. False of
 * other formats, with nothing done.
 */
bool by_quantized_rows(const Weight &w, int begin, int end, const Activations &a, int count, const Output &o);
bool by_quantized_panels(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &o, uint8_t *memory);

} // namespace tl
