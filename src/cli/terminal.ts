// Standard output and error as users and programs meet them: pieces, JSON, notes, progress, colours.
import { SingleBar } from 'cli-progress'
import colors from 'picocolors'

export interface TerminalOptions {
  readonly quiet?: boolean | undefined
  readonly color?: boolean | undefined
  readonly debug?: boolean | undefined
  readonly json?: boolean | undefined
}

/** Milliseconds of work before a progress bar shows. */
const PATIENCE = 1000

export class Terminal {
  readonly paint: ReturnType<typeof colors.createColors>

  constructor(readonly options: TerminalOptions) {
    const allowed = options.color !== false && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
    this.paint = colors.createColors(allowed && process.stderr.isTTY === true)
  }

  /** To stdout; resolves when the text is on its way, so that a slow reader slows us down. */
  async write(text: string): Promise<void> {
    if (!process.stdout.write(text)) await new Promise<void>(resolve => process.stdout.once('drain', resolve))
  }

  /** One JSON value a line, to stdout. */
  json(value: unknown): Promise<void> {
    return this.write(`${JSON.stringify(value)}\n`)
  }

  /** A line for people, to stderr; silent with `--quiet`. */
  note(line: string): void {
    if (!this.options.quiet) process.stderr.write(`${this.paint.dim(line)}\n`)
  }

  /** What a user asked to be told: to stdout where a person reads it, out of the way of answers where not. */
  say(text: string): void {
    const stream = process.stdout.isTTY && !this.options.json ? process.stdout : process.stderr
    stream.write(`${text}\n`)
  }

  /** The same for programs, too: as a JSON line where they read those. `painted` is fit to be shown as it is. */
  async answer({ painted, json }: { readonly painted: string; readonly json: object }): Promise<void> {
    if (this.options.json) await this.json(json)
    else this.say(painted)
  }

  /** A failure that is not the end. */
  fail(message: string): void {
    process.stderr.write(`${this.paint.red('error:')} ${message.replaceAll('\n', ' ')}\n`)
  }

  warn(line: string): void {
    if (!this.options.quiet) process.stderr.write(`${this.paint.yellow(`warning: ${line}`)}\n`)
  }

  debug(line: string): void {
    if (this.options.debug) process.stderr.write(`${this.paint.dim(line)}\n`)
  }

  /** A progress bar on stderr for work that takes long, if a person is watching. */
  progress(what: string, unit: string): { update(done: number, total: number): void; stop(): void } {
    if (this.options.quiet || !process.stderr.isTTY) return { update() {}, stop() {} }
    const started = performance.now()
    const format = `${what} {bar} {value}/{total} ${unit}, {rate} ${unit}/s, {eta_formatted} left`
    const bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true })
    return {
      update(done, total) {
        const elapsed = performance.now() - started
        const rate = Number((done / (elapsed / 1000)).toPrecision(3))
        if (bar.isActive) bar.update(done, { rate })
        else if (done < total && elapsed > PATIENCE) bar.start(total, done, { rate })
      },
      stop: () => bar.stop(),
    }
  }
}
