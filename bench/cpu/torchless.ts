// torchless in this process, through its library: what an application that holds sessions would call.
import { loadModel, type Model, type Session } from '../../src/index.ts'
import { type Contestant, someIds } from './contestant.ts'
import type { Work } from './rows.ts'

export class Torchless implements Contestant {
  readonly model: Model
  /** Holds the past that every sample begins with. */
  readonly #base: Session

  private constructor(model: Model) {
    this.model = model
    this.#base = model.session()
  }

  static async load(path: string, contextLength: number, threads: number): Promise<Torchless> {
    return new Torchless(await loadModel(path, { backend: 'cpu', maxSeqLen: contextLength, threads }))
  }

  async prepare({ depth }: Work): Promise<void> {
    if (this.#base.length > depth) this.#base.rewind(depth)
    else if (depth > this.#base.length)
      await this.#base.feed(someIds(depth - this.#base.length), { want: 'argmax' })
  }

  async sample(work: Work): Promise<number> {
    const sessions = Array.from({ length: work.batch }, () => this.#base.fork())
    try {
      return await (work.kind === 'prefill' ? prefill(sessions[0]!, work) : decode(sessions, work))
    } finally {
      for (const session of sessions) session.dispose()
    }
  }

  async dispose(): Promise<void> {
    this.#base.dispose()
    await this.model.dispose()
  }
}

async function prefill(session: Session, { tokens }: Work): Promise<number> {
  const ids = someIds(tokens)
  const start = performance.now()
  await session.feed(ids, { want: 'argmax' })
  return performance.now() - start
}

async function decode(sessions: readonly Session[], { tokens }: Work): Promise<number> {
  let ids = someIds(sessions.length)
  const start = performance.now()
  for (let i = 0; i < tokens; i++) {
    const answers = await Promise.all(
      sessions.map((session, s) => session.feed([ids[s]!], { want: 'argmax' })),
    )
    ids = answers.map(answer => answer.ids![0]!)
  }
  return performance.now() - start
}
