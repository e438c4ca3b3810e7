// The codebooks against hashes of ggml's own: sha256 of all levels as signed bytes, point by point, of the arrays in
// gguf-py 0.19.0 (`grid` of each class in gguf/quants.py).
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Table } from '../../src/quant/expr.ts'
import {
  evenSigns,
  iq1Grid,
  iq2sGrid,
  iq2xsGrid,
  iq2xxsGrid,
  iq3sGrid,
  iq3xxsGrid,
} from '../../src/quant/grids.ts'

interface Codebook {
  readonly table: Table
  readonly points: number
  /** Bits a weight. */
  readonly bits: number
  readonly levels: readonly number[]
  readonly hash: string
}

const ternary = { bits: 2, levels: [8, 25, 43] }
const codebooks: readonly Codebook[] = [
  {
    table: iq1Grid,
    points: 2048,
    bits: 2,
    levels: [-1, 0, 1],
    hash: '07540ffc1aeaf6ad4d97e96b0fcc765aae39671d4ae4a27bbd0e796fde167c6a',
  },
  {
    table: iq2xxsGrid,
    points: 256,
    ...ternary,
    hash: '05826b5d3e472a3a78f196be62ac78acf81df0f909626e12ab9fa2a5d490dd54',
  },
  {
    table: iq2xsGrid,
    points: 512,
    ...ternary,
    hash: '06e47aaca60b4dc1d9b5a3f34540437058a6b142b4d7a59d5ded769b4d1bf1de',
  },
  {
    table: iq2sGrid,
    points: 1024,
    ...ternary,
    hash: 'e1aa1473412b0552c2174c30ef22ab4073f6a181b85a17056e8249bd2932fd88',
  },
  {
    table: iq3xxsGrid,
    points: 256,
    bits: 3,
    levels: [4, 12, 20, 28, 36, 44, 52, 62],
    hash: '46e35f5a997efdee6c99ce57854c8a0d4f0ff8ca57e5e8a60c0793ea580acf5d',
  },
  {
    table: iq3sGrid,
    points: 512,
    bits: 3,
    levels: [1, 3, 5, 7, 9, 11, 13, 15],
    hash: 'bd1af4945a1717c65610b0284e4628b9a1ba3b306fae3a06f6e5f597356e349f',
  },
]

describe.each(codebooks)('$table.name', ({ table, points, bits, levels, hash }) => {
  test('has every point of ggml', () => {
    expect(table.values.length).toBe(points)
    const weights = bits === 2 ? 8 : 4
    const all = table.values.flatMap(point =>
      Array.from({ length: weights }, (_, i) => levels[(point >> (bits * i)) & ((1 << bits) - 1)]!),
    )
    expect(createHash('sha256').update(Int8Array.from(all)).digest('hex')).toBe(hash)
  })
})

test('signs: seven as they are, the eighth so that their number is even', () => {
  expect(evenSigns.values.length).toBe(128)
  expect(evenSigns.values.slice(0, 8)).toEqual([0x00, 0x81, 0x82, 0x03, 0x84, 0x05, 0x06, 0x87])
  for (const [seven, signs] of evenSigns.values.entries()) {
    expect(signs & 127).toBe(seven)
    expect(signs.toString(2).replaceAll('0', '').length % 2).toBe(0)
  }
})
