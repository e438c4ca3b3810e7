// Weights where kernels can read them: mapped files as they are, anything else copied into native memory.
import { CacheFullError } from '../../errors.ts'
import type { NativeOs } from '../../ffi/os.ts'
import { type Program, programWeights } from '../../graph/ops.ts'
import type { WeightSource } from '../backend.ts'
import type { LazyPlan } from './lazy-plan.ts'

/** Bytes that are read at a time. */
const CHUNK = 2 ** 24

export interface NativeWeights {
  /** How those that stay on disk come from there. */
  readonly lazy?: LazyPlan
  /** One, or one for each slice of the first dimension. */
  addresses(name: string): readonly number[]
  /** The name of an open file. */
  nameOf?(file: number): string
  /** Throws if a mapped file has lost bytes. */
  check(): void
  release(): void
}

/** Copies of weights in native memory. */
export class Copies {
  readonly #os: NativeOs
  readonly #memory: { readonly start: number; readonly bytes: number }[] = []
  readonly #addresses = new Map<string, number>()

  constructor(os: NativeOs) {
    this.#os = os
  }

  address(name: string): number | undefined {
    return this.#addresses.get(name)
  }

  /** Memory of so many bytes, released with the rest; throws CacheFullError if there is none. */
  reserve(bytes: number, what: string): number {
    const start = this.#os.reserve(bytes)
    if (start === 0) throw new CacheFullError(`no memory for the ${bytes} bytes of ${what}`)
    this.#memory.push({ start, bytes })
    return start
  }

  /** A guarded copy ends where a page begins that may not be read. */
  async add(name: string, source: WeightSource, guarded: boolean): Promise<void> {
    const { bytes, read } = source.piece(name)
    const start = this.reserve(bytes, name)
    const address = start + (guarded ? -bytes & (this.#os.pageSize() - 1) : 0)
    this.#addresses.set(name, address)
    for (let at = 0; at < bytes; at += CHUNK)
      this.#os.writeBytes(address + at, await read(at, Math.min(CHUNK, bytes - at)))
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
  const names = programWeights(program).map(({ name }) => name)
  const weights: NativeWeights = {
    addresses(name) {
      const copy = copies.address(name)
      return copy === undefined ? mapped!.addresses(name)! : [copy]
    },
    check: () => mapped?.check(),
    release() {
      copies.release()
      mapped?.unmap()
    },
  }
  try {
    for (const name of names) if (!mapped?.addresses(name)) await copies.add(name, source, guarded)
    return weights
  } catch (error) {
    weights.release()
    throw error
  }
}
