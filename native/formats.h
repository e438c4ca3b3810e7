// Block formats with a hand-written dot product: each unpacks up to 256 weights of a row, eight runs of 32, to bytes and scales.
// Bytes lie in pairs of runs, or, where a format is `split`, the first halves of four runs before their second halves.
// For panels they unpack a block of FW rows: each(run, words) gets eight words, of four weights of each row, for each run of 32.
// weight = d · (q - offset) + m with |q| <= `greatest`, with d and m for every 32 weights, or for every 16 where the format has it so (`halves`).
#pragma once
#include "decode.gen.h"
#include "simd.h"

namespace tl {

/** Of eight runs of 32 weights by run; by run of 16 where `halves`: low is those of the first four runs. Zero beyond the row's end. */
struct Scales {
  F8 d, d_high;
  F8 m, m_high;
};

/** What an offset of the bytes takes off, as minima, which follow from d alone. */
TL_INLINE void set_minima(Scales &s, int offset, bool halves) {
  s.m = f8_mul(s.d, f8_set(float(-offset)));
  if (halves) s.m_high = f8_mul(s.d_high, f8_set(float(-offset)));
}

/** The half floats at p, p + stride, ... for `count` blocks, then zeros. */
template <int stride> inline F8 gather_halves(const uint8_t *p, int count) {
#if defined(__AVX2__)
  if constexpr (NEAR_HALVES<stride>)
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

/** Calls at(i, a, b, c, d) with the blocks of each four; one that the row no longer has repeats the last. */
template <int bytes, class At> TL_INLINE void each_four(const uint8_t *p, int count, At at) {
  const auto block = [&](int i) { return p + bytes * (i < count ? i : count - 1); };
  TL_UNROLL
  for (int i = 0; i < 2; i++)
    if (4 * i < count) at(i, block(4 * i), block(4 * i + 1), block(4 * i + 2), block(4 * i + 3));
}

/** The nibbles of sixteen bytes of each of four blocks: the low ones are the first halves of their runs. */
TL_INLINE void unpack_nibbles(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, B64 *q) {
  const B64 raw = b64_quad(a, b, c, d);
  q[0] = b64_and(raw, 15);
  q[1] = b64_bits<4, 4>(raw, 15);
}

/** Words of the first 32 bytes of each row. */
TL_INLINE void transpose_runs(ByteRows rows, W *words) {
  transpose_rows(rows, words);
  transpose_rows(rows.from(16), words + 4);
}
/** Of a run's words, each byte's bits from `from` on, masked. */
template <int from> TL_INLINE void take_bits(const W *raw, uint8_t mask, W *words) {
  TL_UNROLL
  for (int i = 0; i < 8; i++) words[i] = w_bits<from>(raw[i], mask);
}
/** The same of four bits of one run's words, with `count` bits above them from another's. */
template <int from, int high_from, int count> TL_INLINE void join_bits(const W *raw, const W *high, W *words) {
  TL_UNROLL
  for (int i = 0; i < 8; i++) words[i] = w_or(w_bits<from>(raw[i], 15), w_shl<4>(w_bits<high_from>(high[i], (1 << count) - 1)));
}
/** Words of the nibbles of sixteen bytes of each row: the low ones first. */
TL_INLINE void nibble_words(ByteRows rows, W *words) {
  W raw[4];
  transpose_rows(rows, raw);
  TL_UNROLL
  for (int i = 0; i < 4; i++) {
    words[i] = w_bits<0>(raw[i], 15);
    words[4 + i] = w_bits<4>(raw[i], 15);
  }
}
/** The same of what a table has for them. */
TL_INLINE void lookup_words(const int8_t table[16], ByteRows rows, W *words) {
  nibble_words(rows, words);
  TL_UNROLL
  for (int i = 0; i < 8; i++) words[i] = w_lookup(table, words[i]);
}

/** Adds the fifth bits, of which each block has 32 in a word. */
TL_INLINE void add_fifth_bits(const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, B64 *q) {
  const uint32_t bits[4] = {load_unaligned<uint32_t>(a), load_unaligned<uint32_t>(b), load_unaligned<uint32_t>(c), load_unaligned<uint32_t>(d)};
  const auto low = [](uint32_t first, uint32_t second) { return (first & 0xffff) | second << 16; };
  const auto high = [](uint32_t first, uint32_t second) { return first >> 16 | (second & 0xffff0000); };
  q[0] = b64_or(q[0], b64_bits_to_16(low(bits[0], bits[1]), low(bits[2], bits[3])));
  q[1] = b64_or(q[1], b64_bits_to_16(high(bits[0], bits[1]), high(bits[2], bits[3])));
}

struct Q8_0 {
  static constexpr int bytes = 34, length = 32;
  static constexpr int greatest = 127, offset = 0;
  static constexpr bool split = false, is_signed = true, has_min = false, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_pair<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b) { q[i] = b64_pair(a + 2, b + 2); });
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    W words[8];
    transpose_runs(rows.from(2), words);
    each(0, words);
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    s.d = gather_halves<bytes>(p, count);
  }
};

