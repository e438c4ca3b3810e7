// Ctrl-C: the first stops the work at hand, the second leaves at once.
import { EXIT_INTERRUPTED, Interrupted } from './failure.ts'

/** A signal that aborts with Interrupted on the first SIGINT. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED)
    controller.abort(new Interrupted('interrupted'))
  })
  return controller.signal
}
