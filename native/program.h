// A compiled program as kernels see it: operations over places in the arena, weights in a table of addresses,
// caches in pools. Nothing here changes while a step runs.
#pragma once
#include "torchless.h"
#include <cstddef>
#include <vector>

namespace tl {

/** Which symbolic dimension a tensor's rows follow. */
enum class Rows : int { tokens, outputs };

/** Numbers as src/backends/cpu/flatten.ts writes them. */
enum class OpKind : int {
  embed,
  rows,
  matmul,
  rms_norm,
  add,
  rope,
  cache_write,
  attention,
  gate,
  layer_norm,
  slice,
  concat,
  activate,
  softcap,
  matmul_heads,
  route,
  matmul_experts
};

enum class Activation : int { silu, gelu, sigmoid };

enum class Type : int {
  F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, Q2_K, Q3_K, IQ4_NL, IQ4_XS, TQ1_0, TQ2_0, MXFP4,
  IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S, F8_E4M3, F8_E5M2, GPTQ, AWQ
};

struct Tensor {
  float *data;
  int columns;
  Rows rows;
};

/** Whether more is said of a weight of this type than where its numbers are. */
inline bool has_parts(Type type) { return type >= Type::F8_E4M3; }

/** Of a matrix in parts (src/quant/packed.ts) what lies elsewhere than its numbers. */
struct Parts {
  /** Of the whole matrix, of which a weight may be some rows: those from `first` on. */
  int rows;
  /** Rows and columns that share a scale, and what is added to zero points. */
  int scaled_rows, group, offset, first;
  /** Whether scales are floats and not halves. */
  bool wide;
  /** Null: all are 1. */
  const uint8_t *scales;
  const uint8_t *zeros;
  /** By column its group, where these are no runs of columns; else null. */
  const uint8_t *order;
};

struct Weight {
  const uint8_t *data;
  Type type;
  int rows, columns;
  /** Of numbers. */
  size_t row_bytes;
  Parts parts;

  /** Whether rows lie side by side, word by word. */
  bool across() const { return type == Type::GPTQ || type == Type::AWQ; }
  const uint8_t *row(int index) const { return data + row_bytes * index; }
  /** `count` of its rows, from `begin` on. */
  Weight some_rows(size_t begin, int count) const {
    Weight some = *this;
    if (!across()) some.data += row_bytes * begin;
    some.rows = count;
    some.parts.first += int(begin);
    return some;
  }
};

struct MatmulPart {
  Weight weight;
  /** [rows], or null. */
  const float *bias;
  Tensor output;
  /** Of a mixture, each expert's matrix. */
  std::vector<Weight> experts;
  /** Of a mixture that stays on disk, the index of its matrices there; else -1. */
  int lazy = -1;
};

/** Angles are computed once a step for all operations that share them. */
struct RopeTable {
  int head_dim, pairs;
  bool adjacent;
  float magnitude;
  std::vector<double> frequencies;
  /** [tokens][pairs][2]: cosine and sine. */
  float *values;
};

struct Cache {
  int group, kv_heads, key_dim, value_dim;
  /** Positions that a token sees, its own included; 0: all. */
  int window;
  /** Rows are keys alone; a value is the first part of its key. */
  bool latent;
  uint8_t *data;
  size_t block_bytes;
};

/** Which rows of a weight belong to head h: those from h · stride + first. */
struct HeadRows {
  int stride, first, rows;
  bool transposed;
};

/** See RouteParams in src/graph/ops.ts; no groups: 0 of them. */
struct Route {
  bool sigmoid;
  int groups, groups_used;
  bool best_two;
  bool normalize;
  float scale;
};

struct Op {
  OpKind kind;
  std::vector<Tensor> inputs, outputs;
  /** Gain of a norm, fused or not, as floats, and the bias of a layer norm or a route. */
  const float *norm = nullptr, *bias = nullptr;
  int norm_length = 0;
  float eps = 0;
  std::vector<MatmulPart> parts;
  bool residual = false;
  Weight table{};
  /** Where a table lies that stays on disk; 0: none. */
  uint64_t file = 0, file_offset = 0;
  int rope = -1;
  int cache = -1;
  int heads = 0;
  float scale = 0;
  /** 0: none. */
  float softcap = 0;
  Activation act = Activation::silu;
  bool centered = false;
  /** Of slice: width of a run, and the columns taken of it; of concat: runs. */
  int width = 0, from = 0, to = 0, runs = 0;
  HeadRows head_rows{};
  Route route{};
  /** Experts there are, those that a token goes to, and whether their answers are added. */
  int experts = 0, used = 0;
  bool sum = false;
};

} // namespace tl