struct Q4_0 {
  static constexpr int bytes = 18, length = 32;
  static constexpr int greatest = 15, offset = 8;
  static constexpr bool split = true, is_signed = false, has_min = false, halves = false;
  static TL_INLINE B64 of_nibbles(B64 nibbles) { return nibbles; }
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_four<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
      unpack_nibbles(a + 2, b + 2, c + 2, d + 2, q + 2 * i);
    });
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    W words[8];
    nibble_words(rows.from(2), words);
    each(0, words);
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    s.d = gather_halves<bytes>(p, count);
  }
};

struct Q4_1 {
  static constexpr int bytes = 20, length = 32;
  static constexpr int greatest = 15, offset = 0;
  static constexpr bool split = true, is_signed = false, has_min = true, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_four<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
      unpack_nibbles(a + 4, b + 4, c + 4, d + 4, q + 2 * i);
    });
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    W words[8];
    nibble_words(rows.from(4), words);
    each(0, words);
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    s.d = gather_halves<bytes>(p, count);
    s.m = gather_halves<bytes>(p + 2, count);
  }
};

struct Q5_0 {
  static constexpr int bytes = 22, length = 32;
  static constexpr int greatest = 31, offset = 16;
  static constexpr bool split = true, is_signed = false, has_min = false, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_four<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
      unpack_nibbles(a + 6, b + 6, c + 6, d + 6, q + 2 * i);
      add_fifth_bits(a + 2, b + 2, c + 2, d + 2, q + 2 * i);
    });
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    s.d = gather_halves<bytes>(p, count);
  }
};

struct Q5_1 {
  static constexpr int bytes = 24, length = 32;
  static constexpr int greatest = 31, offset = 0;
  static constexpr bool split = true, is_signed = false, has_min = true, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_four<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
      unpack_nibbles(a + 8, b + 8, c + 8, d + 8, q + 2 * i);
      add_fifth_bits(a + 4, b + 4, c + 4, d + 4, q + 2 * i);
    });
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    s.d = gather_halves<bytes>(p, count);
    s.m = gather_halves<bytes>(p + 2, count);
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
  static constexpr int greatest = 3, offset = 0;
  static constexpr bool split = false, is_signed = false, has_min = true, halves = true;
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    unpack_pairs(p + 16, q);
    unpack_pairs(p + 48, q + 2);
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    for (int half = 0; half < 2; half++) {
      W raw[8], words[8];
      transpose_runs(rows.from(16 + 32 * half), raw);
      take_bits<0>(raw, 3, words);
      each(4 * half, words);
      take_bits<2>(raw, 3, words);
      each(4 * half + 1, words);
      take_bits<4>(raw, 3, words);
      each(4 * half + 2, words);
      take_bits<6>(raw, 3, words);
      each(4 * half + 3, words);
    }
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    const uint64_t low = load_unaligned<uint64_t>(p), high = load_unaligned<uint64_t>(p + 8), nibbles = 0x0f0f0f0f0f0f0f0f;
    const F8 d = f8_set(half_to_float(load_unaligned<uint16_t>(p + 80)));
    const F8 m = f8_set(-half_to_float(load_unaligned<uint16_t>(p + 82)));
    s.d = f8_mul(d, f8_from_s8_word(low & nibbles));
    s.d_high = f8_mul(d, f8_from_s8_word(high & nibbles));
    s.m = f8_mul(m, f8_from_s8_word(low >> 4 & nibbles));
    s.m_high = f8_mul(m, f8_from_s8_word(high >> 4 & nibbles));
  }
};

struct Q3_K {
  static constexpr int bytes = 110, length = 256;
  static constexpr int greatest = 7, offset = 4;
  static constexpr bool split = false, is_signed = false, has_min = false, halves = true;
  template <int i> static TL_INLINE void add_high(B64 high, B64 *q) {
    q[i] = b64_or(q[i], b64_shl<2>(b64_bits<2 * i, 2 * i + 1>(high, 1)));
  }
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    unpack_pairs(p + 32, q);
    unpack_pairs(p + 64, q + 2);
    const B64 high = b64_twice(p);
    add_high<0>(high, q);
    add_high<1>(high, q);
    add_high<2>(high, q);
    add_high<3>(high, q);
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    // Scales i and i + 8 share a byte for their lower four bits; the upper two of i, i + 4, i + 8 and i + 12 share one.
    const uint64_t lower = load_unaligned<uint64_t>(p + 96), nibbles = 0x0f0f0f0f0f0f0f0f;
    const uint32_t upper = load_unaligned<uint32_t>(p + 104), pairs = 0x03030303;
    const uint64_t low = (upper & pairs) | uint64_t(upper >> 2 & pairs) << 32;
    const uint64_t high_scales = (upper >> 4 & pairs) | uint64_t(upper >> 6 & pairs) << 32;
    const F8 d = f8_set(half_to_float(load_unaligned<uint16_t>(p + 108)));
    s.d = f8_mul(d, f8_from_6bit_word((lower & nibbles) | low << 4));
    s.d_high = f8_mul(d, f8_from_6bit_word((lower >> 4 & nibbles) | high_scales << 4));
  }
};

