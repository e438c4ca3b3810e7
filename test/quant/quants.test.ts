import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { bytesFor, ggmlTypeName, quantByGgmlId, quants } from '../../src/quant/quants.ts'

test('numbers and sizes are those of ggml', () => {
  const sizes = Object.entries(quants).map(([name, { ggmlId, elems, bytes }]) => [name, ggmlId, elems, bytes])
  expect(sizes).toEqual([
    ['F32', 0, 1, 4],
    ['F16', 1, 1, 2],
    ['BF16', 30, 1, 2],
    ['Q4_0', 2, 32, 18],
    ['Q4_1', 3, 32, 20],
    ['Q5_0', 6, 32, 22],
    ['Q5_1', 7, 32, 24],
    ['Q8_0', 8, 32, 34],
    ['Q2_K', 10, 256, 84],
    ['Q3_K', 11, 256, 110],
    ['Q4_K', 12, 256, 144],
    ['Q5_K', 13, 256, 176],
    ['Q6_K', 14, 256, 210],
    ['IQ1_S', 19, 256, 50],
    ['IQ1_M', 29, 256, 56],
    ['IQ2_XXS', 16, 256, 66],
    ['IQ2_XS', 17, 256, 74],
    ['IQ2_S', 22, 256, 82],
    ['IQ3_XXS', 18, 256, 98],
    ['IQ3_S', 21, 256, 110],
    ['IQ4_NL', 20, 32, 18],
    ['IQ4_XS', 23, 256, 136],
    ['TQ1_0', 34, 256, 54],
    ['TQ2_0', 35, 256, 66],
    ['MXFP4', 39, 32, 17],
    // Those of HuggingFace's checkpoints, which GGUF lacks.
    ['F8_E4M3', undefined, 1, 1],
    ['F8_E5M2', undefined, 1, 1],
  ])
})

test.each(Object.entries(quants))('%s is found by its number and bears its name', (name, format) => {
  expect(format.name).toBe(name)
  if (format.ggmlId !== undefined) {
    expect(quantByGgmlId(format.ggmlId)).toBe(format)
    expect(ggmlTypeName(format.ggmlId)).toBe(name)
  }
  expect(format.elems % format.group).toBe(0)
})

test('types of ggml that have no format here have a name', () => {
  expect(quantByGgmlId(15)).toBeUndefined()
  expect(ggmlTypeName(15)).toBe('Q8_K')
  expect(ggmlTypeName(40)).toBe('NVFP4')
})

test.each([4, 31, 1000, -1, 0.5])('there is no type %d', id => {
  expect(quantByGgmlId(id)).toBeUndefined()
  expect(ggmlTypeName(id)).toBeUndefined()
})

test('bytes of whole blocks', () => {
  expect(bytesFor('F32', 3)).toBe(12)
  expect(bytesFor('Q4_0', 64)).toBe(36)
  expect(bytesFor('Q6_K', 4096)).toBe(3360)
  expect(bytesFor('Q4_K', 0)).toBe(0)
  expect(bytesFor('Q4_K', 2 ** 40)).toBe(2 ** 32 * 144)
})

test('part of a block is an error that names the format', () => {
  expect(() => bytesFor('Q4_K', 128)).toThrow(InvalidOptionError)
  expect(() => bytesFor('Q4_K', 128)).toThrow('Q4_K needs a multiple of 256 elements, found 128')
})
