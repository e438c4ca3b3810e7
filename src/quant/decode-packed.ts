// Decodes rows of matrices in parts to float32 in JavaScript, with code that is compiled from their layouts' expressions.
import { decodeRows, JavaScriptPrinter } from './decode.ts'
import { type Matrix, type Packed, type WordLayout, wordLayouts } from './packed.ts'

/** Decodes row `row` into `out`. */
export type DecodeRow = (row: number, out: Float32Array) => void

/** Rows of a matrix whose parts are `parts`, in order. */
export function packedRows(packed: Packed, matrix: Matrix, parts: readonly Uint8Array[]): DecodeRow {
  const [numbers, scaleBytes, zeros, order] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  const { rows, columns } = matrix
  const groups = Math.ceil(columns / packed.group)
  const scales = new Float32Array(Math.ceil(rows / packed.rows) * groups)
  decodeRows(packed.scale)(scaleBytes, 0, scales, 0, scales.length)
  if (packed.layout === 'F8_E4M3' || packed.layout === 'F8_E5M2') {
    const decode = decodeRows(packed.layout)
    return (row, out) => {
      decode(numbers, row * columns, out, 0, columns)
      const first = Math.floor(row / packed.rows) * groups
      for (let i = 0; i < columns; i++) out[i]! *= scales[first + Math.floor(i / packed.group)]!
    }
  }
  const decode = wordDecoder(packed.layout)
  const view = order && new DataView(order.buffer, order.byteOffset, order.length)
  const ordered = view && Uint32Array.from({ length: columns }, (_, i) => view.getUint32(4 * i, true))
  const groupOf = (column: number) =>
    ordered ? Math.min(ordered[column]!, groups - 1) : Math.floor(column / packed.group)
  return (row, out) => {
    const run = ordered ? 1 : packed.group
    for (let from = 0; from < columns; from += run) {
      const group = groupOf(from)
      const z = (group * (rows / 8) + (row >> 3)) * 4
      decode(
        numbers,
        zeros,
        z,
        rows,
        row,
        from,
        from + run,
        packed.zeroOffset,
        scales[group * rows + row]!,
        out,
      )
    }
  }
}

type WordDecoder = (
  bytes: Uint8Array,
  zeros: Uint8Array,
  z: number,
  rows: number,
  row: number,
  from: number,
  end: number,
  offset: number,
  scale: number,
  out: Float32Array,
) => void

const compiled = new Map<WordLayout['name'], WordDecoder>()

/** Decodes columns that share scale and zero point. */
function wordDecoder(name: WordLayout['name']): WordDecoder {
  const found = compiled.get(name) ?? compile(wordLayouts[name])
  compiled.set(name, found)
  return found
}

function compile({ rows, columns, q }: WordLayout): WordDecoder {
  const printer = new JavaScriptPrinter()
  const value = printer.int(q)
  const body = [
    'return (bytes, zeros, z, rows, row, from, end, offset, scale, out) => {',
    `const wordsAcross = rows / ${rows}, wordRow = Math.floor(row / ${rows})`,
    'for (let column = from; column < end; column++) {',
    `const p = 4 * (Math.floor(column / ${columns}) * wordsAcross + wordRow)`,
    `out[column] = scale * (${value})`,
    '}',
    '}',
  ]
  const tables = [...printer.tables]
  return new Function(...tables.map(({ name }) => name), body.join('\n'))(
    ...tables.map(({ values }) => Int32Array.from(values)),
  ) as WordDecoder
}
