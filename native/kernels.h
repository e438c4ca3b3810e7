// What the operations of a step share: its inputs, its memory, and one function an operation, called by every
// thread of the team.
#pragma once
#include "pool.h"
#include "program.h"
#include <atomic>

namespace tl {

class Reader;

constexpr int BLOCK_SIZE = 32;

/** Positions whose keys lie together, dimension by dimension. */
constexpr int KEY_TILE = 16;

enum class KvType : int { f32, f16 };

/** Of one KV head at one position. */
inline size_t row_elements(const Cache &cache) { return cache.key_dim + (cache.latent ? 0 : cache.value_dim); }

/**
 * Where rows lie in a block: for each KV head its keys as [tile][dim][KEY_TILE], so that scores of a tile need no
 * sums across a vector, then its values as [position][dim].
 */
struct CachePlace {
  uint8_t *block;
  size_t element, head_bytes, key_dim, value_dim;

  CachePlace(const Cache &cache, int index, size_t element)
      : block(cache.data + cache.block_bytes * index), element(element),
        head_bytes(element * BLOCK_SIZE * row_elements(cache)), key_dim(cache.key_dim), value_dim(cache.value_dim) {}

  uint8_t *keys(int head, int tile) const { return block + head_bytes * head + element * key_dim * KEY_TILE * tile; }
  uint8_t *values(int head, int position) const {
    return block + head_bytes * head + element * (key_dim * BLOCK_SIZE + value_dim * position);
  }
};

/** The step's inputs, copied; see Batch in src/backends/backend.ts. */
struct Batch {
  std::vector<int32_t> tokens, positions, sequence, slots, tables, rows, copies;
  bool repeatable;
  int token_count() const { return int(tokens.size()); }
  int row_count() const { return int(rows.size()); }
  int count(Rows rows) const { return rows == Rows::tokens ? token_count() : row_count(); }
};

struct Context {
  const Batch &batch;
  const std::vector<Cache> &caches;
  const std::vector<RopeTable> &ropes;
  KvType kv;
  int max_sequences, max_blocks;
  /** Memory that an operation may use as it likes while it runs. */
  uint8_t *scratch;
  /** Zero when the operation begins; one a phase. */
  Counter *counters;
  Shares &shares;
  const std::atomic<bool> &stop;
  /** Of weights that stay on disk; null where none do. */
  Reader *reader;
};

constexpr int COUNTERS = 2;

using Kernel = void (*)(const Op &op, const Context &context, const Team &team);

/** The function of an operation. */
Kernel kernel_of(OpKind kind);

/** Bytes of scratch that the operation needs for steps of at most these sizes. */
size_t matmul_scratch(const Op &op, int max_tokens, int max_rows, int threads);
size_t attention_scratch(const Op &op, const std::vector<Cache> &caches, int max_tokens, int threads);
size_t matmul_heads_scratch(const Op &op, int max_tokens, int threads);
size_t matmul_experts_scratch(const Op &op, int max_tokens, int threads);

void matmul(const Op &op, const Context &context, const Team &team);
void attention(const Op &op, const Context &context, const Team &team);
void cache_write(const Op &op, const Context &context, const Team &team);
void embed(const Op &op, const Context &context, const Team &team);
void rows(const Op &op, const Context &context, const Team &team);
void rms_norm(const Op &op, const Context &context, const Team &team);
void add(const Op &op, const Context &context, const Team &team);
void rope(const Op &op, const Context &context, const Team &team);
void gate(const Op &op, const Context &context, const Team &team);
void layer_norm(const Op &op, const Context &context, const Team &team);
void slice(const Op &op, const Context &context, const Team &team);
void concat(const Op &op, const Context &context, const Team &team);
void activate(const Op &op, const Context &context, const Team &team);
void softcap(const Op &op, const Context &context, const Team &team);
void matmul_heads(const Op &op, const Context &context, const Team &team);
void route(const Op &op, const Context &context, const Team &team);
void matmul_experts(const Op &op, const Context &context, const Team &team);

/** Cosines and sines of the step's positions, for threads to share. */
void fill_rope_table(const RopeTable &table, const Batch &batch, const Team &team);

/** RMS norm of `length` values. */
void normalize(const float *x, float *out, const float *gain, int length, float eps);

/** Blocks of any format as floats, through the decoding generated from src/quant. */
void decode_blocks(Type type, const uint8_t *blocks, int columns, float *out);
/** The same of a row, or of whole blocks of it: `count` columns from `from` on. */
void decode_columns(const Weight &w, int row, int from, int count, float *out);
inline void decode_row(const Weight &w, int row, float *out) { decode_columns(w, row, 0, w.columns, out); }

/** This thread's share [begin, end) of `count` items. */
struct Share {
  int begin, end;
  Share(int count, const Team &team)
      : begin(int(int64_t(count) * team.index / team.size)), end(int(int64_t(count) * (team.index + 1) / team.size)) {}
};

} // namespace tl