/** d and m of a K-quant, which begins with their halves and twelve bytes of eight scales and eight minima, six bits each. */
TL_INLINE void unpack_kscales(const uint8_t *p, Scales &s) {
#if defined(__AVX2__)
  // The four words, of which the last has the lower bits of what the words before it have only the upper bits of.
  const __m128i words = _mm_loadu_si128((const __m128i *)p);
  const __m128i six = _mm_set_epi32(0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f), upper = _mm_set_epi32(0x30303030, 0, 0x30303030, 0);
  const __m128i low = _mm_and_si128(_mm_srlv_epi32(_mm_shuffle_epi32(words, 0xed), _mm_set_epi32(4, 0, 0, 0)), six);
  const __m128i high = _mm_and_si128(_mm_srli_epi32(_mm_shuffle_epi32(words, 0x84), 2), upper);
  const __m128i all = _mm_or_si128(low, high), mins = _mm_unpackhi_epi64(all, all);
  const __m128 halves = _mm_cvtph_ps(words);
  s.d = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(all)), _mm256_broadcastss_ps(halves));
  const __m256 m = _mm256_broadcastss_ps(_mm_movehdup_ps(_mm_xor_ps(halves, _mm_set1_ps(-0.0f))));
  s.m = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(mins)), m);
#else
  const uint32_t a = load_unaligned<uint32_t>(p + 4), b = load_unaligned<uint32_t>(p + 8), c = load_unaligned<uint32_t>(p + 12);
  const uint64_t scales = (a & 0x3f3f3f3f) | uint64_t((c & 0x0f0f0f0f) | ((a >> 6 & 0x03030303) << 4)) << 32;
  const uint64_t mins = (b & 0x3f3f3f3f) | uint64_t((c >> 4 & 0x0f0f0f0f) | ((b >> 6 & 0x03030303) << 4)) << 32;
  s.d = f8_mul(f8_from_s8_word(scales), f8_set(half_to_float(load_unaligned<uint16_t>(p))));
  s.m = f8_mul(f8_from_s8_word(mins), f8_set(-half_to_float(load_unaligned<uint16_t>(p + 2))));
#endif
}

struct Q4_K {
  static constexpr int bytes = 144, length = 256;
  static constexpr int greatest = 15, offset = 0;
  static constexpr bool split = false, is_signed = false, has_min = true, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    for (int i = 0; i < 4; i++) q[i] = b64_nibble_runs(p + 16 + 32 * i);
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    for (int pair = 0; pair < 4; pair++) {
      W raw[8], words[8];
      transpose_runs(rows.from(16 + 32 * pair), raw);
      take_bits<0>(raw, 15, words);
      each(2 * pair, words);
      if constexpr (HIGH_NIBBLE == 16) take_bits<0>(raw, 0xf0, words);
      else take_bits<4>(raw, 15, words);
      each(2 * pair + 1, words);
    }
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    unpack_kscales(p, s);
    // Odd runs are the high nibbles.
    static constexpr float low = 1, high = 1 / HIGH_NIBBLE;
    alignas(32) static constexpr float sizes[8] = {low, high, low, high, low, high, low, high};
    if constexpr (HIGH_NIBBLE != 1) s.d = f8_mul(s.d, f8_load(sizes));
  }
};

struct Q5_K {
  static constexpr int bytes = 176, length = 256;
  static constexpr int greatest = 31, offset = 0;
  static constexpr bool split = false, is_signed = false, has_min = true, halves = false;
  template <int i> static TL_INLINE void unpack_pair(const uint8_t *p, B64 high, B64 *q) {
    q[i] = b64_or(b64_bits<0, 4>(b64_twice(p + 48 + 32 * i), 15), b64_shl<4>(b64_bits<2 * i, 2 * i + 1>(high, 1)));
  }
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    const B64 high = b64_twice(p + 16);
    unpack_pair<0>(p, high, q);
    unpack_pair<1>(p, high, q);
    unpack_pair<2>(p, high, q);
    unpack_pair<3>(p, high, q);
  }
  template <int pair, class Each> static TL_INLINE void pair_runs(ByteRows rows, const W *high, Each each) {
    W raw[8], words[8];
    transpose_runs(rows.from(48 + 32 * pair), raw);
    join_bits<0, 2 * pair, 1>(raw, high, words);
    each(2 * pair, words);
    join_bits<4, 2 * pair + 1, 1>(raw, high, words);
    each(2 * pair + 1, words);
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    W high[8];
    transpose_runs(rows.from(16), high);
    pair_runs<0>(rows, high, each);
    pair_runs<1>(rows, high, each);
    pair_runs<2>(rows, high, each);
    pair_runs<3>(rows, high, each);
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    unpack_kscales(p, s);
  }
};

