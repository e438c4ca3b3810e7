// Attention in numbers of 16 bits, for many queries: products of integers, two at a time, take half of the time that floats take. Queries,
// keys, values and weights are rounded as finely as sums in 32 bits allow, which is about as finely as the cache's halves are. Each
// position and each query is rounded by itself and pieces of the cache begin at fixed positions, so that no query's result depends on
// which others go with it. Softmax: arXiv:1805.02867.
#include "attention.h"
#include <cmath>

#if defined(TL_SHORTS)

namespace tl {
namespace {

/** Queries that registers have sums for, of two vectors each. */
constexpr int GROUP = 8;
/** Words between two turns of a loop: compilers copy all sums at its end. */
constexpr int UNROLLED = 4;

/**
 * Integers' limits. |q · k| <= |q| |k| (Cauchy and Schwarz), and weighted values add up to the sum of the weights times the greatest value
 * at most; neither may reach 2^31, roundings included.
 */
constexpr float SHORT_MOST = 32767, KEY_NORM = 32700, QUERY_NORM = 65500, VALUE_MOST = 8191, WEIGHT_SUM = 262000;
/** Instead of zero, where a division follows. */
constexpr float LEAST = 1e-30f;

constexpr float LOG2_E = 1.44269504f;

/** Keys and values of one KV head from a multiple of PIECE on. */
struct Piece {
  /** [tile][dim / 2][KEY_TILE] words of two dimensions. */
  std::vector<uint8_t> keys;
  /** [dim / FW][PIECE / 2][FW] words of two positions, KEY_TILE apart. */
  std::vector<uint8_t> values;
  /** What an integer stands for at each position. */
  alignas(64) float key_units[PIECE], value_units[PIECE];

  void resize(const Cache &cache) {
    keys.resize(size_t(2) * PIECE * cache.key_dim);
    values.resize(size_t(2) * PIECE * cache.value_dim);
  }

  /** Keys of a tile, [dim][KEY_TILE] halves. */
  void round_keys(int tile, const uint8_t *from, int dims) {
    F squares[4] = {f_set(0), f_set(0), f_set(0), f_set(0)};
    for (int i = 0; i < dims; i += 4)
      TL_UNROLL
      for (int j = 0; j < 4; j++) {
        const F x = tile_at(from, i + j);
        squares[j] = f_fma(x, x, squares[j]);
      }
    const F norm = f_sqrt(f_add(f_add(squares[0], squares[1]), f_add(squares[2], squares[3])));
    f_store(key_units + KEY_TILE * tile, f_mul(norm, f_set(1 / KEY_NORM)));
    // A norm that is no number stays none.
    const F factor = f_div(f_set(KEY_NORM), f_max(f_set(LEAST), norm));
    uint8_t *to = keys.data() + size_t(2) * KEY_TILE * dims * tile;
    for (int i = 0; i < dims; i += 2)
      w_store(to + 2 * KEY_TILE * i, s_pairs(f_mul(tile_at(from, i), factor), f_mul(tile_at(from, i + 1), factor)));
  }

  /** Values of positions [at, at + BLOCK_SIZE), [position][dim] halves. */
  void round_values(int at, const uint8_t *from, int dims) {
    for (int p = 0; p < KEY_TILE; p++) {
      const uint8_t *first = from + size_t(2) * dims * p, *second = first + size_t(2) * dims * KEY_TILE;
      const F factors[2] = {value_factor(at + p, first, dims), value_factor(at + p + KEY_TILE, second, dims)};
      for (int i = 0; i < dims; i += FW)
        w_store(values_at(i, at) + 4 * FW * p, s_pairs(f_mul(f_from_half(first + 2 * i), factors[0]), f_mul(f_from_half(second + 2 * i), factors[1])));
    }
  }

  /** The same of values that are the first dimensions of keys, in two tiles. */
  void round_latent(int at, const uint8_t *first, const uint8_t *second, int dims) {
    const F factors[2] = {latent_factors(at, first, dims), latent_factors(at + KEY_TILE, second, dims)};
    alignas(64) uint8_t rows[FW][4 * KEY_TILE];
    for (int i = 0; i < dims; i += FW) {
      for (int row = 0; row < FW; row++)
        w_store(rows[row], s_pairs(f_mul(tile_at(first, i + row), factors[0]), f_mul(tile_at(second, i + row), factors[1])));
      transpose_words(rows[0], sizeof rows[0], values_at(i, at), 0);
    }
  }

  /** Words of FW dimensions from `dim` on of the block at `position`. */
  uint8_t *values_at(int dim, int position) { return values.data() + size_t(2) * (dim * PIECE + position * FW); }

private:
  static F tile_at(const uint8_t *tile, int dim) { return f_from_half(tile + size_t(2) * KEY_TILE * dim); }

