// Rows of weights from one format to another, by all threads. Each format that can be written has an encoder of one block of it;
// src/quant/encode*.ts holds the same in TypeScript, which makes the same bytes.
#include "decode.gen.h"
#include "fit.h"
#include "kernels.h"
#include <algorithm>

namespace tl {
namespace {

/** Weights that are decoded at a time: a multiple of every format's block, small enough for the stack. */
constexpr int PIECE = 4096;
/** Weights between two looks at the shared counter. */
constexpr int SHARE = 16384;
constexpr int SUPER = 256;

/** As tl_quantize answers them. */
enum Outcome : int { done, not_finite, too_large, no_encoder };

/** The values of a block, how much the error of each counts (null: all the same), and where its bytes go. */
struct Block {
  const float *x, *w;
  uint8_t *to;
  /** Becomes false where a number does not fit into 16 bits. */
  bool &fits;

  /** Stores a number in 16 bits; answers what will be read. */
  float put_half(int at, float value) const {
    const uint16_t half = float_to_half(value);
    if ((half & 0x7c00) == 0x7c00) fits = false;
    std::memcpy(to + at, &half, 2);
    return half_to_float(half);
  }
};

/** What to multiply by instead of dividing; 0 for scales that stand for zeros. */
inline float inverse_of(float scale) { return std::fabs(scale) >= 1e-30f ? 1 / scale : 0; }

/** Quants of `count` values, a multiple of FW, counted from `quants.least`. */
template <int count> void quantize_to(const float *x, float scale, float minimum, float least, float most, uint8_t *out) {
  const Integers quants(least, most);
  const F inverse = f_set(inverse_of(scale)), add = f_set(minimum), from = f_set(-least);
  float q[count];
  for (int i = 0; i < count; i += FW)
    f_store(q + i, f_add(quants(f_mul(f_add(f_load(x + i), add), inverse)), from));
  for (int i = 0; i < count; i++) out[i] = uint8_t(int(q[i]));
}

/** 32 quants of four bits: the first 16 in the low halves of 16 bytes, the other 16 in the high halves. */
void put_nibbles(const uint8_t *q, uint8_t *to) {
  for (int i = 0; i < 16; i++) to[i] = uint8_t((q[i] & 15) | q[i + 16] << 4);
}

/** The fifth bits of 32 quants in four bytes, then their nibbles. */
void put_five_bits(const uint8_t *q, uint8_t *to) {
  uint32_t high = 0;
  for (int i = 0; i < 32; i++) high |= uint32_t(q[i] >> 4) << i;
  std::memcpy(to, &high, 4);
  put_nibbles(q, to + 4);
}

/** 256 quants of two bits, the lowest of those given: each 128 share 32 bytes, the first 32 lowest. */
void put_two_bits(const uint8_t *q, uint8_t *to) {
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 32; i++) {
      const uint8_t *from = q + 128 * half + i;
      to[32 * half + i] = uint8_t((from[0] & 3) | (from[32] & 3) << 2 | (from[64] & 3) << 4 | (from[96] & 3) << 6);
    }
}

/** The value that is greatest in magnitude. */
float extreme_of(const float *x) {
  float greatest = 0;
  for (int i = 0; i < 32; i++) greatest = std::max(greatest, std::fabs(x[i]));
  for (int i = 0; i < 32; i++)
    if (std::fabs(x[i]) == greatest) return x[i];
  return 0;
}

/** Formats of 32 weights without a minimum, quants from -half on. */
template <int half> void scaled(const Block &b, uint8_t *q) {
  if (b.w) {
    const float d = b.put_half(0, fit_scale(b.x, b.w, 32, Integers(-half, half - 1), {-half, half, 1.0f / 8}));
    return quantize_to<32>(b.x, d, 0, -half, half - 1, q);
  }
  const float d = extreme_of(b.x) / -half, inverse = inverse_of(d);
  b.put_half(0, d);
  for (int i = 0; i < 32; i++) q[i] = uint8_t(std::min(2 * half - 1, int(b.x[i] * inverse + (half + 0.5f))));
}

/** Formats of 32 weights with a minimum. */
template <int most> void offset(const Block &b, uint8_t *q) {
  if (b.w) {
    const Fit fit = fit_affine(b.x, b.w, 32, most, true);
    const float d = b.put_half(0, fit.scale), minimum = -b.put_half(2, -fit.minimum);
    return quantize_to<32>(b.x, d, minimum, 0, most, q);
  }
  float low = b.x[0], high = b.x[0];
  for (int i = 0; i < 32; i++) {
    low = std::min(low, b.x[i]);
    high = std::max(high, b.x[i]);
  }
  const float d = (high - low) / most, inverse = inverse_of(d);
  b.put_half(0, d);
  b.put_half(2, low);
  for (int i = 0; i < 32; i++) q[i] = uint8_t(std::min(most, int((b.x[i] - low) * inverse + 0.5f)));
}

void encode_Q4_0(const Block &b) {
  uint8_t q[32];
  scaled<8>(b, q);
  put_nibbles(q, b.to + 2);
}

void encode_Q5_0(const Block &b) {
  uint8_t q[32];
  scaled<16>(b, q);
  put_five_bits(q, b.to + 2);
}

void encode_Q4_1(const Block &b) {
  uint8_t q[32];
  offset<15>(b, q);
  put_nibbles(q, b.to + 4);
}

void encode_Q5_1(const Block &b) {
  uint8_t q[32];
  offset<31>(b, q);
  put_five_bits(q, b.to + 4);
}

void encode_Q8_0(const Block &b) {
  float greatest = 0;
  for (int i = 0; i < 32; i++) greatest = std::max(greatest, std::fabs(b.x[i]));
  const float d = greatest / 127, inverse = inverse_of(d);
  b.put_half(0, d);
  // Just below a half, so that what is just below one does not become it in the sum; ties go away from zero.
  for (int i = 0; i < 32; i++) {
    const float value = b.x[i] * inverse;
    b.to[2 + i] = uint8_t(int(value + std::copysign(0.49999997f, value)));
  }
}

/** For each of 32 values, how many of `count` ascending limits it is above. */
template <int count> void places_among(const float *x, const float *limits, float factor, uint8_t *places) {
  const F times = f_set(factor), one = f_set(1), zero = f_set(0);
  float found[32];
  for (int i = 0; i < 32; i += FW) {
    const F scaled = f_mul(f_load(x + i), times);
    F place = zero;
    TL_UNROLL
    for (int k = 0; k < count; k++) place = f_add(place, f_above(scaled, f_set(limits[k]), one, zero));
    f_store(found + i, place);
  }
  for (int i = 0; i < 32; i++) places[i] = uint8_t(int(found[i]));
}

/** Block of the Microscaling specification: the power of two follows from the greatest value, each value goes to the nearest. */
void encode_MXFP4(const Block &b) {
  float sizes[32], limits[7];
  float greatest = 0;
  for (int i = 0; i < 32; i++) {
    sizes[i] = std::fabs(b.x[i]);
    greatest = std::max(greatest, sizes[i]);
  }
  uint32_t bits;
  std::memcpy(&bits, &greatest, 4);
  const int stored = std::max(0, int(bits >> 23) - 2);
  b.to[0] = uint8_t(stored);
  // Half of what E8M0 stands for, since the values of the table are doubled.
  const float unit = std::ldexp(1.0f, stored - 128);
  for (int k = 0; k < 7; k++) limits[k] = unit * (float(fp4_values[k] + fp4_values[k + 1]) / 2);
  uint8_t q[32];
  places_among<7>(sizes, limits, 1, q);
  for (int i = 0; i < 32; i++) q[i] |= q[i] > 0 && b.x[i] < 0 ? 8 : 0;
  put_nibbles(q, b.to + 1);
}

/** Weights that all count the same. */
struct Ones {
  float values[SUPER];
  Ones() { std::fill_n(values, SUPER, 1.0f); }
};
const float *weights_of(const Block &b) {
  static const Ones ones;
  return b.w ? b.w : ones.values;
}

/** What small blocks weigh, for fitting their scales in turn. */
template <int size> void weigh(const float *w, float *out) {
  for (int i = 0; i < SUPER / size; i++) {
    out[i] = 0;
    for (int j = 0; j < size; j++) out[i] += w[size * i + j];
  }
}

/** Scales or minima of small blocks as integers from 0 to `most`, times what is stored at `at`. */
template <int blocks> float put_scales(const Block &b, int at, const float *scales, const float *sums, int most, uint8_t *out) {
  const float d = b.put_half(at, fit_scale(scales, sums, blocks, Integers(0, float(most)), {float(most), float(most), 1.0f / 16}));
  const float inverse = inverse_of(d);
  for (int i = 0; i < blocks; i++) out[i] = uint8_t(int(std::min(float(most), std::max(0.0f, scales[i] * inverse)) + 0.5f));
  return d;
}

/**
 * Super-blocks whose blocks of `size` have a scale and a minimum: fits both, stores what they are multiples of at `at`, and
 * quantizes anew with what is read from there.
 */
template <int size> void fit_super(const Block &b, int at, float most, int most_scale, uint8_t *scales, uint8_t *minima, uint8_t *q) {
  constexpr int blocks = SUPER / size;
  const float *w = weights_of(b);
  float sums[blocks], fitted[blocks], lows[blocks];
  weigh<size>(w, sums);
  for (int i = 0; i < blocks; i++) {
    const Fit fit = fit_affine(b.x + size * i, w + size * i, size, most, false);
    fitted[i] = fit.scale;
    lows[i] = fit.minimum;
  }
  const float d = put_scales<blocks>(b, at, fitted, sums, most_scale, scales);
  const float dmin = put_scales<blocks>(b, at + 2, lows, sums, most_scale, minima);
  for (int i = 0; i < blocks; i++)
    quantize_to<size>(b.x + size * i, d * scales[i], dmin * minima[i], 0, most, q + size * i);
}

void encode_Q2_K(const Block &b) {
  uint8_t scales[16], minima[16], q[SUPER];
  fit_super<16>(b, 80, 3, 15, scales, minima, q);
  for (int i = 0; i < 16; i++) b.to[i] = uint8_t(scales[i] | minima[i] << 4);
  put_two_bits(q, b.to + 16);
}

/** Six bits each for eight scales and eight minima, as unpack_scales_6bit in formats.h reads them. */
void put_scales_6bit(const uint8_t *scales, const uint8_t *minima, uint8_t *to) {
  for (int i = 0; i < 4; i++) {
    to[i] = uint8_t(scales[i] | scales[i + 4] >> 4 << 6);
    to[4 + i] = uint8_t(minima[i] | minima[i + 4] >> 4 << 6);
    to[8 + i] = uint8_t((scales[i + 4] & 15) | minima[i + 4] << 4);
  }
}

/** 256 quants in halves of bytes: each 64 share 32, the first 32 low. */
void put_super_nibbles(const uint8_t *q, uint8_t *to) {
  for (int run = 0; run < 4; run++)
    for (int i = 0; i < 32; i++) to[32 * run + i] = uint8_t((q[64 * run + i] & 15) | q[64 * run + 32 + i] << 4);
}

void encode_Q4_K(const Block &b) {
  uint8_t scales[8], minima[8], q[SUPER];
  fit_super<32>(b, 0, 15, 63, scales, minima, q);
  put_scales_6bit(scales, minima, b.to + 4);
  put_super_nibbles(q, b.to + 16);
}

void encode_Q5_K(const Block &b) {
  uint8_t scales[8], minima[8], q[SUPER];
  fit_super<32>(b, 0, 31, 63, scales, minima, q);
  put_scales_6bit(scales, minima, b.to + 4);
  for (int i = 0; i < 32; i++) {
    uint8_t high = 0;
    for (int run = 0; run < 8; run++) high |= uint8_t(q[32 * run + i] >> 4 << run);
    b.to[16 + i] = high;
  }
  put_super_nibbles(q, b.to + 48);
}

/** Super-blocks whose blocks of `size` have a signed scale: the scales, as integers from -half on, counted from there. */
template <int size, class Quants>
float fit_signed(const Block &b, int at, const Quants &quants, const Search &search, int half, uint8_t *scales) {
  constexpr int blocks = SUPER / size;
  const float *w = weights_of(b);
  float sums[blocks], fitted[blocks];
  weigh<size>(w, sums);
  for (int i = 0; i < blocks; i++) fitted[i] = fit_scale(b.x + size * i, w + size * i, size, quants, search);
  const float least = float(-half), most = float(half - 1);
  const float d = b.put_half(at, fit_scale(fitted, sums, blocks, Integers(least, most), {least, most, 1.0f / 8}));
  const float inverse = inverse_of(d);
  for (int i = 0; i < blocks; i++)
    scales[i] = uint8_t(int(std::min(most, std::max(least, fitted[i] * inverse)) - least + 0.5f));
  return d;
}

void encode_Q3_K(const Block &b) {
  uint8_t scales[16], q[SUPER];
  const float d = fit_signed<16>(b, 108, Integers(-4, 3), {-4, 4, 1.0f / 8}, 32, scales);
  for (int i = 0; i < 16; i++) quantize_to<16>(b.x + 16 * i, d * float(scales[i] - 32), 0, -4, 3, q + 16 * i);
  for (int i = 0; i < 8; i++) b.to[96 + i] = uint8_t((scales[i] & 15) | scales[i + 8] << 4);
  for (int i = 0; i < 4; i++)
    b.to[104 + i] = uint8_t(scales[i] >> 4 | scales[i + 4] >> 4 << 2 | scales[i + 8] >> 4 << 4 | scales[i + 12] >> 4 << 6);
  for (int i = 0; i < 32; i++) {
    uint8_t high = 0;
    for (int run = 0; run < 8; run++) high |= uint8_t(q[32 * run + i] >> 2 << run);
    b.to[i] = high;
  }
  put_two_bits(q, b.to + 32);
}

void encode_Q6_K(const Block &b) {
  uint8_t scales[16], q[SUPER], high[SUPER];
  const float d = fit_signed<16>(b, 208, Integers(-32, 31), {-32, 32, 1.0f / 8}, 128, scales);
  for (int i = 0; i < 16; i++) {
    b.to[192 + i] = uint8_t(scales[i] - 128);
    quantize_to<16>(b.x + 16 * i, d * float(scales[i] - 128), 0, -32, 31, q + 16 * i);
  }
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 64; i++) b.to[64 * half + i] = uint8_t((q[128 * half + i] & 15) | q[128 * half + 64 + i] << 4);
  for (int i = 0; i < SUPER; i++) high[i] = q[i] >> 4;
  put_two_bits(high, b.to + 128);
}

