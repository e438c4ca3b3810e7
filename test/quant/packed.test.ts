// Types of matrices in several parts: what names say, and what shapes they can have.
import { expect, test } from 'vitest'
import { packedProblem, packedType, placeBytes, weightBytes } from '../../src/quant/packed.ts'

test.each([
  ['F8_E4M3_128', { layout: 'F8_E4M3', rows: 128, group: 128, scale: 'F32' }],
  ['GPTQ_64', { layout: 'GPTQ', rows: 1, group: 64, scale: 'F16', zeroOffset: 1, ordered: false }],
  ['GPTQ_V2_32_ACT', { layout: 'GPTQ', group: 32, zeroOffset: 0, ordered: true }],
  ['AWQ_128_F32', { layout: 'AWQ', group: 128, scale: 'F32', zeroOffset: 0, ordered: false }],
])('%s', (name, expected) => {
  expect(packedType(name)).toMatchObject({ name, ...expected })
})

test.each(['Q4_0', 'F8_E4M3', 'F8_E4M3_64', 'GPTQ', 'GPTQ_0', 'GPTQ_-8', 'AWQ_V2_32', 'AWQ_12345678'])(
  '%s is none',
  name => {
    expect(packedType(name)).toBeUndefined()
  },
)

test('parts of each matrix, in order', () => {
  // Numbers, scales, zero points, groups.
  expect(placeBytes('GPTQ_32_ACT', [2, 16, 64])).toEqual([512, 64, 16, 256, 512, 64, 16, 256])
  // Scales of tiles that are not whole.
  expect(placeBytes('F8_E5M2_128', [130, 200])).toEqual([26_000, 16])
  expect(weightBytes('AWQ_64_F32', [8, 64])).toBe(256 + 32 + 4)
  expect(weightBytes('Q4_0', [3, 64])).toBe(108)
})

test.each([
  ['GPTQ_32', [8], 'two dimensions'],
  ['GPTQ_32', [12, 32], 'a multiple of 8 rows'],
  ['GPTQ_4', [8, 12], 'rows of a multiple of 8'],
  ['AWQ_32', [8, 48], 'rows of a multiple of 32'],
] as const)('%s of %s', (name, shape, problem) => {
  expect(packedProblem(packedType(name)!, shape)).toContain(problem)
  if (shape.length > 1) expect(() => weightBytes(name, shape)).toThrow(problem)
})
