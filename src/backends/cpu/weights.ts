// Weights where kernels can read them: mapped files as they are, anything else copied into native memory.
import { CacheFullError } from '../../errors.ts'
import type { NativeOs } from '../../ffi/os.ts'
import { type Program, programWeights, type Weight } from '../../graph/ops.ts'
import { placeBytes, type WeightType } from '../../quant/packed.ts'
import type { WeightPiece, WeightSource } from '../backend.ts'
import type { LazyPlan } from './lazy-plan.ts'

/** Bytes that are read at a time. */
const CHUNK = 2 ** 24

export interface NativeWeights {
  /** How those that stay on disk come from there. */
  readonly lazy?: LazyPlan
  /** One, or one for each slice of the first dimension, of matrices in parts for each part of each. */
  addresses(name: string): readonly number[]
  /** The name of an open file. */
  nameOf?(file: number): string
  /** Throws if a mapped file has lost bytes. */
  check(): void
  release(): void
}

export interface CopyOptions {
  readonly guarded?: boolean
  readonly from?: number
  readonly bytes?: number
}

/** Copies of weights in native memory. */
export class Copies {
  readonly #os: NativeOs
  readonly #memory: { readonly start: number; readonly bytes: number }[] = []

  constructor(os: NativeOs) {
    this.#os = os
  }

  /** Memory of so many bytes, released with the rest; throws CacheFullError if there is none. */
  reserve(bytes: number, what: string): number {
    const start = this.#os.reserve(bytes)
    if (start === 0) throw new CacheFullError(`no memory for the ${bytes} bytes of ${what}`)
    this.#memory.push({ start, bytes })
    return start
  }

  /** Copies a weight, or `bytes` of it from `from` on. A guarded copy ends where a page begins that may not be read. */
  async add(
    { bytes: all, read }: WeightPiece,
    name: string,
    { guarded = false, from = 0, bytes = all }: CopyOptions = {},
  ): Promise<number> {
    const start = this.reserve(bytes, name)
    const address = start + (guarded ? -bytes & (this.#os.pageSize() - 1) : 0)
    for (let at = 0; at < bytes; at += CHUNK)
      this.#os.writeBytes(address + at, await read(from + at, Math.min(CHUNK, bytes - at)))
    return address
  }

  release(): void {
    for (const { start, bytes } of this.#memory) this.#os.release(start, bytes)
    this.#memory.length = 0
  }
}

/** Maps what can be mapped and copies the rest. */
export async function nativeWeights(
  program: Program,
  source: WeightSource,
  os: NativeOs,
  guarded: boolean,
): Promise<NativeWeights> {
  const mapped = await source.map?.()
  const copies = new Copies(os)
  const addresses = new Map<string, readonly number[]>()
  const weights: NativeWeights = {
    addresses: name => addresses.get(name)!,
    check: () => mapped?.check(),
    release() {
      copies.release()
      mapped?.unmap()
    },
  }
  try {
    for (const weight of programWeights(program)) {
      const { name } = weight
      const piece = source.piece(name)
      const found = mapped?.addresses(name) ?? [undefined]
      addresses.set(
        name,
        await withCopies(weight, piece.bytes, found, (from, bytes) =>
          copies.add(piece, name, { guarded, from, bytes }),
        ),
      )
    }
    return weights
  } catch (error) {
    weights.release()
    throw error
  }
}

/** Of a weight of `whole` bytes, what has no address is copied: parts that lie apart each for itself, else all of it. */
async function withCopies(
  { type, shape }: Weight,
  whole: number,
  found: readonly (number | undefined)[],
  copy: (from: number, bytes: number) => Promise<number>,
): Promise<number[]> {
  const mapped = found.filter(address => address !== undefined)
  if (mapped.length === found.length) return mapped
  const sizes = mapped.length === 0 ? [] : placeBytes(type as WeightType, shape)
  if (found.length !== sizes.length) return [await copy(0, whole)]
  const all: number[] = []
  let from = 0
  for (const [i, bytes] of sizes.entries()) {
    all.push(found[i] ?? (await copy(from, bytes)))
    from += bytes
  }
  return all
}
