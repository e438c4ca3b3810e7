import { expect, test } from 'vitest'
import { cSource } from '../../src/quant/c.ts'
import { quants } from '../../src/quant/quants.ts'

test('a format reads as C', () => {
  expect(cSource(quants.Q8_0)).toBe(`static inline void decode_Q8_0(const unsigned char *block, float *out) {
  for (int g = 0; g < 1; g++) {
    const float d = load_f16(block + 0);
    for (int k = 0; k < 32; k++) {
      const int i = ((g * 32) + k);
      out[i] = ((float)(signed char)block[(i + 2)] * d);
    }
  }
}
`)
})
