// Quantized matrices of checkpoints, whose weights and scales are tensors of their own: brought together block by block as they are
// read, into formats of src/quant that lose nothing. What no block holds is decoded.
import { ModelFormatError, UnsupportedModelError } from '../../errors.ts'
import { makeSource, type Source } from '../../io/source.ts'
import { decodeRows } from '../../quant/decode.ts'
import { f32sToF16s } from '../../quant/half.ts'
import { bytesFor, type QuantName } from '../../quant/quants.ts'
import { quote } from '../gguf/cursor.ts'
import type { TensorInfo } from '../model-file.ts'
import type { StoredTensor } from './header.ts'

/** The tensors of one matrix by the last part of their names. */
export type Parts = ReadonlyMap<string, StoredTensor>

/** Rows and columns that share a scale (arXiv:2412.19437, section 3.3). */
export const SCALED = 128
/** Weights in a block of Q4_Z: scale, zero point, 16 bytes. */
const BLOCK = 32
const BLOCK_BYTES = 19
/** Where a word of AWQ has column 0 to 7 of its eight: `gemm` packs them in the order 0 2 4 6 1 3 5 7. */
const PLACES = [0, 4, 1, 5, 2, 6, 3, 7]

/** Whether a tensor is the weight that the other parts belong to. */
export function isQuantized({ dtype, name }: StoredTensor): boolean {
  return dtype.startsWith('F8_E') || name.endsWith('.qweight')
}

/** Last parts of names that are read with the weight they belong to. */
export function companions(parts: Parts): readonly string[] {
  if (parts.has('qweight')) return ['qzeros', 'scales', 'g_idx']
  return parts.has('weight') && isQuantized(parts.get('weight')!) ? ['weight_scale_inv'] : []
}

export interface QuantizedOptions {
  /** Added to GPTQ's zero points: 1 in its first version. */
  readonly zeroOffset: number
}

/** The matrix as one tensor `[rows, columns]`. Throws a ModelFormatError if its parts do not fit together. */
export async function quantizedTensor(
  parts: Parts,
  name: string,
  { zeroOffset }: QuantizedOptions,
): Promise<TensorInfo> {
  const packed = parts.get('qweight')
  if (!packed) return scaledTensor(parts.get('weight')!, parts.get('weight_scale_inv'), name)
  return packedTensor(await fourBits(packed, parts, zeroOffset), name)
}

/** 8-bit floats with a scale for each 128 × 128 of them, or without. */
function scaledTensor(weight: StoredTensor, scale: StoredTensor | undefined, name: string): TensorInfo {
  const type = weight.dtype as 'F8_E4M3' | 'F8_E5M2'
  const [rows, columns] = matrix(weight, [type])
  const [scaleRows, scaleColumns] = [Math.ceil(rows / SCALED), Math.ceil(columns / SCALED)]
  if (scale) expectShape(scale, ['F32', 'BF16', 'F16'], [scaleRows, scaleColumns])
  const blocks = columns % SCALED === 0
  const blockBytes = bytesFor(type, SCALED)
  /** Of rows that share scales, the blocks of row `row`; the last one is filled up with zeros. */
  const blocksOf = (bytes: Uint8Array, row: number, scales: Float32Array) => {
    const out = new Uint8Array(scaleColumns * blockBytes)
    const view = new DataView(out.buffer)
    for (let i = 0; i < scaleColumns; i++) {
      view.setFloat32(i * blockBytes, scales[i]!, true)
      const [from, to] = [row * columns + i * SCALED, row * columns + Math.min(columns, (i + 1) * SCALED)]
      out.set(bytes.subarray(from, to), i * blockBytes + 4)
    }
    return out
  }
  const rowBytes = blocks ? scaleColumns * blockBytes : 4 * columns
  const source = rowSource(`${weight.source.name}: ${name}`, rows, rowBytes, async (first, count) => {
    const bytes = await weight.source.read(weight.offset + first * columns, count * columns)
    const firstScale = Math.floor(first / SCALED)
    const scales = await scalesOf(
      scale,
      firstScale,
      Math.ceil((first + count) / SCALED) - firstScale,
      scaleColumns,
    )
    const out = new Uint8Array(count * rowBytes)
    for (let row = 0; row < count; row++) {
      const at = (Math.floor((first + row) / SCALED) - firstScale) * scaleColumns
      const found = blocksOf(bytes, row, scales.subarray(at, at + scaleColumns))
      out.set(
        blocks ? found : floatsOf(type, found, scaleColumns * SCALED).subarray(0, rowBytes),
        row * rowBytes,
      )
    }
    return out
  })
  return {
    name,
    type: blocks ? type : 'F32',
    shape: [rows, columns],
    source,
    offset: 0,
    bytes: rows * rowBytes,
  }
}

