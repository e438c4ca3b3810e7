// llama.cpp in this process: llama_decode in a plain loop, as llama-bench calls it.
import { benchOptions, type LlamaContext, LlamaModel } from '../peers/llama.ts'
import { type Contestant, someIds } from './contestant.ts'
import type { Work } from './rows.ts'

/** Tokens that are computed of a long past; the rest are copies of them. */
const PAST = 256

export class Llama implements Contestant {
  readonly #model: LlamaModel
  readonly #threads: number
  #context: LlamaContext | undefined

  constructor(path: string, threads: number) {
    this.#model = LlamaModel.load(path)
    this.#threads = threads
  }

  async prepare({ depth, tokens, batch }: Work): Promise<void> {
    this.#context?.dispose()
    // Copies are made through a second sequence.
    const past = depth > 0 ? { sequences: 2, unified: true } : { sequences: batch }
    const room = batch * Math.ceil((depth + tokens) / 256) * 256
    const context = this.#model.context({ ...benchOptions, ...past, tokens: room, threads: this.#threads })
    this.#context = context
    if (depth > 0) {
      context.run(someIds(Math.min(PAST, depth)))
      context.repeat(depth)
    }
  }

  async sample(work: Work): Promise<number> {
    const context = this.#context!
    const time = work.kind === 'prefill' ? prefill(context, work) : decode(context, work)
    context.truncate(work.depth)
    return time
  }

  async dispose(): Promise<void> {
    this.#context?.dispose()
    this.#model.dispose()
  }
}

function prefill(context: LlamaContext, { tokens }: Work): number {
  const ids = someIds(tokens)
  const start = performance.now()
  context.run(ids)
  return performance.now() - start
}

function decode(context: LlamaContext, { tokens, depth, batch }: Work): number {
  const ids = someIds(tokens)
  const start = performance.now()
  ids.forEach((id, i) => {
    if (batch === 1) context.run([id])
    else context.runEach(new Array<number>(batch).fill(id), depth + i)
  })
  return performance.now() - start
}
