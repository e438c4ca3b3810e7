// The executable: parses the flat program once, owns arena and caches, and walks the operations of a step with all
// threads, a barrier between one operation and the next.
#include "kernels.h"
#include "reader.h"
#include "squares.h"
#include "torchless.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

namespace tl {
namespace {

constexpr int ABI_VERSION = 8;

/** Goes through the list that src/backends/cpu/flatten.ts writes; past its end `ok` becomes false. */
struct List {
  const double *at, *end;
  bool ok = true;

  double number() {
    if (at == end) {
      ok = false;
      return 0;
    }
    return *at++;
  }
  int integer() { return int(number()); }
  size_t size() { return size_t(number()); }
  const uint8_t *address() { return (const uint8_t *)uintptr_t(number()); }
};

struct AlignedDelete {
  void operator()(uint8_t *p) const { ::operator delete(p, std::align_val_t(64)); }
};
using Memory = std::unique_ptr<uint8_t, AlignedDelete>;

Memory allocate(size_t bytes) {
  return Memory((uint8_t *)::operator new(std::max<size_t>(bytes, 64), std::align_val_t(64)));
}

} // namespace
} // namespace tl

struct TlExecutable {
  int threads, max_tokens, max_rows, max_sequences, max_blocks;
  tl::KvType kv;
  size_t arena_bytes, scratch_bytes = 0;
  /** Of what is only measured: weights are not looked at, and caches take no addresses. */
  bool measuring = false;
  tl::Tensor logits;
  tl::Memory arena, scratch, rope_memory;
  std::vector<tl::Cache> caches;
  std::vector<size_t> cache_bytes;
  std::vector<tl::RopeTable> ropes;
  /** Norm gains and biases as floats. */
  std::vector<std::vector<float>> constants;
  std::vector<tl::Op> ops;
  std::vector<tl::Counter> counters;
  std::unique_ptr<tl::Shares> shares;
  /** Of weights that stay on disk. */
  std::unique_ptr<tl::Reader> reader;
  tl::Batch batch;
  std::atomic<bool> stop{false};
  /** Whether all threads leave after operation i, at i % 2: decided by one before the barrier that ends it. */
  bool halt[2] = {false, false};
  /** Whether operation i has its weights, at i % 2. */
  bool ready[2] = {true, true};
  int want = 0, width = 0;
  std::vector<int32_t> ids;
  std::vector<float> values;
  /** By operation; none unless they are collected. */
  std::vector<tl::Squares> squares;

  ~TlExecutable() {
    for (size_t i = 0; i < caches.size(); i++)
      if (caches[i].data) tl_release(uint64_t(uintptr_t(caches[i].data)), cache_bytes[i]);
  }

  bool parse(tl::List &in);
  void run(const tl::Team &team);
  void copy_blocks();
  void select(const tl::Team &team);

private:
  tl::Tensor read_tensor(tl::List &in);
  tl::Weight read_weight(tl::List &in);
  void read_parts(tl::List &in, tl::Weight &w);
  const float *read_constant(tl::List &in, int *length = nullptr);
  void read_op(tl::List &in, tl::Op &op);
  void read_experts(tl::List &in, tl::MatmulPart &part, int experts);
  void read_reads(tl::List &in);
  bool wait_for_weights(int op, const tl::Team &team);
  void weights_used(int index);
};

using namespace tl;

Tensor TlExecutable::read_tensor(List &in) {
  const double offset = in.number();
  const int columns = in.integer();
  const Rows rows = Rows(in.integer());
  return {offset < 0 ? nullptr : (float *)(arena.get() + size_t(offset)), columns, rows};
}

Weight TlExecutable::read_weight(List &in) {
  Weight w;
  w.data = in.address();
  w.type = Type(in.integer());
  w.rows = in.integer();
  w.columns = in.integer();
  w.row_bytes = in.size();
  w.parts = {};
  if (!has_parts(w.type)) return w;
  w.parts.rows = in.integer();
  w.parts.scaled_rows = in.integer();
  w.parts.group = in.integer();
  w.parts.wide = in.integer() != 0;
  w.parts.offset = in.integer();
  w.parts.first = in.integer();
  read_parts(in, w);
  return w;
}

void TlExecutable::read_parts(List &in, Weight &w) {
  w.parts.scales = in.address();
  w.parts.zeros = in.address();
  w.parts.order = in.address();
}

