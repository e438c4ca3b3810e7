// See codebooks.h. What the bits mean is in src/quant/iq.ts and src/quant/quants.ts.
#include "codebooks.h"

namespace tl {
namespace {

constexpr int OFFSET = Unpacked<true>::offset;
constexpr uint64_t ONES = 0x0101010101010101;

/** Points of the codebooks as they are multiplied, OFFSET added. */
struct Points {
  /** Eight levels. */
  uint64_t iq1[2048], iq2xxs[256], iq2xs[512], iq2s[1024];
  /** Four. */
  uint32_t iq3xxs[256], iq3s[512];
  /** What turns bytes of OFFSET + x into OFFSET - x - 1, where a bit is set. */
  uint64_t minus[256];
  /** The same of seven bits, and an eighth that makes their number even. */
  uint64_t even[128];

  Points() {
    // In eighths, less one; see eighths.
    fill(iq1, iq1_grid, 2, [](int level) { return 8 * level - 9; });
    const auto iq2_level = [](int level) { return (level * 35 >> 1) + 8; };
    fill(iq2xxs, iq2xxs_grid, 2, iq2_level);
    fill(iq2xs, iq2xs_grid, 2, iq2_level);
    fill(iq2s, iq2s_grid, 2, iq2_level);
    fill(iq3xxs, iq3xxs_grid, 3, [](int level) { return 8 * level + 4 + (level == 7 ? 2 : 0); });
    fill(iq3s, iq3s_grid, 3, [](int level) { return 2 * level + 1; });
    for (int i = 0; i < 256; i++) {
      minus[i] = 0;
      for (int bit = 0; bit < 8; bit++) minus[i] |= uint64_t(i >> bit & 1 ? 2 * OFFSET - 1 : 0) << (8 * bit);
    }
    for (int i = 0; i < 128; i++) even[i] = minus[even_signs[i]];
  }

private:
  template <class Bytes, int count, class Level> static void fill(Bytes (&out)[count], const unsigned short (&grid)[count], int bits, Level level) {
    for (int i = 0; i < count; i++) {
      out[i] = 0;
      for (int k = 0; k < int(sizeof(Bytes)); k++) out[i] |= Bytes(level(grid[i] >> (bits * k) & ((1 << bits) - 1)) + OFFSET) << (8 * k);
    }
  }
};
static_assert((OFFSET & (OFFSET - 1)) == 0, "a sum with it must be a matter of bits");
const Points points;

inline float half_at(const uint8_t *p) { return half_to_float(load_unaligned<uint16_t>(p)); }

TL_INLINE void put(uint8_t *out, int eight, uint64_t values) { std::memcpy(out + 8 * eight, &values, sizeof values); }
/** Magnitudes with signs as `Points` has them. */
TL_INLINE void put_signed(uint8_t *out, int eight, uint64_t values, uint64_t minus) { put(out, eight, (values ^ minus) + (minus & ONES)); }
/** d · (2s + 1) for eight scales s, a byte each: those from 8 · `which` on. */
TL_INLINE void put_scales(uint8_t *out, int which, float d, uint64_t s) {
  f8_store((float *)(out + Unpacked<true>::length) + 8 * which, f8_mul(f8_from_s8_word(s << 1 | ONES), f8_set(d)));
}

/** All levels are an eighth less, as the points are, or an eighth more. No branch, since nobody foresees which. */
TL_INLINE uint64_t eighths(int less) { return uint64_t(less ^ 1) * (2 * ONES); }

void unpack_IQ1_S(const uint8_t *p, uint8_t *out) {
  uint64_t scales = 0;
  for (int run = 0; run < 8; run++) {
    const int word = load_unaligned<uint16_t>(p + 34 + 2 * run);
    TL_UNROLL
    for (int i = 0; i < 4; i++) put(out, 4 * run + i, points.iq1[p[2 + 4 * run + i] | (word >> (3 * i) & 7) << 8] + eighths(word >> 15));
    scales |= uint64_t(word >> 12 & 7) << (8 * run);
  }
  put_scales(out, 0, half_at(p) / 8, scales);
}

void unpack_IQ1_M(const uint8_t *p, uint8_t *out) {
  for (int pair = 0; pair < 16; pair++) {
    const int upper = p[32 + pair];
    TL_UNROLL
    for (int i = 0; i < 2; i++)
      put(out, 2 * pair + i, points.iq1[p[2 * pair + i] | (upper >> (4 * i) & 7) << 8] + eighths(upper >> (4 * i + 3) & 1));
  }
  // The scale of all scales is the upper four bits of their four words.
  const float d = half_to_float(uint16_t(p[49] >> 4 | p[51] >> 4 << 4 | p[53] >> 4 << 8 | p[55] >> 4 << 12)) / 8;
  for (int which = 0; which < 2; which++) {
    uint64_t scales = 0;
    for (int i = 0; i < 8; i++) scales |= uint64_t(load_unaligned<uint16_t>(p + 48 + 4 * which + i / 4 * 2) >> (3 * (i % 4)) & 7) << (8 * i);
    put_scales(out, which, d, scales);
  }
}

void unpack_IQ2_XXS(const uint8_t *p, uint8_t *out) {
  uint64_t scales = 0;
  for (int run = 0; run < 8; run++) {
    const uint8_t *at = p + 2 + 8 * run;
    const uint32_t word = load_unaligned<uint32_t>(at + 4);
    TL_UNROLL
    for (int i = 0; i < 4; i++) put_signed(out, 4 * run + i, points.iq2xxs[at[i]], points.even[word >> (7 * i) & 127]);
    scales |= uint64_t(word >> 28) << (8 * run);
  }
  put_scales(out, 0, half_at(p) / 8, scales);
}

/** Of every 16 weights, four bits. */
TL_INLINE void put_nibble_scales(uint8_t *out, float d, const uint8_t *nibbles) {
  for (int which = 0; which < 2; which++) put_scales(out, which, d, spread_nibbles(load_unaligned<uint32_t>(nibbles + 4 * which)));
}

void unpack_IQ2_XS(const uint8_t *p, uint8_t *out) {
  for (int four = 0; four < 32; four += 4) {
    const uint64_t words = load_unaligned<uint64_t>(p + 2 + 2 * four);
    TL_UNROLL
    for (int i = 0; i < 4; i++) put_signed(out, four + i, points.iq2xs[words >> (16 * i) & 511], points.even[words >> (16 * i + 9) & 127]);
  }
  put_nibble_scales(out, half_at(p) / 8, p + 66);
}

void unpack_IQ2_S(const uint8_t *p, uint8_t *out) {
  for (int run = 0; run < 8; run++) {
    const int upper = p[66 + run];
    TL_UNROLL
    for (int i = 0; i < 4; i++) {
      const int eight = 4 * run + i;
      put_signed(out, eight, points.iq2s[p[2 + eight] | (upper << (8 - 2 * i) & 0x300)], points.minus[p[34 + eight]]);
    }
  }
  put_nibble_scales(out, half_at(p) / 8, p + 74);
}

void unpack_IQ3_XXS(const uint8_t *p, uint8_t *out) {
  uint64_t scales = 0;
  for (int run = 0; run < 8; run++) {
    const uint32_t word = load_unaligned<uint32_t>(p + 66 + 4 * run);
    TL_UNROLL
    for (int i = 0; i < 4; i++) {
      const uint8_t *at = p + 2 + 8 * run + 2 * i;
      put_signed(out, 4 * run + i, points.iq3xxs[at[0]] | uint64_t(points.iq3xxs[at[1]]) << 32, points.even[word >> (7 * i) & 127]);
    }
    scales |= uint64_t(word >> 28) << (8 * run);
  }
  put_scales(out, 0, half_at(p) / 4, scales);
}

void unpack_IQ3_S(const uint8_t *p, uint8_t *out) {
  for (int run = 0; run < 8; run++) {
    const int upper = p[66 + run];
    const auto four = [&](int i) TL_ALWAYS_INLINE { return points.iq3s[p[2 + 8 * run + i] | (upper << (8 - i) & 0x100)]; };
    TL_UNROLL
    for (int i = 0; i < 4; i++) put_signed(out, 4 * run + i, four(2 * i) | uint64_t(four(2 * i + 1)) << 32, points.minus[p[74 + 4 * run + i]]);
  }
  put_scales(out, 0, half_at(p), spread_nibbles(load_unaligned<uint32_t>(p + 106)));
}

/** d for all. */
TL_INLINE void put_scale(uint8_t *out, float d) { f8_store((float *)(out + Unpacked<false>::length), f8_set(d)); }

/** Digits of base three of `count` bytes, a place after the other. */
template <int count> TL_INLINE void put_digits(const uint8_t *from, int places, uint8_t *out) {
  uint8_t bytes[count], digits[count];
  std::memcpy(bytes, from, count);
  for (int place = 0; place < places; place++) {
    for (int i = 0; i < count; i++) digits[i] = uint8_t((uint8_t(bytes[i] * powers_of_3[place]) * 3 >> 8) + OFFSET - 1);
    std::memcpy(out + count * place, digits, count);
  }
}

void unpack_TQ1_0(const uint8_t *p, uint8_t *out) {
  put_digits<32>(p, 5, out);
  put_digits<16>(p + 32, 5, out + 160);
  put_digits<4>(p + 48, 4, out + 240);
  put_scale(out, half_at(p + 52));
}

void unpack_TQ2_0(const uint8_t *p, uint8_t *out) {
  for (int half = 0; half < 2; half++) {
    const B32 raw = b32_load(p + 32 * half);
    const auto put_run = [&](int run, B32 bits) TL_ALWAYS_INLINE { b32_store(out + 128 * half + 32 * run, b32_add(b32_and(bits, 3), OFFSET - 1)); };
    put_run(0, raw);
    put_run(1, b32_shr<2>(raw));
    put_run(2, b32_shr<4>(raw));
    put_run(3, b32_shr<6>(raw));
  }
  put_scale(out, half_at(p + 64));
}

} // namespace

Unpack unpack_of(Type type) {
  switch (type) {
#define TL_UNPACK(name, halves, size) \
  case Type::name: return [](const uint8_t *block, int count, uint8_t *out) { \
    for (int i = 0; i < count; i++) unpack_##name(block + size_t(i) * size, out + size_t(i) * Unpacked<halves>::bytes); \
  };
    TL_FOR_EACH_CODEBOOK(TL_UNPACK)
#undef TL_UNPACK
  default: return nullptr;
  }
}

} // namespace tl
