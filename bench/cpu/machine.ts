// The machine that the race runs on, and what it gives at a moment.
import { cpus } from 'node:os'
import { cpuLibrary } from '../../src/backends/cpu/library.ts'
import { nativeLibrary } from '../../src/ffi/library.ts'
import type { Probe } from './statistics.ts'

/** Long enough to be repeatable within a few per cent. */
const READ_SECONDS = 0.1
const INT8_SECONDS = 0.06

export interface Machine {
  readonly processor: string
  /** Of each engine. */
  readonly threads: number
  /** torchless's instruction-set level. */
  readonly level: string
  probe(): Promise<Probe>
}

export async function machine(): Promise<Machine> {
  const library = cpuLibrary(await nativeLibrary())
  const threads = library.os.defaultThreads()
  return {
    processor: cpus()[0]?.model.trim() ?? process.arch,
    threads,
    level: library.level,
    probe: async () => ({
      read: await library.measureRead(threads, READ_SECONDS),
      int8: await library.measureInt8(threads, INT8_SECONDS),
    }),
  }
}