const float *TlExecutable::read_constant(List &in, int *length) {
  const Weight w = read_weight(in);
  if (!w.data || !in.ok) return nullptr;
  std::vector<float> values(w.columns);
  if (!measuring) decode_row(w, 0, values.data());
  if (length) *length = w.columns;
  constants.push_back(std::move(values));
  return constants.back().data();
}

/** Of a weight that is multiplied piece by piece: the rows before this one. */
static void skip_rows(Op &op, MatmulPart &part, int rows) {
  part.output.data += rows;
  if (part.bias) part.bias += rows;
  if (op.residual) op.inputs[1].data += rows;
}

void TlExecutable::read_op(List &in, Op &op) {
  op.kind = OpKind(in.integer());
  for (int n = in.integer(); n > 0 && in.ok; n--) op.inputs.push_back(read_tensor(in));
  for (int n = in.integer(); n > 0 && in.ok; n--) op.outputs.push_back(read_tensor(in));
  switch (op.kind) {
  case OpKind::embed:
    op.table = read_weight(in);
    op.scale = float(in.number());
    op.file = in.size();
    op.file_offset = in.size();
    break;
  case OpKind::matmul:
    op.norm = read_constant(in, &op.norm_length);
    op.eps = float(in.number());
    op.residual = in.integer() != 0;
    op.parts.resize(op.outputs.size());
    for (size_t i = 0; i < op.parts.size(); i++) {
      op.parts[i].weight = read_weight(in);
      op.parts[i].bias = read_constant(in);
      op.parts[i].output = op.outputs[i];
      skip_rows(op, op.parts[i], in.integer());
    }
    break;
  case OpKind::rms_norm:
    op.norm = read_constant(in, &op.norm_length);
    op.eps = float(in.number());
    break;
  case OpKind::rope:
    op.rope = in.integer();
    break;
  case OpKind::cache_write:
    op.cache = in.integer();
    op.rope = in.integer();
    break;
  case OpKind::attention:
    op.cache = in.integer();
    op.heads = in.integer();
    op.scale = float(in.number());
    op.softcap = float(in.number());
    break;
  case OpKind::layer_norm:
    op.norm = read_constant(in);
    op.bias = read_constant(in);
    op.eps = float(in.number());
    op.centered = in.integer() != 0;
    break;
  case OpKind::slice:
    op.width = in.integer();
    op.from = in.integer();
    op.to = in.integer();
    break;
  case OpKind::concat:
    op.runs = in.integer();
    break;
  case OpKind::activate:
  case OpKind::gate:
    op.act = Activation(in.integer());
    break;
  case OpKind::softcap:
    op.softcap = float(in.number());
    break;
  case OpKind::matmul_heads:
    op.table = read_weight(in);
    op.heads = in.integer();
    op.head_rows.stride = in.integer();
    op.head_rows.first = in.integer();
    op.head_rows.rows = in.integer();
    op.head_rows.transposed = in.integer() != 0;
    break;
  case OpKind::route:
    op.bias = read_constant(in);
    op.used = in.integer();
    op.route.sigmoid = in.integer() != 0;
    op.route.groups = in.integer();
    op.route.groups_used = in.integer();
    op.route.best_two = in.integer() != 0;
    op.route.normalize = in.integer() != 0;
    op.route.scale = float(in.number());
    break;
  case OpKind::matmul_experts:
    op.used = in.integer();
    op.sum = in.integer() != 0;
    op.experts = in.integer();
    op.parts.resize(op.outputs.size());
    for (size_t i = 0; i < op.parts.size(); i++) {
      op.parts[i] = {read_weight(in), nullptr, op.outputs[i], {}};
      op.parts[i].lazy = in.integer();
      read_experts(in, op.parts[i], op.experts);
    }
    break;
  case OpKind::rows:
  case OpKind::add:
    break;
  }
}

/** Each expert's matrix, of those that stay on disk only the scales. */
void TlExecutable::read_experts(List &in, MatmulPart &part, int experts) {
  if (part.lazy >= 0 && !has_parts(part.weight.type)) return;
  for (int e = 0; e < experts && in.ok; e++) {
    Weight expert = part.weight;
    expert.rows /= experts;
    expert.data = in.address();
    if (has_parts(expert.type)) read_parts(in, expert);
    part.experts.push_back(expert);
  }
}

