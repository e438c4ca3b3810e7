// Every block format, bit by bit.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodeRows } from '../../src/quant/decode.ts'
import { quants } from '../../src/quant/quants.ts'
import { describeOracle, oracleFloats, oracleJson, oraclePath } from '../support/oracle.ts'

interface Manifest {
  readonly vectors: readonly {
    readonly type: string
    readonly ggml_type_id: number
    readonly block_size: number
    readonly block_bytes: number
    readonly blocks: number
    readonly blocks_file: string
    readonly expected_f32_file: string
  }[]
}

// The oracle has no vectors of formats without blocks.
const formats = Object.values(quants).filter(({ elems, ggmlId }) => elems > 1 && ggmlId !== undefined)

describeOracle('dequantized blocks', () => {
  test.each(formats)('$name', ({ name, ggmlId, elems, bytes }) => {
    const { vectors } = oracleJson<Manifest>('dequant', 'manifest.json')
    const vector = vectors.find(({ type }) => type === name)!
    expect(vector).toMatchObject({ ggml_type_id: ggmlId, block_size: elems, block_bytes: bytes })
    const blocks = readFileSync(oraclePath('dequant', vector.blocks_file))
    const expected = oracleFloats('dequant', vector.expected_f32_file)
    const values = new Float32Array(vector.blocks * elems)
    decodeRows(name)(blocks, 0, values, 0, values.length)
    expect(new Uint32Array(values.buffer)).toEqual(new Uint32Array(expected.buffer))
  })
})