  F value_factor(int position, const uint8_t *value, int dims) {
    const float greatest = greatest_half(value, dims);
    value_units[position] = greatest / VALUE_MOST;
    return f_set(VALUE_MOST / std::max(greatest, LEAST));
  }
  F latent_factors(int position, const uint8_t *tile, int dims) {
    F greatest = f_set(0);
    for (int i = 0; i < dims; i++) {
      const F x = tile_at(tile, i);
      greatest = f_max(greatest, f_max(x, f_mul(x, f_set(-1))));
    }
    f_store(value_units + position, f_mul(greatest, f_set(1 / VALUE_MOST)));
    return f_div(f_set(VALUE_MOST), f_max(f_set(LEAST), greatest));
  }
};

/** A row of a query as integers into every GROUP-th word; answers what one stands for. */
float round_query(const float *row, int dims, uint8_t *words) {
  F squares = f_set(0), greatest = f_set(0);
  for (int i = 0; i < dims; i += FW) {
    const F x = f_load(row + i);
    squares = f_fma(x, x, squares);
    greatest = f_max(greatest, f_max(x, f_mul(x, f_set(-1))));
  }
  // A norm that is no number stays none.
  const float unit = std::max(std::sqrt(f_sum(squares)) / QUERY_NORM, f_greatest(greatest) / SHORT_MOST);
  const F factor = f_set(1 / std::max(unit, LEAST));
  for (int i = 0; i < dims; i += FW) {
    alignas(32) uint8_t some[2 * FW];
    s_store(some, f_mul(f_load(row + i), factor));
    for (int word = 0; word < FW / 2; word++) std::memcpy(words + size_t(4) * GROUP * (i / 2 + word), some + 4 * word, 4);
  }
  return unit;
}

/** Queries on their way through the pieces. */
struct Group {
  /** Positions that each one sees; the last one sees most. */
  int begin[GROUP], end[GROUP];
  float greatest[GROUP], total[GROUP];
  /** What an integer of a query stands for, times the scale of scores, and one of its weights in the present piece. */
  float query_unit[GROUP], weight_unit[GROUP];
  /** What sums so far count, seen from the present greatest score. */
  float shrink[GROUP];

  /** Hides the scores of positions that a query does not see in the piece at `start`; answers whether there were any. */
  bool hide(int query, int start, float *scores, int &first, int &last) const {
    first = std::min(PIECE, std::max(0, begin[query] - start));
    last = std::max(first, std::min(PIECE, end[query] - start));
    if (first == 0 && last == PIECE) return false;
    std::fill(scores, scores + first, -INFINITY);
    std::fill(scores + last, scores + PIECE, -INFINITY);
    return true;
  }

  /** Moves the greatest scores on to those of a piece. */
  void rise(F8 peaks) {
    float found[GROUP];
    f8_store(found, peaks);
    for (int h = 0; h < GROUP; h++) {
      const float peak = std::max(greatest[h], found[h]);
      shrink[h] = peak == greatest[h] ? 1 : std::exp(greatest[h] - peak);
      greatest[h] = peak;
    }
  }