void TlExecutable::read_reads(List &in) {
  std::vector<Read> reads;
  for (int n = in.integer(); n > 0 && in.ok; n--) {
    Read read;
    read.op = in.integer();
    read.file = in.size();
    read.offset = in.size();
    read.bytes = in.size();
    read.needed = in.size();
    read.to = (uint8_t *)in.address();
    read.kept = in.integer() != 0;
    read.after = in.integer();
    reads.push_back(read);
  }
  std::vector<ExpertMatrices> experts;
  for (int n = in.integer(); n > 0 && in.ok; n--) {
    ExpertMatrices matrices;
    matrices.route = in.integer();
    matrices.op = in.integer();
    const Op &op = ops[matrices.op];
    matrices.routed = op.inputs[1].data;
    matrices.used = op.used;
    matrices.rows = in.integer();
    matrices.slab_rows = in.integer();
    matrices.row_bytes = in.size();
    for (int places = in.integer(); places > 0 && in.ok; places--) {
      const uint64_t file = in.size(), offset = in.size();
      matrices.places.push_back({file, offset});
    }
    experts.push_back(std::move(matrices));
  }
  SlotMemory slots;
  slots.start = (uint8_t *)in.address();
  slots.bytes = in.size();
  slots.count = in.integer();
  if (in.integer() != 0 && in.ok)
    reader = std::make_unique<Reader>(std::move(reads), std::move(experts), slots, int(ops.size()));
}

bool TlExecutable::parse(List &in) {
  if (in.integer() != ABI_VERSION) return false;
  threads = in.integer();
  max_tokens = in.integer();
  max_rows = in.integer();
  max_sequences = in.integer();
  max_blocks = in.integer();
  kv = KvType(in.integer());
  arena_bytes = in.size();
  arena = allocate(arena_bytes);
  logits = read_tensor(in);

  for (int n = in.integer(); n > 0 && in.ok; n--) {
    Cache cache{};
    cache.group = in.integer();
    cache.kv_heads = in.integer();
    cache.key_dim = in.integer();
    cache.value_dim = in.integer();
    cache.window = in.integer();
    cache.latent = in.integer() != 0;
    const size_t element = kv == KvType::f16 ? 2 : 4;
    cache.block_bytes = element * BLOCK_SIZE * cache.kv_heads * row_elements(cache);
    const size_t bytes = cache.block_bytes * in.size();
    if (!measuring) cache.data = (uint8_t *)uintptr_t(tl_reserve(bytes));
    caches.push_back(cache);
    cache_bytes.push_back(bytes);
    if (!cache.data && !measuring) return false;
    // Heads of a cache go to whichever thread is free: to none's disadvantage, its pages lie on all nodes in turn.
    if (cache.data && pool_nodes().size() > 1) interleave_pages(uint64_t(cache.data), bytes, pool_nodes());
  }

  size_t rope_values = 0;
  for (int n = in.integer(); n > 0 && in.ok; n--) {
    RopeTable table;
    table.head_dim = in.integer();
    table.adjacent = in.integer() != 0;
    table.magnitude = float(in.number());
    table.pairs = in.integer();
    const float *divisors = read_constant(in);
    for (int i = 0; i < table.pairs && in.ok; i++) table.frequencies.push_back(in.number() / (divisors ? divisors[i] : 1.0f));
    rope_values += size_t(max_tokens) * table.pairs * 2;
    ropes.push_back(table);
  }
  rope_memory = allocate(rope_values * sizeof(float));
  float *next = (float *)rope_memory.get();
  for (auto &table : ropes) {
    table.values = next;
    next += size_t(max_tokens) * table.pairs * 2;
  }

  for (int n = in.integer(); n > 0 && in.ok; n--) {
    Op op;
    read_op(in, op);
    if (op.kind == OpKind::matmul) scratch_bytes = std::max(scratch_bytes, matmul_scratch(op, max_tokens, max_rows, threads));
    if (op.kind == OpKind::attention) scratch_bytes = std::max(scratch_bytes, attention_scratch(op, caches, max_tokens, threads));
    if (op.kind == OpKind::matmul_heads) scratch_bytes = std::max(scratch_bytes, matmul_heads_scratch(op, max_tokens, threads));
    if (op.kind == OpKind::matmul_experts) scratch_bytes = std::max(scratch_bytes, matmul_experts_scratch(op, max_tokens, threads));
    if (op.kind == OpKind::cache_write) scratch_bytes = std::max(scratch_bytes, size_t(op.inputs[0].columns) * sizeof(float) * threads);
    ops.push_back(std::move(op));
  }
  read_reads(in);
  scratch = allocate(scratch_bytes);
  shares = std::make_unique<Shares>(threads);
  counters = std::vector<Counter>(ops.size() * COUNTERS);
  return in.ok && in.at == in.end;
}

