// Products with weights in block formats, which have kernels of their own: a few rows of activations row by row, more by panels.
// Apart from the others, since these take a compiler longest and only they need not know of bf16.
#include "runs.h"

namespace tl {
namespace {

template <class Format, int tokens, int places>
void places_times(const Weight &w, const Span &span, const QuantizedRow *x, int first_token, const Output &output) {
  each_rows<tokens, places>(span, first_token, output, [&](int row, int rows, F8 *lanes) {
    for (int r = 0; r < rows; r++) dot_rows<Format, tokens, places>(w.row(row + r), w.row_bytes * span.apart, w.columns, x, lanes + r);
  });
}

template <class Format, int tokens>
void rows_times(const Weight &w, const Span &span, const Activations &a, int first_token, const Output &output) {
  const QuantizedRow *x = a.rows + first_token;
  if constexpr (tokens <= MOST_APART)
    if (span.places == BLOCK_PLACES) return places_times<Format, tokens, BLOCK_PLACES>(w, span, x, first_token, output);
  places_times<Format, tokens, 1>(w, span, x, first_token, output);
}

template <class Format>
void by_format(const Weight &w, const Span &span, const Activations &a, int count, const Output &output) {
  int t = 0;
  if constexpr (ROW_TOKENS == 8)
    for (; t + 8 <= count; t += 8) rows_times<Format, 8>(w, span, a, t, output);
  for (; t + 4 <= count; t += 4) rows_times<Format, 4>(w, span, a, t, output);
  for (; t + 2 <= count; t += 2) rows_times<Format, 2>(w, span, a, t, output);
  for (; t < count; t++) rows_times<Format, 1>(w, span, a, t, output);
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

bool by_quantized_rows(const Weight &w, const Span &rows, const Activations &a, int count, const Output &o) {
  switch (w.type) {
#define TL_ROWS(name) \
  case Type::name: by_format<name>(w, rows, a, count, o); return true;
    TL_FOR_EACH_DOT(TL_ROWS)
#undef TL_ROWS
  default: return false;
  }
}

bool by_quantized_panels(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &o, uint8_t *memory) {
  switch (w.type) {
#define TL_PANELS(name) \
  case Type::name: by_tiles<name>(w, begin, end, x, count, o, memory); return true;
    TL_FOR_EACH_DOT(TL_PANELS)
#undef TL_PANELS
  default: return false;
  }
}

} // namespace tl
