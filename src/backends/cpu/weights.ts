// Weights where kernels can read them: mapped files as they are, anything else copied into native memory.
import { CacheFullError } from '../../errors.ts'
import type { NativeOs } from '../../ffi/os.ts'
import { type Program, programWeights } from '../../graph/ops.ts'
import type { WeightSource } from '../backend.ts'

/** Bytes that are read at a time. */
const CHUNK = 2 ** 24

export interface NativeWeights {
  /** One, or one for each slice of the first dimension. */
  addresses(name: string): readonly number[]
  /** Throws if a mapped file has lost bytes. */
  check(): void
  release(): void
}

/** Maps what can be mapped and copies the rest. */
export async function nativeWeights(
  program: Program,
  source: WeightSource,
  os: NativeOs,
): Promise<NativeWeights> {
  const mapped = await source.map?.()
  const copies = new Map<string, { readonly address: number; readonly bytes: number }>()
  const weights: NativeWeights = {
    addresses: name => {
      const copy = copies.get(name)
      return copy ? [copy.address] : mapped!.addresses(name)!
    },
    check: () => mapped?.check(),
    release() {
      for (const { address, bytes } of copies.values()) os.release(address, bytes)
      copies.clear()
      mapped?.unmap()
    },
  }
  try {
    for (const { name } of programWeights(program)) {
      if (mapped?.addresses(name)) continue
      const piece = source.piece(name)
      const address = os.reserve(piece.bytes)
      if (address === 0) throw new CacheFullError(`no memory for the ${piece.bytes} bytes of ${name}`)
      copies.set(name, { address, bytes: piece.bytes })
      for (let at = 0; at < piece.bytes; at += CHUNK)
        os.writeBytes(address + at, await piece.read(at, Math.min(CHUNK, piece.bytes - at)))
    }
    return weights
  } catch (error) {
    weights.release()
    throw error
  }
}