void TlExecutable::copy_blocks() {
  for (size_t i = 0; i + 2 < batch.copies.size(); i += 3)
    for (auto &cache : caches)
      if (cache.group == batch.copies[i])
        std::memcpy(cache.data + cache.block_bytes * batch.copies[i + 2], cache.data + cache.block_bytes * batch.copies[i + 1],
                    cache.block_bytes);
}

/** The best ids of each row, best first; equal values in order of id. */
void TlExecutable::select(const Team &team) {
  const int vocabulary = logits.columns;
  const Share share(batch.row_count(), team);
  for (int r = share.begin; r < share.end; r++) {
    const float *row = logits.data + size_t(r) * vocabulary;
    int32_t *best = ids.data() + size_t(r) * width;
    // What is not a number is worse than any number.
    const auto better = [row](int32_t a, int32_t b) {
      if (row[a] > row[b] || row[a] < row[b]) return row[a] > row[b];
      const bool nan_a = row[a] != row[a], nan_b = row[b] != row[b];
      return nan_a == nan_b ? a < b : nan_b;
    };
    int size = 0;
    for (int32_t i = 0; i < vocabulary; i++) {
      if (size < width) {
        best[size++] = i;
        std::push_heap(best, best + size, better);
      } else if (better(i, best[0])) {
        std::pop_heap(best, best + size, better);
        best[size - 1] = i;
        std::push_heap(best, best + size, better);
      }
    }
    std::sort_heap(best, best + size, better);
    for (int i = 0; i < width; i++) values[size_t(r) * width + i] = row[best[i]];
  }
}

/** All threads wait; one asks, lest some go on without the others. */
bool TlExecutable::wait_for_weights(int op, const Team &team) {
  if (!reader || !reader->needs(op)) return true;
  if (team.index == 0) ready[op % 2] = reader->wait(op, stop);
  team.barrier();
  return ready[op % 2];
}

/** After an operation, on one thread: its places are free, and it may be known which experts are next. */
void TlExecutable::weights_used(int index) {
  if (reader->needs(index)) reader->done(index);
  reader->choose(index, batch.token_count());
}

void TlExecutable::run(const Team &team) {
  for (auto &table : ropes) fill_rope_table(table, batch, team);
  team.barrier();
  for (size_t i = 0; i < ops.size(); i++) {
    if (!wait_for_weights(int(i), team)) return;
    const Context context{batch, caches, ropes, kv, max_sequences, max_blocks, scratch.get(), &counters[i * COUNTERS], *shares, stop, reader.get()};
    if (!squares.empty()) add_squares(ops[i], batch, team, squares[i]);
    kernel_of(ops[i].kind)(ops[i], context, team);
    // One thread reads the flag for all, lest some go on and wait for the others for ever.
    if (team.index == 0) halt[i % 2] = stop.load(std::memory_order_relaxed) || (reader && reader->failed());
    team.barrier();
    if (halt[i % 2]) return;
    if (team.index == 0 && reader) weights_used(int(i));
  }
  if (team.index == 0 && reader) reader->end();
  if (want > 0) select(team);
}

namespace tl {

Kernel kernel_of(OpKind kind) {
  switch (kind) {
  case OpKind::embed: return embed;
  case OpKind::rows: return rows;
  case OpKind::matmul: return matmul;
  case OpKind::rms_norm: return rms_norm;
  case OpKind::add: return add;
  case OpKind::rope: return rope;
  case OpKind::cache_write: return cache_write;
  case OpKind::attention: return attention;
  case OpKind::gate: return gate;
  case OpKind::layer_norm: return layer_norm;
  case OpKind::slice: return slice;
  case OpKind::concat: return concat;
  case OpKind::activate: return activate;
  case OpKind::softcap: return softcap;
  case OpKind::matmul_heads: return matmul_heads;
  case OpKind::route: return route;
  case OpKind::matmul_experts: return matmul_experts;
  }
  return nullptr;
}

} // namespace tl

int32_t tl_abi_version() { return ABI_VERSION; }

TlExecutable *tl_compile(const double *program, int64_t length) {
  try {
    auto executable = std::make_unique<TlExecutable>();
    List in{program, program + length};
    return executable->parse(in) ? executable.release() : nullptr;
  } catch (const std::bad_alloc &) {
    return nullptr;
  }
}

