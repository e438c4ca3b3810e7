// The matmul operation: prepares the activations once (norm, 8 bits), then shares the rows of all its weights
// among the threads.
#include "codebooks.h"
#include "simd_bf16.h"
#include "products.h"
#include "words.h"
#include "woven.h"

namespace tl {
namespace {

/** Chunks that a thread gets of a small weight. */
constexpr int LEAST_CHUNKS = 8;
/** The same of a matrix of words, whose rows are the better read the more of them are read together. */
constexpr int LEAST_WORD_CHUNKS = 4;
/** Bytes of a place, of several that are read by turns: it takes some before the processor reads ahead there. */
constexpr size_t LEAST_PLACE = 1 << 16;

#if defined(TL_BF16_DOT)
void round_to_bf16(const float *x, uint16_t *out, int columns) {
  int i = 0;
  for (; i + FW <= columns; i += FW) f_to_bf16(out + i, f_load(x + i));
  for (; i < columns; i++) out[i] = f32_to_bf16(x[i]);
}
#endif

bool all_multiply_runs(const Op &op) {
  return std::all_of(op.parts.begin(), op.parts.end(), [](const MatmulPart &part) { return multiplies_runs(part.weight.type); });
}

/** Where the prepared activations lie in the operation's scratch. */
struct Prepared : Activations {
  Forms forms;
  float *normed;
  uint8_t *quantized;
  uint8_t *threads;

