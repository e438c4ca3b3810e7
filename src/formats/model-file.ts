// What every format's reader answers, and every writer takes: metadata and named tensors.
import type { Source } from '../io/source.ts'
import type { QuantName } from '../quant/quants.ts'
import type { ElementType } from './gguf/spec.ts'

export type MetadataScalar = string | number | bigint | boolean
/** 64-bit integers are numbers where they are safe integers, else bigints. Numeric arrays are typed arrays. */
export type MetadataValue =
  | MetadataScalar
  | readonly string[]
  | readonly boolean[]
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
export type Metadata = ReadonlyMap<string, MetadataValue>

export interface TensorInfo {
  readonly name: string
  readonly type: QuantName
  /** Row-major: outermost dimension first, `[rows, columns]` for a matrix. */
  readonly shape: readonly number[]
  readonly source: Source
  /** Byte offset in `source`. */
  readonly offset: number
  readonly bytes: number
}

export type FormatName = 'gguf' | 'native' | 'llama2c'

export interface ModelFile {
  readonly format: FormatName
  /** All files it is made of; the first one names it. */
  readonly sources: readonly Source[]
  /** GGUF keys are canonical; other formats map onto them. */
  readonly metadata: Metadata
  /** By key: how the value is stored, of an array its elements; for writers, as a number does not say it. */
  readonly types: ReadonlyMap<string, ElementType>
  readonly tensors: ReadonlyMap<string, TensorInfo>
  close(): Promise<void>
}
