// The vocabulary in plain C++: loops that any compiler turns into what its target has. Also the definition of
// what the other levels must compute.
#pragma once
#include "half.h"
#include <cmath>

namespace tl {

struct F8 { float v[8]; };
struct I8 { int32_t v[8]; };
struct B32 { uint8_t v[32]; };

inline F8 f8_set(float x) { F8 r; for (int i = 0; i < 8; i++) r.v[i] = x; return r; }
inline F8 f8_load(const float *p) { F8 r; std::memcpy(r.v, p, 32); return r; }
inline void f8_store(float *p, F8 a) { std::memcpy(p, a.v, 32); }
inline F8 f8_add(F8 a, F8 b) { for (int i = 0; i < 8; i++) a.v[i] += b.v[i]; return a; }
inline F8 f8_mul(F8 a, F8 b) { for (int i = 0; i < 8; i++) a.v[i] *= b.v[i]; return a; }
inline F8 f8_max(F8 a, F8 b) { for (int i = 0; i < 8; i++) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
/** a · b + c */
inline F8 f8_fma(F8 a, F8 b, F8 c) { for (int i = 0; i < 8; i++) c.v[i] += a.v[i] * b.v[i]; return c; }
inline float f8_sum(F8 a) { return ((a.v[0] + a.v[4]) + (a.v[2] + a.v[6])) + ((a.v[1] + a.v[5]) + (a.v[3] + a.v[7])); }
inline F8 f8_from_i8(I8 a) { F8 r; for (int i = 0; i < 8; i++) r.v[i] = float(a.v[i]); return r; }
inline F8 f8_from_half(const void *p) {
  F8 r;
  for (int i = 0; i < 8; i++) { uint16_t h; std::memcpy(&h, (const uint8_t *)p + 2 * i, 2); r.v[i] = half_to_float_plain(h); }
  return r;
}
/** Eight halves, the first four in `low`. */
inline F8 f8_from_half_words(uint64_t low, uint64_t high) {
  F8 r;
  for (int i = 0; i < 8; i++) r.v[i] = half_to_float_plain(uint16_t((i < 4 ? low : high) >> (16 * (i % 4))));
  return r;
}
inline void f8_to_half(void *p, F8 a) {
  for (int i = 0; i < 8; i++) { uint16_t h = float_to_half_plain(a.v[i]); std::memcpy((uint8_t *)p + 2 * i, &h, 2); }
}
inline F8 f8_from_bf16(const void *p) {
  F8 r;
  for (int i = 0; i < 8; i++) { uint16_t h; std::memcpy(&h, (const uint8_t *)p + 2 * i, 2); const uint32_t w = uint32_t(h) << 16; std::memcpy(&r.v[i], &w, 4); }
  return r;
}
/** Eight signed bytes, the first one lowest. */
inline F8 f8_from_s8_word(uint64_t word) { F8 r; for (int i = 0; i < 8; i++) r.v[i] = float(int8_t(word >> (8 * i))); return r; }
/** 2^(e - 128) for eight bytes e, the first one lowest; the least two are subnormal. */
inline F8 f8_from_exponents(uint64_t word) {
  F8 r;
  for (int i = 0; i < 8; i++) {
    const uint32_t e = word >> (8 * i) & 255, bits = e < 2 ? 1u << (21 + e) : (e - 1) << 23;
    std::memcpy(&r.v[i], &bits, 4);
  }
  return r;
}

inline I8 i8_zero() { return I8{{0, 0, 0, 0, 0, 0, 0, 0}}; }

inline B32 b32_load(const void *p) { B32 r; std::memcpy(r.v, p, 32); return r; }
inline void b32_store(void *p, B32 a) { std::memcpy(p, a.v, 32); }
/** The 16 bytes at `a`, then those at `b`. */
inline B32 b32_pair(const void *a, const void *b) { B32 r; std::memcpy(r.v, a, 16); std::memcpy(r.v + 16, b, 16); return r; }
inline B32 b32_zero() { B32 r; std::memset(r.v, 0, 32); return r; }
inline B32 b32_and(B32 a, uint8_t mask) { for (auto &x : a.v) x &= mask; return a; }
inline B32 b32_or(B32 a, B32 b) { for (int i = 0; i < 32; i++) a.v[i] |= b.v[i]; return a; }
inline B32 b32_add(B32 a, uint8_t b) { for (auto &x : a.v) x = uint8_t(x + b); return a; }
/** Each byte shifted right by n bits. */
template <int n> inline B32 b32_shr(B32 a) { for (auto &x : a.v) x = uint8_t(x >> n); return a; }
/** Each byte shifted left by n bits. */
template <int n> inline B32 b32_shl(B32 a) { for (auto &x : a.v) x = uint8_t(x << n); return a; }
/** Sixteen bytes: low nibbles, then high nibbles. */
inline B32 b32_nibbles(const void *p) {
  B32 r;
  for (int i = 0; i < 16; i++) { const uint8_t x = ((const uint8_t *)p)[i]; r.v[i] = x & 15; r.v[i + 16] = x >> 4; }
  return r;
}
/** table[i] for each byte i, which must be below 16. */
inline B32 b32_lookup(const int8_t table[16], B32 indices) { for (auto &x : indices.v) x = uint8_t(table[x]); return indices; }
/** Byte i is 16 where bit i is set. */
inline B32 b32_bits_to_16(uint32_t bits) { B32 r; for (int i = 0; i < 32; i++) r.v[i] = uint8_t((bits >> i & 1) << 4); return r; }

/** acc[i] += Σ w[4i..4i+3] · x[4i..4i+3]; w unsigned and below 128, x signed. */
inline I8 dot_u8(I8 acc, B32 w, B32 x) {
  for (int i = 0; i < 8; i++) for (int j = 0; j < 4; j++) acc.v[i] += int(w.v[4 * i + j]) * int(int8_t(x.v[4 * i + j]));
  return acc;
}
/** The same with w signed; neither is -128 in x. */
inline I8 dot_s8(I8 acc, B32 w, B32 x) {
  for (int i = 0; i < 8; i++) for (int j = 0; j < 4; j++) acc.v[i] += int(int8_t(w.v[4 * i + j])) * int(int8_t(x.v[4 * i + j]));
  return acc;
}
/** Lane j is the sum of all lanes of r[j]. */
inline I8 i8_combine(const I8 r[8]) {
  I8 out = i8_zero();
  for (int j = 0; j < 8; j++) for (int i = 0; i < 8; i++) out.v[j] += r[j].v[i];
  return out;
}
/** Sums of lanes 0-3 and 4-7 of each r[j] in order. */
inline I8 i8_combine_halves(const I8 r[4]) {
  I8 out;
  for (int j = 0; j < 4; j++) {
    const auto &v = r[j].v;
    out.v[2 * j] = v[0] + v[1] + v[2] + v[3];
    out.v[2 * j + 1] = v[4] + v[5] + v[6] + v[7];
  }
  return out;
}
/** The same of floats: lane j is the sum of all lanes of r[j]. */
inline F8 f8_combine(const F8 r[8]) {
  F8 out;
  for (int j = 0; j < 8; j++) out.v[j] = f8_sum(r[j]);
  return out;
}

inline float half_to_float(uint16_t half) { return half_to_float_plain(half); }
inline uint16_t float_to_half(float value) { return float_to_half_plain(value); }

constexpr int FW = 8;
using F = F8;
inline F f_set(float x) { return f8_set(x); }
inline F f_load(const float *p) { return f8_load(p); }
inline void f_store(float *p, F a) { f8_store(p, a); }
inline F f_add(F a, F b) { return f8_add(a, b); }
inline F f_mul(F a, F b) { return f8_mul(a, b); }
inline F f_max(F a, F b) { return f8_max(a, b); }
inline F f_min(F a, F b) { for (int i = 0; i < 8; i++) a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i]; return a; }
/** x where a > b, else y. */
inline F f_above(F a, F b, F x, F y) { for (int i = 0; i < 8; i++) y.v[i] = a.v[i] > b.v[i] ? x.v[i] : y.v[i]; return y; }
inline F f_div(F a, F b) { for (int i = 0; i < 8; i++) a.v[i] /= b.v[i]; return a; }
inline F f_fma(F a, F b, F c) { return f8_fma(a, b, c); }
inline float f_sum(F a) { return f8_sum(a); }
inline float f_greatest(F a) {
  float greatest = a.v[0];
  for (int i = 1; i < 8; i++) greatest = a.v[i] > greatest ? a.v[i] : greatest;
  return greatest;
}
inline F f_from_half(const void *p) { return f8_from_half(p); }
inline void f_to_half(void *p, F a) { f8_to_half(p, a); }
inline F f_from_bf16(const void *p) { return f8_from_bf16(p); }
/** Floats of 8 bits: the upper bytes of halves. */
inline F f_from_e5m2(const void *p) {
  F8 r;
  for (int i = 0; i < 8; i++) r.v[i] = half_to_float_plain(uint16_t(((const uint8_t *)p)[i] << 8));
  return r;
}
/** The same with a bit less of exponent, so of a 256th: E4M3_UNIT times as large. 0x7f and 0xff are no numbers. */
inline F f_from_e4m3(const void *p) {
  F8 r;
  for (int i = 0; i < 8; i++) {
    const uint8_t byte = ((const uint8_t *)p)[i];
    r.v[i] = half_to_float_plain((byte & 127) == 127 ? 0x7e00 : uint16_t((byte & 128) << 8 | (byte & 127) << 7));
  }
  return r;
}
inline F8 f8_fold(F a) { return a; }
inline F f_combine(const F8 r[8]) { return f8_combine(r); }
inline F f_exp(F a) { for (auto &x : a.v) x = std::exp(x); return a; }

/** Rounds 32 floats to q · d with |q| <= 127; `totals` are the sums of the first 16 of q and of the others. */
inline void quantize32(const float *x, int8_t *q, float &d, int32_t *totals) {
  float greatest = 0;
  for (int i = 0; i < 32; i++) greatest = std::fabs(x[i]) > greatest ? std::fabs(x[i]) : greatest;
  d = greatest / 127.0f;
  const float inverse = d > 0 ? 1.0f / d : 0.0f;
  totals[0] = totals[1] = 0;
  for (int i = 0; i < 32; i++) {
    q[i] = int8_t(std::nearbyint(x[i] * inverse));
    totals[i / 16] += q[i];
  }
}

/** FW sums, one a row of a panel. */
using P = I8;
/** Whether panels may hold bytes from 0 to 255. */
constexpr bool PANEL_UNSIGNED = false;
inline P p_zero() { return i8_zero(); }
inline P p_set(const int32_t *value) { P r; for (auto &x : r.v) x = *value; return r; }
inline P p_add(P a, P b) { for (int i = 0; i < 8; i++) a.v[i] += b.v[i]; return a; }
inline F p_float(P a) { return f8_from_i8(a); }

} // namespace tl