  /** Takes over totals of a piece's weights, and sums and the greatest ones of those times what values count in. */
  void weigh(F8 totals, F8 sums, F8 most) {
    f8_store(total, f8_fma(f8_load(total), f8_load(shrink), totals));
    // A sum that is no number stays none.
    f8_store(weight_unit, f8_max(f8_mul(most, f8_set(1 / SHORT_MOST)), f8_mul(sums, f8_set(1 / WEIGHT_SUM))));
  }
};

/** Scores of a group for the two tiles of a block. */
TL_INLINE void score(const uint8_t *q, const uint8_t *keys, int dims, const float *key_units, const Group &group, float (*scores)[PIECE]) {
  P acc[GROUP][2];
  TL_UNROLL
  for (auto &line : acc)
    for (auto &a : line) a = p_zero();
  const uint8_t *other = keys + size_t(2) * KEY_TILE * dims;
  for (int word = 0; word < dims / 2; word += UNROLLED)
    TL_UNROLL
    for (int j = 0; j < UNROLLED; j++) {
      const int i = word + j;
      const W first = w_load(keys + size_t(4) * KEY_TILE * i), second = w_load(other + size_t(4) * KEY_TILE * i);
      TL_UNROLL
      for (int h = 0; h < GROUP; h++) {
        const W x = w_spread(q + size_t(4) * (GROUP * i + h));
        acc[h][0] = s_dot(acc[h][0], first, x);
        acc[h][1] = s_dot(acc[h][1], second, x);
      }
    }
  TL_UNROLL
  for (int h = 0; h < GROUP; h++)
    for (int t = 0; t < 2; t++)
      f_store(scores[h] + KEY_TILE * t, f_mul(f_mul(p_float(acc[h][t]), f_load(key_units + KEY_TILE * t)), f_set(group.query_unit[h])));
}

/** Turns scores of the piece at `start` into weights as integers, each for a position's value as integers. */
TL_INLINE void weigh(float (*scores)[PIECE], int start, const float *value_units, Group &group, uint8_t (*weights)[2 * PIECE]) {
  // Step by step for all queries: what one waits for, another one computes.
  F some[GROUP], sums[GROUP], most[GROUP];
  int first[GROUP], last[GROUP];
  bool hidden[GROUP];
  for (int h = 0; h < GROUP; h++) {
    hidden[h] = group.hide(h, start, scores[h], first[h], last[h]);
    some[h] = f_load(scores[h]);
    TL_UNROLL
    for (int v = FW; v < PIECE; v += FW) some[h] = f_max(some[h], f_load(scores[h] + v));
  }
  group.rise(s_greatest(some));
  for (int h = 0; h < GROUP; h++) {
    alignas(64) float own_units[PIECE];
    const float *units = value_units;
    if (hidden[h]) {
      // Whatever lies at other positions must not count, not even times zero.
      std::fill_n(own_units, PIECE, 0.0f);
      std::copy(value_units + first[h], value_units + last[h], own_units + first[h]);
      units = own_units;
    }
    some[h] = sums[h] = most[h] = f_set(0);
    // A query that has seen nothing so far has no greatest score.
    const F to_base_2 = f_set(LOG2_E), less = f_set(-LOG2_E * std::max(group.greatest[h], -1e38f));
    TL_UNROLL
    for (int v = 0; v < PIECE; v += FW) {
      const F e = s_exp2(f_fma(f_load(scores[h] + v), to_base_2, less)), weight = f_mul(e, f_load(units + v));
      some[h] = f_add(some[h], e);
      sums[h] = f_add(sums[h], weight);
      most[h] = f_max(most[h], weight);
      f_store(scores[h] + v, weight);
    }
  }
  group.weigh(s_sums(some), s_sums(sums), s_greatest(most));
  for (int h = 0; h < GROUP; h++) {
    const F factor = f_set(1 / std::max(group.weight_unit[h], LEAST));
    TL_UNROLL
    for (int v = 0; v < PIECE; v += 2 * FW)
      w_store(weights[h] + 2 * v, s_pairs(f_mul(f_load(scores[h] + v), factor), f_mul(f_load(scores[h] + v + FW), factor)));
  }
}

/** Adds the weighted values of `count` positions to the sums of a group, `vectors` vectors of dimensions from `words` on. */
template <int vectors>
TL_INLINE void add_values(const uint8_t (*weights)[2 * PIECE], const uint8_t *words, int count, int dims, const Group &group, float *sums) {
  P acc[GROUP][vectors];
  TL_UNROLL
  for (auto &line : acc)
    for (auto &a : line) a = p_zero();
  for (int word = 0; word < count / 2; word += UNROLLED)
    TL_UNROLL
    for (int j = 0; j < UNROLLED; j++) {
      const int i = word + j;
      W x[vectors];
      TL_UNROLL
      for (int v = 0; v < vectors; v++) x[v] = w_load(words + size_t(4) * FW * (v * (PIECE / 2) + i));
      TL_UNROLL
      for (int h = 0; h < GROUP; h++) {
        const W weight = w_spread(weights[h] + 4 * i);
        TL_UNROLL
        for (int v = 0; v < vectors; v++) acc[h][v] = s_dot(acc[h][v], x[v], weight);
      }
    }
  TL_UNROLL
  for (int h = 0; h < GROUP; h++)
    for (int v = 0; v < vectors; v++) {
      float *to = sums + size_t(h) * dims + FW * v;
      f_store(to, f_fma(p_float(acc[h][v]), f_set(group.weight_unit[h]), f_mul(f_load(to), f_set(group.shrink[h]))));
    }
}

/** A group of queries over the piece that begins at position `start`. */
void attend_group(const Op &op, Piece &piece, int start, const Cache &cache, const uint8_t *q, Group &group, float *sums) {
  const int key_dim = cache.key_dim, value_dim = cache.value_dim;
  const int length = (std::min(PIECE, group.end[GROUP - 1] - start) + BLOCK_SIZE - 1) / BLOCK_SIZE * BLOCK_SIZE;
  if (length <= 0 || group.begin[0] >= start + PIECE) return;
  alignas(64) float scores[GROUP][PIECE];
  alignas(64) uint8_t weights[GROUP][2 * PIECE];
  for (int at = 0; at < length; at += BLOCK_SIZE)
    score(q, piece.keys.data() + size_t(2) * key_dim * at, key_dim, piece.key_units + at, group, (float(*)[PIECE])(scores[0] + at));
  if (op.softcap != 0)
    for (auto &line : scores)
      for (int v = 0; v < length; v += FW) f_store(line + v, f_softcap(f_load(line + v), op.softcap));
  weigh(scores, start, piece.value_units, group, weights);
  int i = 0;
  for (; i + 2 * FW <= value_dim; i += 2 * FW) add_values<2>(weights, piece.values_at(i, 0), length, value_dim, group, sums + i);
  if (i < value_dim) add_values<1>(weights, piece.values_at(i, 0), length, value_dim, group, sums + i);
}

} // namespace

void attend_shorts(const Op &op, const Context &context, const Cache &cache, const Queries &which, const Partials &partials) {
  const int key_dim = cache.key_dim, value_dim = cache.value_dim, queries = which.size(), count = (queries + GROUP - 1) / GROUP;
  const size_t q_bytes = size_t(2) * key_dim * GROUP, group_sums = size_t(value_dim) * GROUP;
  const int32_t *table = block_table(context, cache, which.token);
  const auto place_at = [&](int position) { return CachePlace(cache, table[position / BLOCK_SIZE], sizeof(uint16_t)); };
  thread_local Piece piece;
  thread_local std::vector<uint8_t> q;
  thread_local std::vector<Group> groups;
  thread_local std::vector<float> sums;
  piece.resize(cache);
  q.resize(q_bytes * count);
  groups.resize(count);
  sums.assign(group_sums * count, 0.0f);
  for (int i = 0; i < GROUP * count; i++) {
    // A last group that is not full repeats the last query.
    const int query = std::min(i, queries - 1), token = which.token_of(query), h = i % GROUP;
    const float *row = op.inputs[0].data + size_t(token) * op.inputs[0].columns + size_t(which.head_of(query)) * key_dim;
    Group &group = groups[i / GROUP];
    group.begin[h] = first_seen(context, cache, token);
    group.end[h] = context.batch.positions[token] + 1;
    group.greatest[h] = -INFINITY;
    group.total[h] = 0;
    group.query_unit[h] = op.scale * round_query(row, key_dim, q.data() + q_bytes * (i / GROUP) + 4 * h);
  }
  const int begin = groups.front().begin[0], end = groups.back().end[GROUP - 1];
  const int block_lines = int(sizeof(uint16_t) * BLOCK_SIZE * row_elements(cache) / 64), lines = block_lines * (PIECE / BLOCK_SIZE);
  for (int start = begin / PIECE * PIECE; start < end; start += PIECE) {
    if (context.stop.load(std::memory_order_relaxed)) return;
    for (int at = std::max(0, begin / BLOCK_SIZE * BLOCK_SIZE - start); at < std::min(PIECE, end - start); at += BLOCK_SIZE) {
      const CachePlace place = place_at(start + at);
      const uint8_t *first = place.keys(which.kv_head, 0), *second = place.keys(which.kv_head, 1);
      piece.round_keys(at / KEY_TILE, first, key_dim);
      piece.round_keys(at / KEY_TILE + 1, second, key_dim);
      if (cache.latent) piece.round_latent(at, first, second, value_dim);
      else piece.round_values(at, place.values(which.kv_head, 0), value_dim);
    }
    for (int g = 0; g < count; g++) {
      // The next piece is asked for in the course of this one: no processor foresees where blocks lie.
      for (int line = lines * g / count; line < lines * (g + 1) / count; line++) {
        const int at = start + PIECE + line / block_lines * BLOCK_SIZE;
        if (at < end) __builtin_prefetch(place_at(at).keys(which.kv_head, 0) + 64 * (line % block_lines), 0, 2);
      }
      attend_group(op, piece, start, cache, q.data() + q_bytes * g, groups[g], sums.data() + group_sums * g);
    }
  }
  for (int i = 0; i < queries; i++) {
    const int token = which.token_of(i), head = which.head_of(i);
    partials.state(token, head, 0) = {groups[i / GROUP].greatest[i % GROUP], groups[i / GROUP].total[i % GROUP]};
    std::copy_n(sums.data() + size_t(value_dim) * i, value_dim, partials.sum(token, head, 0));
  }
}

} // namespace tl

#endif
