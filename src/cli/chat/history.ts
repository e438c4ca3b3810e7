// What was typed in earlier runs.
import { mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { writeWhole } from '../../io/sink.ts'

/** Lines that are kept. */
const MOST = 1000

export class InputHistory {
  readonly #path: string

  constructor(env: NodeJS.ProcessEnv = process.env) {
    const state = env.XDG_STATE_HOME || join(homedir(), '.local', 'state')
    this.#path = join(state, 'torchless', 'history')
  }

  /** Newest first, as readline has them; none if there is no such file, or none that can be read. */
  read(): string[] {
    try {
      return readFileSync(this.#path, 'utf8').split('\n').filter(Boolean).slice(-MOST).reverse()
    } catch {
      return []
    }
  }

  /**
   * Adds lines, newest first, to those that are there by now. What begins with a space is private. A folder that cannot be written
   * costs the history only.
   */
  async add(lines: readonly string[]): Promise<void> {
    const added = lines.filter(line => line !== '' && !line.startsWith(' '))
    const kept = [...new Set([...added, ...this.read()])].slice(0, MOST)
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
      const bytes = new TextEncoder().encode(`${kept.toReversed().join('\n')}\n`)
      await writeWhole(this.#path, async sink => sink.write(bytes), 0o600)
    } catch {
      // Nothing to tell a user who has just said goodbye.
    }
  }
}
