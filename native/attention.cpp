// The attention operation: online softmax (arXiv:1805.02867) over tiles of the cache, each key and value row read
// once for all query heads that share it; long contexts are split over threads and put together afterwards.
#include "kernels.h"
#include "simd.h"
#include <algorithm>
#include <cmath>

namespace tl {
namespace {

/** Query heads whose state is kept at a time; more that share a KV head go in further passes. */
constexpr int MAX_SHARED = 8;
/** Positions that are worth a thread of their own. */
constexpr int MIN_SPLIT = 128;

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

template <KvType kv> inline F load_kv(const uint8_t *p, size_t index) {
  if constexpr (kv == KvType::f16) return f_from_half(p + 2 * index);
  else return f_load((const float *)p + index);
}
template <KvType kv> inline float one_kv(const uint8_t *p, size_t index) {
  if constexpr (kv == KvType::f16) return half_to_float(load_unaligned<uint16_t>(p + 2 * index));
  else return ((const float *)p)[index];
}

/** Scores of one tile for `shared` heads: lanes are positions, so nothing is summed across a vector. */
template <KvType kv, int shared>
inline void tile_scores(const float *q, size_t q_stride, const uint8_t *keys, int key_dim, float scale, float (*scores)[KEY_TILE]) {
  constexpr int vectors = KEY_TILE / FW;
  F acc[shared][vectors];
  for (auto &line : acc)
    for (auto &a : line) a = f_set(0);
  for (int i = 0; i < key_dim; i++)
    for (int v = 0; v < vectors; v++) {
      const F k = load_kv<kv>(keys, size_t(i) * KEY_TILE + v * FW);
      for (int h = 0; h < shared; h++) acc[h][v] = f_fma(k, f_set(q[h * q_stride + i]), acc[h][v]);
    }
  for (int h = 0; h < shared; h++)
    for (int v = 0; v < vectors; v++) f_store(scores[h] + v * FW, f_mul(acc[h][v], f_set(scale)));
}

/** Adds the weighted values of `count` positions to the sums of `shared` heads. */
template <KvType kv, int shared>
inline void add_values(const float (*weights)[KEY_TILE], const uint8_t *values, int count, int value_dim, float *sums) {
  int i = 0;
  for (; i + FW <= value_dim; i += FW) {
    F acc[shared];
    for (int h = 0; h < shared; h++) acc[h] = f_load(sums + size_t(h) * value_dim + i);
    for (int p = 0; p < count; p++) {
      const F v = load_kv<kv>(values, size_t(p) * value_dim + i);
      for (int h = 0; h < shared; h++) acc[h] = f_fma(v, f_set(weights[h][p]), acc[h]);
    }
    for (int h = 0; h < shared; h++) f_store(sums + size_t(h) * value_dim + i, acc[h]);
  }
  for (; i < value_dim; i++)
    for (int p = 0; p < count; p++) {
      const float v = one_kv<kv>(values, size_t(p) * value_dim + i);
      for (int h = 0; h < shared; h++) sums[size_t(h) * value_dim + i] += v * weights[h][p];
    }
}

/** The values of a tile of latent rows, which are parts of its keys, as [position][dim]. */
template <KvType kv> void latent_values(const uint8_t *keys, int value_dim, float *out) {
  for (int i = 0; i < value_dim; i++) {
    float lane[KEY_TILE];
    for (int v = 0; v < KEY_TILE; v += FW) f_store(lane + v, load_kv<kv>(keys, size_t(i) * KEY_TILE + v));
    for (int p = 0; p < KEY_TILE; p++) out[size_t(p) * value_dim + i] = lane[p];
  }
}

/** One token's `shared` heads over positions [from, to). */
template <KvType kv, int shared>
void attend(const Op &op, const Context &context, const Cache &cache, int token, int kv_head, int head, int from, int to,
            const Partials &partials, int split) {
  const size_t element = kv == KvType::f16 ? 2 : 4;
  const size_t table = (size_t(cache.group) * context.max_sequences + context.batch.sequence[token]) * context.max_blocks;
  const float *q = op.inputs[0].data + size_t(token) * op.inputs[0].columns + size_t(head) * cache.key_dim;
  float greatest[shared], total[shared];
  float scores[shared][KEY_TILE];
  // The sums of the heads lie one after the other only while they are worked on.
  thread_local std::vector<float> working, latent;
  working.assign(size_t(shared) * cache.value_dim, 0.0f);
  for (int h = 0; h < shared; h++) {
    greatest[h] = -INFINITY;
    total[h] = 0;
  }
  for (int tile = from / KEY_TILE; tile * KEY_TILE < to; tile++) {
    if (context.stop.load(std::memory_order_relaxed)) return;
    const int position = tile * KEY_TILE;
    const int block = context.batch.tables[table + position / BLOCK_SIZE];
    const CachePlace place(cache, block, element);
    const int at = position % BLOCK_SIZE;
    tile_scores<kv, shared>(q, cache.key_dim, place.keys(kv_head, at / KEY_TILE), cache.key_dim, op.scale, scores);
    if (op.softcap != 0)
      for (int h = 0; h < shared; h++)
        for (int v = 0; v < KEY_TILE; v += FW) f_store(scores[h] + v, f_softcap(f_load(scores[h] + v), op.softcap));
    const int first = std::max(0, from - position), last = std::min(KEY_TILE, to - position);
    for (int h = 0; h < shared; h++) {
      // Lanes outside of the range hold whatever the block held before: they must not count.
      for (int p = 0; p < first; p++) scores[h][p] = -INFINITY;
      for (int p = last; p < KEY_TILE; p++) scores[h][p] = -INFINITY;
      float peak = greatest[h];
      for (int p = first; p < last; p++) peak = std::max(peak, scores[h][p]);
      const float shrink = std::exp(greatest[h] - peak);
      F sum = f_set(0);
      for (int v = 0; v < KEY_TILE; v += FW) {
        const F weight = f_exp(f_add(f_load(scores[h] + v), f_set(-peak)));
        f_store(scores[h] + v, weight);
      }
      for (int p = 0; p < first; p++) scores[h][p] = 0;
      for (int p = last; p < KEY_TILE; p++) scores[h][p] = 0;
      for (int v = 0; v < KEY_TILE; v += FW) sum = f_add(sum, f_load(scores[h] + v));
      total[h] = total[h] * shrink + f_sum(sum);
      greatest[h] = peak;
      if (shrink != 1.0f)
        for (int i = 0; i < cache.value_dim; i++) working[size_t(h) * cache.value_dim + i] *= shrink;
    }
    if (cache.latent) {
      latent.resize(size_t(KEY_TILE) * cache.value_dim);
      latent_values<kv>(place.keys(kv_head, at / KEY_TILE), cache.value_dim, latent.data());
      add_values<KvType::f32, shared>(scores, (const uint8_t *)latent.data(), last, cache.value_dim, working.data());
    } else {
      add_values<kv, shared>(scores, place.values(kv_head, at), last, cache.value_dim, working.data());
    }
  }
  for (int h = 0; h < shared; h++) {
    partials.state(token, head + h, split) = {greatest[h], total[h]};
    std::copy_n(working.data() + size_t(h) * cache.value_dim, cache.value_dim, partials.sum(token, head + h, split));
  }
}

using Attend = void (*)(const Op &, const Context &, const Cache &, int, int, int, int, int, const Partials &, int);

template <KvType kv> Attend attend_for(int shared) {
  switch (shared) {
  case 1: return attend<kv, 1>;
  case 2: return attend<kv, 2>;
  case 3: return attend<kv, 3>;
  case 4: return attend<kv, 4>;
  case 5: return attend<kv, 5>;
  case 6: return attend<kv, 6>;
  case 7: return attend<kv, 7>;
  default: return attend<kv, 8>;
  }
}

/** Pieces of a context, so that every thread has work. */
int split_count(int items, int positions, int threads) {
  if (items >= threads) return 1;
  const int useful = (positions + MIN_SPLIT - 1) / MIN_SPLIT;
  return std::max(1, std::min(useful, (threads + items - 1) / items));
}

} // namespace

size_t attention_scratch(const Op &op, const std::vector<Cache> &caches, int max_tokens, int threads) {
  const size_t items = size_t(std::max(max_tokens, threads)) * op.heads + size_t(threads) * op.heads;
  return items * (sizeof(Partial) + sizeof(float) * caches[op.cache].value_dim);
}

void attention(const Op &op, const Context &context, const Team &team) {
  const Cache &cache = context.caches[op.cache];
  const int tokens = context.batch.token_count(), shared = op.heads / cache.kv_heads;
  int longest = 0;
  for (int t = 0; t < tokens; t++) longest = std::max(longest, context.batch.positions[t] + 1);
  if (cache.window) longest = std::min(longest, cache.window);
  const int passes = (shared + MAX_SHARED - 1) / MAX_SHARED, columns = cache.kv_heads * passes;
  const int splits = split_count(tokens * columns, longest, team.size);
  const Partials partials(op, cache, tokens, splits, context.scratch);

  // The last tokens see most: they go first.
  const int items = tokens * columns * splits;
  for (int i = context.counters[0].take(1); i < items; i = context.counters[0].take(1)) {
    if (context.stop.load(std::memory_order_relaxed)) break;
    const int token = tokens - 1 - i / (columns * splits), split = i % splits;
    const int kv_head = i / splits % columns / passes, h = i / splits % passes * MAX_SHARED;
    const int end = context.batch.positions[token] + 1, begin = cache.window ? std::max(0, end - cache.window) : 0;
    // Whole tiles, so that no tile is read by two threads.
    const int first_tile = begin / KEY_TILE, tiles = (end + KEY_TILE - 1) / KEY_TILE - first_tile;
    const int from = std::max(begin, (first_tile + tiles * split / splits) * KEY_TILE);
    const int to = std::min(end, (first_tile + tiles * (split + 1) / splits) * KEY_TILE);
    const int count = std::min(MAX_SHARED, shared - h);
    const Attend run = context.kv == KvType::f16 ? attend_for<KvType::f16>(count) : attend_for<KvType::f32>(count);
    run(op, context, cache, token, kv_head, kv_head * shared + h, from, to, partials, split);
  }
  team.barrier();
  if (context.stop.load(std::memory_order_relaxed)) return;

  const Share share(tokens * op.heads, team);
  for (int i = share.begin; i < share.end; i++) {
    const int token = i / op.heads, head = i % op.heads;
    float *out = op.outputs[0].data + size_t(i) * cache.value_dim;
    float greatest = -INFINITY, total = 0;
    for (int s = 0; s < splits; s++) greatest = std::max(greatest, partials.state(token, head, s).greatest);
    std::fill_n(out, cache.value_dim, 0.0f);
    for (int s = 0; s < splits; s++) {
      const Partial &part = partials.state(token, head, s);
      if (part.total == 0) continue;
      const float weight = std::exp(part.greatest - greatest);
      total += part.total * weight;
      const float *sum = partials.sum(token, head, s);
      for (int d = 0; d < cache.value_dim; d++) out[d] += sum[d] * weight;
    }
    for (int d = 0; d < cache.value_dim; d++) out[d] /= total;
  }
}

} // namespace tl
