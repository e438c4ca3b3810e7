// What is generated from the block formats is up to date.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeHeader } from '../../scripts/generate-native.ts'

test('native/decode.gen.h: else run scripts/generate-native.ts', () => {
  expect(readFileSync(new URL('../../native/decode.gen.h', import.meta.url), 'utf8')).toBe(decodeHeader())
})
