// Start-up: a process of its own for every run, timed from its birth to the first byte that it prints.
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { llamaPaths } from '../peers/llama.ts'
import type { Contestant } from './contestant.ts'
import type { Contestants } from './race.ts'
import type { Work } from './rows.ts'

const root = join(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Both engines as programs that go on from the same prompt, built from the sources that are here. */
export async function startContestants(path: string, threads: number, repack: boolean): Promise<Contestants> {
  await run('npm', ['run', 'build'], { cwd: root })
  const torchless = join(root, 'dist/cli/main.js')
  const flags = ['--max-tokens', '1', '--temperature', '0', '--ignore-eos', '--no-echo', '--quiet']
  const sizes = ['--max-seq-len', '512', '--threads', `${threads}`]
  const llama = await buildPeer()
  const { folder, library } = llamaPaths()
  return {
    torchless: new Program(({ tokens }) => [
      process.execPath,
      ...[torchless, path, promptOf(tokens), '--backend', 'cpu', ...flags, ...sizes],
    ]),
    llama: new Program(({ tokens }) => [
      llama,
      ...[library, folder, path, promptOf(tokens), `${threads}`, `${tokens}`, `${Number(repack)}`],
    ]),
  }
}

/** The C program beside llama.ts, compiled; answers its path. */
async function buildPeer(): Promise<string> {
  const folder = join(root, 'build/bench')
  await mkdir(folder, { recursive: true })
  const program = join(folder, 'start')
  const source = join(root, 'bench/peers/start.c')
  await run(process.env.CC || 'cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source, '-ldl'])
  return program
}

/** A text of so many tokens in the vocabulary of bench/models.ts: words of one letter behind the token of the start. */
function promptOf(tokens: number): string {
  return Array.from({ length: tokens - 1 }, (_, i) => (i % 36).toString(36)).join(' ')
}

class Program implements Contestant {
  readonly #command: (work: Work) => readonly string[]

  constructor(command: (work: Work) => readonly string[]) {
    this.#command = command
  }

  async prepare(): Promise<void> {}

  async sample(work: Work): Promise<number> {
    const [program, ...args] = this.#command(work)
    const begin = performance.now()
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const printed = firstByte(child).then(() => performance.now() - begin)
    const [time, problems, [code]] = await Promise.all([printed, text(child.stderr), once(child, 'close')])
    if (code !== 0 || problems !== '') throw new Error(`${program} ended with ${code}: ${problems.trim()}`)
    return time
  }

  async dispose(): Promise<void> {}
}

/** Resolves with the first output, or at its end. */
async function firstByte({ stdout }: ChildProcessByStdio<null, Readable, Readable>): Promise<void> {
  await new Promise<void>(resolve => {
    stdout.once('data', () => resolve())
    stdout.once('end', resolve)
  })
}
