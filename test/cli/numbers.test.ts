// What a size on the command line means.
import { expect, test } from 'vitest'
import { bytes } from '../../src/cli/numbers.ts'

test.each([
  ['1', 1],
  ['48M', 48 * 1024 * 1024],
  ['1.5G', 1_610_612_736],
  ['2gb', 2_147_483_648],
  ['0.5k', 512],
  ['1T', 1_099_511_627_776],
])('%s', (text, expected) => {
  expect(bytes(text)).toBe(expected)
})

test.each(['', 'M', '-1', '1X', '0', '1e3', '48 M B', '99999999T', '0.0001K'])('not %s', text => {
  expect(() => bytes(text)).toThrow('Expected a size such as 48M or 1.5G.')
})
