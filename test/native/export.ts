// Writes conformance cases to a file that replay.cpp runs through the C ABI: where there is no Node, under an emulator or
// a sanitizer. All numbers are doubles, in the order in which they are read; then the bytes of all weights.
import { writeFile } from 'node:fs/promises'
import { flatten } from '../../src/backends/cpu/flatten.ts'
import { guardZones, PATTERN } from '../../src/graph/guard.ts'
import { columns } from '../../src/graph/ops.ts'
import { plan } from '../../src/graph/plan.ts'
import type { ConformanceCase } from '../conformance/case.ts'
import { blockRounding, type InputRounding, limitsOf } from '../conformance/limits.ts'
import { naive } from '../conformance/naive.ts'

/** Where the weights' bytes seem to begin: no other number of a program is so large. The driver adds the difference. */
const FAKE_BASE = 2 ** 44
const GUARD_BYTES = 64

/** Writes the cases; what is expected is computed here, of a level that rounds inputs so. */
export async function exportCases(
  path: string,
  cases: readonly ConformanceCase[],
  rounding: InputRounding = blockRounding,
): Promise<void> {
  const numbers: number[] = [FAKE_BASE, PATTERN, cases.length]
  const weights = new Bytes()
  for (const c of cases) writeCase(numbers, weights, c, rounding)
  const head = new Float64Array([numbers.length])
  await writeFile(
    path,
    [head, Float64Array.from(numbers), weights.all()].map(part => Buffer.from(part.buffer)),
  )
}

function writeCase(numbers: number[], weights: Bytes, c: ConformanceCase, rounding: InputRounding): void {
  const { program, limits } = c
  const name = new TextEncoder().encode(c.name)
  const places = plan(program, limits, limits.guard ? GUARD_BYTES : 0)
  const offsets = new Map(
    Object.entries(c.weights).map(([key, { bytes, misalign }]) => [key, weights.add(bytes, misalign)]),
  )
  const addresses = (weight: { readonly name: string }) => [FAKE_BASE + offsets.get(weight.name)!]
  const list = flatten(program, { plan: places, limits, threads: 1, addresses })
  const { loose, strict } = limitsOf(c, rounding)
  const expected = naive(c, { rounding })
  const width = columns(program.logits)
  numbers.push(name.length, ...name, strict ?? loose, width, list.length, ...list, c.steps.length)
  for (const [i, { batch }] of c.steps.entries()) {
    const { tokens, positions, sequence, slots, lengths, tables, rows, copies, repeatable = true } = batch
    for (const input of [tokens, positions, sequence, slots, lengths, tables, rows, copies])
      numbers.push(input.length, ...input)
    numbers.push(Number(repeatable))
    // A token whose history is not whole has no answer.
    numbers.push(...expected[i]!)
    const step = { T: tokens.length, R: rows.length }
    const zones = limits.guard ? guardZones(program, places, places.bytes / 4, step) : []
    numbers.push(zones.length, ...zones.flatMap(({ start, end }) => [start, end]))
  }
}

/** Bytes one after the other, each piece at a multiple of 64 plus what it is to be off. */
class Bytes {
  readonly #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = []
  #size = 0

  add(bytes: Uint8Array, misalign: number): number {
    const at = Math.ceil(this.#size / 64) * 64 + misalign
    this.#pieces.push({ at, bytes })
    this.#size = at + bytes.length
    return at
  }

  all(): Uint8Array {
    const whole = new Uint8Array(this.#size)
    for (const { at, bytes } of this.#pieces) whole.set(bytes, at)
    return whole
  }
}