  Prepared(const Op &op, uint8_t *scratch, int count, bool repeatable) : forms(forms_of(op.parts)) {
    columns = op.inputs[0].columns;
    packed = count >= PANEL_FROM || (count >= RUNS_FROM && !repeatable && all_multiply_runs(op));
    forms.woven &= !packed;
    normed = (float *)scratch;
    x = op.norm ? normed : op.inputs[0].data;
    const size_t padded = padded_tokens(count);
    rows = (QuantizedRow *)(scratch + (op.norm ? sizeof(float) * columns * padded : 0));
    quantized = (uint8_t *)(rows + padded);
    quantized += (64 - uintptr_t(quantized) % 64) % 64;
    rounded = (uint16_t *)(quantized + QuantizedRow::bytes(columns, forms.woven) * padded);
    uint8_t *memory = (uint8_t *)(rounded + size_t(columns) * padded);
    memory += (64 - uintptr_t(memory) % 64) % 64;
    if (packed) tiles = Tiles(columns, int(padded), tile_width(count, forms), forms, memory);
    threads = memory + Tiles::bytes(columns, forms) * padded;
    threads += (64 - uintptr_t(threads) % 64) % 64;
  }
};

void prepare(const Op &op, const Prepared &a, int count, const Team &team) {
  const int columns = a.columns, width = a.packed ? a.tiles.width : 1;
  const Share share((count + width - 1) / width, team);
  for (int first = share.begin * width; first < std::min(count, share.end * width); first += width) {
    const int end = std::min(count, first + width);
    for (int t = first; t < end; t++) {
      if (op.norm) normalize(op.inputs[0].data + size_t(t) * columns, a.normed + size_t(t) * columns, op.norm, columns, op.eps);
      a.prepare(t, a.forms, a.quantized);
    }
    if (a.packed) a.pack(first, end - first, first, a.forms);
  }
}

/** How weights that are plain numbers meet activations: `step` of them a vector, `span` of them with one scale, if they have any. */
struct F32Row {
  using X = float;
  using V = F;
  struct Scale {};
  static constexpr int bytes = 4, step = FW, span = 1 << 30;
  static inline Scale scale(const Weight &, int, int) { return {}; }
  static inline V load(const uint8_t *p, Scale) { return f_load((const float *)p); }
  static inline V load_x(const X *x) { return f_load(x); }
  static inline F add_product(V w, V x, F sum) { return f_fma(w, x, sum); }
  static inline float product(const uint8_t *p, Scale, X x) { return load_unaligned<float>(p) * x; }
};
struct F16Row : F32Row {
  static constexpr int bytes = 2;
  static inline V load(const uint8_t *p, Scale) { return f_from_half(p); }
  static inline float product(const uint8_t *p, Scale, X x) { return half_to_float(load_unaligned<uint16_t>(p)) * x; }
};
#if defined(TL_BF16_DOT)
/** The processor multiplies bf16: activations are rounded to it, as precise as the weights are. */
struct BF16Row {
  using X = uint16_t;
  using V = BF;
  using Scale = F32Row::Scale;
  static constexpr int bytes = 2, step = 2 * FW, span = F32Row::span;
  static inline Scale scale(const Weight &, int, int) { return {}; }
  static inline V load(const uint8_t *p, Scale) { return bf_load(p); }
  static inline V load_x(const X *x) { return bf_load(x); }
  static inline F add_product(V w, V x, F sum) { return bf_dot(w, x, sum); }
  static inline float product(const uint8_t *p, Scale, X x) { return bf16_to_f32(load_unaligned<uint16_t>(p)) * bf16_to_f32(x); }
};
#else
struct BF16Row : F32Row {
  static constexpr int bytes = 2;
  static inline V load(const uint8_t *p, Scale) { return f_from_bf16(p); }
  static inline float product(const uint8_t *p, Scale, X x) { return bf16_to_f32(load_unaligned<uint16_t>(p)) * x; }
};
#endif
template <class Source> struct F8Row : F32Row {
  using Scale = float;
  static constexpr int bytes = 1, span = Source::tile;
  static inline Scale scale(const Weight &w, int row, int column) { return Source::scale(w, row, column); }
  static inline V load(const uint8_t *p, Scale scale) { return f_mul(Source::load_some(p), f_set(scale)); }
  static inline float product(const uint8_t *p, Scale scale, X x) {
    const uint8_t bytes[FW] = {*p};
    float value[FW];
    f_store(value, load(bytes, scale));
    return value[0] * x;
  }
};

/** Places of plain numbers that are read by turns: activations are many bytes beside them, and are read once for all. */
constexpr int FLOAT_PLACES = 4;

/**
 * Dot products of a row and those of the other places, `apart` rows from one to the next, with `tokens` rows of activations,
 * two sums each in flight; in eight parts at lanes[FW · (tokens · place + t)].
 */
template <class Row, int tokens, int places>
inline void float_dots(const Weight &w, int row, int apart, const typename Row::X *x, F8 *lanes) {
  constexpr int step = Row::step;
  const size_t apart_bytes = w.row_bytes * apart;
  const int columns = w.columns;
  const uint8_t *p = w.row(row);
  F sums[places][tokens][2];
  for (auto &place : sums)
    for (auto &pair : place) pair[0] = pair[1] = f_set(0);
  float rest[places][tokens] = {};
  for (int from = 0; from < columns; from += Row::span) {
    const int end = std::min(columns - from, Row::span) + from;
    typename Row::Scale scales[places];
    for (int r = 0; r < places; r++) scales[r] = Row::scale(w, row + r * apart, from);
    const auto add = [&](int i, int half) {
      TL_UNROLL
      for (int t = 0; t < tokens; t++) {
        const auto in = Row::load_x(x + size_t(t) * columns + i);
        TL_UNROLL
        for (int r = 0; r < places; r++)
          sums[r][t][half] = Row::add_product(Row::load(p + r * apart_bytes + size_t(i) * Row::bytes, scales[r]), in, sums[r][t][half]);
      }
    };
    int i = from;
    for (; i + 2 * step <= end; i += 2 * step) {
      add(i, 0);
      add(i + step, 1);
    }
    if (i + step <= end) {
      add(i, 0);
      i += step;
    }
    for (; i < end; i++)
      for (int r = 0; r < places; r++)
        for (int t = 0; t < tokens; t++)
          rest[r][t] += Row::product(p + r * apart_bytes + size_t(i) * Row::bytes, scales[r], x[size_t(t) * columns + i]);
  }
  TL_UNROLL
  for (int r = 0; r < places; r++)
    TL_UNROLL
    for (int t = 0; t < tokens; t++)
      lanes[FW * (tokens * r + t)] = f8_add(f8_fold(f_add(sums[r][t][0], sums[r][t][1])), f8_set(rest[r][t] / 8));
}

template <class Row, int tokens, int places>
void float_places_times(const Weight &w, const Span &span, const typename Row::X *x, int first_token, const Output &output) {
  each_rows<tokens, places>(span, first_token, output, [&](int row, int rows, F8 *lanes) {
    for (int r = 0; r < rows; r++) float_dots<Row, tokens, places>(w, row + r, span.apart, x, lanes + r);
  });
}

template <class Row, int tokens>
void float_rows_times(const Weight &w, const Span &span, const typename Row::X *x, int first_token, const Output &output) {
  if (span.places == FLOAT_PLACES) return float_places_times<Row, tokens, FLOAT_PLACES>(w, span, x, first_token, output);
  const int apart = (span.end - span.begin) / FLOAT_PLACES, rest = span.begin + FLOAT_PLACES * apart;
  float_places_times<Row, tokens, FLOAT_PLACES>(w, {span.begin, span.begin + apart, FLOAT_PLACES, apart}, x, first_token, output);
  float_places_times<Row, tokens, 1>(w, {rest, span.end}, x, first_token, output);
}

template <class Row>
void by_float_rows(const Weight &w, const Span &span, const typename Row::X *x, int count, const Output &output) {
  const auto at = [&](int t) { return x + size_t(t) * w.columns; };
  int t = 0;
  for (; t + 2 <= count; t += 2) float_rows_times<Row, 2>(w, span, at(t), t, output);
  if (t < count) float_rows_times<Row, 1>(w, span, at(t), t, output);
}

/** Rows of any layout, as floats. */
void by_decoded_rows(const Weight &w, int begin, int end, const float *x, int count, const Output &output, uint8_t *memory) {
  const size_t row_bytes = sizeof(float) * w.columns;
  for (int row = begin; row < end; row += DECODED_ROWS) {
    const int rows = std::min(DECODED_ROWS, end - row);
    for (int r = 0; r < rows; r++) decode_row(w, row + r, (float *)(memory + row_bytes * r));
    const Weight decoded{memory, Type::F32, rows, w.columns, row_bytes, {}};
    Output shifted = output;
    shifted.first_row += row;
    by_float_rows<F32Row>(decoded, {0, rows}, x, count, shifted);
  }
}

/** How many places of a weight are read by turns. */
int places_of(Type type) {
  switch (type) {
  case Type::F32:
  case Type::F16:
  case Type::BF16:
  case Type::F8_E4M3:
  case Type::F8_E5M2: return FLOAT_PLACES;
  default: return 1;
  }
}

void by_rows(const Weight &w, const Span &rows, const Activations &a, int count, const Output &o, uint8_t *memory) {
  switch (w.type) {
  case Type::F32: return by_float_rows<F32Row>(w, rows, a.x, count, o);
  case Type::F16: return by_float_rows<F16Row>(w, rows, a.x, count, o);
  case Type::F8_E4M3: return by_float_rows<F8Row<E4M3Source>>(w, rows, a.x, count, o);
  case Type::F8_E5M2: return by_float_rows<F8Row<E5M2Source>>(w, rows, a.x, count, o);
#if defined(TL_BF16_DOT)
  case Type::BF16: return by_float_rows<BF16Row>(w, rows, a.rounded, count, o);
#else
  case Type::BF16: return by_float_rows<BF16Row>(w, rows, a.x, count, o);
#endif
  case Type::GPTQ:
  case Type::AWQ:
    if (in_runs(w)) return words_times(w, rows.begin, rows.end, a.rows, count, o, memory);
    if (ordered_times(w, rows.begin, rows.end, a.x, count, o, memory)) return;
    return by_decoded_rows(w, rows.begin, rows.end, a.x, count, o, memory);
  default: return by_quantized_rows(w, rows.begin, rows.end, a, count, o, memory);
  }
}

void by_panels(const Weight &w, int begin, int end, const Tiles &x, int count, const Output &o, uint8_t *memory) {
  switch (w.type) {
  case Type::F32: return by_panels<FloatPanel<F32Source>>(w, begin, end, x, count, o, memory);
  case Type::F16: return by_panels<FloatPanel<F16Source>>(w, begin, end, x, count, o, memory);
  case Type::F8_E4M3: return by_panels<FloatPanel<E4M3Source>>(w, begin, end, x, count, o, memory);
  case Type::F8_E5M2: return by_panels<FloatPanel<E5M2Source>>(w, begin, end, x, count, o, memory);
#if defined(TL_BF16_DOT)
  case Type::BF16: return by_panels<RoundedPanel>(w, begin, end, x, count, o, memory);
#else
  case Type::BF16: return by_panels<FloatPanel<BF16Source>>(w, begin, end, x, count, o, memory);
#endif
  case Type::GPTQ: return by_panels<WordPanel<Gptq>>(w, begin, end, x, count, o, memory);
  case Type::AWQ: return by_panels<WordPanel<Awq>>(w, begin, end, x, count, o, memory);
  default: return by_quantized_panels(w, begin, end, x, count, o, memory);
  }
}

/**
 * Calls use(span) with the rows of a chunk of the weight. Those of a stretch of chunks are in `places` places, each as long as the
 * others and without gaps as chunks follow each other: every chunk has some rows of each.
 */
template <class Use> void each_span(const Weight &w, const Chunks &own, int chunk, int chunk_rows, int places, Use use) {
  const int chunks = own.to - own.from, rows = chunk_rows / places, apart = rows * chunks;
  const int end = std::min(own.to * chunk_rows, w.rows);
  if (chunk_rows % places != 0 || w.row_bytes * apart < LEAST_PLACE) return use({chunk * chunk_rows, std::min((chunk + 1) * chunk_rows, end)});
  Span span{own.from * chunk_rows + (chunk - own.from) * rows, 0, places, apart};
  span.end = span.begin + rows;
  // The last place can be shorter.
  for (; span.places > 0 && span.of(span.places - 1).end > end; span.places--) {
    const Span last = span.of(span.places - 1);
    if (last.begin < end) use({last.begin, end});
  }
  if (span.places == places) return use(span);
  for (int p = 0; p < span.places; p++) use(span.of(p));
}

} // namespace

void add_forms(Forms &forms, const Weight &w) {
  switch (w.type) {
#define TL_FORMS(name) \
  case Type::name: forms.quantized = true; \
    forms.halves |= name::halves; \
    forms.woven |= IS_WOVEN<name>; \
    return;
    TL_FOR_EACH_DOT(TL_FORMS)
#undef TL_FORMS
#define TL_FORMS(name, by_halves, size) \
  case Type::name: forms.quantized = true; \
    forms.halves |= by_halves; \
    return;
    TL_FOR_EACH_CODEBOOK(TL_FORMS)
#undef TL_FORMS
#if defined(TL_BF16_DOT)
  case Type::BF16: forms.rounded = true; return;
#endif
  case Type::GPTQ:
  case Type::AWQ:
    if (in_runs(w)) {
      forms.quantized = true;
      return;
    }
    [[fallthrough]];
  default: forms.floats = true;
  }
}

Forms forms_of(const std::vector<MatmulPart> &parts) {
  Forms forms;
  for (auto &part : parts) add_forms(forms, part.weight);
  return forms;
}

size_t Activations::row_bytes(int columns, const Forms &forms) {
  return sizeof(QuantizedRow) + QuantizedRow::bytes(columns, forms.woven) + sizeof(uint16_t) * columns + Tiles::bytes(columns, forms);
}

void Activations::prepare(int t, const Forms &forms, uint8_t *memory) const {
  const float *from = x + size_t(t) * columns;
#if defined(TL_BF16_DOT)
  if (forms.rounded) round_to_bf16(from, rounded + size_t(t) * columns, columns);
#endif
  if (!forms.quantized) return;
  rows[t] = QuantizedRow::at(memory + QuantizedRow::bytes(columns, forms.woven) * t, columns, forms.woven);
  rows[t].quantize(from, columns);
  if (forms.woven) rows[t].weave(columns);
}

void Activations::pack(int first, int count, int place, const Forms &forms) const {
  const Tiles tile = tiles.from(place);
  if (forms.quantized) tile.pack_quantized(count, [&](int t) { return rows[first + t]; });
  if (forms.rounded) tile.pack_rounded(count, [&](int t) { return rounded + size_t(first + t) * columns; });
  if (forms.floats) tile.pack_floats(count, [&](int t) { return x + size_t(first + t) * columns; });
}

Activations Activations::from(int first, int place) const {
  return {columns, x + size_t(first) * columns, rounded + size_t(first) * columns, rows + first, packed, tiles.from(place)};
}

void multiply(const Weight &w, const Span &rows, const Activations &a, int count, const Output &o, uint8_t *memory) {
  // Words whose columns are of groups in any order are no panels of 8-bit numbers.
  if (!a.packed || (w.across() && !in_runs(w))) by_rows(w, rows, a, count, o, memory);
  else by_panels(w, rows.begin, rows.end, a.tiles, count, o, memory);
}

size_t matmul_scratch(const Op &op, int max_tokens, int max_rows, int threads) {
  const size_t count = padded_tokens(op.inputs[0].rows == Rows::tokens ? max_tokens : max_rows);
  const int columns = op.inputs[0].columns;
  const size_t row = (op.norm ? sizeof(float) * columns : 0) + Activations::row_bytes(columns, forms_of(op.parts));
  return row * count + 192 + thread_bytes(columns, int(count)) * threads;
}

void matmul(const Op &op, const Context &context, const Team &team) {
  const int count = context.batch.count(op.inputs[0].rows);
  if (count == 0) return;
  const Prepared a(op, context.scratch, count, context.batch.repeatable);
  uint8_t *memory = a.threads + thread_bytes(a.columns, count) * team.index;
  // Parts one after the other, each in chunks of whole panels.
  int all = 0;
  for (auto &part : op.parts) all += part.weight.rows;
  const bool across = op.parts[0].weight.across();
  int places = 1;
  if (!a.packed)
    for (auto &part : op.parts) places = std::max(places, places_of(part.weight.type));
  // Rows of a place are best answered FW at a time, where that leaves chunks enough, and not too large ones.
  const int least = all / ((across ? LEAST_WORD_CHUNKS : LEAST_CHUNKS) * team.size), together = FW * places;
  const int step = a.packed ? PANEL_ROWS : together <= std::min(least, MOST_CHUNK_WEIGHTS / a.columns) ? together : FW;
  const int most = across ? WORD_CHUNK_ROWS : std::max(step, CHUNK_WEIGHTS / a.columns);
  const int chunk = std::max(1, std::min(most, least) / step) * step;
  int chunks = 0;
  for (auto &part : op.parts) chunks += (part.weight.rows + chunk - 1) / chunk;
  context.shares.begin(chunks, team);
  prepare(op, a, count, team);
  team.barrier();

  Taker taker(context.shares, team);
  for (int i = taker.next(); i >= 0; i = taker.next()) {
    if (context.stop.load(std::memory_order_relaxed)) return;
    int first = 0;
    for (auto &part : op.parts) {
      const int end = first + (part.weight.rows + chunk - 1) / chunk;
      if (i < end) {
        const float *residual = op.residual ? op.inputs[1].data : nullptr;
        const Output output{part.output.data, part.output.columns, part.bias, residual, nullptr};
        // What one thread has of this part: the places are parts of that, each on end.
        const auto [from, to] = Shares::stretch_of(i, chunks, team);
        const Chunks own{std::max(from, first) - first, std::min(to, end) - first};
        each_span(part.weight, own, i - first, chunk, a.packed ? 1 : places_of(part.weight.type),
                  [&](const Span &rows) { multiply(part.weight, rows, a, count, output, memory); });
        break;
      }
      first = end;
    }
  }
}

} // namespace tl
