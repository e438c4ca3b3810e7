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
export const architectures: readonly string[] = folder
  ? readdirSync(join(folder, 'architectures'))
      .filter(name => name.endsWith('.json'))
      .map(name => name.replace('.json', ''))
  : []

export function oracleJson<T>(...parts: string[]): T {
  return JSON.parse(readFileSync(oraclePath(...parts), 'utf8')) as T
}

/** Little-endian float32 values of a file. */
export function oracleFloats(...parts: string[]): Float32Array {
  const bytes = readFileSync(oraclePath(...parts))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}
