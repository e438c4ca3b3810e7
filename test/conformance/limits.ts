// How far from an oracle a case may be.
import type { Op, Program } from '../../src/graph/ops.ts'
import { isAcross, packedType } from '../../src/quant/packed.ts'
import { blockTypes } from './bytes.ts'
import type { ConformanceCase } from './case.ts'

/** NMSE allowed a matmul where 8-bit activations are compared with float activations. */
const QUANTIZED_LIMIT = 1e-4

/** NMSE where a value whose last digit is in doubt may be rounded up for down. */
const ROUNDED_UP = 1e-7

/** Each an NMSE. */
export interface CaseLimits {
  /** Whether inputs are rounded anywhere. */
  readonly rounds: boolean
  /** Over all steps, against an oracle that rounds nothing. */
  readonly loose: number
  /** A step, against an oracle that rounds the same; undefined where that tells nothing. */
  readonly strict: number | undefined
}

/** What a backend rounds the inputs of matmuls to, by the type of the weight. */
export type InputRounding = (type: string) => '8 bits' | 'bf16' | undefined

export const noRounding: InputRounding = () => undefined

/** Block formats meet 8-bit inputs, and so do words of 4 bits whose groups are runs of as many columns as have one scale there. */
export const blockRounding: InputRounding = type => {
  const packed = packedType(type)
  if (packed) return isAcross(type) && !packed.ordered && packed.group % 32 === 0 ? '8 bits' : undefined
  return blockTypes.some(name => name === type) ? '8 bits' : undefined
}

/** The same, and BF16 meets BF16. */
export const bf16Rounding: InputRounding = type => (type === 'BF16' ? 'bf16' : blockRounding(type))

export function limitsOf({ program, tolerance }: ConformanceCase, rounding: InputRounding): CaseLimits {
  const quantized = roundedMatmuls(program, rounding)
  if (quantized === 0) return { rounds: false, loose: tolerance, strict: tolerance }
  return {
    rounds: true,
    // In a whole model the errors add up.
    loose: Math.max(tolerance, quantized * QUANTIZED_LIMIT),
    // Where one matmul follows another, the last digits of the first decide what the second rounds up or down.
    strict: quantized > 1 ? undefined : hasNorm(program) ? ROUNDED_UP : tolerance,
  }
}

function roundedMatmuls({ ops }: Program, rounding: InputRounding): number {
  const rounds = (op: Op) =>
    op.kind === 'matmul' ||
    op.kind === 'matmulExperts' ||
    (op.kind === 'matmulHeads' && !op.params.transposed)
  return ops.filter(op => rounds(op) && op.weights.some(({ type }) => rounding(type))).length
}

/** Whether inputs of matmuls are computed, and so not the same to the last digit everywhere. */
function hasNorm(program: Program): boolean {
  return program.ops.some(op => op.kind === 'rmsNorm' || (op.kind === 'matmul' && op.params.norm))
}
