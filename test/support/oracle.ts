// Models with answers that other engines computed, in the folder that TORCHLESS_ORACLE names. Tests that need it
// say so in their name and are skipped without it; every part is tested by fixtures of the project as well.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'

const folder = process.env.TORCHLESS_ORACLE

/** A group of tests that runs only where the oracle is. */
export function describeOracle(name: string, tests: () => void): void {
  describe.skipIf(folder === undefined)(`${name} (needs TORCHLESS_ORACLE)`, tests)
}

/** The same for each of several cases. */
describeOracle.each =
  <T extends string>(cases: readonly T[]) =>
  (name: string, tests: (one: T) => void): void => {
    for (const one of cases) describeOracle(name.replace('%s', one), () => tests(one))
  }

export function oraclePath(...parts: string[]): string {
  return join(folder ?? '', ...parts)
}

/** The tiny models of all families: whatever lies there. */
export const architectures = answersIn('architectures')

/** Quantized models, such as `llama-Q4_0`. */
export const quantized = answersIn('quants')

/** Greatest NMSE of a quantized model, activations in 8 bits; in mixtures a tie in the router may flip. */
export function quantizedLimit(name: string): number {
  if (name.endsWith('-F16')) return 1e-6
  if (name.endsWith('-BF16')) return 5e-5
  return name.startsWith('llama-') ? 1.5e-3 : 4e-3
}

function answersIn(kind: string): readonly string[] {
  if (!folder) return []
  const answers = readdirSync(join(folder, kind)).filter(name => name.endsWith('.json'))
  return answers.map(name => name.replace('.json', ''))
}

export function oracleJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(oraclePath(...parts), 'utf8')) as T
}

/** Little-endian float32 values of a file. */
export function oracleFloats(...parts: string[]): Float32Array {
  const bytes = readFileSync(oraclePath(...parts))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
