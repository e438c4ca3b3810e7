// The vocabulary on ARM: NEON with the dot product instructions of ARMv8.2.
#pragma once
#include "half.h"
#include <arm_neon.h>

namespace tl {

struct F8 { float32x4_t a, b; };
struct I8 { int32x4_t a, b; };
struct B32 { uint8x16_t a, b; };

inline F8 f8_set(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
inline F8 f8_load(const float *p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
inline void f8_store(float *p, F8 x) { vst1q_f32(p, x.a); vst1q_f32(p + 4, x.b); }
inline F8 f8_add(F8 x, F8 y) { return {vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b)}; }
inline F8 f8_mul(F8 x, F8 y) { return {vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b)}; }
inline F8 f8_max(F8 x, F8 y) { return {vmaxq_f32(x.a, y.a), vmaxq_f32(x.b, y.b)}; }
inline F8 f8_min(F8 x, F8 y) { return {vminq_f32(x.a, y.a), vminq_f32(x.b, y.b)}; }
/** x · y + z */
inline F8 f8_fma(F8 x, F8 y, F8 z) { return {vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b)}; }
inline float f8_sum(F8 x) { return vaddvq_f32(vaddq_f32(x.a, x.b)); }
inline F8 f8_from_i8(I8 x) { return {vcvtq_f32_s32(x.a), vcvtq_f32_s32(x.b)}; }
inline F8 f8_from_half(const void *p) {
  const float16x8_t h = vreinterpretq_f16_u8(vld1q_u8((const uint8_t *)p));
  return {vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)};
}
/** Eight halves, the first four in `low`. */
inline F8 f8_from_half_words(uint64_t low, uint64_t high) {
  const float16x8_t h = vreinterpretq_f16_u64(vcombine_u64(vcreate_u64(low), vcreate_u64(high)));
  return {vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)};
}
inline void f8_to_half(void *p, F8 x) {
  vst1q_u8((uint8_t *)p, vreinterpretq_u8_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.a), x.b)));
}
inline F8 f8_from_bf16(const void *p) {
  const uint16x8_t h = vreinterpretq_u16_u8(vld1q_u8((const uint8_t *)p));
  return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(h, 16))};
}
/** Eight signed bytes, the first one lowest. */
inline F8 f8_from_s8_word(uint64_t word) {
  const int16x8_t w = vmovl_s8(vcreate_s8(word));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(w))), vcvtq_f32_s32(vmovl_high_s16(w))};
}
/** 2^(e - 128) for eight bytes e, the first one lowest; the least two are subnormal. */
inline F8 f8_from_exponents(uint64_t word) {
  const auto power = [](uint32x4_t e) {
    const uint32x4_t normal = vshlq_n_u32(vsubq_u32(e, vdupq_n_u32(1)), 23);
    const uint32x4_t subnormal = vshlq_u32(vdupq_n_u32(1 << 21), vreinterpretq_s32_u32(e));
    return vreinterpretq_f32_u32(vbslq_u32(vcltq_u32(e, vdupq_n_u32(2)), subnormal, normal));
  };
  const uint16x8_t e = vmovl_u8(vcreate_u8(word));
  return {power(vmovl_u16(vget_low_u16(e))), power(vmovl_high_u16(e))};
}

inline I8 i8_zero() { return {vdupq_n_s32(0), vdupq_n_s32(0)}; }