/** Between the 16 values of IQ4_NL. */
struct Middles {
  float values[15];
  Middles() {
    for (int i = 0; i < 15; i++) values[i] = float(iq4_values[i] + iq4_values[i + 1]) / 2;
  }
};
const Middles middles;

/** Quants are the values of IQ4_NL, taken for the nearest. */
struct Nonlinear {
  F operator()(F scaled) const {
    F value = f_set(iq4_values[0]);
    TL_UNROLL
    for (int i = 0; i < 15; i++) value = f_above(scaled, f_set(middles.values[i]), f_set(iq4_values[i + 1]), value);
    return value;
  }
};

/** Places in the table of IQ4_NL of 32 values, in nibbles. */
void put_nonlinear(const float *x, float scale, uint8_t *to) {
  uint8_t q[32];
  places_among<15>(x, middles.values, inverse_of(scale), q);
  put_nibbles(q, to);
}

constexpr Search nonlinear_search{-127, 120, 1};

void encode_IQ4_NL(const Block &b) {
  put_nonlinear(b.x, b.put_half(0, fit_scale(b.x, weights_of(b), 32, Nonlinear(), nonlinear_search)), b.to + 2);
}

void encode_IQ4_XS(const Block &b) {
  uint8_t scales[8];
  const float d = fit_signed<32>(b, 0, Nonlinear(), nonlinear_search, 32, scales);
  uint16_t high = 0;
  for (int i = 0; i < 8; i++) high |= uint16_t(scales[i] >> 4 << 2 * i);
  std::memcpy(b.to + 2, &high, 2);
  for (int i = 0; i < 4; i++) b.to[4 + i] = uint8_t((scales[2 * i] & 15) | scales[2 * i + 1] << 4);
  for (int i = 0; i < 8; i++) put_nonlinear(b.x + 32 * i, d * float(scales[i] - 32), b.to + 8 + 16 * i);
}

