// What a block format is: sizes, and its decode as expressions over the element and the group of a block. Must not know
// any format.
import { type Expr, type Float, type Int, intVariable } from './expr.ts'

export type QuantName =
  | 'F32'
  | 'F16'
  | 'BF16'
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ1_S'
  | 'IQ1_M'
  | 'IQ2_XXS'
  | 'IQ2_XS'
  | 'IQ2_S'
  | 'IQ3_XXS'
  | 'IQ3_S'
  | 'IQ4_NL'
  | 'IQ4_XS'
  | 'TQ1_0'
  | 'TQ2_0'
  | 'MXFP4'
  | 'F8_E4M3'
  | 'F8_E5M2'

/**
 * A block format. Element i of a block is `d·q + m`, where `q` is over `element` and, as they are the same for
 * a whole group, `d` and `m` are over `group`. Each operation rounds to float32, in the order that ggml's own
 * `dequantize_row_*` takes, so that every bit is the same.
 */
export interface QuantFormat {
  readonly name: QuantName
  /** Number of the type in GGUF files (`enum ggml_type`); undefined if they have none like it. */
  readonly ggmlId?: number
  /** Weights in a block. */
  readonly elems: number
  /** Bytes of a block. */
  readonly bytes: number
  /** Consecutive weights that share `code`, `d` and `m`; divides `elems`. */
  readonly group: number
  /** What the weights of a group are found in, so that it is looked up once: over `group`. `q` may use it. */
  readonly code?: Int
  readonly q: Expr
  /** A factor of 1 if absent. */
  readonly d?: Float
  /** Nothing is added if absent: adding 0 would turn -0 into 0. */
  readonly m?: Float
}

/** Index of a weight within its block, in `q`. */
export const element = intVariable('i')
/** Index of a group of weights within its block, in `d` and `m`. */
export const group = intVariable('g')
/** Index of a weight within its group, in `q`. */
export const lane = intVariable('k')
/** The group's `code`, in `q`. */
export const code = intVariable('c')
