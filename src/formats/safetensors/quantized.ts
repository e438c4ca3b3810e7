// Quantized matrices of checkpoints, whose numbers, scales and zero points are tensors of their own: checked against each other, and
// used where they lie.
import { ModelFormatError, UnsupportedModelError } from '../../errors.ts'
import type { PackedName } from '../../quant/packed.ts'
import type { QuantName } from '../../quant/quants.ts'
import { quote } from '../gguf/cursor.ts'
import type { TensorInfo } from '../model-file.ts'
import { decoded, inParts } from './computed.ts'
import type { StoredTensor } from './header.ts'

/** The tensors of one matrix by the last part of their names. */
export type Parts = ReadonlyMap<string, StoredTensor>

/** Rows and columns that share a scale (arXiv:2412.19437, section 3.3). */
export const SCALED = 128

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
  /** Whether GPTQ's zero points count from 1, as in its first version. */
  readonly zerosFromOne: boolean
}

/** The matrix `[rows, columns]`, its parts where they are. Throws a ModelFormatError if they do not fit together. */
export async function quantizedTensor(
  parts: Parts,
  name: string,
  options: QuantizedOptions,
): Promise<TensorInfo> {
  const words = parts.get('qweight')
  return words ? fourBits(words, parts, name, options) : scaled(parts.get('weight')!, parts, name)
}

/** 8-bit floats with a scale for each 128 × 128 of them, or without. */
function scaled(weight: StoredTensor, parts: Parts, name: string): TensorInfo {
  const type = weight.dtype as 'F8_E4M3' | 'F8_E5M2'
  const [rows, columns] = matrix(weight, [type])
  const scale = parts.get('weight_scale_inv')
  const { source, offset, bytes } = weight
  if (!scale) return { name, type, shape: [rows, columns], source, offset, bytes }
  expectShape(scale, ['F32', 'BF16', 'F16'], [Math.ceil(rows / SCALED), Math.ceil(columns / SCALED)])
  return inParts(name, `${type}_${SCALED}`, [rows, columns], [weight, floats(scale)])
}

/** Scales of float32: those of other types are few enough to be computed. */
function floats(scale: StoredTensor): TensorInfo {
  const stored = { ...scale, type: scale.dtype as QuantName }
  return scale.dtype === 'F32' ? stored : decoded(stored)
}

/**
 * Words of GPTQ are `[columns / 8, rows]`, of AWQ `[columns, rows / 8]`; zero points are `[groups, rows / 8]`, scales `[groups, rows]`
 * in both.
 */
async function fourBits(
  words: StoredTensor,
  parts: Parts,
  name: string,
  { zerosFromOne }: QuantizedOptions,
): Promise<TensorInfo> {
  const part = (name: string) => parts.get(name) ?? fail(words, `${name} beside it`, 'none')
  const [scales, zeros] = [part('scales'), part('qzeros')]
  const [wordRows, wordColumns] = matrix(words, ['I32'])
  const [groups, rows] = matrix(scales, ['F16', 'BF16', 'F32'])
  const layout = wordColumns === rows ? 'GPTQ' : 'AWQ'
  if (layout === 'AWQ' && 8 * wordColumns !== rows)
    fail(words, `words of eight 4-bit numbers, ${rows} or ${rows / 8} in a row`, `${wordColumns}`)
  const columns = layout === 'GPTQ' ? 8 * wordRows : wordRows
  if (rows % 8 !== 0) fail(scales, 'a multiple of 8 rows', `${rows}`)
  const [zeroGroups, zeroWords] = matrix(zeros, ['I32'])
  if (zeroGroups !== groups) fail(zeros, `${groups} groups, as of the scales`, `${zeroGroups}`)
  // So it is seen how many bits a number of GPTQ has.
  if (8 * zeroWords !== rows)
    throw new UnsupportedModelError(
      `${words.source.name}: tensor ${quote(words.name)}: expected 4 bits a weight, found ${(32 * zeroWords) / rows}`,
    )
  if (columns % groups !== 0) fail(scales, `groups of the same size of ${columns} columns`, `${groups}`)
  const index = parts.get('g_idx')
  const order = index && (await isOrdered(index, columns, groups)) ? [index] : []
  const half = scales.dtype === 'F16'
  const type: PackedName = `${layout === 'GPTQ' && !zerosFromOne ? 'GPTQ_V2' : layout}_${columns / groups}${
    order.length > 0 ? '_ACT' : ''
  }${half ? '' : '_F32'}`
  return inParts(name, type, [rows, columns], [words, half ? scales : floats(scales), zeros, ...order])
}

/** Whether columns are in act-order; else groups are runs of them. */
async function isOrdered(index: StoredTensor, columns: number, groups: number): Promise<boolean> {
  expectShape(index, ['I32'], [columns])
  const order = new Int32Array((await index.source.read(index.offset, index.bytes)).slice().buffer)
  const wrong = order.findIndex(group => group < 0 || group >= groups)
  if (wrong >= 0) fail(index, `groups below ${groups}`, `${order[wrong]} for column ${wrong}`)
  return order.some((group, column) => group !== Math.floor((column * groups) / columns))
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
