// The attention operation: queries that share keys and values go together, each group in one of two ways; long contexts are split over
// threads and put together afterwards.
#include "attention.h"
#include <cmath>

namespace tl {
namespace {

/** Positions that are worth a thread of their own. */
constexpr int MIN_SPLIT = 128;

/** Tokens of a sequence in a step from which on integers are used; or of a repeatable step, whose feeds would all have as many alone. */
constexpr int SHORTS_TOKENS = 9;
/** Queries of an item in integers for which it pays to round keys and values. */
constexpr int SHORTS_QUERIES = 32;
/** Sums of an item in integers, which should stay in the second-level cache. */
constexpr int SHORTS_SUMS = 32768;
/** Items for each thread, so that all end together. */
constexpr int LEAST_ITEMS = 4;

/** Neighbouring tokens that go the same way: `together` of them to an item, for each KV head and each pass over the heads that share it. */
struct Stretch {
  int first, count, together, columns;
  bool shorts;
  /** Positions of a single token are split as if it were alone, for numbers that do not depend on the step. */
  bool alone;

  int groups() const { return (count + together - 1) / together; }
  int items() const { return groups() * columns; }
};

/** Where the sequence of token `first` ends in the step, or its positions are no neighbours. */
int end_of_run(const Batch &batch, int first) {
  int end = first + 1;
  while (end < batch.token_count() && batch.sequence[end] == batch.sequence[first] && batch.positions[end] == batch.positions[end - 1] + 1) end++;
  return end;
}

std::vector<Stretch> stretches_of(const Op &op, const Context &context, const Cache &cache, int threads) {
  const Batch &batch = context.batch;
  const int tokens = batch.token_count(), shared = op.heads / cache.kv_heads, columns = cache.kv_heads * ((shared + MAX_QUERIES - 1) / MAX_QUERIES);
  // Few tokens go together where neither splits nor the places where a window begins depend on it.
  const bool few = tokens < SHORTS_TOKENS, alone = few && batch.repeatable && (columns < threads || cache.window);
  std::vector<Stretch> stretches;
  for (int first = 0, end; first < tokens; first = end) {
    end = end_of_run(batch, first);
    const int count = end - first;
    if (takes_shorts(context, cache) && (count >= SHORTS_TOKENS || (batch.repeatable && !few))) {
      const int least = (SHORTS_QUERIES + shared - 1) / shared, most = SHORTS_SUMS / (cache.value_dim * shared);
      const int together = std::max(least, std::min(most, count * cache.kv_heads / (LEAST_ITEMS * threads)));
      stretches.push_back({first, count, together, cache.kv_heads, true, false});
      continue;
    }
    if (stretches.empty() || stretches.back().shorts)
      stretches.push_back({first, 0, alone ? 1 : std::max(1, MAX_QUERIES / shared), columns, false, alone});
    stretches.back().count += count;
  }
  return stretches;
}

/** Pieces of a context, so that every thread has work. */
int split_count(int items, int positions, int threads) {
  if (items >= threads) return 1;
  const int useful = (positions + MIN_SPLIT - 1) / MIN_SPLIT;
  return std::max(1, std::min(useful, (threads + items - 1) / items));
}

/** Positions that tokens [first, end) see, at most. */
int longest_seen(const Context &context, const Cache &cache, int first, int end) {
  int longest = 0;
  for (int t = first; t < end; t++) longest = std::max(longest, context.batch.positions[t] + 1 - first_seen(context, cache, t));
  return longest;
}

/** Splits of all items, or of the one among them that has most; beside items in integers, which are many, there are none. */
int splits_of(const Context &context, const Cache &cache, const std::vector<Stretch> &stretches, int threads) {
  const Stretch &all = stretches[0];
  if (stretches.size() > 1 || all.shorts) return 1;
  return split_count(all.alone ? all.columns : all.items(), longest_seen(context, cache, all.first, all.first + all.count), threads);
}

/** Item `index` of a stretch, `split` of its positions' parts. */
void attend(const Op &op, const Context &context, const Cache &cache, const Stretch &stretch, int index, int split, int threads, const Partials &partials) {
  const int shared = op.heads / cache.kv_heads, passes = stretch.columns / cache.kv_heads;
  // The last tokens see most: they go first.
  const int first = stretch.first + (stretch.groups() - 1 - index / stretch.columns) * stretch.together;
  const int last = std::min(stretch.first + stretch.count, first + stretch.together), kv_head = index % stretch.columns / passes;
  if (stretch.shorts) return attend_shorts(op, context, cache, {first, last - first, kv_head * shared, shared, kv_head}, partials);
  const int h = index % passes * MAX_QUERIES, heads = std::min(MAX_QUERIES, shared - h);
  const int splits = stretch.alone ? split_count(stretch.columns, longest_seen(context, cache, first, last), threads) : partials.splits;
  const int step = end_of_run(context.batch, first) >= last ? last - first : 1;
  for (int token = first; token < last; token += step) {
    const Queries which{token, step, kv_head * shared + h, heads, kv_head};
    if (split >= splits) {
      for (int i = 0; i < which.size(); i++) partials.state(which.token_of(i), which.head_of(i), split) = {-INFINITY, 0};
      continue;
    }
    // Whole tiles, so that no tile is read by two threads.
    const int begin = first_seen(context, cache, token) / KEY_TILE, tiles = context.batch.positions[token + step - 1] / KEY_TILE + 1 - begin;
    attend_floats(op, context, cache, which, begin + tiles * split / splits, begin + tiles * (split + 1) / splits, partials, split);
  }
}

} // namespace

size_t attention_scratch(const Op &op, const std::vector<Cache> &caches, int max_tokens, int threads) {
  // Of a split there are fewer than threads for each item, and one more; an item has up to MAX_QUERIES queries, and is of all tokens or, of few, of one.
  const size_t items = size_t(max_tokens) * op.heads + size_t(MAX_QUERIES) * threads * std::min(max_tokens, SHORTS_TOKENS - 1);
  return items * (sizeof(Partial) + sizeof(float) * caches[op.cache].value_dim);
}

void attention(const Op &op, const Context &context, const Team &team) {
  const Cache &cache = context.caches[op.cache];
  const int tokens = context.batch.token_count();
  const std::vector<Stretch> stretches = stretches_of(op, context, cache, team.size);
  if (stretches.empty()) return;
  const int splits = splits_of(context, cache, stretches, team.size);
  const Partials partials(op, cache, tokens, splits, context.scratch);

  int item = context.counters[0].take(1), before = 0;
  for (auto &stretch : stretches) {
    const int end = before + stretch.items() * splits;
    for (; item < end && !context.stop.load(std::memory_order_relaxed); item = context.counters[0].take(1))
      attend(op, context, cache, stretch, (item - before) / splits, (item - before) % splits, team.size, partials);
    before = end;
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
