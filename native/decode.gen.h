// Made by scripts/generate-native.ts from src/quant. Do not edit.
#pragma once
#include <string.h>
static inline float load_bits(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
static inline float load_f32(const unsigned char *p) {
  return load_bits(p[0] | p[1] << 8 | p[2] << 16 | (unsigned)p[3] << 24);
}
static inline float load_bf16(const unsigned char *p) {
  return load_bits(p[0] << 16 | (unsigned)p[1] << 24);
}
static inline float load_f16(const unsigned char *p) {
  const unsigned bits = p[0] | p[1] << 8, exponent = bits & 0x7c00;
  const unsigned rebias = (exponent == 0x7c00 ? 224u : 112u) << 23;
  const float value = exponent ? load_bits(((bits & 0x7fff) << 13) + rebias) : (bits & 0x3ff) * 5.9604644775390625e-8f;
  return bits & 0x8000 ? -value : value;
}

static inline void decode_F32(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    for (int k = 0; k < 1; k++) {
      const int i = ((g * 1) + k);
      out[i] = load_f32(block + 0);
    }
  }
}

static inline void decode_F16(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    for (int k = 0; k < 1; k++) {
      const int i = ((g * 1) + k);
      out[i] = load_f16(block + 0);
    }
  }
}

static inline void decode_BF16(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    for (int k = 0; k < 1; k++) {
      const int i = ((g * 1) + k);
      out[i] = load_bf16(block + 0);
    }
  }
}

static inline void decode_Q4_0(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    const float d = load_f16(block + 0);
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = ((float)(((block[((i & 15) + 2)] >> ((i >> 4) << 2)) & 15) - 8) * d);
    }
  }
}

static inline void decode_Q4_1(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    const float d = load_f16(block + 0);
    const float m = load_f16(block + 2);
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = (((float)((block[((i & 15) + 4)] >> ((i >> 4) << 2)) & 15) * d) + m);
    }
  }
}

static inline void decode_Q5_0(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    const float d = load_f16(block + 0);
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = ((float)((((block[((i & 15) + 6)] >> ((i >> 4) << 2)) & 15) | (((block[((i >> 3) + 2)] >> (i & 7)) & 1) << 4)) - 16) * d);
    }
  }
}

static inline void decode_Q5_1(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    const float d = load_f16(block + 0);
    const float m = load_f16(block + 2);
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = (((float)(((block[((i & 15) + 8)] >> ((i >> 4) << 2)) & 15) | (((block[((i >> 3) + 4)] >> (i & 7)) & 1) << 4)) * d) + m);
    }
  }
}

static inline void decode_Q8_0(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    const float d = load_f16(block + 0);
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = ((float)(signed char)block[(i + 2)] * d);
    }
  }
}

static inline void decode_Q4_K(const unsigned char *block, float *out) {
  for (int g = 0; g < 8; g++) {
    const float d = (load_f16(block + 0) * (float)(g < 4 ? (block[(g + 4)] & 63) : ((block[(g + 8)] & 15) | ((block[g] >> 6) << 4))));
    const float m = (-(load_f16(block + 2) * (float)(g < 4 ? (block[(g + 8)] & 63) : ((block[(g + 8)] >> 4) | ((block[(g + 4)] >> 6) << 4)))));
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = (((float)((block[((((i >> 6) << 5) + (i & 31)) + 16)] >> (((i >> 5) & 1) << 2)) & 15) * d) + m);
    }
  }
}

static inline void decode_Q5_K(const unsigned char *block, float *out) {
  for (int g = 0; g < 8; g++) {
    const float d = (load_f16(block + 0) * (float)(g < 4 ? (block[(g + 4)] & 63) : ((block[(g + 8)] & 15) | ((block[g] >> 6) << 4))));
    const float m = (-(load_f16(block + 2) * (float)(g < 4 ? (block[(g + 8)] & 63) : ((block[(g + 8)] >> 4) | ((block[(g + 4)] >> 6) << 4)))));
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = (((float)(((block[((((i >> 6) << 5) + (i & 31)) + 48)] >> (((i >> 5) & 1) << 2)) & 15) | (((block[((i & 31) + 16)] >> (i >> 5)) & 1) << 4)) * d) + m);
    }
  }
}

static inline void decode_Q6_K(const unsigned char *block, float *out) {
  for (int g = 0; g < 16; g++) {
    const float d = (load_f16(block + 208) * (float)(signed char)block[(g + 192)]);
    for (int k = 0; k < 16; k++) {
      const int i = ((g * 16) + k);
      out[i] = ((float)((((block[(((i >> 7) << 6) + (i & 63))] >> (((i >> 6) & 1) << 2)) & 15) | (((block[((((i >> 7) << 5) + (i & 31)) + 128)] >> (((i >> 5) & 3) << 1)) & 3) << 4)) - 32) * d);
    }
  }
}

/** X(name, values in a block, bytes of a block) for each format. */
#define TL_FOR_EACH_FORMAT(X) \
  X(F32, 1, 4) \
  X(F16, 1, 2) \
  X(BF16, 1, 2) \
  X(Q4_0, 32, 18) \
  X(Q4_1, 32, 20) \
  X(Q5_0, 32, 22) \
  X(Q5_1, 32, 24) \
  X(Q8_0, 32, 34) \
  X(Q4_K, 256, 144) \
  X(Q5_K, 256, 176) \
  X(Q6_K, 256, 210)
