// Rows of one format as rows of another, by the native library on all cores, beside JavaScript.
import { BackendUnavailableError, CacheFullError } from '../../errors.ts'
import { type NativeLibrary, nativeLibrary } from '../../ffi/library.ts'
import { nativeOs } from '../../ffi/os.ts'
import { bytesFor } from '../../quant/quants.ts'
import {
  type Refusal,
  type Requantize,
  type RequantizerOptions,
  requantizePlainly,
} from '../../quant/requantize.ts'
import { nativeTypes } from './flatten.ts'

/** As tl_quantize answers them, from 1. */
const refusals: readonly Refusal[] = ['notFinite', 'tooLarge', 'noEncoder']

/** The native one; the plain one where nothing native runs. */
export async function requantizer({ threads, notice }: RequantizerOptions): Promise<Requantize> {
  try {
    return nativeRequantize(await nativeLibrary({ notice }), threads)
  } catch (error) {
    if (!(error instanceof BackendUnavailableError)) throw error
    notice?.(`${error.message}, so weights are computed in JavaScript, which is slow`)
    return requantizePlainly
  }
}

export function nativeRequantize(library: NativeLibrary, threads?: number): Requantize {
  const os = nativeOs(library)
  const team = threads ?? os.defaultThreads()
  const run = library.async('tl_quantize', 'i32', [
    ...(['address', 'i32', 'address', 'i32', 'i32', 'i32'] as const),
    ...(['address', 'i64', 'i64', 'i32'] as const),
  ])
  return async ({ type, count, columns, data }, to, importance, firstRow = 0) => {
    const memory: { readonly address: number; readonly bytes: number }[] = []
    const reserve = (bytes: number) => {
      const address = os.reserve(bytes)
      if (address === 0) throw new CacheFullError(`no memory for ${bytes} bytes of weights`)
      memory.push({ address, bytes })
      return address
    }
    const copied = (bytes: Uint8Array) => {
      const address = reserve(bytes.length)
      os.writeBytes(address, bytes)
      return address
    }
    try {
      const from = typeof data === 'number' ? data : copied(data)
      const bytes = bytesFor(to, count * columns)
      const out = reserve(bytes)
      const weights = importance ? copied(new Uint8Array(importance.values.slice().buffer)) : 0
      const status = await run(
        ...([from, nativeTypes.indexOf(type), out, nativeTypes.indexOf(to), count, columns] as const),
        ...([weights, firstRow, importance?.matrixRows ?? 1, team] as const),
      )
      return status === 0 ? os.readBytes(out, bytes) : refusals[status - 1]!
    } finally {
      for (const { address, bytes } of memory) os.release(address, bytes)
    }
  }
}
