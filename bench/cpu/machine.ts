// The machine that the race runs on, and what it gives at a moment.
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuLibrary } from '../../src/backends/cpu/library.ts'
import { nativeLibrary } from '../../src/ffi/library.ts'
import type { Probe } from './statistics.ts'

/** Long enough to be repeatable within a few per cent. */
const READ_SECONDS = 0.1
const INT8_SECONDS = 0.06
/** Milliseconds in which processors are watched, which count in hundredths of a second, and of these busy ones of an idle machine. */
const WATCHED = 60
const BUSY = 30
/** Milliseconds after which a machine is as idle as it gets. */
const PATIENCE = 1000

export interface Machine {
  readonly processor: string
  /** Of each engine. */
  readonly threads: number
  /** torchless's instruction-set level. */
  readonly level: string
  probe(): Promise<Probe>
  /**
   * Waits until the processors are idle, or for a second where others use them: llama.cpp's threads go on for a fifth of a second after
   * its last step, waiting actively for another.
   */
  quiet(): Promise<void>
}

/** With as many threads as torchless takes by itself unless told otherwise. */
export async function machine(wanted?: number): Promise<Machine> {
  const library = cpuLibrary(await nativeLibrary())
  const threads = wanted ?? library.os.defaultThreads()
  return {
    processor: cpus()[0]?.model.trim() ?? process.arch,
    threads,
    level: library.level,
    probe: async () => ({
      read: await library.measureRead(threads, READ_SECONDS),
      int8: await library.measureInt8(threads, INT8_SECONDS),
    }),
    quiet: async () => {
      const end = performance.now() + PATIENCE
      for (let before = busyTime(), now = 0; performance.now() < end; before = now) {
        await sleep(WATCHED)
        now = busyTime()
        if (now - before <= BUSY) return
      }
    },
  }
}

/** Milliseconds that all processors have been busy. */
function busyTime(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0)
}
