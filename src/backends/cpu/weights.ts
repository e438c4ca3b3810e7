// Weights where kernels can read them: mapped files as they are, anything else copied into native memory.
import { CacheFullError } from '../../errors.ts'
import type { NativeOs } from '../../ffi/os.ts'
import { type Program, programWeights } from '../../graph/ops.ts'
import type { WeightSource } from '../backend.ts'

/** Bytes that are read at a time. */
const CHUNK = 2 ** 24

export interface NativeWeights {
  /** Of all of them. */
  readonly bytes: number
  /** One, or one for each slice of the first dimension. */
  addresses(name: string): readonly number[]
  /** Throws if a mapped file has lost bytes. */
  check(): void
  release(): void
}

interface Copy {
  /** Of the memory that holds it. */
  readonly start: number
  readonly address: number
  readonly bytes: number
}

/** Maps what can be mapped and copies the rest; guarded copies end where a page begins that may not be read. */
export async function nativeWeights(
  program: Program,
  source: WeightSource,
  os: NativeOs,
  guarded: boolean,
): Promise<NativeWeights> {
  const mapped = await source.map?.()
  const copies = new Map<string, Copy>()
  const names = programWeights(program).map(({ name }) => name)
  const weights: NativeWeights = {
    bytes: names.reduce((sum, name) => sum + source.piece(name).bytes, 0),
    addresses: name => {
      const copy = copies.get(name)
      return copy ? [copy.address] : mapped!.addresses(name)!
    },
    check: () => mapped?.check(),
    release() {
      for (const { start, bytes } of copies.values()) os.release(start, bytes)
      copies.clear()
      mapped?.unmap()
    },
  }
  try {
    for (const name of names) {
      if (mapped?.addresses(name)) continue
      const piece = source.piece(name)
      const start = os.reserve(piece.bytes)
      if (start === 0) throw new CacheFullError(`no memory for the ${piece.bytes} bytes of ${name}`)
      const address = start + (guarded ? -piece.bytes & (os.pageSize() - 1) : 0)
      copies.set(name, { start, address, bytes: piece.bytes })
      for (let at = 0; at < piece.bytes; at += CHUNK)
        os.writeBytes(address + at, await piece.read(at, Math.min(CHUNK, piece.bytes - at)))
    }
    return weights
  } catch (error) {
    weights.release()
    throw error
  }
}
