// Runs both engines in turns at one piece of work.
import type { Contestant } from './contestant.ts'
import type { Machine } from './machine.ts'
import type { Work } from './rows.ts'
import { CALM, drift, type Pair } from './statistics.ts'

export interface Contestants {
  readonly torchless: Contestant
  readonly llama: Contestant
}

export interface Effort {
  /** Calm pairs that are wanted. */
  readonly rounds: number
  /** Pairs that are run however long they take. */
  readonly least: number
  /** When no further pair is begun, as `performance.now()` tells the time. */
  readonly until: number
}

/**
 * Pairs of runs, each between two probes of the machine; who begins changes. Goes on until `rounds` pairs were calm,
 * and gives up after half as many more, as some machines never are, or when the time is over.
 */
export async function race(
  { torchless, llama }: Contestants,
  work: Work,
  { rounds, least, until }: Effort,
  machine: Machine,
): Promise<Pair[]> {
  for (const contestant of [torchless, llama]) {
    await contestant.prepare(work)
    await warmUp(contestant, work)
  }
  const pairs: Pair[] = []
  const most = Math.ceil(1.5 * rounds)
  const enough = (calm: number) => calm >= rounds || pairs.length >= most || performance.now() >= until
  await machine.quiet()
  let before = await machine.probe()
  for (let calm = 0; pairs.length < least || !enough(calm); ) {
    const times = new Map<Contestant, number>()
    const order = pairs.length % 2 === 0 ? [torchless, llama] : [llama, torchless]
    for (const contestant of order) {
      await machine.quiet()
      times.set(contestant, await contestant.sample(work))
    }
    await machine.quiet()
    const after = await machine.probe()
    const pair = { torchless: times.get(torchless)!, llama: times.get(llama)!, before, after }
    pairs.push(pair)
    if (drift(pair) <= CALM) calm++
    before = after
  }
  return pairs
}

/** Pages are touched and caches filled; a part of the work does that too. */
async function warmUp(contestant: Contestant, work: Work): Promise<void> {
  const tokens = work.kind === 'start' ? work.tokens : Math.ceil(work.tokens / 4)
  await contestant.sample({ ...work, tokens })
}
