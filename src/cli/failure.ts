// How the command ends: one clear line on stderr and an exit code; a stack trace only with --debug.
import { CommanderError } from 'commander'
import { InvalidOptionError, TorchlessError } from '../api/index.ts'
import { Terminal } from './terminal.ts'

export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2
export const EXIT_INTERRUPTED = 130

/** A mistake in the command line that commander cannot see. */
export class UsageError extends TorchlessError {}

/** Ctrl-C, as an abort reason. */
export class Interrupted extends TorchlessError {}

/** Tells the user and answers the exit code. */
export async function reportFailure(
  error: unknown,
  options: { json: boolean; debug: boolean; color: boolean },
): Promise<number> {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED
  const terminal = new Terminal(options)
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    // People were told by commander.
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
    if (options.json) await terminal.json({ error: { name: UsageError.name, message } })
    return EXIT_USAGE
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  process.stderr.write(
    `${terminal.paint.red('error:')} ${options.debug ? stack : message.replaceAll('\n', ' ')}\n`,
  )
  if (options.json) await terminal.json({ error: { name, message } })
  return error instanceof UsageError || error instanceof InvalidOptionError ? EXIT_USAGE : EXIT_FAILURE
}
