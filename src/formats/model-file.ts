// What every format's reader answers, and every writer takes: metadata and named tensors.
import type { Source } from '../io/source.ts'
import type { WeightType } from '../quant/packed.ts'
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
  readonly type: WeightType
  /** Row-major: outermost dimension first, `[rows, columns]` for a matrix. */
  readonly shape: readonly number[]
  readonly source: Source
  /** Byte offset in `source`. */
  readonly offset: number
  readonly bytes: number
  /**
   * Of a tensor that lies in several places, where each slice of its first dimension is, or of matrices in parts each part of each.
   * Its `source` reads them as one.
   */
  readonly places?: readonly TensorPlace[]
}

/** A tensor whose rows lie one behind the other. */
export interface RowTensor extends TensorInfo {
  readonly type: QuantName
}

export interface TensorPlace {
  readonly source: Source
  readonly offset: number
}

/** A tokenizer's own files, where a format keeps it in some: the first of the two that is there is the one to use. */
export interface TokenizerFiles {
  /** The text of tokenizer.json, parsed. */
  readonly json: unknown
  /** The bytes of tokenizer.model. */
  readonly sentencePiece: Uint8Array | undefined
  /** tokenizer_config.json, parsed. */
  readonly config: unknown
  /** Ids that end a generation, beside those that the tokenizer knows itself. */
  readonly ends: readonly number[]
  /** For messages. */
  readonly name: string
}

export type FormatName = 'gguf' | 'native' | 'llama2c' | 'safetensors'

export interface ModelFile {
  readonly format: FormatName
  /** All files it is made of; the first one names it. */
  readonly sources: readonly Source[]
  /** GGUF keys are canonical; other formats map onto them. */
  readonly metadata: Metadata
  /** By key: how the value is stored, of an array its elements; for writers, as a number does not say it. */
  readonly types: ReadonlyMap<string, ElementType>
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** Of formats without files of their own for it, and where a model has none, there is nothing. */
  readonly tokenizer?: TokenizerFiles
  close(): Promise<void>
}

/** A model whose tensors all are row by row. */
export interface RowFile extends ModelFile {
  readonly tensors: ReadonlyMap<string, RowTensor>
}
