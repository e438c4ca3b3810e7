// Formats whose weights are points of a codebook, and ternary ones: no instruction unpacks them, so they become bytes in memory before
// they are multiplied.
#pragma once
#include "formats.h"
#include "program.h"

namespace tl {

/** X(name, whether there is a scale for every 16 weights and not 32, bytes of a block) */
#define TL_FOR_EACH_CODEBOOK(X) \
  X(IQ1_S, false, 50) X(IQ1_M, true, 56) X(IQ2_XXS, false, 66) X(IQ2_XS, true, 74) X(IQ2_S, true, 82) X(IQ3_XXS, false, 98) \
  X(IQ3_S, false, 110) X(TQ1_0, false, 54) X(TQ2_0, false, 66)

/** 256 weights as bytes, 64 added, and the scales behind them: what blocks of these formats are unpacked to. */
template <bool by_halves> struct Unpacked {
  static constexpr int length = 256, bytes = length + (by_halves ? 16 : 8) * int(sizeof(float));
  static constexpr int greatest = 126, offset = 64;
  static constexpr bool split = false, is_signed = false, has_min = false, halves = by_halves;
  static TL_INLINE void quants(const uint8_t *p, int, B64 *q) {
    for (int i = 0; i < 4; i++) q[i] = b64_load(p + 64 * i);
  }
  static TL_INLINE void scales(const uint8_t *p, int, Scales &s) {
    s.d = f8_load((const float *)(p + length));
    if constexpr (halves) s.d_high = f8_load((const float *)(p + length) + 8);
  }
};

/** Unpacks blocks of one of the formats above, one after the other. */
using Unpack = void (*)(const uint8_t *block, int count, uint8_t *out);
Unpack unpack_of(Type type);

} // namespace tl
