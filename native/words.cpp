// Products of matrices of words with few tokens: every word is read once, a strip of rows at a time down all columns.
#include "words.h"
#include "matmul.h"
#include <algorithm>

namespace tl {
namespace {

/** Bytes between rows of words that are copied, and of all of them: no power of two, lest they fall on the same lines of the cache. */
constexpr int COPY_STRIDE = STRIP_ROWS / 2 + 64, COPY_BYTES = 32 * COPY_STRIDE;

/** A strip's sums. */
template <int tokens> struct Strip {
  /** [tokens][STRIP_ROWS], in the order of rows. */
  float *sums;
  /** The same of a group of columns, in the order in which a layout has them. */
  float *group;
  /** Words of a run. */
  uint8_t *copy;

  explicit Strip(uint8_t *memory)
      : sums((float *)memory), group(sums + tokens * STRIP_ROWS), copy((uint8_t *)(group + tokens * STRIP_ROWS)) {}
  static constexpr size_t bytes = sizeof(float) * 2 * tokens * STRIP_ROWS + COPY_BYTES;
  static_assert(bytes <= sizeof(Panel));
};

/** Adds the products of one block of words to a group's sums. */
template <class Layout, int tokens>
TL_INLINE void add_block(const uint8_t *p, size_t stride, const W (*x)[8], const float *d, float *sums) {
  N n[tokens][Layout::vectors];
  for (auto &token : n)
    for (auto &sum : token) sum = n_zero();
  Layout::template products<tokens>(p, stride, x, n);
  TL_UNROLL
  for (int t = 0; t < tokens; t++)
    TL_UNROLL
    for (int i = 0; i < Layout::vectors; i++) {
      float *to = sums + t * STRIP_ROWS + i * FW;
      f_store(to, f_fma(p_float(n_sum(n[t][i])), f_set(d[t]), f_load(to)));
    }
}

/** Copies `count` rows of `bytes` bytes and asks for as many behind them. */
inline void copy_rows(const uint8_t *p, size_t stride, int count, int bytes, uint8_t *to, int to_stride) {
  constexpr int step = 4 * FW;
  for (int i = 0; i < count; i++, p += stride, to += to_stride) {
    const uint8_t *ahead = p + stride * count;
    int at = 0;
    for (; at + step <= bytes; at += step) {
      if (at % 64 == 0) __builtin_prefetch(ahead + at, 0, 2);
      w_store(to + at, w_load(p + at));
    }
    std::memcpy(to + at, p + at, size_t(bytes - at));
  }
}

/** The run of all rows from `row` on, `rows` of them: a multiple of eight. */
template <class Layout, int tokens>
void add_run(const Weight &w, int row, int rows, int run, const QuantizedRow *x, const Strip<tokens> &strip) {
  constexpr int word_rows = 32 / Layout::columns, block_bytes = 4 * Layout::block_rows / Layout::rows_in_word;
  size_t stride = size_t(4) * w.parts.rows / Layout::rows_in_word;
  const uint8_t *p = w.data + stride * word_rows * run + size_t(4) * row / Layout::rows_in_word;
  W words[tokens][8];
  float d[tokens];
  for (int t = 0; t < tokens; t++) {
    Layout::arrange(x[t].q + 32 * run, words[t]);
    d[t] = x[t].d[run];
  }
  int block = 0;
  const auto add_blocks = [&](int end) {
    for (; block < end; block += Layout::block_rows, p += block_bytes) {
      if (!Layout::copied && block * 4 % 64 == 0)
        for (int i = 0; i < word_rows; i++) __builtin_prefetch(p + stride * (word_rows + i), 0, 2);
      add_block<Layout, tokens>(p, stride, words, d, strip.group + block);
    }
  };
  if (!Layout::copied) add_blocks(rows / Layout::block_rows * Layout::block_rows);
  if (block == rows) return;
  // So that what no whole vector has can be read as if there were one.
  copy_rows(p, stride, word_rows, (rows - block) * 4 / Layout::rows_in_word, strip.copy, COPY_STRIDE);
  p = strip.copy;
  stride = COPY_STRIDE;
  add_blocks(rows);
}

inline F8 eight_scales(const Parts &parts, size_t index) {
  return parts.wide ? f8_load((const float *)(parts.scales + 4 * index)) : f8_from_half(parts.scales + 2 * index);
}

/** Adds a group's sums, less zero points times the sums of activations, each times its scale. */
template <class Layout, int tokens>
void add_group(const Weight &w, int row, int rows, int group, const float *totals, const Strip<tokens> &strip) {
  const Parts &parts = w.parts;
  for (int r = 0; r < rows; r += 8) {
    const size_t at = size_t(group) * parts.rows + row + r;
    const F8 scale = eight_scales(parts, at);
    const uint32_t word = load_unaligned<uint32_t>(parts.zeros + at / 2);
    const F8 zeros = f8_add(f8_from_s8_word(Layout::zeros_of(word)), f8_set(float(parts.offset)));
    for (int t = 0; t < tokens; t++) {
      const float *from = strip.group + t * STRIP_ROWS + r / Layout::block_rows * Layout::block_rows;
      const F8 sums = f8_fma(zeros, f8_set(-totals[t]), Layout::rows(from, r % Layout::block_rows / 8));
      float *to = strip.sums + t * STRIP_ROWS + r;
      f8_store(to, f8_fma(scale, sums, f8_load(to)));
    }
  }
}

/** The strip of `rows` rows from row `row` of the matrix on. */
template <class Layout, int tokens>
void strip_times(const Weight &w, int row, int rows, const QuantizedRow *x, const Strip<tokens> &strip) {
  const int runs = w.parts.group / 32;
  std::memset(strip.sums, 0, sizeof(float) * tokens * STRIP_ROWS);
  for (int group = 0; group < w.columns / w.parts.group; group++) {
    std::memset(strip.group, 0, sizeof(float) * tokens * STRIP_ROWS);
    float totals[tokens] = {};
    for (int run = group * runs; run < (group + 1) * runs; run++) {
      add_run<Layout, tokens>(w, row, rows, run, x, strip);
      for (int t = 0; t < tokens; t++) totals[t] += x[t].sum[run];
    }
    add_group<Layout, tokens>(w, row, rows, group, totals, strip);
  }
}

template <class Layout, int tokens>
void layout_times(const Weight &w, int begin, int end, const QuantizedRow *x, int first_token, const Output &output, uint8_t *memory) {
  const Strip<tokens> strip(memory);
  // Words of zero points have eight rows.
  const int first = w.parts.first, low = (first + begin) / 8 * 8, high = (first + end + 7) / 8 * 8;
  for (int row = low; row < high; row += STRIP_ROWS) {
    const int rows = std::min(STRIP_ROWS, high - row);
    strip_times<Layout, tokens>(w, row, rows, x, strip);
    const int from = std::max(begin, row - first), to = std::min(end, row + rows - first);
    for (int t = 0; t < tokens; t++)
      for (int r = from; r < to; r += FW)
        output.put_rows(first_token + t, r, std::min(FW, to - r), f_load(strip.sums + t * STRIP_ROWS + r + first - row));
  }
}

template <class Layout>
void words_times(const Weight &w, int begin, int end, const QuantizedRow *x, int count, const Output &output, uint8_t *memory) {
  int t = 0;
  for (; t + 2 <= count; t += 2) layout_times<Layout, 2>(w, begin, end, x + t, t, output, memory);
  if (t < count) layout_times<Layout, 1>(w, begin, end, x + t, t, output, memory);
}

/** Scales of the groups of some rows, and what zero points take off. */
struct Tables {
  /** [groups][rows] */
  float *scales, *offsets;
  int rows;

