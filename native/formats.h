// Block formats with a hand-written dot product: each unpacks up to 256 weights of a row to bytes and scales.
// weight = d · (q - offset) + m, with d and m for every 32 weights, or for every 16 where the format has it so.
#pragma once
#include "decode.gen.h"
#include "simd.h"

namespace tl {

/** Up to four pairs of runs of 32 weights; runs beyond the row's end are zero in d and m. */
struct Unpacked {
  B64 q[4];
  /** By run of 32; by run of 16 where `halves`: low is those of q[0] and q[1]. */
  F8 d, d_high;
  F8 m, m_high;
};

/** What an offset of the bytes takes off, as minima, which follow from d alone. */
TL_INLINE void set_minima(Unpacked &u, int offset, bool halves) {
  u.m = f8_mul(u.d, f8_set(float(-offset)));
  if (halves) u.m_high = f8_mul(u.d_high, f8_set(float(-offset)));
}

/** The half floats at p, p + stride, ... for `count` blocks, then zeros. */
template <int stride> inline F8 gather_halves(const uint8_t *p, int count) {
#if defined(__AVX512BW__)
  if constexpr (stride % 2 == 0)
    if (count == 8) return f8_from_near_halves<stride>(p);
#endif
  uint64_t words[2] = {0, 0};
  for (int i = 0; i < 8; i++)
    if (i < count) words[i / 4] |= uint64_t(load_unaligned<uint16_t>(p + stride * i)) << (16 * (i % 4));
  return f8_from_half_words(words[0], words[1]);
}

/** Calls at(pair, a, b) with the blocks of each of the pairs; a run that the row no longer has repeats the one before. */
template <int bytes, class At> TL_INLINE void each_pair(const uint8_t *p, int count, At at) {
  TL_UNROLL
  for (int i = 0; i < 4; i++)
    if (2 * i < count) at(i, p + 2 * i * bytes, 2 * i + 1 < count ? p + (2 * i + 1) * bytes : p + 2 * i * bytes);
}

struct Q8_0 {
  static constexpr int bytes = 34, length = 32;
  static constexpr int offset = 0;
  static constexpr bool is_signed = true, has_min = false, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) { u.q[i] = b64_pair(a + 2, b + 2); });
    u.d = gather_halves<bytes>(p, count);
  }
};

struct Q4_0 {
  static constexpr int bytes = 18, length = 32;
  static constexpr int offset = 8;
  static constexpr bool is_signed = false, has_min = false, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) { u.q[i] = b64_nibbles(a + 2, b + 2); });
    u.d = gather_halves<bytes>(p, count);
  }
};

struct Q4_1 {
  static constexpr int bytes = 20, length = 32;
  static constexpr int offset = 0;
  static constexpr bool is_signed = false, has_min = true, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) { u.q[i] = b64_nibbles(a + 4, b + 4); });
    u.d = gather_halves<bytes>(p, count);
    u.m = gather_halves<bytes>(p + 2, count);
  }
};

struct Q5_0 {
  static constexpr int bytes = 22, length = 32;
  static constexpr int offset = 16;
  static constexpr bool is_signed = false, has_min = false, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) {
      u.q[i] = b64_or(b64_nibbles(a + 6, b + 6), b64_bits_to_16(load_unaligned<uint32_t>(a + 2), load_unaligned<uint32_t>(b + 2)));
    });
    u.d = gather_halves<bytes>(p, count);
  }
};

struct Q5_1 {
  static constexpr int bytes = 24, length = 32;
  static constexpr int offset = 0;
  static constexpr bool is_signed = false, has_min = true, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) {
      u.q[i] = b64_or(b64_nibbles(a + 8, b + 8), b64_bits_to_16(load_unaligned<uint32_t>(a + 4), load_unaligned<uint32_t>(b + 4)));
    });
    u.d = gather_halves<bytes>(p, count);
    u.m = gather_halves<bytes>(p + 2, count);
  }
};

/** Eight bytes from 0 to 63 that stand for -32 to 31. */
inline F8 f8_from_6bit_word(uint64_t word) { return f8_add(f8_from_s8_word(word), f8_set(-32)); }

/** 128 weights of two bits in 32 bytes: four runs, the first one lowest. */
TL_INLINE void unpack_pairs(const uint8_t *p, B64 *q) {
  const B64 raw = b64_twice(p);
  q[0] = b64_bits<0, 2>(raw, 3);
  q[1] = b64_bits<4, 6>(raw, 3);
}

