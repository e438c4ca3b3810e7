// Attention in floats, for a few queries at a time: online softmax (arXiv:1805.02867) over pieces of the cache, each key and value row
// read once for all queries that share it, be they heads of one token or neighbouring tokens.
#include "attention.h"
#include <cmath>

namespace tl {
namespace {

/** Vectors of sums that a loop keeps for `queries` queries, so that additions need not wait for each other. */
constexpr int vectors_for(int queries) { return FW == 16 ? (queries <= 2 ? 8 : queries <= 4 ? 4 : 2) : (queries <= 2 ? 4 : queries <= 4 ? 2 : 1); }

template <KvType kv> inline F load_kv(const uint8_t *p, size_t index) {
  if constexpr (kv == KvType::f16) return f_from_half(p + 2 * index);
  else return f_load((const float *)p + index);
}
template <KvType kv> inline float one_kv(const uint8_t *p, size_t index) {
  if constexpr (kv == KvType::f16) return half_to_float(load_unaligned<uint16_t>(p + 2 * index));
  else return ((const float *)p)[index];
}

/** Asks for what `load_kv` will read. */
template <KvType kv> inline void prefetch_kv(const uint8_t *p, size_t index) {
  __builtin_prefetch(p + (kv == KvType::f16 ? 2 : 4) * index);
}

/**
 * Scores of `vectors` vectors of positions; lanes are positions, so nothing is summed across a vector. `ahead`: bytes from these keys to
 * those that follow, which are asked for meanwhile, since no processor foresees where the next block lies.
 */
template <KvType kv, int queries, int vectors>
inline void score(const float *q, const uint8_t *keys, ptrdiff_t ahead, int key_dim, float (*scores)[PIECE]) {
  constexpr int tile_vectors = KEY_TILE / FW;
  F acc[queries][vectors];
  TL_UNROLL
  for (auto &line : acc)
    for (auto &a : line) a = f_set(0);
  for (int i = 0; i < key_dim; i++) {
    F k[vectors];
    TL_UNROLL
    for (int v = 0; v < vectors; v++) {
      const size_t tile = size_t(v / tile_vectors) * key_dim + i, at = tile * KEY_TILE + v % tile_vectors * FW;
      k[v] = load_kv<kv>(keys, at);
      prefetch_kv<kv>(keys + ahead, at);
    }
    TL_UNROLL
    for (int h = 0; h < queries; h++) {
      const F x = f_set(q[size_t(i) * queries + h]);
      TL_UNROLL
      for (int v = 0; v < vectors; v++) acc[h][v] = f_fma(k[v], x, acc[h][v]);
    }
  }
  TL_UNROLL
  for (int h = 0; h < queries; h++)
    for (int v = 0; v < vectors; v++) f_store(scores[h] + v * FW, acc[h][v]);
}

/** Adds the weighted values of `count` positions to the sums of the queries, `vectors` vectors of dimensions at a time. */
template <KvType kv, int queries, int vectors>
inline int add_vectors(const float (*weights)[PIECE], const uint8_t *values, ptrdiff_t ahead, int count, int value_dim, int from,
                       float *sums) {
  int i = from;
  for (; i + vectors * FW <= value_dim; i += vectors * FW) {
    F acc[queries][vectors];
    TL_UNROLL
    for (int h = 0; h < queries; h++)
      for (int v = 0; v < vectors; v++) acc[h][v] = f_load(sums + size_t(h) * value_dim + i + v * FW);
    for (int p = 0; p < count; p++) {
      F x[vectors];
      TL_UNROLL
      for (int v = 0; v < vectors; v++) {
        const size_t at = size_t(p) * value_dim + i + v * FW;
        x[v] = load_kv<kv>(values, at);
        prefetch_kv<kv>(values + ahead, at);
      }
      TL_UNROLL
      for (int h = 0; h < queries; h++) {
        const F weight = f_set(weights[h][p]);
        TL_UNROLL
        for (int v = 0; v < vectors; v++) acc[h][v] = f_fma(x[v], weight, acc[h][v]);
      }
    }
    TL_UNROLL
    for (int h = 0; h < queries; h++)
      for (int v = 0; v < vectors; v++) f_store(sums + size_t(h) * value_dim + i + v * FW, acc[h][v]);
  }
  return i;
}

template <KvType kv, int queries>
void add_values(const float (*weights)[PIECE], const uint8_t *values, ptrdiff_t ahead, int count, int value_dim, float *sums) {
  int i = add_vectors<kv, queries, vectors_for(queries)>(weights, values, ahead, count, value_dim, 0, sums);
  i = add_vectors<kv, queries, 1>(weights, values, ahead, count, value_dim, i, sums);
  for (; i < value_dim; i++)
    for (int p = 0; p < count; p++) {
      const float v = one_kv<kv>(values, size_t(p) * value_dim + i);
      for (int h = 0; h < queries; h++) sums[size_t(h) * value_dim + i] += v * weights[h][p];
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

/** Turns the scores of positions [first, last) of a piece into weights, those of other positions into zeros. */
inline void weigh(float *scores, int first, int last, int length, float &greatest, float &total, float *sums, int value_dim) {
  // Lanes outside of the range hold whatever the cache held before: they must not count.
  std::fill(scores, scores + first, -INFINITY);
  std::fill(scores + last, scores + length, -INFINITY);
  F best = f_set(-INFINITY);
  for (int v = 0; v < length; v += FW) best = f_max(f_load(scores + v), best);
  const float peak = std::max(greatest, f_greatest(best));
  const float shrink = std::exp(greatest - peak);
  const F less = f_set(-peak);
  for (int v = 0; v < length; v += FW) f_store(scores + v, f_exp(f_add(f_load(scores + v), less)));
  std::fill(scores, scores + first, 0.0f);
  std::fill(scores + last, scores + length, 0.0f);
  F sum = f_set(0);
  for (int v = 0; v < length; v += FW) sum = f_add(sum, f_load(scores + v));
  total = total * shrink + f_sum(sum);
  greatest = peak;
  if (shrink == 1.0f) return;
  for (int i = 0; i < value_dim; i++) sums[i] *= shrink;
}

/** Queries that share a KV head over tiles [from, to) of the cache. */
template <KvType kv, int queries>
void attend(const Op &op, const Context &context, const Cache &cache, const Queries &which, int from, int to, const Partials &partials,
            int split) {
  constexpr int vectors = vectors_for(queries);
  const size_t element = kv == KvType::f16 ? 2 : 4;
  const int key_dim = cache.key_dim, value_dim = cache.value_dim;
  const int32_t *table = block_table(context, cache, which.token);
  // [dim][queries] and [queries][dim]
  thread_local std::vector<float> q, sums, latent;
  q.resize(size_t(queries) * key_dim);
  sums.assign(size_t(queries) * value_dim, 0.0f);
  float greatest[queries], total[queries];
  int begin[queries], end[queries];
  alignas(64) float scores[queries][PIECE];
  for (int h = 0; h < queries; h++) {
    const int token = which.token_of(h), head = which.head_of(h);
    const float *row = op.inputs[0].data + size_t(token) * op.inputs[0].columns + size_t(head) * key_dim;
    for (int i = 0; i < key_dim; i++) q[size_t(i) * queries + h] = row[i] * op.scale;
    end[h] = std::min(to * KEY_TILE, context.batch.positions[token] + 1);
    begin[h] = std::max(from * KEY_TILE, first_seen(context, cache, token));
    greatest[h] = -INFINITY;
    total[h] = 0;
  }
  const int last_end = end[queries - 1];
  for (int start = from * KEY_TILE / BLOCK_SIZE * BLOCK_SIZE; start < last_end; start += PIECE) {
    if (context.stop.load(std::memory_order_relaxed)) return;
    const int length = std::min(PIECE, (last_end - start + KEY_TILE - 1) / KEY_TILE * KEY_TILE);
    const auto place_at = [&](int at) { return CachePlace(cache, table[(start + at) / BLOCK_SIZE], element); };
    // From the block at a position to the one that follows it.
    const auto ahead_of = [&](int at) {
      return start + at + BLOCK_SIZE < last_end ? place_at(at + BLOCK_SIZE).block - place_at(at).block : ptrdiff_t(0);
    };
    for (int at = 0; at < length;) {
      const uint8_t *keys = place_at(at).keys(which.kv_head, at % BLOCK_SIZE / KEY_TILE);
      const ptrdiff_t ahead = ahead_of(at);
      float(*to_scores)[PIECE] = (float(*)[PIECE])(scores[0] + at);
      // A block's tiles lie one behind the other.
      if (vectors * FW >= BLOCK_SIZE && length - at >= BLOCK_SIZE) {
        score<kv, queries, BLOCK_SIZE / FW>(q.data(), keys, ahead, key_dim, to_scores);
        at += BLOCK_SIZE;
      } else if (vectors * FW >= KEY_TILE) {
        score<kv, queries, KEY_TILE / FW>(q.data(), keys, ahead, key_dim, to_scores);
        at += KEY_TILE;
      } else {
        for (int v = 0; v < KEY_TILE; v += FW)
          score<kv, queries, 1>(q.data(), keys + element * v, ahead, key_dim, (float(*)[PIECE])(scores[0] + at + v));
        at += KEY_TILE;
      }
    }
    if (op.softcap != 0)
      for (int h = 0; h < queries; h++)
        for (int v = 0; v < length; v += FW) f_store(scores[h] + v, f_softcap(f_load(scores[h] + v), op.softcap));
    for (int h = 0; h < queries; h++) {
      const int first = std::max(0, begin[h] - start), last = std::min(length, end[h] - start);
      if (first < last) weigh(scores[h], first, last, length, greatest[h], total[h], sums.data() + size_t(h) * value_dim, value_dim);
      else std::fill(scores[h], scores[h] + length, 0.0f);
    }
    for (int at = 0; at < length; at += BLOCK_SIZE) {
      const int count = std::min(BLOCK_SIZE, length - at);
      const CachePlace place = place_at(at);
      const float(*weights)[PIECE] = (const float(*)[PIECE])(scores[0] + at);
      if (!cache.latent) {
        add_values<kv, queries>(weights, place.values(which.kv_head, 0), ahead_of(at), count, value_dim, sums.data());
        continue;
      }
      latent.resize(size_t(BLOCK_SIZE) * value_dim);
      for (int p = 0; p < count; p += KEY_TILE) latent_values<kv>(place.keys(which.kv_head, p / KEY_TILE), value_dim, latent.data() + size_t(p) * value_dim);
      add_values<KvType::f32, queries>(weights, (const uint8_t *)latent.data(), 0, count, value_dim, sums.data());
    }
  }
  for (int h = 0; h < queries; h++) {
    const int token = which.token_of(h), head = which.head_of(h);
    partials.state(token, head, split) = {greatest[h], total[h]};
    std::copy_n(sums.data() + size_t(h) * value_dim, value_dim, partials.sum(token, head, split));
  }
}

using Attend = void (*)(const Op &, const Context &, const Cache &, const Queries &, int, int, const Partials &, int);

template <KvType kv> Attend attend_for(int queries) {
  switch (queries) {
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

} // namespace

void attend_floats(const Op &op, const Context &context, const Cache &cache, const Queries &which, int from, int to, const Partials &partials,
                   int split) {
  const Attend run = context.kv == KvType::f16 ? attend_for<KvType::f16>(which.size()) : attend_for<KvType::f32>(which.size());
  run(op, context, cache, which, from, to, partials, split);
}

} // namespace tl
