// Ctrl-C: the first stops the work at hand, the second leaves at once.
import { EXIT_INTERRUPTED, Interrupted } from './failure.ts'

/** A signal that aborts with Interrupted on the first SIGINT. */
export function interruptSignal(): AbortSignal {
  return listen().signal
}

/** For a command that interrupts end at once, but for this part of its work: that is stopped by a signal, as above. */
export async function untilInterrupted<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, stop } = listen()
  try {
    return await action(signal)
  } finally {
    stop()
  }
}

function listen(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED)
    controller.abort(new Interrupted('interrupted'))
  }
  process.on('SIGINT', interrupt)
  return { signal: controller.signal, stop: () => process.off('SIGINT', interrupt) }
}