struct Q2_K {
  static constexpr int bytes = 84, length = 256;
  static constexpr int offset = 0;
  static constexpr bool is_signed = false, has_min = true, halves = true;
  static TL_INLINE void unpack(const uint8_t *p, int, Unpacked &u) {
    unpack_pairs(p + 16, u.q);
    unpack_pairs(p + 48, u.q + 2);
    const uint64_t low = load_unaligned<uint64_t>(p), high = load_unaligned<uint64_t>(p + 8), nibbles = 0x0f0f0f0f0f0f0f0f;
    const F8 d = f8_set(half_to_float(load_unaligned<uint16_t>(p + 80)));
    const F8 m = f8_set(-half_to_float(load_unaligned<uint16_t>(p + 82)));
    u.d = f8_mul(d, f8_from_s8_word(low & nibbles));
    u.d_high = f8_mul(d, f8_from_s8_word(high & nibbles));
    u.m = f8_mul(m, f8_from_s8_word(low >> 4 & nibbles));
    u.m_high = f8_mul(m, f8_from_s8_word(high >> 4 & nibbles));
  }
};

struct Q3_K {
  static constexpr int bytes = 110, length = 256;
  static constexpr int offset = 4;
  static constexpr bool is_signed = false, has_min = false, halves = true;
  template <int i> static TL_INLINE void add_high(B64 high, Unpacked &u) {
    u.q[i] = b64_or(u.q[i], b64_shl<2>(b64_bits<2 * i, 2 * i + 1>(high, 1)));
  }
  static TL_INLINE void unpack(const uint8_t *p, int, Unpacked &u) {
    unpack_pairs(p + 32, u.q);
    unpack_pairs(p + 64, u.q + 2);
    const B64 high = b64_twice(p);
    add_high<0>(high, u);
    add_high<1>(high, u);
    add_high<2>(high, u);
    add_high<3>(high, u);
    // Scales i and i + 8 share a byte for their lower four bits; the upper two of i, i + 4, i + 8 and i + 12 share one.
    const uint64_t lower = load_unaligned<uint64_t>(p + 96), nibbles = 0x0f0f0f0f0f0f0f0f;
    const uint32_t upper = load_unaligned<uint32_t>(p + 104), pairs = 0x03030303;
    const uint64_t low = (upper & pairs) | uint64_t(upper >> 2 & pairs) << 32;
    const uint64_t high_scales = (upper >> 4 & pairs) | uint64_t(upper >> 6 & pairs) << 32;
    const F8 d = f8_set(half_to_float(load_unaligned<uint16_t>(p + 108)));
    u.d = f8_mul(d, f8_from_6bit_word((lower & nibbles) | low << 4));
    u.d_high = f8_mul(d, f8_from_6bit_word((lower >> 4 & nibbles) | high_scales << 4));
  }
};

/** Eight scales and eight minima of six bits each in twelve bytes, as Q4_K and Q5_K have them: a byte each. */
inline void unpack_scales_6bit(const uint8_t *p, uint64_t &scales, uint64_t &mins) {
  const uint32_t a = load_unaligned<uint32_t>(p), b = load_unaligned<uint32_t>(p + 4), c = load_unaligned<uint32_t>(p + 8);
  scales = (a & 0x3f3f3f3f) | uint64_t((c & 0x0f0f0f0f) | ((a >> 6 & 0x03030303) << 4)) << 32;
  mins = (b & 0x3f3f3f3f) | uint64_t((c >> 4 & 0x0f0f0f0f) | ((b >> 6 & 0x03030303) << 4)) << 32;
}

/** d and m of a K-quant with 6-bit scales and minima. */
inline void unpack_kscales(const uint8_t *p, Unpacked &u) {
  uint64_t scales, mins;
  unpack_scales_6bit(p + 4, scales, mins);
  u.d = f8_mul(f8_from_s8_word(scales), f8_set(half_to_float(load_unaligned<uint16_t>(p))));
  u.m = f8_mul(f8_from_s8_word(mins), f8_set(-half_to_float(load_unaligned<uint16_t>(p + 2))));
}

struct Q4_K {
  static constexpr int bytes = 144, length = 256;
  static constexpr int offset = 0;
  static constexpr bool is_signed = false, has_min = true, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int, Unpacked &u) {
    for (int i = 0; i < 4; i++) u.q[i] = b64_bits<0, 4>(b64_twice(p + 16 + 32 * i), 15);
    unpack_kscales(p, u);
  }
};