inline B32 b32_load(const void *p) { return {vld1q_u8((const uint8_t *)p), vld1q_u8((const uint8_t *)p + 16)}; }
inline void b32_store(void *p, B32 x) { vst1q_u8((uint8_t *)p, x.a); vst1q_u8((uint8_t *)p + 16, x.b); }
/** The 16 bytes at `a`, then those at `b`. */
inline B32 b32_pair(const void *a, const void *b) { return {vld1q_u8((const uint8_t *)a), vld1q_u8((const uint8_t *)b)}; }
inline B32 b32_zero() { return {vdupq_n_u8(0), vdupq_n_u8(0)}; }
inline B32 b32_and(B32 x, uint8_t mask) { return {vandq_u8(x.a, vdupq_n_u8(mask)), vandq_u8(x.b, vdupq_n_u8(mask))}; }
inline B32 b32_or(B32 x, B32 y) { return {vorrq_u8(x.a, y.a), vorrq_u8(x.b, y.b)}; }
inline B32 b32_add(B32 x, uint8_t y) { return {vaddq_u8(x.a, vdupq_n_u8(y)), vaddq_u8(x.b, vdupq_n_u8(y))}; }
/** Each byte shifted right by n bits. */
template <int n> inline B32 b32_shr(B32 x) { return {vshrq_n_u8(x.a, n), vshrq_n_u8(x.b, n)}; }
/** Each byte shifted left by n bits. */
template <int n> inline B32 b32_shl(B32 x) { return {vshlq_n_u8(x.a, n), vshlq_n_u8(x.b, n)}; }
/** Sixteen bytes: low nibbles, then high nibbles. */
inline B32 b32_nibbles(const void *p) {
  const uint8x16_t raw = vld1q_u8((const uint8_t *)p);
  return {vandq_u8(raw, vdupq_n_u8(15)), vshrq_n_u8(raw, 4)};
}
/** table[i] for each byte i, which must be below 16. */
inline B32 b32_lookup(const int8_t table[16], B32 indices) {
  const uint8x16_t entries = vld1q_u8((const uint8_t *)table);
  return {vqtbl1q_u8(entries, indices.a), vqtbl1q_u8(entries, indices.b)};
}
/** Byte i is 16 where bit i is set. */
inline B32 b32_bits_to_16(uint32_t bits) {
  static const uint8_t masks[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t select = vld1q_u8(masks), sixteen = vdupq_n_u8(16);
  const uint8x16_t a = vcombine_u8(vdup_n_u8(uint8_t(bits)), vdup_n_u8(uint8_t(bits >> 8)));
  const uint8x16_t b = vcombine_u8(vdup_n_u8(uint8_t(bits >> 16)), vdup_n_u8(uint8_t(bits >> 24)));
  return {vandq_u8(vtstq_u8(a, select), sixteen), vandq_u8(vtstq_u8(b, select), sixteen)};
}

/** acc[i] += Σ w[4i..4i+3] · x[4i..4i+3]; both signed. */
inline I8 dot_s8(I8 acc, B32 w, B32 x) {
  return {vdotq_s32(acc.a, vreinterpretq_s8_u8(w.a), vreinterpretq_s8_u8(x.a)),
          vdotq_s32(acc.b, vreinterpretq_s8_u8(w.b), vreinterpretq_s8_u8(x.b))};
}
/** The same with w unsigned and below 128. */
inline I8 dot_u8(I8 acc, B32 w, B32 x) { return dot_s8(acc, w, x); }

/** Lane j is the sum of all lanes of r[j]. */
inline I8 i8_combine(const I8 r[8]) {
  int32x4_t s[8];
  for (int i = 0; i < 8; i++) s[i] = vaddq_s32(r[i].a, r[i].b);
  return {vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3])),
          vpaddq_s32(vpaddq_s32(s[4], s[5]), vpaddq_s32(s[6], s[7]))};
}
/** Sums of lanes 0-3 and 4-7 of each r[j] in order. */
inline I8 i8_combine_halves(const I8 r[4]) {
  return {vpaddq_s32(vpaddq_s32(r[0].a, r[0].b), vpaddq_s32(r[1].a, r[1].b)),
          vpaddq_s32(vpaddq_s32(r[2].a, r[2].b), vpaddq_s32(r[3].a, r[3].b))};
}
/** The same of floats: lane j is the sum of all lanes of r[j]. */
inline F8 f8_combine(const F8 r[8]) {
  float32x4_t s[8];
  for (int i = 0; i < 8; i++) s[i] = vaddq_f32(r[i].a, r[i].b);
  return {vpaddq_f32(vpaddq_f32(s[0], s[1]), vpaddq_f32(s[2], s[3])), vpaddq_f32(vpaddq_f32(s[4], s[5]), vpaddq_f32(s[6], s[7]))};
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
inline F f_div(F x, F y) { return {vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b)}; }
inline F f_min(F a, F b) { return f8_min(a, b); }
inline F f_above(F a, F b, F x, F y) {
  return {vbslq_f32(vcgtq_f32(a.a, b.a), x.a, y.a), vbslq_f32(vcgtq_f32(a.b, b.b), x.b, y.b)};
}
inline F f_fma(F a, F b, F c) { return f8_fma(a, b, c); }
inline float f_sum(F a) { return f8_sum(a); }
inline float f_greatest(F a) { return vmaxvq_f32(vmaxq_f32(a.a, a.b)); }
inline F f_from_half(const void *p) { return f8_from_half(p); }
inline void f_to_half(void *p, F a) { f8_to_half(p, a); }
inline F f_from_bf16(const void *p) { return f8_from_bf16(p); }
/** Floats of 8 bits: the upper bytes of halves. */
inline F f_from_e5m2(const void *p) {
  const float16x8_t h = vreinterpretq_f16_u16(vshll_n_u8(vld1_u8((const uint8_t *)p), 8));
  return {vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)};
}
/** The same with a bit less of exponent, so of a 256th: E4M3_UNIT times as large. 0x7f and 0xff are no numbers. */
inline F f_from_e4m3(const void *p) {
  const uint16x8_t bytes = vshll_n_u8(vld1_u8((const uint8_t *)p), 8), all = vdupq_n_u16(0x7f00);
  const uint16x8_t nan = vceqq_u16(vandq_u16(bytes, all), all);
  const uint16x8_t halves = vandq_u16(vreinterpretq_u16_s16(vshrq_n_s16(vreinterpretq_s16_u16(bytes), 1)), vdupq_n_u16(0xbf80));
  const float16x8_t h = vreinterpretq_f16_u16(vorrq_u16(halves, nan));
  return {vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)};
}
inline F8 f8_fold(F a) { return a; }
inline F f_combine(const F8 r[8]) { return f8_combine(r); }
inline F f_round(F x) { return {vrndnq_f32(x.a), vrndnq_f32(x.b)}; }
inline F f_scale2(F x, F k) {
  const auto power = [](float32x4_t k) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(k), vdupq_n_s32(127)), 23));
  };
  return {vmulq_f32(x.a, power(k.a)), vmulq_f32(x.b, power(k.b))};
}

