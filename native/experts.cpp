// Products where each row of activations meets some of a weight's matrices: the chosen experts of a mixture, and the heads of
// latent attention. Rows are gathered by matrix, so that a matrix is read once for all its rows; a matrix that no row
// meets is not read.
#include "matmul.h"
#include "reader.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace tl {
namespace {

/** Takes memory piece by piece; without memory it only counts. */
struct Arena {
  uint8_t *base;
  size_t used = 0;

  template <class T> T *take(size_t count) {
    used = (used + 63) / 64 * 64;
    T *place = (T *)(base + used);
    used += count * sizeof(T);
    return place;
  }
};

/** The scratch of such a product: `count` pairs of a row and a matrix, over `sources` rows of `columns` values. */
struct Gathered {
  /** [matrices + 1]: where each matrix's pairs begin. */
  int *starts;
  /** Matrices that have pairs, and how many of them there are. */
  int *active, *active_count;
  /** [matrices]: where the tiles of each begin. */
  int *places;
  /** [count]: pairs, those of a matrix side by side. */
  int *pairs;
  /** The source rows as they are, and gathered in the order of the pairs. */
  Activations source, gathered;
  uint8_t *quantized;
  Forms forms;
  /** [count][outer] for answers that are still to be added. */
  float *answers;
  uint8_t *threads;
  size_t bytes;

  Gathered(uint8_t *scratch, int matrices, int sources, int count, int columns, int outer, int most, int team, const Forms &forms)
      : forms(forms) {
    Arena arena{scratch};
    starts = arena.take<int>(size_t(matrices) + 1);
    active = arena.take<int>(size_t(matrices));
    active_count = arena.take<int>(1);
    places = arena.take<int>(size_t(matrices));
    pairs = arena.take<int>(size_t(count));
    source.columns = gathered.columns = columns;
    source.rounded = nullptr;
    source.rows = arena.take<QuantizedRow>(size_t(sources));
    quantized = arena.take<uint8_t>(QuantizedRow::bytes(columns, forms.woven) * sources);
    gathered.rows = arena.take<QuantizedRow>(size_t(count));
    gathered.x = arena.take<float>(size_t(columns) * count);
    gathered.rounded = arena.take<uint16_t>(size_t(columns) * count);
    const int padded = count + (TILE_STEP - 1) * std::min(matrices, count);
    gathered.tiles = Tiles(columns, padded, 0, forms, arena.take<uint8_t>(Tiles::bytes(columns, forms) * padded));
    answers = arena.take<float>(size_t(outer) * count);
    threads = arena.take<uint8_t>(thread_bytes(columns, most) * team);
    bytes = arena.used;
  }

  int count_of(int matrix) const { return starts[matrix + 1] - starts[matrix]; }

