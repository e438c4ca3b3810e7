// The command in a pseudo-terminal, as a person at a keyboard meets it.
import { resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { type IPty, spawn } from '@lydell/node-pty'

export interface PtyOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly columns?: number
  /** The folder that it works in. */
  readonly cwd?: string
}

export class Pty {
  readonly #pty: IPty
  readonly exit: Promise<number>
  /** All that came, escape sequences included. */
  raw = ''
  #seen = 0
  #changed: () => void = () => {}

  constructor(args: readonly string[], { env, columns = 80, cwd = '.' }: PtyOptions = {}) {
    this.#pty = spawn(process.execPath, [resolve('dist/cli/main.js'), ...args], {
      ...{ cols: columns, rows: 24, name: env?.TERM ?? 'xterm', cwd },
      env: Object.fromEntries(
        Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined),
      ) as Record<string, string>,
    })
    this.#pty.onData(data => {
      this.raw += data
      this.#changed()
    })
    this.exit = new Promise(resolve => this.#pty.onExit(({ exitCode }) => resolve(exitCode)))
  }

  type(text: string): void {
    this.#pty.write(text)
  }

  resize(columns: number): void {
    this.#pty.resize(columns, 24)
  }

  kill(signal: string): void {
    this.#pty.kill(signal)
  }

  /** Waits until the pattern is in what came since the last wait, and answers the text up to its end. */
  async until(pattern: RegExp): Promise<string> {
    const deadline = AbortSignal.timeout(20_000)
    for (;;) {
      const text = stripVTControlCharacters(this.raw).slice(this.#seen)
      const found = pattern.exec(text)
      if (found) {
        const end = found.index + found[0].length
        this.#seen += end
        return text.slice(0, end)
      }
      await new Promise<void>((resolve, reject) => {
        const late = () => reject(new Error(`waited for ${pattern}, found ${JSON.stringify(text)}`))
        deadline.addEventListener('abort', late, { once: true })
        this.#changed = () => {
          deadline.removeEventListener('abort', late)
          resolve()
        }
      })
    }
  }
}
