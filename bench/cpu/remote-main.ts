// The process behind a Remote: loads one engine and does what it is told, until its parent is gone.
import { chooseCpu } from '../peers/llama.ts'
import type { Contestant } from './contestant.ts'
import { Llama } from './llama.ts'
import type { Answer, Call, Engine } from './remote.ts'
import type { Cost } from './result.ts'
import { Torchless } from './torchless.ts'

const engine: Engine = JSON.parse(process.argv[2]!)

// Calls come one at a time; those before the model is loaded wait.
const loaded = load(engine)
process.on('message', (call: Call) => answer(async () => perform((await loaded).contestant, call)))
process.on('disconnect', () => process.exit())
await answer(async () => {
  const { cost } = await loaded
  return cost ? { cost } : {}
})

async function load(engine: Engine): Promise<{ contestant: Contestant; cost?: Cost }> {
  const { name, path, contextLength, threads, variant } = engine
  if (name === 'torchless') {
    const contestant = await Torchless.load(path, contextLength, threads)
    return { contestant, cost: contestant.model.cost }
  }
  if (variant !== undefined) chooseCpu(variant)
  return { contestant: new Llama(path, threads) }
}

async function perform(contestant: Contestant, { method, work }: Call): Promise<Answer> {
  if (method === 'sample') return { milliseconds: await contestant.sample(work!) }
  await (method === 'prepare' ? contestant.prepare(work!) : contestant.dispose())
  return {}
}

async function answer(task: () => Promise<Answer>): Promise<void> {
  process.send!(await task().catch((error: Error): Answer => ({ problem: error.stack ?? error.message })))
}
