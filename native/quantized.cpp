// Products with weights in block formats, which have kernels of their own: a few rows of activations row by row, more by panels.
// Apart from the others, since these take a compiler longest and only they need not know of bf16.
#include "codebooks.h"
#include "runs.h"
#include "woven.h"

namespace tl {
namespace {

template <class Format, int tokens>
void rows_times(const Weight &w, int begin, int end, const Activations &a, int first_token, const Output &output) {
  const QuantizedRow *x = a.rows + first_token;
  each_rows<tokens, 1>({begin, end}, first_token, output, [&](int row, int rows, F8 *lanes) {
    for (int r = 0; r < rows; r++)
      if constexpr (IS_WOVEN<Format>) dot_woven_row<Format, tokens>(w.row(row + r), w.columns, x, lanes + r);
      else dot_row<Format, tokens>(w.row(row + r), w.columns, x, lanes + r);
  });
}

template <class Format>
void by_format(const Weight &w, int begin, int end, const Activations &a, int count, const Output &output) {
  int t = 0;
  if constexpr (ROW_TOKENS == 8)
    for (; t + 8 <= count; t += 8) rows_times<Format, 8>(w, begin, end, a, t, output);
  for (; t + 4 <= count; t += 4) rows_times<Format, 4>(w, begin, end, a, t, output);
  for (; t + 2 <= count; t += 2) rows_times<Format, 2>(w, begin, end, a, t, output);
  for (; t < count; t++) rows_times<Format, 1>(w, begin, end, a, t, output);
}

template <class Format>
void by_tiles(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &output, uint8_t *memory) {
#if defined(TL_RUNS)
  if constexpr (HasRuns<Format>)
    if (count <= Runs<Format>::most_tokens) {
      const int whole = begin + (end - begin) / FW * FW;
      by_runs<Format>(w, begin, whole, x, count, output, memory);
      begin = whole;
    }
#endif
  by_panels<QuantizedPanel<Format>>(w, begin, end, x, count, output, memory);
}

/** Rows that are unpacked at a time: they stay in the first-level cache. */
constexpr int UNPACKED_ROWS = 8;
static_assert(UNPACKED_ROWS * Unpacked<true>::bytes <= DECODED_ROWS * int(sizeof(float)) * Unpacked<true>::length);

/** Rows of formats that are unpacked first. */
template <bool halves>
void by_unpacked_rows(const Weight &w, int begin, int end, const Activations &a, int count, const Output &output, uint8_t *memory) {
  using Format = Unpacked<halves>;
  const Unpack unpack = unpack_of(w.type);
  const int blocks = w.columns / Format::length;
  const size_t row_bytes = size_t(blocks) * Format::bytes;
  for (int row = begin; row < end; row += UNPACKED_ROWS) {
    const int rows = std::min(UNPACKED_ROWS, end - row);
    for (int r = 0; r < rows; r++) unpack(w.row(row + r), blocks, memory + row_bytes * r);
    Output shifted = output;
    shifted.first_row += row;
    by_format<Format>({memory, w.type, rows, w.columns, row_bytes, {}}, 0, rows, a, count, shifted);
  }
}

template <bool halves> struct UnpackedPanel : QuantizedPanel<Unpacked<halves>> {
  static void unpack(const Weight &w, const PanelPlace &place, Panel &panel, Ahead &ahead) {
    using Format = Unpacked<halves>;
    using Base = QuantizedPanel<Format>;
    const ByteRows rows{panel.copied, sizeof panel.copied / FW};
    static_assert(sizeof panel.copied / FW >= Base::columns / Format::length * Format::bytes);
    const Unpack unpack_blocks = unpack_of(w.type);
    for (int r = 0; r < FW; r++)
      unpack_blocks(w.row(place.row_at(r)) + w.row_bytes * place.from / w.columns, (place.to - place.from) / Format::length,
                    panel.copied + rows.stride * r);
    Base::unpack_rows(rows, place, panel, ahead);
    Base::unpack_scales(rows, place.to - place.from, panel);
  }
};

} // namespace

bool multiplies_runs([[maybe_unused]] Type type) {
#if defined(TL_RUNS)
  switch (type) {
#define TL_HAS_RUNS(name) \
  case Type::name: return HasRuns<name>;
    TL_FOR_EACH_DOT(TL_HAS_RUNS)
#undef TL_HAS_RUNS
  default: break;
  }
#endif
  return false;
}

#define TL_ONE(...) +1
#define TL_BLOCK(name, length, size) +(length > 1)
static_assert(0 TL_FOR_EACH_DOT(TL_ONE) TL_FOR_EACH_CODEBOOK(TL_ONE) == 0 TL_FOR_EACH_FORMAT(TL_BLOCK), "each block format is in one of the lists");
#undef TL_ONE
#undef TL_BLOCK

void by_quantized_rows(const Weight &w, int begin, int end, const Activations &a, int count, const Output &o, uint8_t *memory) {
  switch (w.type) {
#define TL_ROWS(name) \
  case Type::name: return by_format<name>(w, begin, end, a, count, o);
    TL_FOR_EACH_DOT(TL_ROWS)
#undef TL_ROWS
#define TL_ROWS(name, halves, size) \
  case Type::name: return by_unpacked_rows<halves>(w, begin, end, a, count, o, memory);
    TL_FOR_EACH_CODEBOOK(TL_ROWS)
#undef TL_ROWS
  default: return;
  }
}

void by_quantized_panels(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &o, uint8_t *memory) {
  switch (w.type) {
#define TL_PANELS(name) \
  case Type::name: return by_tiles<name>(w, begin, end, x, count, o, memory);
    TL_FOR_EACH_DOT(TL_PANELS)
#undef TL_PANELS
#define TL_PANELS(name, halves, size) \
  case Type::name: return by_panels<UnpackedPanel<halves>>(w, begin, end, x, count, o, memory);
    TL_FOR_EACH_CODEBOOK(TL_PANELS)
#undef TL_PANELS
  default: return;
  }
}

} // namespace tl