  /** The rows of one matrix. */
  Activations rows_of(int matrix) const {
    Activations rows = gathered.from(starts[matrix], places[matrix]);
    rows.packed = count_of(matrix) >= PANEL_FROM;
    rows.tiles.width = tile_width(count_of(matrix), forms);
    return rows;
  }
};

/** Sorts the pairs by matrix; `matrix_of(pair)` tells where each belongs. */
template <class MatrixOf> void sort_pairs(const Gathered &g, int matrices, int count, MatrixOf matrix_of) {
  std::fill_n(g.starts, matrices + 1, 0);
  for (int i = 0; i < count; i++) g.starts[matrix_of(i) + 1]++;
  *g.active_count = 0;
  int place = 0;
  for (int m = 0; m < matrices; m++) {
    const int own = g.starts[m + 1];
    if (own > 0) g.active[(*g.active_count)++] = m;
    g.places[m] = place;
    place += padded_tokens(own);
    g.starts[m + 1] += g.starts[m];
  }
  for (int i = 0; i < count; i++) g.pairs[g.starts[matrix_of(i)]++] = i;
  // Each start has moved to the next one's place.
  for (int m = matrices; m > 0; m--) g.starts[m] = g.starts[m - 1];
  g.starts[0] = 0;
}

/** Source rows to 8 bits, each once however many matrices it meets. */
void quantize_sources(const Gathered &g, const Tensor &x, int sources, const Team &team) {
  if (!g.forms.quantized) return;
  Forms only;
  only.quantized = true;
  only.woven = g.forms.woven;
  Activations a = g.source;
  a.x = x.data;
  for (int t = team.index; t < sources; t += team.size) a.prepare(t, only, g.quantized);
}

/** Brings the rows into the order of the pairs, matrix by matrix; `source_of(pair)` is a pair's row. */
template <class SourceOf> void gather(const Gathered &g, const Tensor &x, Counter &counter, SourceOf source_of) {
  Forms rest = g.forms;
  rest.quantized = false;
  const int columns = g.gathered.columns;
  for (int index = counter.take(1); index < *g.active_count; index = counter.take(1)) {
    const int matrix = g.active[index], first = g.starts[matrix], count = g.count_of(matrix);
    for (int i = first; i < first + count; i++) {
      const int source = source_of(g.pairs[i]);
      if (g.forms.quantized) g.gathered.rows[i] = g.source.rows[source];
      if (!g.forms.floats && !g.forms.rounded) continue;
      std::memcpy((float *)g.gathered.x + size_t(i) * columns, x.data + size_t(source) * columns, sizeof(float) * columns);
      g.gathered.prepare(i, rest, nullptr);
    }
    if (count < PANEL_FROM) continue;
    const Activations rows = g.rows_of(matrix);
    for (int t = 0; t < count; t += rows.tiles.width) rows.pack(t, std::min(rows.tiles.width, count - t), t, g.forms);
  }
}

/** Chunks of each matrix, of all its parts. */
template <class RowsOf> int chunks_of(int parts, int chunk, RowsOf rows_of) {
  int chunks = 0;
  for (int p = 0; p < parts; p++) chunks += (rows_of(p) + chunk - 1) / chunk;
  return chunks;
}

struct Piece {
  int part, matrix, begin, end;
};

/** Piece `index` of all: matrices in turn, of each its parts, of each part chunks of rows. False past the last. */
template <class RowsOf> bool piece_at(int index, const Gathered &g, int parts, int chunk, RowsOf rows_of, Piece &piece) {
  const int chunks = chunks_of(parts, chunk, rows_of);
  if (index < 0 || index >= *g.active_count * chunks) return false;
  piece.matrix = g.active[index / chunks];
  int rest = index % chunks;
  for (int p = 0; p < parts; p++) {
    const int rows = rows_of(p), part_chunks = (rows + chunk - 1) / chunk;
    if (rest < part_chunks) {
      piece.part = p;
      piece.begin = rest * chunk;
      piece.end = std::min(rows, piece.begin + chunk);
      return true;
    }
    rest -= part_chunks;
  }
  return false;
}

/** Of an expert's `rows` rows those that lie together with this one: all, or a slab of those that stay on disk. */
SlabRows slab_at(const MatmulPart &part, int expert, int row, int rows, const Context &context) {
  if (part.lazy >= 0) return context.reader->slab(part.lazy, expert, row, context.stop);
  return {part.experts[expert].data, 0, rows};
}

int chunk_rows(const Weight &w) { return w.across() ? WORD_CHUNK_ROWS : std::max(1, CHUNK_WEIGHTS / w.columns / PANEL_ROWS) * PANEL_ROWS; }

Gathered expert_scratch(const Op &op, uint8_t *scratch, int tokens, int threads) {
  const int outer = op.parts[0].weight.rows / op.experts, columns = op.parts[0].weight.columns;
  const int count = tokens * op.used;
  return Gathered(scratch, op.experts, op.sum ? count : tokens, count, columns, op.sum ? outer : 0, tokens, threads, forms_of(op.parts));
}

Gathered head_scratch(const Op &op, uint8_t *scratch, int tokens, int threads) {
  const int count = tokens * op.heads;
  Forms forms;
  add_forms(forms, op.table);
  return Gathered(scratch, op.heads, count, count, op.table.columns, 0, tokens, threads, forms);
}

} // namespace

size_t matmul_experts_scratch(const Op &op, int max_tokens, int threads) {
  return expert_scratch(op, nullptr, max_tokens, threads).bytes;
}

size_t matmul_heads_scratch(const Op &op, int max_tokens, int threads) {
  return head_scratch(op, nullptr, max_tokens, threads).bytes;
}