struct Q6_K {
  static constexpr int bytes = 210, length = 256;
  static constexpr int greatest = 63, offset = 32;
  static constexpr bool split = false, is_signed = false, has_min = false, halves = true;
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    for (int h = 0; h < 2; h++) {
      const B64 raw = b64_load(p + 64 * h), high = b64_twice(p + 128 + 32 * h);
      q[2 * h] = b64_or(b64_and(raw, 15), b64_shl<4>(b64_bits<0, 2>(high, 3)));
      q[2 * h + 1] = b64_or(b64_bits<4, 4>(raw, 15), b64_shl<4>(b64_bits<4, 6>(high, 3)));
    }
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    for (int half = 0; half < 2; half++) {
      W first[8], second[8], high[8], words[8];
      transpose_runs(rows.from(64 * half), first);
      transpose_runs(rows.from(64 * half + 32), second);
      transpose_runs(rows.from(128 + 32 * half), high);
      join_bits<0, 0, 2>(first, high, words);
      each(4 * half, words);
      join_bits<0, 2, 2>(second, high, words);
      each(4 * half + 1, words);
      join_bits<4, 4, 2>(first, high, words);
      each(4 * half + 2, words);
      join_bits<4, 6, 2>(second, high, words);
      each(4 * half + 3, words);
    }
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    const F8 d = f8_set(half_to_float(load_unaligned<uint16_t>(p + 208)));
    s.d = f8_mul(d, f8_from_s8(p + 192));
    s.d_high = f8_mul(d, f8_from_s8(p + 200));
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
  static constexpr int greatest = 127, offset = 0;
  static constexpr bool split = true, is_signed = true, has_min = false, halves = false;
  static TL_INLINE B64 of_nibbles(B64 nibbles) { return b64_lookup(iq4_values, nibbles); }
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_four<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
      unpack_nibbles(a + 2, b + 2, c + 2, d + 2, q + 2 * i);
      for (int half = 0; half < 2; half++) q[2 * i + half] = of_nibbles(q[2 * i + half]);
    });
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    W words[8];
    lookup_words(iq4_values, rows.from(2), words);
    each(0, words);
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    s.d = gather_halves<bytes>(p, count);
  }
};

struct IQ4_XS {
  static constexpr int bytes = 136, length = 256;
  static constexpr int greatest = 127, offset = 0;
  static constexpr bool split = false, is_signed = true, has_min = false, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    for (int i = 0; i < 4; i++) q[i] = b64_lookup(iq4_values, b64_nibbles(p + 8 + 32 * i, p + 24 + 32 * i));
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    for (int run = 0; run < 8; run++) {
      W words[8];
      lookup_words(iq4_values, rows.from(8 + 16 * run), words);
      each(run, words);
    }
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    const uint64_t scales = spread_nibbles(load_unaligned<uint32_t>(p + 4)) | spread_pairs(load_unaligned<uint16_t>(p + 2)) << 4;
    s.d = f8_mul(f8_from_6bit_word(scales), f8_set(half_to_float(load_unaligned<uint16_t>(p))));
  }
};

struct MXFP4 {
  static constexpr int bytes = 17, length = 32;
  static constexpr int greatest = 12, offset = 0;
  static constexpr bool split = true, is_signed = true, has_min = false, halves = false;
  static TL_INLINE void quants(const uint8_t *p, int count, B64 *q) {
    each_four<bytes>(p, count, [&](int i, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d) {
      unpack_nibbles(a + 1, b + 1, c + 1, d + 1, q + 2 * i);
      for (int half = 0; half < 2; half++) q[2 * i + half] = b64_lookup(fp4_values, q[2 * i + half]);
    });
  }
  template <class Each> static TL_INLINE void runs(ByteRows rows, Each each) {
    W words[8];
    lookup_words(fp4_values, rows.from(1), words);
    each(0, words);
  }
  static TL_INLINE void scales(const uint8_t *p, int count, Scales &s) {
    uint64_t exponents = 0;
    for (int i = 0; i < count; i++) exponents |= uint64_t(p[bytes * i]) << (8 * i);
    s.d = f8_from_exponents(exponents);
  }
};

} // namespace tl
