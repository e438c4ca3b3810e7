// The operations that touch each value once: norms, additions, activations, gates, rotations, table look-ups.
#include "decode.gen.h"
#include "kernels.h"
#include "parts.h"
#include "reader.h"
#include "simd.h"
#include <cmath>

namespace tl {

void normalize(const float *x, float *out, const float *gain, int length, float eps) {
  F squares = f_set(0);
  int i = 0;
  for (; i + FW <= length; i += FW) squares = f_fma(f_load(x + i), f_load(x + i), squares);
  float sum = f_sum(squares);
  for (; i < length; i++) sum += x[i] * x[i];
  const float factor = 1.0f / std::sqrt(sum / float(length) + eps);
  for (i = 0; i + FW <= length; i += FW) f_store(out + i, f_mul(f_mul(f_load(x + i), f_set(factor)), f_load(gain + i)));
  for (; i < length; i++) out[i] = x[i] * factor * gain[i];
}

void rms_norm(const Op &op, const Context &context, const Team &team) {
  const Tensor &x = op.inputs[0];
  const int count = context.batch.count(x.rows) * (x.columns / op.norm_length);
  const Share share(count, team);
  for (int i = share.begin; i < share.end; i++) {
    const size_t at = size_t(i) * op.norm_length;
    normalize(x.data + at, op.outputs[0].data + at, op.norm, op.norm_length, op.eps);
  }
}

void add(const Op &op, const Context &context, const Team &team) {
  const Tensor &a = op.inputs[0];
  const Share share(context.batch.count(a.rows), team);
  const float *b = op.inputs[1].data;
  float *out = op.outputs[0].data;
  const size_t end = size_t(share.end) * a.columns;
  for (size_t i = size_t(share.begin) * a.columns; i < end; i++) out[i] = a.data[i] + b[i];
}

void layer_norm(const Op &op, const Context &context, const Team &team) {
  const Tensor &x = op.inputs[0];
  const int n = x.columns;
  const Share share(context.batch.count(x.rows), team);
  for (int r = share.begin; r < share.end; r++) {
    const float *from = x.data + size_t(r) * n;
    float *out = op.outputs[0].data + size_t(r) * n;
    double sum = 0, squares = 0;
    if (op.centered)
      for (int i = 0; i < n; i++) sum += from[i];
    const double mean = sum / n;
    for (int i = 0; i < n; i++) squares += (from[i] - mean) * (from[i] - mean);
    const double factor = 1 / std::sqrt(squares / n + op.eps);
    for (int i = 0; i < n; i++) out[i] = float((from[i] - mean) * factor) * op.norm[i] + (op.bias ? op.bias[i] : 0);
  }
}

void slice(const Op &op, const Context &context, const Team &team) {
  const Tensor &x = op.inputs[0];
  const int taken = op.to - op.from;
  const Share share(context.batch.count(x.rows) * (x.columns / op.width), team);
  for (int r = share.begin; r < share.end; r++)
    std::memcpy(op.outputs[0].data + size_t(r) * taken, x.data + size_t(r) * op.width + op.from, sizeof(float) * taken);
}

void concat(const Op &op, const Context &context, const Team &team) {
  const Tensor &a = op.inputs[0], &b = op.inputs[1];
  const int m = a.columns / op.runs, n = b.columns / op.runs;
  const Share share(context.batch.count(a.rows) * op.runs, team);
  for (int r = share.begin; r < share.end; r++) {
    float *out = op.outputs[0].data + size_t(r) * (m + n);
    std::memcpy(out, a.data + size_t(r) * m, sizeof(float) * m);
    std::memcpy(out + m, b.data + size_t(r) * n, sizeof(float) * n);
  }
}

namespace {

/** Calls `at(i, count)` for this thread's part of `length` values, FW at a time; only the last has fewer. */
template <class At> void by_vectors(size_t length, const Team &team, At at) {
  const Share share(int((length + FW - 1) / FW), team);
  for (int v = share.begin; v < share.end; v++) {
    const size_t i = size_t(v) * FW;
    at(i, int(length - i < size_t(FW) ? length - i : FW));
  }
}

/** Up to FW values; the rest of the vector is zero. */
inline F load_some(const float *p, int count) {
  if (count == FW) return f_load(p);
  float values[FW] = {};
  std::memcpy(values, p, sizeof(float) * count);
  return f_load(values);
}

inline void store_some(float *p, F x, int count) {
  if (count == FW) return f_store(p, x);
  float values[FW];
  f_store(values, x);
  std::memcpy(p, values, sizeof(float) * count);
}

inline F activated(Activation act, F x) {
  switch (act) {
  case Activation::silu: return f_mul(x, f_sigmoid(x));
  case Activation::gelu: {
    // (1 + tanh u) / 2 is the sigmoid of 2u.
    const F cubic = f_mul(f_mul(x, x), f_mul(x, f_set(0.044715f)));
    return f_mul(x, f_sigmoid(f_mul(f_add(x, cubic), f_set(1.5957691216f))));
  }
  case Activation::sigmoid: return f_sigmoid(x);
  }
  return x;
}

} // namespace

void activate(const Op &op, const Context &context, const Team &team) {
  const Tensor &x = op.inputs[0];
  by_vectors(size_t(context.batch.count(x.rows)) * x.columns, team,
             [&](size_t i, int count) { store_some(op.outputs[0].data + i, activated(op.act, load_some(x.data + i, count)), count); });
}

void softcap(const Op &op, const Context &context, const Team &team) {
  const Tensor &x = op.inputs[0];
  by_vectors(size_t(context.batch.count(x.rows)) * x.columns, team,
             [&](size_t i, int count) { store_some(op.outputs[0].data + i, f_softcap(load_some(x.data + i, count), op.softcap), count); });
}

void gate(const Op &op, const Context &context, const Team &team) {
  const Tensor &g = op.inputs[0], &up = op.inputs[1];
  float *out = op.outputs[0].data;
  if (g.columns == up.columns) {
    by_vectors(size_t(context.batch.count(g.rows)) * g.columns, team, [&](size_t i, int count) {
      store_some(out + i, f_mul(activated(op.act, load_some(g.data + i, count)), load_some(up.data + i, count)), count);
    });
    return;
  }
  // One gate for a whole row.
  const Share share(context.batch.count(g.rows), team);
  for (int r = share.begin; r < share.end; r++) {
    float factor[FW];
    f_store(factor, activated(op.act, f_set(g.data[r])));
    const size_t at = size_t(r) * up.columns;
    for (int i = 0; i < up.columns; i++) out[at + i] = factor[0] * up.data[at + i];
  }
}

void decode_blocks(Type type, const uint8_t *row, int columns, float *out) {
  const auto blocks = [&](auto decode, int length, int bytes) {
    for (int i = 0; i < columns / length; i++) decode(row + size_t(i) * bytes, out + size_t(i) * length);
  };
  switch (type) {
#define TL_DECODE(name, length, bytes) \
  case Type::name: return blocks(decode_##name, length, bytes);
    TL_FOR_EACH_FORMAT(TL_DECODE)
#undef TL_DECODE
  case Type::GPTQ:
  case Type::AWQ: break;
  }
}

namespace {

/** Columns of words, of which each has `word_rows` rows and `word_columns` columns. */
template <int word_rows, int word_columns, class Quant>
void decode_words(const Weight &w, int row, int from, int count, float *out, Quant quant) {
  const Parts &parts = w.parts;
  const int at = parts.first + row;
  for (int i = 0; i < count; i++) {
    const int column = from + i, group = group_of(w, column);
    const size_t word = size_t(column / word_columns) * (parts.rows / word_rows) + at / word_rows;
    const size_t zeros = size_t(group) * (parts.rows / 8) + at / 8;
    out[i] = scale_at(parts, size_t(group) * parts.rows + at) * float(quant(w.data + 4 * word, parts.zeros + 4 * zeros, at, column, parts.offset));
  }
}

} // namespace

void decode_columns(const Weight &w, int row, int from, int count, float *out) {
  switch (w.type) {
#define TL_DECODE(name, rows, columns) \
  case Type::name: return decode_words<rows, columns>(w, row, from, count, out, quant_##name);
    TL_FOR_EACH_WORD_LAYOUT(TL_DECODE)
#undef TL_DECODE
  default: decode_blocks(w.type, w.row(row) + w.row_bytes * from / w.columns, count, out);
  }
  if (!w.parts.scales) return;
  for (int i = 0; i < count; i++) out[i] *= tile_scale(w, row, from + i);
}

void embed(const Op &op, const Context &context, const Team &team) {
  const Tensor &out = op.outputs[0];
  const Share share(context.batch.token_count(), team);
  std::vector<uint8_t> read(op.file ? op.table.row_bytes : 0);
  for (int t = share.begin; t < share.end; t++) {
    const size_t at = op.table.row_bytes * context.batch.tokens[t];
    if (op.file && !context.reader->row(op.file, op.file_offset + at, read.size(), read.data())) return;
    const int row = context.batch.tokens[t];
    float *to = out.data + size_t(t) * out.columns;
    Weight table = op.table;
    if (op.file) {
      table = table.some_rows(row, 1);
      table.data = read.data();
    }
    decode_row(table, op.file ? 0 : row, to);
    if (op.scale != 1)
      for (int i = 0; i < out.columns; i++) to[i] *= op.scale;
  }
}

void rows(const Op &op, const Context &context, const Team &team) {
  const size_t columns = op.inputs[0].columns;
  const Share share(context.batch.row_count(), team);
  for (int r = share.begin; r < share.end; r++)
    std::memcpy(op.outputs[0].data + r * columns, op.inputs[0].data + context.batch.rows[r] * columns, sizeof(float) * columns);
}

void fill_rope_table(const RopeTable &table, const Batch &batch, const Team &team) {
  const Share share(batch.token_count(), team);
  for (int t = share.begin; t < share.end; t++) {
    float *out = table.values + size_t(t) * table.pairs * 2;
    for (int i = 0; i < table.pairs; i++) {
      // In double: at position 100,000 a float angle has lost three digits.
      const double angle = double(batch.positions[t]) * table.frequencies[i];
      out[2 * i] = float(std::cos(angle)) * table.magnitude;
      out[2 * i + 1] = float(std::sin(angle)) * table.magnitude;
    }
  }
}

namespace {

/** Rotates all heads of one token's row. */
void rotate(const RopeTable &table, int token, const float *x, float *out, int columns) {
  const float *cs = table.values + size_t(token) * table.pairs * 2;
  const int pairs = table.pairs;
  for (int head = 0; head < columns; head += table.head_dim) {
    const float *from = x + head;
    float *to = out + head;
    if (table.adjacent) {
      for (int i = 0; i < pairs; i++) {
        const float a = from[2 * i], b = from[2 * i + 1], c = cs[2 * i], s = cs[2 * i + 1];
        to[2 * i] = a * c - b * s;
        to[2 * i + 1] = a * s + b * c;
      }
    } else {
      for (int i = 0; i < pairs; i++) {
        const float a = from[i], b = from[i + pairs], c = cs[2 * i], s = cs[2 * i + 1];
        to[i] = a * c - b * s;
        to[i + pairs] = a * s + b * c;
      }
    }
    for (int i = 2 * pairs; i < table.head_dim; i++) to[i] = from[i];
  }
}

} // namespace

void rope(const Op &op, const Context &context, const Team &team) {
  const Tensor &x = op.inputs[0];
  const Share share(context.batch.token_count(), team);
  for (int t = share.begin; t < share.end; t++) {
    const size_t at = size_t(t) * x.columns;
    rotate(context.ropes[op.rope], t, x.data + at, op.outputs[0].data + at, x.columns);
  }
}

void cache_write(const Op &op, const Context &context, const Team &team) {
  const Cache &cache = context.caches[op.cache];
  const int tokens = context.batch.token_count();
  const Tensor &k = op.inputs[0];
  const Tensor *v = cache.latent ? nullptr : &op.inputs[1];
  const size_t element = context.kv == KvType::f16 ? 2 : 4;
  // Scratch holds one rotated key row a thread.
  float *rotated = (float *)context.scratch + size_t(team.index) * k.columns;
  const Share share(tokens, team);
  for (int t = share.begin; t < share.end; t++) {
    const float *key = k.data + size_t(t) * k.columns;
    if (op.rope >= 0) {
      rotate(context.ropes[op.rope], t, key, rotated, k.columns);
      key = rotated;
    }
    if (op.inputs.size() > 2) {
      const Tensor &q = op.inputs[2];
      const size_t at = size_t(t) * q.columns;
      rotate(context.ropes[op.rope], t, q.data + at, op.outputs[1].data + at, q.columns);
    }
    const int slot = context.batch.slots[size_t(cache.group) * tokens + t];
    const CachePlace place(cache, slot / BLOCK_SIZE, element);
    const int at = slot % BLOCK_SIZE;
    for (int h = 0; h < cache.kv_heads; h++) {
      uint8_t *keys = place.keys(h, at / KEY_TILE);
      for (int i = 0; i < cache.key_dim; i++) {
        const float x = key[size_t(h) * cache.key_dim + i];
        const size_t to = size_t(i) * KEY_TILE + at % KEY_TILE;
        if (context.kv == KvType::f16) ((uint16_t *)keys)[to] = float_to_half(x);
        else ((float *)keys)[to] = x;
      }
      if (!v) continue;
      uint8_t *values = place.values(h, at);
      const float *from = v->data + size_t(t) * v->columns + size_t(h) * cache.value_dim;
      for (int i = 0; i < cache.value_dim; i++) {
        if (context.kv == KvType::f16) ((uint16_t *)values)[i] = float_to_half(from[i]);
        else ((float *)values)[i] = from[i];
      }
    }
  }
}

} // namespace tl
