// What a command is given as its model: a path, or a name on a hub, which is downloaded first if it is not here.
import { findPulled, isHubName, type PulledModel, pull } from '../api/index.ts'
import { untilInterrupted } from './interrupt.ts'
import type { Terminal } from './terminal.ts'

/** The argument, as the library can open it. */
export async function localModel(given: string, terminal: Terminal): Promise<string> {
  if (!isHubName(given)) return given
  const { model } = (await findPulled(given)) ?? (await pullWithBar(given, terminal))
  terminal.debug(`${given} is ${model}`)
  return model
}

export async function pullWithBar(name: string, terminal: Terminal): Promise<PulledModel> {
  const bar = terminal.progress('downloading', 'MB')
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  try {
    return await untilInterrupted(signal =>
      pull(name, {
        signal,
        notice: line => {
          // The bar comes again with the next bytes.
          bar.stop()
          terminal.note(line)
        },
        onProgress: (done, total) => bar.update(megabytes(done), megabytes(total)),
      }),
    )
  } finally {
    bar.stop()
  }
}
