// IEEE half precision in plain integers, for single values and for levels without conversion instructions.
#pragma once
#include <cstdint>
#include <cstring>

namespace tl {

inline float half_to_float_plain(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16;
  const uint32_t rest = half & 0x7fff;
  float value;
  if (rest < 0x0400) {
    // Zero or subnormal: an exact product.
    value = float(rest) * 0x1p-24f;
    uint32_t word;
    std::memcpy(&word, &value, 4);
    word |= sign;
    std::memcpy(&value, &word, 4);
    return value;
  }
  const uint32_t word = sign | ((rest << 13) + (rest >= 0x7c00 ? 0x70000000u : 0x38000000u));
  std::memcpy(&value, &word, 4);
  return value;
}

/** Rounds to nearest, ties to even. */
inline uint16_t float_to_half_plain(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  const uint16_t sign = uint16_t((word >> 16) & 0x8000);
  word &= 0x7fffffff;
  if (word > 0x7f800000) return sign | 0x7e00;
  if (word >= 0x477ff000) return sign | 0x7c00;
  if (word < 0x38800000) {
    // The addition rounds to a multiple of 2^-24, which is then the low bits.
    float magnitude;
    std::memcpy(&magnitude, &word, 4);
    magnitude += 0.5f;
    std::memcpy(&word, &magnitude, 4);
    return sign | uint16_t(word - 0x3f000000);
  }
  return sign | uint16_t((word - 0x38000000 + 0xfff + ((word >> 13) & 1)) >> 13);
}

} // namespace tl
