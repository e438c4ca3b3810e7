// What the CPU backend rounds at each level, and the oracle that does the same.
import { bf16Rounding, blockRounding } from './limits.ts'
import { naive } from './naive.ts'
import type { ConformanceOptions } from './suite.ts'

export function cpuRounding(level: string): NonNullable<ConformanceOptions['rounded']> {
  const rounding = level === 'avx512bf16' ? bf16Rounding : blockRounding
  return { rounding, oracle: async c => naive(c, { rounding }) }
}
