import { expect, test } from 'vitest'
import { cSource, cTables } from '../../src/quant/c.ts'
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

test('tables are printed once, in the narrowest type', () => {
  expect(cTables([quants.Q8_0])).toBe('')
  const { IQ4_NL, IQ4_XS, TQ1_0, IQ3_XXS } = quants
  const heads = cTables([IQ4_NL, IQ4_XS, TQ1_0, IQ3_XXS]).match(/^static .*/gm)
  expect(heads).toEqual([
    'static const signed char iq4_values[16] = {',
    'static const unsigned char powers_of_3[5] = {',
    'static const unsigned short iq3xxs_grid[256] = {',
    'static const unsigned char even_signs[128] = {',
  ])
  expect(cTables([TQ1_0])).toBe('static const unsigned char powers_of_3[5] = {\n  1,3,9,27,81,\n};\n')
})
