// The command as a child process, as `npm test` built it.
import { spawn } from 'node:child_process'
import { resolve as absolute } from 'node:path'

export interface Result {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface CommandOptions {
  /** What it reads from standard input. */
  readonly input?: string
  /** Added to this process's own. */
  readonly env?: NodeJS.ProcessEnv
  /** The folder that it works in. */
  readonly cwd?: string
  /** The folder of the package. */
  readonly home?: string
  /** Takes what sends an interrupt to the command. */
  readonly signal?: (send: () => void) => void
}

export function torchless(
  args: readonly string[],
  { input = '', env, home = '.', cwd = '.', signal }: CommandOptions = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [absolute(home, 'dist/cli/main.js'), ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (data: Buffer) => {
      out += data
    })
    child.stderr.on('data', (data: Buffer) => {
      err += data
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code, out, err }))
    // One that reads nothing may have ended by now.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    signal?.(() => child.kill('SIGINT'))
  })
}