  /** Of `count` rows from row `row` of the matrix on; those beyond are zero. */
  void fill(const Weight &w, int row, int count) const {
    const Parts &parts = w.parts;
    for (int group = 0; group < w.columns / parts.group; group++) {
      const size_t first = size_t(group) * parts.rows;
      for (int r = 0; r < rows; r++) {
        const int at = row + std::min(r, count - 1);
        const uint32_t zeros = load_unaligned<uint32_t>(parts.zeros + 4 * (first / 8 + at / 8));
        const float scale = r < count ? scale_at(parts, first + at) : 0;
        scales[group * rows + r] = scale;
        offsets[group * rows + r] = -scale * float(int(zeros >> (4 * (at % 8)) & 15) + parts.offset);
      }
    }
  }
};

/** Adds products of column 8 · `eight` + i, of which `word` has the numbers, and all after it. */
template <int tokens, int i>
TL_INLINE void add_columns(W word, const Tables &tables, const int *groups, const float (*x)[8], int r, F *sums) {
  const size_t at = size_t(groups[i]) * tables.rows + r;
  const F weights = f_fma(p_float(w_nibble<i>(word)), f_load(tables.scales + at), f_load(tables.offsets + at));
  TL_UNROLL
  for (int t = 0; t < tokens; t++) sums[t] = f_fma(weights, f_set(x[t][i]), sums[t]);
  if constexpr (i < 7) add_columns<tokens, i + 1>(word, tables, groups, x, r, sums);
}

/** GPTQ's columns in any order of groups, as floats. */
template <int tokens>
void ordered_times(const Weight &w, int begin, int end, const float *x, int first_token, const Output &output, const Tables &tables, float *sums) {
  const Parts &parts = w.parts;
  for (int row = begin; row < end; row += tables.rows) {
    const int rows = std::min(tables.rows, end - row), at = parts.first + row;
    tables.fill(w, at, rows);
    std::memset(sums, 0, sizeof(float) * tokens * tables.rows);
    for (int eight = 0; eight < w.columns / 8; eight++) {
      const uint8_t *p = w.data + 4 * (size_t(eight) * parts.rows + at);
      int groups[8];
      float in[tokens][8];
      for (int i = 0; i < 8; i++) {
        groups[i] = group_of(w, 8 * eight + i);
        for (int t = 0; t < tokens; t++) in[t][i] = x[size_t(t) * w.columns + 8 * eight + i];
      }
      for (int r = 0; r < rows; r += FW) {
        __builtin_prefetch(p + 4 * (size_t(4) * parts.rows + r), 0, 2);
        uint32_t some[FW] = {};
        if (rows - r < FW) std::memcpy(some, p + 4 * r, size_t(4) * (rows - r));
        const W word = w_load(rows - r < FW ? (const uint8_t *)some : p + 4 * r);
        F own[tokens];
        for (int t = 0; t < tokens; t++) own[t] = f_load(sums + t * tables.rows + r);
        add_columns<tokens, 0>(word, tables, groups, in, r, own);
        for (int t = 0; t < tokens; t++) f_store(sums + t * tables.rows + r, own[t]);
      }
    }
    for (int t = 0; t < tokens; t++)
      for (int r = 0; r < rows; r += FW) output.put_rows(first_token + t, row + r, std::min(FW, rows - r), f_load(sums + t * tables.rows + r));
  }
}

} // namespace

void words_times(const Weight &w, int begin, int end, const QuantizedRow *x, int count, const Output &output, uint8_t *memory) {
  if (w.type == Type::GPTQ) words_times<Gptq>(w, begin, end, x, count, output, memory);
  else words_times<Awq>(w, begin, end, x, count, output, memory);
}

bool ordered_times(const Weight &w, int begin, int end, const float *x, int count, const Output &output, uint8_t *memory) {
  constexpr int tokens = 2;
  const int groups = w.columns / w.parts.group, room = int(thread_bytes(w.columns, count) / sizeof(float)) / (2 * groups + tokens);
  const int rows = std::min(STRIP_ROWS, room) / FW * FW;
  if (w.type != Type::GPTQ || rows == 0) return false;
  float *const floats = (float *)memory;
  const Tables tables{floats, floats + size_t(groups) * rows, rows};
  float *const sums = tables.offsets + size_t(groups) * rows;
  int t = 0;
  for (; t + tokens <= count; t += tokens)
    ordered_times<tokens>(w, begin, end, x + size_t(t) * w.columns, t, output, tables, sums);
  if (t < count) ordered_times<1>(w, begin, end, x + size_t(t) * w.columns, t, output, tables, sums);
  return true;
}

} // namespace tl
