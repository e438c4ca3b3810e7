// The operations that touch each value once: norms, additions, gates, rotations, table look-ups.
#include "decode.gen.h"
#include "kernels.h"
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

void gate(const Op &op, const Context &context, const Team &team) {
  const Tensor &g = op.inputs[0];
  const size_t length = size_t(context.batch.count(g.rows)) * g.columns;
  // Shares end at whole vectors, so that only the last one has a tail.
  const Share share(int((length + FW - 1) / FW), team);
  const float *up = op.inputs[1].data;
  float *out = op.outputs[0].data;
  size_t i = size_t(share.begin) * FW;
  for (; i + FW <= length && i < size_t(share.end) * FW; i += FW) {
    const F x = f_load(g.data + i);
    const F sigmoid = f_div(f_set(1.0f), f_add(f_set(1.0f), f_exp(f_mul(x, f_set(-1.0f)))));
    f_store(out + i, f_mul(f_mul(x, sigmoid), f_load(up + i)));
  }
  if (share.end == int((length + FW - 1) / FW))
    for (; i < length; i++) out[i] = g.data[i] / (1.0f + std::exp(-g.data[i])) * up[i];
}

void decode_row(Type type, const uint8_t *row, int columns, float *out) {
  const auto blocks = [&](auto decode, int length, int bytes) {
    for (int i = 0; i < columns / length; i++) decode(row + size_t(i) * bytes, out + size_t(i) * length);
  };
  switch (type) {
#define TL_DECODE(name, length, bytes) \
  case Type::name: return blocks(decode_##name, length, bytes);
    TL_FOR_EACH_FORMAT(TL_DECODE)
#undef TL_DECODE
  }
}

void embed(const Op &op, const Context &context, const Team &team) {
  const Tensor &out = op.outputs[0];
  const Share share(context.batch.token_count(), team);
  for (int t = share.begin; t < share.end; t++) {
    const uint8_t *row = op.table.data + op.table.row_bytes * context.batch.tokens[t];
    decode_row(op.table.type, row, out.columns, out.data + size_t(t) * out.columns);
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
  const Tensor &k = op.inputs[0], &v = op.inputs[1];
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
      uint8_t *keys = place.keys(h, at / KEY_TILE), *values = place.values(h, at);
      const float *from = v.data + size_t(t) * v.columns + size_t(h) * cache.value_dim;
      for (int i = 0; i < cache.key_dim; i++) {
        const float x = key[size_t(h) * cache.key_dim + i];
        const size_t to = size_t(i) * KEY_TILE + at % KEY_TILE;
        if (context.kv == KvType::f16) ((uint16_t *)keys)[to] = float_to_half(x);
        else ((float *)keys)[to] = x;
      }
      for (int i = 0; i < cache.value_dim; i++) {
        if (context.kv == KvType::f16) ((uint16_t *)values)[i] = float_to_half(from[i]);
        else ((float *)values)[i] = from[i];
      }
    }
  }
}

} // namespace tl
