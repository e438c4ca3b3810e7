// An engine in a process of its own, which can be held to another instruction set than this one.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Contestant } from './contestant.ts'
import type { Contestants } from './race.ts'
import type { Cost } from './result.ts'
import type { Work } from './rows.ts'

/** What the process is told to run. */
export interface Engine {
  readonly name: keyof Contestants
  readonly path: string
  readonly contextLength: number
  readonly threads: number
  /** llama.cpp's library: `haswell`. Default: the one that suits the processor. */
  readonly variant?: string
}

/** A method and what it is called with. */
export interface Call {
  readonly method: 'prepare' | 'sample' | 'dispose'
  readonly work?: Work
}

/** The answer to each call; the first comes once the model is loaded. */
export interface Answer {
  readonly milliseconds?: number
  readonly cost?: Cost
  readonly problem?: string
}

export class Remote implements Contestant {
  /** What torchless reads and multiplies for a token. */
  readonly cost: Cost | undefined
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, cost: Cost | undefined) {
    this.#child = child
    this.cost = cost
  }

  /** `env` is added to this process's. Rejects with what went wrong in the process. */
  static async load(engine: Engine, env: NodeJS.ProcessEnv = {}): Promise<Remote> {
    const program = join(import.meta.dirname, 'remote-main.ts')
    const child = fork(program, [JSON.stringify(engine)], { env: { ...process.env, ...env } })
    return new Remote(child, (await answer(child)).cost)
  }

  async prepare(work: Work): Promise<void> {
    await this.#call({ method: 'prepare', work })
  }

  /** Timed in the process itself. */
  async sample(work: Work): Promise<number> {
    return (await this.#call({ method: 'sample', work })).milliseconds!
  }

  async dispose(): Promise<void> {
    const ended = once(this.#child, 'exit')
    await this.#call({ method: 'dispose' })
    this.#child.disconnect()
    await ended
  }

  #call(call: Call): Promise<Answer> {
    this.#child.send(call)
    return answer(this.#child)
  }
}

async function answer(child: ChildProcess): Promise<Answer> {
  const listening = new AbortController()
  const { signal } = listening
  const died = once(child, 'exit', { signal }).then(([code]): never => {
    throw new Error(`an engine's process ended with ${code}`)
  })
  try {
    const [found] = (await Promise.race([once(child, 'message', { signal }), died])) as [Answer]
    if (found.problem !== undefined) throw new Error(found.problem)
    return found
  } finally {
    died.catch(() => {})
    listening.abort()
  }
}