struct Encoder {
  /** Weights and bytes of a block. */
  int length, bytes;
  void (*encode)(const Block &block);
};

/** Those of block formats; null for the others. */
const Encoder *encoder_of(Type type) {
#define TL_ENCODE(name, length, bytes) \
  case Type::name: { \
    static const Encoder encoder{length, bytes, encode_##name}; \
    return &encoder; \
  }
  switch (type) {
    TL_ENCODE(Q8_0, 32, 34)
    TL_ENCODE(Q4_0, 32, 18)
    TL_ENCODE(Q4_1, 32, 20)
    TL_ENCODE(Q5_0, 32, 22)
    TL_ENCODE(Q5_1, 32, 24)
    TL_ENCODE(Q2_K, 256, 84)
    TL_ENCODE(Q3_K, 256, 110)
    TL_ENCODE(Q4_K, 256, 144)
    TL_ENCODE(Q5_K, 256, 176)
    TL_ENCODE(Q6_K, 256, 210)
    TL_ENCODE(IQ4_NL, 32, 18)
    TL_ENCODE(IQ4_XS, 256, 136)
    TL_ENCODE(MXFP4, 32, 17)
  default: return nullptr;
  }
#undef TL_ENCODE
}

/** Bytes of `count` weights, which are whole blocks. */
size_t bytes_of(Type type, int64_t count) {
  switch (type) {
#define TL_BYTES(name, length, bytes) \
  case Type::name: return size_t(count / length) * bytes;
    TL_FOR_EACH_FORMAT(TL_BYTES)
#undef TL_BYTES
  default: return 0;
  }
}

/** Up to PIECE weights as floats. */
void decode_piece(Type type, const uint8_t *from, int count, float *out) {
  if (type == Type::F32) {
    std::memcpy(out, from, sizeof(float) * count);
  } else if (type == Type::F16 || type == Type::BF16) {
    int i = 0;
    for (; i + FW <= count; i += FW) f_store(out + i, type == Type::F16 ? f_from_half(from + 2 * i) : f_from_bf16(from + 2 * i));
    decode_blocks(type, from + 2 * i, count - i, out + i);
  } else {
    decode_blocks(type, from, count, out);
  }
}

bool all_finite(const float *x, int count) {
  // What is not finite times zero is not a number, nor is a sum with it.
  float sums[16] = {};
  int i = 0;
  for (; i + 16 <= count; i += 16)
    for (int j = 0; j < 16; j++) sums[j] += x[i + j] * 0.0f;
  for (; i < count; i++) sums[0] += x[i] * 0.0f;
  return std::all_of(sums, sums + 16, [](float sum) { return sum == 0; });
}

/** Beyond it no scale of 16 bits reaches, and sums of squares might overflow. */
constexpr float LARGEST = 0x1p30f;

bool all_small(const float *x, int count) {
  float greatest = 0;
  for (int i = 0; i < count; i++) greatest = std::max(greatest, std::fabs(x[i]));
  return greatest <= LARGEST;
}

/** Halves of either kind; false if one became infinite, which those with all bits of `exponent` are. */
template <class Round> bool put_halves(const float *x, int count, uint8_t *to, uint16_t exponent, Round round) {
  bool fits = true;
  for (int i = 0; i < count; i++) {
    const uint16_t half = round(x[i]);
    fits &= (half & exponent) != exponent;
    std::memcpy(to + 2 * i, &half, 2);
  }
  return fits;
}

/** Whole blocks of one row; false where a number does not fit. */
bool encode_piece(Type type, const float *x, const float *w, int count, uint8_t *to) {
  if (type == Type::F32) {
    std::memcpy(to, x, sizeof(float) * count);
    return true;
  }
  if (type == Type::F16) return put_halves(x, count, to, 0x7c00, [](float value) { return float_to_half(value); });
  if (type == Type::BF16) return put_halves(x, count, to, 0x7f80, [](float value) { return f32_to_bf16(value); });
  if (!all_small(x, count)) return false;
  const Encoder &encoder = *encoder_of(type);
  bool fits = true;
  for (int i = 0; i < count / encoder.length; i++)
    encoder.encode({x + i * encoder.length, w ? w + i * encoder.length : nullptr, to + size_t(i) * encoder.bytes, fits});
  return fits;
}

struct Quantization {
  Type from_type, to_type;
  const uint8_t *from;
  uint8_t *to;
  int rows, columns;
  /** [matrices, columns], or null; the first row given is row `first_row` of the first matrix, all of `matrix_rows`. */
  const float *importance;
  int64_t first_row, matrix_rows;
  Counter next;
  std::atomic<int> outcome{done};

  void run() {
    const int some = std::max(1, SHARE / columns);
    for (int row; outcome == done && (row = next.take(some)) < rows;)
      for (int r = row; r < std::min(rows, row + some); r++) quantize_row(r);
  }

  void quantize_row(int row) {
    const int64_t first = int64_t(row) * columns;
    const float *w = importance ? importance + (first_row + row) / matrix_rows * columns : nullptr;
    float values[PIECE];
    for (int at = 0; at < columns; at += PIECE) {
      const int count = std::min(PIECE, columns - at);
      decode_piece(from_type, from + bytes_of(from_type, first + at), count, values);
      if (!all_finite(values, count))
        outcome = not_finite;
      else if (!encode_piece(to_type, values, w ? w + at : nullptr, count, to + bytes_of(to_type, first + at)))
        outcome = too_large;
    }
  }
};

} // namespace
} // namespace tl

int32_t tl_quantize(const void *from, int32_t from_type, void *to, int32_t to_type, int32_t rows, int32_t columns,
                    const void *importance, int64_t first_row, int64_t matrix_rows, int32_t threads) {
  using namespace tl;
  const Type type = Type(to_type);
  if (type != Type::F32 && type != Type::F16 && type != Type::BF16 && !encoder_of(type)) return no_encoder;
  Quantization work{Type(from_type), type, (const uint8_t *)from, (uint8_t *)to, rows, columns, (const float *)importance, first_row, matrix_rows, {}, {done}};
  pool_run(threads, [](const Team &, void *context) { ((Quantization *)context)->run(); }, &work);
  return work.outcome;
}