/** Rounds 32 floats to q · d with |q| <= 127; `totals` are the sums of the first 16 of q and of the others. */
inline void quantize32(const float *x, int8_t *q, float &d, int32_t *totals) {
  float32x4_t v[8];
  float32x4_t greatest = vdupq_n_f32(0);
  for (int i = 0; i < 8; i++) {
    v[i] = vld1q_f32(x + 4 * i);
    greatest = vmaxq_f32(greatest, vabsq_f32(v[i]));
  }
  d = vmaxvq_f32(greatest) / 127.0f;
  const float32x4_t inverse = vdupq_n_f32(d > 0 ? 1.0f / d : 0.0f);
  int32x4_t sums[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
  for (int i = 0; i < 8; i += 2) {
    const int32x4_t a = vcvtnq_s32_f32(vmulq_f32(v[i], inverse)), b = vcvtnq_s32_f32(vmulq_f32(v[i + 1], inverse));
    sums[i / 4] = vaddq_s32(sums[i / 4], vaddq_s32(a, b));
    vst1_s8(q + 4 * i, vmovn_s16(vcombine_s16(vmovn_s32(a), vmovn_s32(b))));
  }
  for (int i = 0; i < 2; i++) totals[i] = vaddvq_s32(sums[i]);
}

/** FW sums, one a row of a panel. */
using P = I8;
/** Whether panels may hold bytes from 0 to 255. */
constexpr bool PANEL_UNSIGNED = false;
inline P p_zero() { return i8_zero(); }
inline P p_set(const int32_t *value) { return {vdupq_n_s32(*value), vdupq_n_s32(*value)}; }
inline P p_add(P a, P b) { return {vaddq_s32(a.a, b.a), vaddq_s32(a.b, b.b)}; }
inline F p_float(P a) { return f8_from_i8(a); }

} // namespace tl

#include "simd_exp.h"