void matmul_experts(const Op &op, const Context &context, const Team &team) {
  const int tokens = context.batch.token_count(), used = op.used, count = tokens * used;
  if (tokens == 0) return;
  const Tensor &x = op.inputs[0];
  const float *routed = op.inputs[1].data;
  const Gathered g = expert_scratch(op, context.scratch, tokens, team.size);
  const int columns = op.parts[0].weight.columns;
  const auto expert_of = [&](int pair) { return int(routed[size_t(pair / used) * 2 * used + pair % used]); };

  if (team.index == 0) sort_pairs(g, op.experts, count, expert_of);
  quantize_sources(g, x, op.sum ? count : tokens, team);
  const auto rows_of = [&](int part) { return op.parts[part].weight.rows / op.experts; };
  const int parts = int(op.parts.size()), chunk = chunk_rows(op.parts[0].weight);
  team.barrier();
  context.shares.begin(*g.active_count * chunks_of(parts, chunk, rows_of), team);
  gather(g, x, context.counters[1], [&](int pair) { return op.sum ? pair : pair / used; });
  team.barrier();

  // What is on disk arrives in order, and makes room for what follows when it is used.
  const bool in_order = std::any_of(op.parts.begin(), op.parts.end(), [](const MatmulPart &part) { return part.lazy >= 0; });
  uint8_t *memory = g.threads + thread_bytes(columns, tokens) * team.index;
  Taker taker(context.shares, team);
  Piece piece;
  while (piece_at(in_order ? context.counters[0].take(1) : taker.next(), g, parts, chunk, rows_of, piece)) {
    if (context.stop.load(std::memory_order_relaxed)) break;
    const MatmulPart &part = op.parts[piece.part];
    const int first = g.starts[piece.matrix], rows = rows_of(piece.part);
    Output output{op.sum ? g.answers : part.output.data, rows, nullptr, nullptr, g.pairs + first};
    for (int row = piece.begin, end = 0; row < piece.end; row = end) {
      const SlabRows slab = slab_at(part, piece.matrix, row, rows, context);
      if (!slab.data) break;
      end = std::min(piece.end, slab.end);
      output.first_row = slab.begin;
      Weight weight = part.lazy < 0 || has_parts(part.weight.type) ? part.experts[piece.matrix] : part.weight;
      weight = weight.some_rows(slab.begin, slab.end - slab.begin);
      if (part.lazy >= 0) weight.data = slab.data;
      multiply(weight, {row - slab.begin, end - slab.begin}, g.rows_of(piece.matrix), g.count_of(piece.matrix), output, memory);
      if (part.lazy >= 0) context.reader->release(part.lazy, piece.matrix, row, end - row);
    }
  }
  if (!op.sum) return;
  team.barrier();

  const int outer = op.outputs[0].columns;
  const Share share(tokens, team);
  for (int t = share.begin; t < share.end; t++) {
    float *out = op.outputs[0].data + size_t(t) * outer;
    std::fill_n(out, outer, 0.0f);
    for (int k = 0; k < used; k++) {
      const float weight = routed[size_t(t) * 2 * used + used + k];
      const float *answer = g.answers + (size_t(t) * used + k) * outer;
      for (int i = 0; i < outer; i++) out[i] += weight * answer[i];
    }
  }
}

namespace {

/** Each head's values weigh the head's rows. */
void transposed_heads(const Op &op, const Context &context, const Team &team) {
  const int tokens = context.batch.token_count(), columns = op.table.columns, rows = op.head_rows.rows;
  std::vector<float> row(columns);
  const Share share(op.heads, team);
  for (int h = share.begin; h < share.end; h++) {
    const auto out_of = [&](int t) { return op.outputs[0].data + (size_t(t) * op.heads + h) * columns; };
    for (int t = 0; t < tokens; t++) std::fill_n(out_of(t), columns, 0.0f);
    for (int r = 0; r < rows; r++) {
      if (context.stop.load(std::memory_order_relaxed)) return;
      const size_t at = size_t(h) * op.head_rows.stride + op.head_rows.first + r;
      decode_row(op.table, int(at), row.data());
      for (int t = 0; t < tokens; t++) {
        const float weight = op.inputs[0].data[(size_t(t) * op.heads + h) * rows + r];
        float *out = out_of(t);
        for (int i = 0; i < columns; i++) out[i] += weight * row[i];
      }
    }
  }
}

} // namespace

