// Rows of one format as rows of another: what it takes and answers, and the plain way to do it. Must not know where rows come from.
import { decodeRows } from './decode.ts'
import { encodeRows, isEncodable } from './encode.ts'
import { greatestOf } from './fit.ts'
import { type QuantName, quants } from './quants.ts'

/** Consecutive rows of a matrix, or of several one after the other. */
export interface Rows {
  readonly type: QuantName
  readonly count: number
  readonly columns: number
  /** Their blocks, or where these lie in native memory. */
  readonly data: Uint8Array | number
}

/** How much an error in each column counts. */
export interface Importance {
  /** `[matrices, columns]` */
  readonly values: Float32Array
  /** Rows of each matrix. */
  readonly matrixRows: number
}

/** How rows are computed where something native does it. */
export interface RequantizerOptions {
  /** Threads that compute. Default: physical cores, as far as this process may use them. */
  readonly threads?: number | undefined
  /** Told in one line before the native library is built, or that there is none. */
  readonly notice?: ((line: string) => void) | undefined
}

/** Why rows cannot be had in a format: a value is no finite number, or too large for it, or nothing writes the format. */
export type Refusal = 'notFinite' | 'tooLarge' | 'noEncoder'

/** Answers the blocks. The first of the rows is row `firstRow` of all that `importance` is for. */
export type Requantize = (
  rows: Rows,
  to: QuantName,
  importance?: Importance,
  firstRow?: number,
) => Promise<Uint8Array | Refusal>

/** Beyond it no scale of 16 bits reaches, and sums of squares might overflow. */
const LARGEST = 2 ** 30

/** In JavaScript, for where there is no native library. */
export const requantizePlainly: Requantize = async (rows, to, importance, firstRow = 0) => {
  if (!isEncodable(to)) return 'noEncoder'
  if (typeof rows.data === 'number') throw new TypeError('JavaScript cannot read native memory')
  const values = new Float32Array(rows.count * rows.columns)
  decodeRows(rows.type)(rows.data, 0, values, 0, values.length)
  if (!values.every(Number.isFinite)) return 'notFinite'
  if (quants[to].elems > 1 && greatestOf(values) > LARGEST) return 'tooLarge'
  const bytes = encodeRows(to, values, importance && weightsOf(importance, rows, firstRow))
  decodeRows(to)(bytes, 0, values, 0, values.length)
  return values.every(Number.isFinite) ? bytes : 'tooLarge'
}

/** Of each value. */
function weightsOf(
  { values, matrixRows }: Importance,
  { count, columns }: Rows,
  firstRow: number,
): Float32Array {
  const weights = new Float32Array(count * columns)
  for (let row = 0; row < count; row++) {
    const matrix = Math.floor((firstRow + row) / matrixRows)
    weights.set(values.subarray(matrix * columns, (matrix + 1) * columns), row * columns)
  }
  return weights
}
