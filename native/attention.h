// What the ways to compute attention share: which queries go together, and where their results lie until they are put together.
#pragma once
#include "kernels.h"
#include "simd_shorts.h"
#include <algorithm>

namespace tl {

/** What one pass over a range of positions leaves behind for each head: sums that are still to be divided. */
struct Partial {
  float greatest, total;
};

/** Where partial results of token, head and split lie in scratch. */
struct Partials {
  Partial *states;
  float *sums;
  int splits, heads, value_dim;

  Partials(const Op &op, const Cache &cache, int tokens, int splits, uint8_t *scratch)
      : states((Partial *)scratch), sums((float *)(states + size_t(tokens) * op.heads * splits)), splits(splits),
        heads(op.heads), value_dim(cache.value_dim) {}
  size_t index(int token, int head, int split) const { return (size_t(token) * heads + head) * splits + split; }
  Partial &state(int token, int head, int split) const { return states[index(token, head, split)]; }
  float *sum(int token, int head, int split) const { return sums + index(token, head, split) * value_dim; }
};

/** Queries that share a KV head: `count` neighbouring tokens of a sequence from `token` on, `heads` heads of each from `head` on. */
struct Queries {
  int token, count, head, heads, kv_head;

  int size() const { return count * heads; }
  int token_of(int query) const { return token + query / heads; }
  int head_of(int query) const { return head + query % heads; }
};

/** The step's blocks of a token's sequence in a cache. */
inline const int32_t *block_table(const Context &context, const Cache &cache, int token) {
  return context.batch.tables.data() + (size_t(cache.group) * context.max_sequences + context.batch.sequence[token]) * context.max_blocks;
}

/** The first position that a token attends to. */
inline int first_seen(const Context &context, const Cache &cache, int token) {
  return cache.window ? std::max(0, context.batch.positions[token] + 1 - cache.window) : 0;
}

/** Positions between two looks at the greatest score. */
constexpr int PIECE = 128;

/** Queries that the kernel of floats takes at a time. */
constexpr int MAX_QUERIES = 8;

/** In floats: up to MAX_QUERIES queries over tiles [from, to) of the cache. */
void attend_floats(const Op &op, const Context &context, const Cache &cache, const Queries &which, int from, int to, const Partials &partials,
                   int split);

#if defined(TL_SHORTS)
/** Whether `attend_shorts` has kernels for the cache's shape, and what is stored there is rounded about as much. */
inline bool takes_shorts(const Context &context, const Cache &cache) {
  return context.kv == KvType::f16 && cache.key_dim % FW == 0 && cache.value_dim % FW == 0;
}
/** In numbers of 16 bits: any number of queries over all positions that they see. Results do not depend on which ones go together. */
void attend_shorts(const Op &op, const Context &context, const Cache &cache, const Queries &which, const Partials &partials);
#else
inline bool takes_shorts(const Context &, const Cache &) { return false; }
inline void attend_shorts(const Op &, const Context &, const Cache &, const Queries &, const Partials &) {}
#endif

} // namespace tl