void matmul_heads(const Op &op, const Context &context, const Team &team) {
  if (op.head_rows.transposed) return transposed_heads(op, context, team);
  const int tokens = context.batch.token_count(), count = tokens * op.heads, columns = op.table.columns;
  if (tokens == 0) return;
  const Tensor &x = op.inputs[0];
  const Gathered g = head_scratch(op, context.scratch, tokens, team.size);
  if (team.index == 0) sort_pairs(g, op.heads, count, [&](int pair) { return pair % op.heads; });
  quantize_sources(g, x, count, team);
  const int rows = op.head_rows.rows, chunk = chunk_rows(op.table);
  const auto rows_of = [rows](int) { return rows; };
  team.barrier();
  context.shares.begin(*g.active_count * chunks_of(1, chunk, rows_of), team);
  gather(g, x, context.counters[1], [](int pair) { return pair; });
  team.barrier();

  uint8_t *memory = g.threads + thread_bytes(columns, tokens) * team.index;
  Taker taker(context.shares, team);
  Piece piece;
  while (piece_at(taker.next(), g, 1, chunk, rows_of, piece)) {
    if (context.stop.load(std::memory_order_relaxed)) return;
    const int first = g.starts[piece.matrix];
    const size_t row = size_t(piece.matrix) * op.head_rows.stride + op.head_rows.first;
    multiply(op.table.some_rows(row, rows), {piece.begin, piece.end}, g.rows_of(piece.matrix), tokens,
             {op.outputs[0].data, rows, nullptr, nullptr, g.pairs + first}, memory);
  }
}

namespace {

/** Of a sum of weights, lest a division by nearly nothing spoils them. */
constexpr float LEAST_SUM = 1.0f / 16384;

/** Writes the indices of the `count` greatest, the greatest first; of equals the first. */
void best(const float *values, int length, int count, int *out) {
  const auto better = [values](int a, int b) { return values[a] > values[b] || (values[a] == values[b] && a < b); };
  int size = 0;
  for (int i = 0; i < length; i++) {
    if (size == count && !better(i, out[size - 1])) continue;
    int at = size < count ? size++ : size - 1;
    for (; at > 0 && better(i, out[at - 1]); at--) out[at] = out[at - 1];
    out[at] = i;
  }
  // What is no number is better than nothing, lest an index is left out.
  for (; size < count; size++) out[size] = size;
}

/** Leaves only the best groups of neighbours in the running. */
void keep_groups(const Route &r, float *judged, int experts) {
  const int size = experts / r.groups;
  std::vector<float> worth(r.groups);
  std::vector<int> kept(r.groups_used), top(2);
  for (int group = 0; group < r.groups; group++) {
    const float *members = judged + size_t(group) * size;
    const int count = r.best_two && size > 1 ? 2 : 1;
    best(members, size, count, top.data());
    for (int i = 0; i < count; i++) worth[group] += members[top[i]];
  }
  best(worth.data(), r.groups, r.groups_used, kept.data());
  for (int group = 0; group < r.groups; group++)
    if (std::find(kept.begin(), kept.end(), group) == kept.end()) std::fill_n(judged + size_t(group) * size, size, -INFINITY);
}

} // namespace

void route(const Op &op, const Context &context, const Team &team) {
  const Route &r = op.route;
  const int experts = op.inputs[0].columns, used = op.used;
  std::vector<float> probabilities(experts), judged(experts);
  std::vector<int> chosen(used);
  const Share share(context.batch.token_count(), team);
  for (int t = share.begin; t < share.end; t++) {
    const float *logits = op.inputs[0].data + size_t(t) * experts;
    float *out = op.outputs[0].data + size_t(t) * 2 * used;
    if (r.sigmoid) {
      for (int i = 0; i < experts; i++) probabilities[i] = 1 / (1 + std::exp(-logits[i]));
    } else {
      const float greatest = *std::max_element(logits, logits + experts);
      float total = 0;
      for (int i = 0; i < experts; i++) total += probabilities[i] = std::exp(logits[i] - greatest);
      for (int i = 0; i < experts; i++) probabilities[i] /= total;
    }
    for (int i = 0; i < experts; i++) judged[i] = probabilities[i] + (op.bias ? op.bias[i] : 0);
    if (r.groups > 0) keep_groups(r, judged.data(), experts);
    best(judged.data(), experts, used, chosen.data());
    float sum = 0;
    for (int k = 0; k < used; k++) sum += probabilities[chosen[k]];
    const float factor = r.normalize ? r.scale / std::max(sum, LEAST_SUM) : r.scale;
    for (int k = 0; k < used; k++) {
      out[k] = float(chosen[k]);
      out[used + k] = probabilities[chosen[k]] * factor;
    }
  }
}

} // namespace tl
