// The matmul operation: prepares the activations once (norm, 8 bits), then shares the rows of all its weights
// among the threads.
#include "matmul.h"
#include <algorithm>

namespace tl {
namespace {

/** Chunks that a thread gets where memory is the limit: reading on in one place is fastest. */
constexpr int READING_CHUNKS = 4;

#if defined(TL_BF16_DOT)
void round_to_bf16(const float *x, uint16_t *out, int columns) {
  int i = 0;
  for (; i + FW <= columns; i += FW) f_to_bf16(out + i, f_load(x + i));
  for (; i < columns; i++) out[i] = f32_to_bf16(x[i]);
}
#endif

/** Where the prepared activations lie in the operation's scratch. */
struct Prepared : Activations {
  float *normed;
  uint8_t *quantized;
  uint8_t *threads;

  Prepared(const Op &op, uint8_t *scratch, int count) {
    const int columns = op.inputs[0].columns;
    normed = (float *)scratch;
    x = op.norm ? normed : op.inputs[0].data;
    rows = (QuantizedRow *)(scratch + (op.norm ? sizeof(float) * columns * count : 0));
    quantized = (uint8_t *)(rows + count);
    rounded = (uint16_t *)(quantized + QuantizedRow::bytes(columns) * count);
    threads = (uint8_t *)(rounded + size_t(columns) * count);
  }
};

void prepare(const Op &op, const Prepared &a, int count, const Team &team) {
  const int columns = op.inputs[0].columns;
  const Forms forms(op.parts);
  for (int t = team.index; t < count; t += team.size) {
    const float *x = op.inputs[0].data + size_t(t) * columns;
    if (op.norm) normalize(x, a.normed + size_t(t) * columns, op.norm, columns, op.eps);
    a.prepare(t, columns, forms, a.quantized);
  }
}

template <class Format, int tokens>
void rows_times(const Weight &w, int begin, int end, const QuantizedRow *x, int first_token, const Output &output) {
  for (int row = begin; row < end; row++) {
    float out[tokens];
    dot_row<Format, tokens>(w.data + w.row_bytes * row, w.columns, x, out);
    for (int t = 0; t < tokens; t++) output.put(first_token + t, row, out[t]);
  }
}

template <class Format>
void by_rows(const Weight &w, int begin, int end, const Activations &a, int count, const Output &output) {
  int t = 0;
  for (; t + 4 <= count; t += 4) rows_times<Format, 4>(w, begin, end, a.rows + t, t, output);
  for (; t + 2 <= count; t += 2) rows_times<Format, 2>(w, begin, end, a.rows + t, t, output);
  for (; t < count; t++) rows_times<Format, 1>(w, begin, end, a.rows + t, t, output);
}

template <class Format>
void by_panels(const Weight &w, int begin, int end, const Activations &a, int count, const Output &output, uint8_t *memory) {
  Panel &panel = *(Panel *)memory;
  float *sums = (float *)(memory + sizeof(Panel));
  for (int row = begin; row < end; row += FW) {
    const int rows = std::min(FW, end - row);
    std::fill(sums, sums + size_t(count) * FW, 0.0f);
    for (int from = 0; from < w.columns; from += PANEL_COLUMNS) {
      unpack_panel<Format>(w.data + w.row_bytes * row, w.row_bytes, rows, w.columns, from, panel);
      int t = 0;
      for (; t + PANEL_TOKENS <= count; t += PANEL_TOKENS)
        multiply_panel<Format, PANEL_TOKENS>(panel, a.rows + t, w.columns, from, sums + size_t(t) * FW);
      for (; t < count; t++) multiply_panel<Format, 1>(panel, a.rows + t, w.columns, from, sums + size_t(t) * FW);
    }
    for (int t = 0; t < count; t++)
      for (int r = 0; r < rows; r++) output.put(t, row + r, sums[size_t(t) * FW + r]);
  }
}

/** How weights that are plain numbers meet activations: `step` of them a vector. */
struct F32Row {
  using X = float;
  using V = F;
  static constexpr int bytes = 4, step = FW;
  static inline V load(const uint8_t *p) { return f_load((const float *)p); }
  static inline V load_x(const X *x) { return f_load(x); }
  static inline F add_product(V w, V x, F sum) { return f_fma(w, x, sum); }
  static inline float product(const uint8_t *p, X x) { return load_unaligned<float>(p) * x; }
};
struct F16Row : F32Row {
  static constexpr int bytes = 2;
  static inline V load(const uint8_t *p) { return f_from_half(p); }
  static inline float product(const uint8_t *p, X x) { return half_to_float(load_unaligned<uint16_t>(p)) * x; }
};
#if defined(TL_BF16_DOT)
/** The processor multiplies bf16: activations are rounded to it, as precise as the weights are. */
struct BF16Row {
  using X = uint16_t;
  using V = BF;
  static constexpr int bytes = 2, step = 2 * FW;
  static inline V load(const uint8_t *p) { return bf_load(p); }
  static inline V load_x(const X *x) { return bf_load(x); }
  static inline F add_product(V w, V x, F sum) { return bf_dot(w, x, sum); }
  static inline float product(const uint8_t *p, X x) { return bf16_to_f32(load_unaligned<uint16_t>(p)) * bf16_to_f32(x); }
};
#else
struct BF16Row : F32Row {
  static constexpr int bytes = 2;
  static inline V load(const uint8_t *p) { return f_from_bf16(p); }
  static inline float product(const uint8_t *p, X x) { return bf16_to_f32(load_unaligned<uint16_t>(p)) * x; }
};
#endif

/** `rows` rows of weights times `tokens` tokens, with all sums in registers. */
template <class Row, int rows, int tokens>
inline void float_tile(const Weight &w, int row, const typename Row::X *x, int first_token, const Output &output) {
  const int columns = w.columns;
  const uint8_t *p = w.data + w.row_bytes * row;
  F acc[rows][tokens];
  for (auto &line : acc)
    for (auto &a : line) a = f_set(0);
  int i = 0;
  for (; i + Row::step <= columns; i += Row::step) {
    typename Row::V xs[tokens];
    for (int t = 0; t < tokens; t++) xs[t] = Row::load_x(x + size_t(t) * columns + i);
    for (int r = 0; r < rows; r++) {
      const typename Row::V weights = Row::load(p + w.row_bytes * r + size_t(i) * Row::bytes);
      for (int t = 0; t < tokens; t++) acc[r][t] = Row::add_product(weights, xs[t], acc[r][t]);
    }
  }
  for (int r = 0; r < rows; r++)
    for (int t = 0; t < tokens; t++) {
      float sum = f_sum(acc[r][t]);
      for (int j = i; j < columns; j++) sum += Row::product(p + w.row_bytes * r + size_t(j) * Row::bytes, x[size_t(t) * columns + j]);
      output.put(first_token + t, row + r, sum);
    }
}

/** One row for one token: four sums in flight, and nothing but the row's own stream to read. */
template <class Row> inline float float_dot(const uint8_t *p, const typename Row::X *x, int columns) {
  constexpr int step = Row::step;
  const auto add = [&](int i, F sum) { return Row::add_product(Row::load(p + size_t(i) * Row::bytes), Row::load_x(x + i), sum); };
  F a = f_set(0), b = a, c = a, d = a;
  int i = 0;
  for (; i + 4 * step <= columns; i += 4 * step) {
    a = add(i, a);
    b = add(i + step, b);
    c = add(i + 2 * step, c);
    d = add(i + 3 * step, d);
  }
  for (; i + step <= columns; i += step) a = add(i, a);
  float sum = f_sum(f_add(f_add(a, b), f_add(c, d)));
  for (; i < columns; i++) sum += Row::product(p + size_t(i) * Row::bytes, x[i]);
  return sum;
}

template <class Row>
void by_floats(const Weight &w, int begin, int end, const typename Row::X *x, int count, const Output &output) {
  const int columns = w.columns;
  // A few tokens one after the other, so that each has the digits that it has alone.
  if (count < PANEL_FROM) {
    for (int row = begin; row < end; row++)
      for (int t = 0; t < count; t++)
        output.put(t, row, float_dot<Row>(w.data + w.row_bytes * row, x + size_t(t) * columns, columns));
    return;
  }
  int row = begin;
  for (; row + 4 <= end; row += 4) {
    int t = 0;
    for (; t + 3 <= count; t += 3) float_tile<Row, 4, 3>(w, row, x + size_t(t) * columns, t, output);
    for (; t < count; t++) float_tile<Row, 4, 1>(w, row, x + size_t(t) * columns, t, output);
  }
  for (; row < end; row++)
    for (int t = 0; t < count; t++) float_tile<Row, 1, 1>(w, row, x + size_t(t) * columns, t, output);
}

/** Rows of any format, as floats. */
void by_decoded(const Weight &w, int begin, int end, const float *x, int count, const Output &output, uint8_t *memory) {
  const size_t row_bytes = sizeof(float) * w.columns;
  for (int row = begin; row < end; row += DECODED_ROWS) {
    const int rows = std::min(DECODED_ROWS, end - row);
    for (int r = 0; r < rows; r++) decode_row(w.type, w.data + w.row_bytes * (row + r), w.columns, (float *)(memory + row_bytes * r));
    const Weight decoded{memory, Type::F32, rows, w.columns, row_bytes};
    Output shifted = output;
    shifted.first_row = row;
    by_floats<F32Row>(decoded, 0, rows, x, count, shifted);
  }
}

template <class Format>
void by_quantized(const Weight &w, int begin, int end, const Activations &a, int count, const Output &output, uint8_t *memory) {
  if (count < PANEL_FROM) by_rows<Format>(w, begin, end, a, count, output);
  else by_panels<Format>(w, begin, end, a, count, output, memory);
}

} // namespace

Forms::Forms(const std::vector<MatmulPart> &parts) {
  for (auto &part : parts) add(part.weight.type);
}

void Activations::prepare(int t, int columns, const Forms &forms, uint8_t *memory) const {
  const float *from = x + size_t(t) * columns;
#if defined(TL_BF16_DOT)
  if (forms.rounded) round_to_bf16(from, rounded + size_t(t) * columns, columns);
#endif
  if (!forms.quantized) return;
  rows[t] = QuantizedRow::at(memory + QuantizedRow::bytes(columns) * t, columns);
  rows[t].quantize(from, columns);
}

void multiply(const Weight &w, int begin, int end, const Activations &a, int count, const Output &o, uint8_t *memory) {
  switch (w.type) {
  case Type::F32: return by_floats<F32Row>(w, begin, end, a.x, count, o);
  case Type::F16: return by_floats<F16Row>(w, begin, end, a.x, count, o);
#if defined(TL_BF16_DOT)
  case Type::BF16: return by_floats<BF16Row>(w, begin, end, a.rounded, count, o);
#else
  case Type::BF16: return by_floats<BF16Row>(w, begin, end, a.x, count, o);
#endif
#define TL_MULTIPLY(name) \
  case Type::name: return by_quantized<name>(w, begin, end, a, count, o, memory);
    TL_FOR_EACH_DOT(TL_MULTIPLY)
#undef TL_MULTIPLY
  default: return by_decoded(w, begin, end, a.x, count, o, memory);
  }
}

size_t matmul_scratch(const Op &op, int max_tokens, int max_rows, int threads) {
  const size_t count = op.inputs[0].rows == Rows::tokens ? max_tokens : max_rows;
  const size_t columns = op.inputs[0].columns;
  const size_t floats = (sizeof(float) + sizeof(uint16_t)) * columns;
  const size_t row = floats + sizeof(QuantizedRow) + QuantizedRow::bytes(int(columns));
  return row * count + 64 + thread_bytes(int(columns), int(count)) * threads;
}

void matmul(const Op &op, const Context &context, const Team &team) {
  const int count = context.batch.count(op.inputs[0].rows);
  if (count == 0) return;
  const Prepared a(op, context.scratch, count);
  uint8_t *memory = (uint8_t *)(((uintptr_t)a.threads + 63) / 64 * 64) + thread_bytes(op.inputs[0].columns, count) * team.index;
  prepare(op, a, count, team);
  team.barrier();

  // Parts one after the other, each in chunks of whole panels, from one counter.
  const int columns = op.inputs[0].columns;
  int all = 0;
  for (auto &part : op.parts) all += part.weight.rows;
  int rows = CHUNK_WEIGHTS / columns;
  if (count < PANEL_FROM) rows = std::max(rows, all / (READING_CHUNKS * team.size));
  const int chunk = std::max(1, rows / FW) * FW;
  int chunks = 0;
  for (auto &part : op.parts) chunks += (part.weight.rows + chunk - 1) / chunk;
  for (int i = context.counters[0].take(1); i < chunks; i = context.counters[0].take(1)) {
    if (context.stop.load(std::memory_order_relaxed)) return;
    int index = i;
    for (auto &part : op.parts) {
      const int part_chunks = (part.weight.rows + chunk - 1) / chunk;
      if (index < part_chunks) {
        const int begin = index * chunk, end = std::min(begin + chunk, part.weight.rows);
        const float *residual = op.residual ? op.inputs[1].data : nullptr;
        multiply(part.weight, begin, end, a, count, {part.output.data, part.output.columns, part.bias, residual, nullptr}, memory);
        break;
      }
      index -= part_chunks;
    }
  }
}

} // namespace tl