/** Rows of scales in float32; ones where there are none. */
async function scalesOf(
  scale: StoredTensor | undefined,
  first: number,
  rows: number,
  columns: number,
): Promise<Float32Array> {
  const values = new Float32Array(rows * columns).fill(1)
  if (!scale) return values
  const type = scale.dtype as QuantName
  const bytes = await scale.source.read(
    scale.offset + bytesFor(type, first * columns),
    bytesFor(type, values.length),
  )
  decodeRows(type)(bytes, 0, values, 0, values.length)
  return values
}

function floatsOf(type: QuantName, blocks: Uint8Array, elements: number): Uint8Array {
  const values = new Float32Array(elements)
  decodeRows(type)(blocks, 0, values, 0, elements)
  return new Uint8Array(values.buffer)
}

/** A matrix of 4-bit numbers, in either of the two layouts. */
interface FourBits {
  readonly words: StoredTensor
  readonly scales: StoredTensor
  readonly zeros: StoredTensor
  readonly zeroOffset: number
  readonly rows: number
  readonly columns: number
  readonly groups: number
  /** By column, its group; undefined where groups are runs of columns. */
  readonly order: Int32Array | undefined
  /** GPTQ packs eight columns of a row in a word, AWQ eight rows of a column. */
  readonly layout: 'gptq' | 'awq'
}

/**
 * GPTQ (arXiv:2210.17323, as AutoGPTQ packs it): words `[columns / 8, rows]`, zero points `[groups, rows / 8]`, scales `[groups,
 * rows]`. AWQ (arXiv:2306.00978, as AutoAWQ's `gemm` packs it): words `[columns, rows / 8]`, the rest alike.
 */
async function fourBits(words: StoredTensor, parts: Parts, zeroOffset: number): Promise<FourBits> {
  const part = (name: string) => parts.get(name) ?? fail(words, `${name} beside it`, 'none')
  const [scales, zeros] = [part('scales'), part('qzeros')]
  const [wordRows, wordColumns] = matrix(words, ['I32'])
  const [groups, rows] = matrix(scales, ['F16', 'BF16', 'F32'])
  const layout = wordColumns === rows ? 'gptq' : 'awq'
  if (layout === 'awq' && 8 * wordColumns !== rows)
    fail(words, `words of eight 4-bit numbers, ${rows} or ${rows / 8} in a row`, `${wordColumns}`)
  const columns = layout === 'gptq' ? 8 * wordRows : wordRows
  if (rows % 8 !== 0) fail(scales, 'a multiple of 8 rows', `${rows}`)
  const [zeroGroups, zeroWords] = matrix(zeros, ['I32'])
  if (zeroGroups !== groups) fail(zeros, `${groups} groups, as of the scales`, `${zeroGroups}`)
  // So it is seen how many bits a number of GPTQ has.
  if (8 * zeroWords !== rows)
    throw new UnsupportedModelError(
      `${words.source.name}: tensor ${quote(words.name)}: expected 4 bits a weight, found ${(32 * zeroWords) / rows}`,
    )
  if (columns % groups !== 0) fail(scales, `groups of the same size of ${columns} columns`, `${groups}`)
  const order = parts.has('g_idx') ? await orderOf(parts.get('g_idx')!, columns, groups) : undefined
  const offset = layout === 'gptq' ? zeroOffset : 0
  return { words, scales, zeros, zeroOffset: offset, rows, columns, groups, order, layout }
}

/** Act-order's groups; undefined if they are runs of columns after all. */
async function orderOf(
  index: StoredTensor,
  columns: number,
  groups: number,
): Promise<Int32Array | undefined> {
  expectShape(index, ['I32'], [columns])
  const order = new Int32Array((await index.source.read(index.offset, index.bytes)).slice().buffer)
  const wrong = order.findIndex(group => group < 0 || group >= groups)
  if (wrong >= 0) fail(index, `groups below ${groups}`, `${order[wrong]} for column ${wrong}`)
  return order.every((group, column) => group === Math.floor((column * groups) / columns)) ? undefined : order
}

/**
 * Blocks of Q4_Z, where 32 columns in a row share a scale of f16. Else F16, the scale times the number, rounded as GPTQ's own kernels
 * round it; or F32, where scales are no f16.
 */
function packedTensor(matrix: FourBits, name: string): TensorInfo {
  const { words, rows, columns, groups, order, scales } = matrix
  const blocks = !order && (columns / groups) % BLOCK === 0
  const type = scales.dtype !== 'F16' ? 'F32' : blocks ? 'Q4_Z' : 'F16'
  const rowBytes = bytesFor(type, columns)
  let loaded: Promise<Unpacker> | undefined
  const source = rowSource(`${words.source.name}: ${name}`, rows, rowBytes, async (first, count) => {
    // A row lies all over the matrix, so all of it is in memory from the first read to the last.
    loaded ??= load(matrix)
    const unpacker = await loaded
    if (first + count === rows) loaded = undefined
    const out = new Uint8Array(count * rowBytes)
    for (let i = 0; i < count; i++) out.set(rowOf(unpacker, first + i, type), i * rowBytes)
    return out
  })
  return { name, type, shape: [rows, columns], source, offset: 0, bytes: rows * rowBytes }
}