struct Q5_K {
  static constexpr int bytes = 176, length = 256;
  static constexpr int offset = 0;
  static constexpr bool is_signed = false, has_min = true, halves = false;
  template <int i> static TL_INLINE void unpack_pair(const uint8_t *p, B64 high, Unpacked &u) {
    u.q[i] = b64_or(b64_bits<0, 4>(b64_twice(p + 48 + 32 * i), 15), b64_shl<4>(b64_bits<2 * i, 2 * i + 1>(high, 1)));
  }
  static TL_INLINE void unpack(const uint8_t *p, int, Unpacked &u) {
    const B64 high = b64_twice(p + 16);
    unpack_pair<0>(p, high, u);
    unpack_pair<1>(p, high, u);
    unpack_pair<2>(p, high, u);
    unpack_pair<3>(p, high, u);
    unpack_kscales(p, u);
  }
};

struct Q6_K {
  static constexpr int bytes = 210, length = 256;
  static constexpr int offset = 32;
  static constexpr bool is_signed = false, has_min = false, halves = true;
  static TL_INLINE void unpack(const uint8_t *p, int, Unpacked &u) {
    for (int h = 0; h < 2; h++) {
      const B64 raw = b64_load(p + 64 * h), high = b64_twice(p + 128 + 32 * h);
      u.q[2 * h] = b64_or(b64_and(raw, 15), b64_shl<4>(b64_bits<0, 2>(high, 3)));
      u.q[2 * h + 1] = b64_or(b64_bits<4, 4>(raw, 15), b64_shl<4>(b64_bits<4, 6>(high, 3)));
    }
    const F8 d = f8_set(half_to_float(load_unaligned<uint16_t>(p + 208)));
    u.d = f8_mul(d, f8_from_s8(p + 192));
    u.d_high = f8_mul(d, f8_from_s8(p + 200));
  }
};

/** Each nibble of eight as a byte, the lowest first. */
inline uint64_t spread_nibbles(uint32_t nibbles) {
  uint64_t word = nibbles;
  word = (word | word << 16) & 0x0000ffff0000ffff;
  word = (word | word << 8) & 0x00ff00ff00ff00ff;
  return (word | word << 4) & 0x0f0f0f0f0f0f0f0f;
}

/** Each two bits of sixteen as a byte. */
inline uint64_t spread_pairs(uint16_t pairs) {
  uint64_t word = pairs;
  word = (word | word << 24) & 0x000000ff000000ff;
  word = (word | word << 12) & 0x000f000f000f000f;
  return (word | word << 6) & 0x0303030303030303;
}

struct IQ4_NL {
  static constexpr int bytes = 18, length = 32;
  static constexpr int offset = 0;
  static constexpr bool is_signed = true, has_min = false, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) { u.q[i] = b64_lookup(iq4_values, b64_nibbles(a + 2, b + 2)); });
    u.d = gather_halves<bytes>(p, count);
  }
};

struct IQ4_XS {
  static constexpr int bytes = 136, length = 256;
  static constexpr int offset = 0;
  static constexpr bool is_signed = true, has_min = false, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int, Unpacked &u) {
    for (int i = 0; i < 4; i++) u.q[i] = b64_lookup(iq4_values, b64_nibbles(p + 8 + 32 * i, p + 24 + 32 * i));
    const uint64_t scales = spread_nibbles(load_unaligned<uint32_t>(p + 4)) | spread_pairs(load_unaligned<uint16_t>(p + 2)) << 4;
    u.d = f8_mul(f8_from_6bit_word(scales), f8_set(half_to_float(load_unaligned<uint16_t>(p))));
  }
};

struct MXFP4 {
  static constexpr int bytes = 17, length = 32;
  static constexpr int offset = 0;
  static constexpr bool is_signed = true, has_min = false, halves = false;
  static TL_INLINE void unpack(const uint8_t *p, int count, Unpacked &u) {
    uint64_t exponents = 0;
    for (int i = 0; i < count; i++) exponents |= uint64_t(p[bytes * i]) << (8 * i);
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) { u.q[i] = b64_lookup(fp4_values, b64_nibbles(a + 1, b + 1)); });
    u.d = f8_from_exponents(exponents);
  }
};

} // namespace tl