double tl_memory(const double *program, int64_t length) {
  try {
    TlExecutable executable;
    executable.measuring = true;
    List in{program, program + length};
    if (!executable.parse(in)) return 0;
    size_t constants = 0;
    for (auto &values : executable.constants) constants += values.size() * sizeof(float);
    return double(executable.arena_bytes + executable.scratch_bytes + constants);
  } catch (const std::bad_alloc &) {
    return 0;
  }
}

void tl_set_batch(TlExecutable *e, const int32_t *tokens, const int32_t *positions, const int32_t *sequence, const int32_t *slots,
                  const int32_t *lengths, const int32_t *tables, const int32_t *rows, const int32_t *copies, int32_t token_count,
                  int32_t row_count, int32_t copy_count, int32_t repeatable) {
  int groups = 0;
  for (auto &cache : e->caches) groups = std::max(groups, cache.group + 1);
  Batch &b = e->batch;
  b.tokens.assign(tokens, tokens + token_count);
  b.positions.assign(positions, positions + token_count);
  b.sequence.assign(sequence, sequence + token_count);
  b.slots.assign(slots, slots + size_t(groups) * token_count);
  // Of the tables, which are large, only what sequences of this step use.
  b.tables.resize(size_t(groups) * e->max_sequences * e->max_blocks);
  for (int i = 0; i < groups * e->max_sequences; i++)
    std::copy_n(tables + size_t(i) * e->max_blocks, (lengths[i] + BLOCK_SIZE - 1) / BLOCK_SIZE, b.tables.data() + size_t(i) * e->max_blocks);
  b.rows.assign(rows, rows + row_count);
  b.copies.assign(copies, copies + size_t(copy_count) * 3);
  b.repeatable = repeatable != 0;
  e->stop = false;
}

int32_t tl_step(TlExecutable *e, int32_t want) {
  e->want = want;
  e->width = want > 0 ? std::min(want, e->logits.columns) : e->logits.columns;
  if (want > 0) {
    e->ids.resize(size_t(e->batch.row_count()) * e->width);
    e->values.resize(e->ids.size());
  }
  for (auto &counter : e->counters) counter.next = 0;
  e->halt[0] = e->halt[1] = false;
  e->ready[0] = e->ready[1] = true;
  if (e->reader) e->reader->begin();
  e->copy_blocks();
  pool_run(e->threads, [](const Team &team, void *context) { ((TlExecutable *)context)->run(team); }, e);
  if (e->reader && e->reader->failed()) return 2;
  return e->halt[0] || e->halt[1] || !e->ready[0] || !e->ready[1] ? 1 : 0;
}

int32_t tl_bind_nodes(const char *root) {
  const std::vector<tl::NumaNode> nodes = tl::numa_nodes(root);
  tl::pool_bind(nodes.size() > 1 ? nodes : std::vector<tl::NumaNode>());
  return int32_t(nodes.size());
}

uint64_t tl_read_problem(TlExecutable *e, char *message, int32_t message_size) {
  std::snprintf(message, size_t(message_size), "%s", e->reader ? e->reader->problem().c_str() : "");
  return e->reader ? e->reader->problem_file() : 0;
}

void tl_stop(TlExecutable *e) {
  e->stop = true;
  if (e->reader) e->reader->wake();
}

void tl_result(TlExecutable *e, int32_t *ids, float *values) {
  const size_t count = size_t(e->batch.row_count()) * e->width;
  if (e->want > 0) {
    std::copy_n(e->ids.data(), count, ids);
    std::copy_n(e->values.data(), count, values);
  } else {
    std::copy_n(e->logits.data, count, values);
  }
}

void tl_read_arena(TlExecutable *e, uint8_t *out, int64_t offset, int64_t length) {
  std::memcpy(out, e->arena.get() + offset, size_t(length));
}

void tl_fill_arena(TlExecutable *e, int32_t word) {
  std::fill_n((int32_t *)e->arena.get(), e->arena_bytes / 4, word);
}

void tl_collect_squares(TlExecutable *e) {
  for (auto &op : e->ops) e->squares.push_back(squares_of(op));
}

void tl_squares(TlExecutable *e, int32_t op, double *sums, double *counts) {
  const Squares &squares = e->squares[op];
  std::copy(squares.sums.begin(), squares.sums.end(), sums);
  std::copy(squares.counts.begin(), squares.counts.end(), counts);
}

void tl_free(TlExecutable *e) { delete e; }
