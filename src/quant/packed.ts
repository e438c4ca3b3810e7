// Matrices in several parts, as checkpoints have them: numbers in one, scales and zero points in others, all used where they lie.
// One entry for each layout of the numbers. Must not know where parts come from.
import { InvalidOptionError } from '../errors.ts'
import { type Int, intVariable, lookup, type Table, u8 } from './expr.ts'
import { bytesFor, type QuantName } from './quants.ts'

/** 4-bit numbers, eight in a word of 32 bits, that count from zero points. */
export interface WordLayout {
  readonly name: 'GPTQ' | 'AWQ'
  /** Of the numbers in a word. Words lie by columns, in each by rows; words of zero points, of eight rows each, by groups. */
  readonly rows: number
  readonly columns: number
  /** A number less its zero point: over the words that hold them, `row`, `column` and `offset`. */
  readonly q: Int
}

const row = intVariable('row')
const column = intVariable('column')
/** What is added to zero points as they are stored. */
const offset = intVariable('offset')

/** Where a word of AWQ has row 0 to 7 of its eight: `gemm` packs them in the order 0 2 4 6 1 3 5 7. */
const places: Table = { name: 'awq_places', values: [0, 4, 1, 5, 2, 6, 3, 7] }
const place = lookup(places, row.and(7))

/** A nibble of a word. */
const nibble = (which: Int, part: 'block' | 'zeros') => u8(which.shr(1), part).half(which)

/**
 * GPTQ (arXiv:2210.17323, as AutoGPTQ packs it) has eight columns of a row in a word, AWQ (arXiv:2306.00978, as AutoAWQ's `gemm`
 * packs it) eight rows of a column.
 */
export const wordLayouts: Readonly<Record<WordLayout['name'], WordLayout>> = {
  GPTQ: {
    name: 'GPTQ',
    rows: 1,
    columns: 8,
    q: nibble(column.and(7), 'block').sub(nibble(row.and(7), 'zeros').add(offset)),
  },
  AWQ: {
    name: 'AWQ',
    rows: 8,
    columns: 1,
    q: nibble(place, 'block').sub(nibble(place, 'zeros').add(offset)),
  },
}

/**
 * What a matrix in parts is called, as a type of weights: `F8_E4M3_128`, with a scale for each 128 × 128; `GPTQ_64`, with scales and
 * zero points for each 64 columns of a row. `GPTQ_V2` does not count zero points from 1, `_ACT` has columns in any order of groups,
 * `_F32` scales of float32.
 */
export type PackedName =
  | 'F8_E4M3_128'
  | 'F8_E5M2_128'
  | `${'GPTQ' | 'GPTQ_V2' | 'AWQ'}_${number}${'' | '_ACT'}${'' | '_F32'}`

/** The type of a tensor: blocks, row by row, or several parts. */
export type WeightType = QuantName | PackedName

/** What the name says. */
export interface Packed {
  readonly name: PackedName
  readonly layout: 'F8_E4M3' | 'F8_E5M2' | WordLayout['name']
  /** Rows and columns that share a scale. */
  readonly rows: number
  readonly group: number
  readonly scale: 'F16' | 'F32'
  /** Added to zero points. */
  readonly zeroOffset: number
  /** Whether the last part says the group of each column. */
  readonly ordered: boolean
}

/** Rows and columns of a matrix. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
}

const known = new Map<string, Packed | undefined>()

/** What a type says if it is that of a matrix in parts. */
export function packedType(type: string): Packed | undefined {
  if (!known.has(type)) known.set(type, parse(type))
  return known.get(type)
}

export function isPacked(type: WeightType): type is PackedName {
  return packedType(type) !== undefined
}

function parse(type: string): Packed | undefined {
  const name = type as PackedName
  if (name === 'F8_E4M3_128' || name === 'F8_E5M2_128')
    return {
      ...{ name, layout: name === 'F8_E4M3_128' ? 'F8_E4M3' : 'F8_E5M2', scale: 'F32' },
      ...{ rows: 128, group: 128, zeroOffset: 0, ordered: false },
    }
  const [, layout, version, group, order, scale] =
    /^(GPTQ|AWQ)(_V2)?_([1-9]\d{0,6})(_ACT)?(_F32)?$/.exec(type) ?? []
  if (layout === undefined || (layout === 'AWQ' && version)) return undefined
  return {
    ...{ name, layout: layout as WordLayout['name'], rows: 1, group: Number(group) },
    scale: scale ? 'F32' : 'F16',
    zeroOffset: layout === 'GPTQ' && !version ? 1 : 0,
    ordered: order !== undefined,
  }
}

/** Whether rows of numbers lie side by side, so that none can be read by itself. */
export function isAcross(type: string): boolean {
  const packed = packedType(type)
  return packed !== undefined && packed.layout in wordLayouts
}

/** Bytes of each part of one matrix, in the order in which parts are always named: numbers, scales, zero points, groups. */
export function partBytes(packed: Packed, { rows, columns }: Matrix): number[] {
  const scales = Math.ceil(rows / packed.rows) * Math.ceil(columns / packed.group)
  const scaleBytes = bytesFor(packed.scale, scales)
  if (!(packed.layout in wordLayouts)) return [rows * columns, scaleBytes]
  return [(rows * columns) / 2, scaleBytes, scales / 2, ...(packed.ordered ? [4 * columns] : [])]
}

/** Why matrices of this shape cannot be of a type. */
export function packedProblem(packed: Packed, shape: readonly number[]): string | undefined {
  const [rows = 1, columns = 1] = shape.slice(-2)
  if (shape.length < 2) return 'two dimensions or more'
  if (!(packed.layout in wordLayouts)) return undefined
  const { columns: multiple } = wordLayouts[packed.layout as WordLayout['name']]
  if (rows % 8 !== 0) return 'a multiple of 8 rows'
  if (columns % multiple !== 0) return `rows of a multiple of ${multiple}`
  return columns % packed.group === 0 ? undefined : `rows of a multiple of ${packed.group}`
}

/** Bytes of a tensor: of parts, those of each matrix one behind the other. Blocks must be whole. */
export function weightBytes(type: WeightType, shape: readonly number[]): number {
  return placeBytes(type, shape).reduce((sum, bytes) => sum + bytes, 0)
}

/** Bytes of what may lie apart: of matrices in parts each part of each, else all. */
export function placeBytes(type: WeightType, shape: readonly number[]): number[] {
  const packed = packedType(type)
  const elements = shape.reduce((product, size) => product * size, 1)
  if (!packed) return [bytesFor(type as QuantName, elements)]
  const problem = packedProblem(packed, shape)
  if (problem) throw new InvalidOptionError(`${type} needs ${problem}, found [${shape.join(', ')}]`)
  const [rows, columns] = shape.slice(-2) as [number, number]
  const parts = partBytes(packed, { rows, columns })
  return Array.from({ length: elements / (rows * columns) }, () => parts).flat()
}

/** Bits that a weight takes. */
export function weightBits(type: WeightType): number {
  const packed = packedType(type)
  if (!packed) return (8 * bytesFor(type as QuantName, 256)) / 256
  return packed.layout in wordLayouts ? 4 + 20 / packed.group : 8
}