/** A matrix in memory. */
interface Unpacker extends FourBits {
  readonly packed: Uint32Array
  readonly packedZeros: Uint32Array
  /** As they are stored: f16's bits, or floats. */
  readonly scaleBits: Uint16Array
  readonly scaleValues: Float32Array
}

async function load(matrix: FourBits): Promise<Unpacker> {
  const { words, zeros, scales, rows, groups } = matrix
  const read = async ({ source, offset, bytes }: StoredTensor) =>
    (await source.read(offset, bytes)).slice().buffer
  const [packed, packedZeros, stored] = [await read(words), await read(zeros), await read(scales)]
  const scaleValues = new Float32Array(rows * groups)
  decodeRows(scales.dtype as QuantName)(new Uint8Array(stored), 0, scaleValues, 0, scaleValues.length)
  return {
    ...matrix,
    packed: new Uint32Array(packed),
    packedZeros: new Uint32Array(packedZeros),
    scaleBits: scales.dtype === 'F16' ? new Uint16Array(stored) : new Uint16Array(0),
    scaleValues,
  }
}

function rowOf(matrix: Unpacker, row: number, type: QuantName): Uint8Array {
  const numbers = numbersOf(matrix, row)
  const { columns, groups, rows, order, scaleBits, scaleValues } = matrix
  const size = columns / groups
  if (type === 'Q4_Z') {
    const out = new Uint8Array((columns / BLOCK) * BLOCK_BYTES)
    for (let at = 0, column = 0; column < columns; at += BLOCK_BYTES, column += BLOCK) {
      const group = Math.floor(column / size)
      const bits = scaleBits[group * rows + row]!
      out[at] = bits & 255
      out[at + 1] = bits >> 8
      out[at + 2] = zeroOf(matrix, group, row)
      for (let i = 0; i < BLOCK / 2; i++)
        out[at + 3 + i] = numbers[column + i]! | (numbers[column + BLOCK / 2 + i]! << 4)
    }
    return out
  }
  const values = new Float32Array(columns)
  for (let column = 0; column < columns; column++) {
    const group = order ? order[column]! : Math.floor(column / size)
    values[column] = scaleValues[group * rows + row]! * (numbers[column]! - zeroOf(matrix, group, row))
  }
  return new Uint8Array(type === 'F16' ? f32sToF16s(values).buffer : values.buffer)
}

/** The 4-bit numbers of a row. */
function numbersOf({ packed, layout, rows, columns }: Unpacker, row: number): Uint8Array {
  const numbers = new Uint8Array(columns)
  if (layout === 'gptq')
    for (let column = 0; column < columns; column++)
      numbers[column] = (packed[(column >> 3) * rows + row]! >>> (4 * (column & 7))) & 15
  else {
    const [shift, stride] = [4 * PLACES[row & 7]!, rows >> 3]
    for (let column = 0; column < columns; column++)
      numbers[column] = (packed[column * stride + (row >> 3)]! >>> shift) & 15
  }
  return numbers
}

function zeroOf({ packedZeros, rows, layout, zeroOffset }: Unpacker, group: number, row: number): number {
  const place = layout === 'gptq' ? row & 7 : PLACES[row & 7]!
  return ((packedZeros[group * (rows >> 3) + (row >> 3)]! >>> (4 * place)) & 15) + zeroOffset
}

/** A source of rows of equal size; `make` answers whole ones. */
function rowSource(
  name: string,
  rows: number,
  rowBytes: number,
  make: (first: number, count: number) => Promise<Uint8Array>,
): Source {
  return makeSource(name, rows * rowBytes, async (offset, length) => {
    const first = Math.floor(offset / rowBytes)
    const found = await make(first, Math.ceil((offset + length) / rowBytes) - first)
    return found.slice(offset - first * rowBytes, offset - first * rowBytes + length)
  })
}

/** Rows and columns of a tensor that must be a matrix of one of these types, with something in it. */
function matrix(tensor: StoredTensor, types: readonly string[]): [number, number] {
  const { dtype, shape } = tensor
  if (!types.includes(dtype) || shape.length !== 2 || shape.includes(0))
    fail(tensor, `a matrix of ${types.join(' or ')}`, `${dtype} [${shape.join(', ')}]`)
  return shape as unknown as [number, number]
}

function expectShape(tensor: StoredTensor, types: readonly string[], shape: readonly number[]): void {
  if (!types.includes(tensor.dtype) || `${tensor.shape}` !== `${shape}`)
    fail(
      tensor,
      `${types.join(' or ')} [${shape.join(', ')}]`,
      `${tensor.dtype} [${tensor.shape.join(', ')}]`,
    )
}

function fail({ source, name }: StoredTensor, expected: string, found: string): never {
  throw new ModelFormatError({ file: source.name, field: `tensor ${quote(name)}`, expected, found })
}
