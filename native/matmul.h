// What matmuls of every kind share: activations in the forms that kernels read, and rows of one weight times some of them.
#pragma once
#include "kernels.h"
#include "panels.h"

namespace tl {

/** Rows of a chunk of a matrix of words, which are read side by side. */
constexpr int WORD_CHUNK_ROWS = 256;

/** Weights of a chunk: enough to run on, few enough to end together. */
constexpr int CHUNK_WEIGHTS = 1 << 16;
/** Of one whose rows are in several places. */
constexpr int MOST_CHUNK_WEIGHTS = 1 << 18;

/** Rows of layouts without kernels of their own are decoded so many at a time. */
constexpr int DECODED_ROWS = 4;

/** Formats with a dot product of their own, in formats.h, over activations in 8 bits. */
#define TL_FOR_EACH_DOT(X) \
  X(Q8_0) X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K) X(Q6_K) X(IQ4_NL) X(IQ4_XS) X(MXFP4)

/** Adds the forms that a weight wants. */
void add_forms(Forms &forms, const Weight &w);
Forms forms_of(const std::vector<MatmulPart> &parts);

/** Rows of activations, one after the other, in as many forms as are wanted. */
struct Activations {
  int columns;
  const float *x;
  /** In bf16, where the processor multiplies that. */
  uint16_t *rounded;
  QuantizedRow *rows;
  /** Whether they are in tiles as well, for panels. */
  bool packed = false;
  Tiles tiles;

  /** Bytes of a row's forms, tiles included. */
  static size_t row_bytes(int columns, const Forms &forms);
  /** Makes the other forms of row t; `memory` is for the quantized rows, from the first on. */
  void prepare(int t, const Forms &forms, uint8_t *memory) const;
  /** Packs prepared rows [first, first + count), a tile that begins at place `place`. */
  void pack(int first, int count, int place, const Forms &forms) const;
  /** Rows from `first` on, whose tiles begin at place `place`. */
  Activations from(int first, int place) const;
};

/** Where results go, and what is added to them. */
struct Output {
  float *data;
  int columns;
  /** [columns], or null. */
  const float *bias;
  /** As large as the results, or null. */
  const float *residual;
  /** Row of the results for each row of activations; null: the same. */
  const int *places;
  /** Weights' rows count from here. */
  int first_row = 0;

  void put(int token, int row, float value) const {
    row += first_row;
    const size_t at = size_t(places ? places[token] : token) * columns + row;
    if (bias) value += bias[row];
    if (residual) value += residual[at];
    data[at] = value;
  }
  /** Rows [row, row + count) of up to FW. */
  void put_rows(int token, int row, int count, F values) const {
    if (count < FW) {
      float lanes[FW];
      f_store(lanes, values);
      for (int i = 0; i < count; i++) put(token, row + i, lanes[i]);
      return;
    }
    row += first_row;
    const size_t at = size_t(places ? places[token] : token) * columns + row;
    if (bias) values = f_add(values, f_load(bias + row));
    if (residual) values = f_add(values, f_load(residual + at));
    f_store(data + at, values);
  }
};

/** Bytes that a thread needs to multiply by `count` rows of `columns` activations: a panel with its sums, or rows that are decoded or unpacked. */
inline size_t thread_bytes(int columns, int count) {
  const size_t panel = BYTE_PANELS * (sizeof(Panel) + sizeof(float) * FW * padded_tokens(count)), decoded = sizeof(float) * columns * DECODED_ROWS;
  return ((panel > decoded ? panel : decoded) + 63) / 64 * 64;
}

/**
 * Rows [begin, end) and, with each of them, those of the further places: `apart` rows behind it, twice as many, and so on. Processors
 * read ahead wherever they saw memory being read on end, and more in several such places than in one.
 */
struct Span {
  int begin, end;
  int places = 1, apart = 0;
  Span of(int place) const { return {begin + apart * place, end + apart * place}; }
};

/** The rows of the weight times `count` rows of activations; `memory` is this thread's own. Several places: as places_of says. */
void multiply(const Weight &w, const Span &rows, const Activations &a, int count, const Output &output, uint8_t *memory);

/** Of a matrix of words, rows [begin, end) times up to four tokens; their columns must be in runs. `memory` is this thread's own. */
void words_times(const Weight &w, int begin, int end, const QuantizedRow *x, int count, const Output &output, uint8_t *memory);

/**
 * The same as floats, whatever the groups of columns; false where nothing was done, as the layout or the number of groups is
 * another than there are kernels for.
 */
bool ordered_times(const Weight &w, int begin, int end, const float *x, int count, const Output &output, uint8_t *memory);

} // namespace tl
