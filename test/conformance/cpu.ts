// What the CPU backend rounds at each level, and the oracle that does the same.
import { bf16Rounding, blockRounding, type InputRounding } from './limits.ts'
import { naive } from './naive.ts'
import { type ConformanceOptions, remembered } from './suite.ts'

type Rounded = NonNullable<ConformanceOptions['rounded']>

const roundedBy = (rounding: InputRounding): Rounded => ({
  rounding,
  oracle: remembered(async c => naive(c, { rounding })),
})
const byBlocks = roundedBy(blockRounding)
const toBf16 = roundedBy(bf16Rounding)

export function cpuRounding(level: string): Rounded {
  return level === 'avx512bf16' ? toBf16 : byBlocks
}
