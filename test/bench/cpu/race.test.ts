// How long a race goes on: until it has seen enough, but not for ever, and not too briefly to tell.
import { expect, test } from 'vitest'
import { race } from '../../../bench/cpu/race.ts'
import type { Probe } from '../../../bench/cpu/statistics.ts'

const work = { kind: 'decode', tokens: 4, depth: 0, batch: 1 } as const

/** Races engines that take no time on a machine of which `probe` tells. */
async function pairsOf(effort: { rounds: number; least: number; until?: number }, probe: () => Probe) {
  const engine = { prepare: async () => {}, sample: async () => 1, dispose: async () => {} }
  const machine = { processor: 'one', threads: 1, level: 'portable', probe: async () => probe() }
  const { until = Number.POSITIVE_INFINITY } = effort
  return race({ torchless: engine, llama: engine }, work, { ...effort, until }, machine)
}

const calm = () => ({ read: 1e9, int8: 1e9 })
/** Twice as fast after every pair as before it. */
const restless = () => {
  let read = 1
  return () => {
    read *= 2
    return { read, int8: 1e9 }
  }
}

test('as many pairs as are wanted, if the machine is calm', async () => {
  expect(await pairsOf({ rounds: 3, least: 1 }, calm)).toHaveLength(3)
})

test('half as many more if it is not', async () => {
  expect(await pairsOf({ rounds: 4, least: 1 }, restless())).toHaveLength(6)
})

test('the least number when the time is over', async () => {
  expect(await pairsOf({ rounds: 4, least: 2, until: 0 }, calm)).toHaveLength(2)
})
