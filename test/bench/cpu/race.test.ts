// How long a race goes on: until it has seen enough, but not for ever, and not too briefly to tell.
import { expect, test } from 'vitest'
import { race } from '../../../bench/cpu/race.ts'
import type { Probe } from '../../../bench/cpu/statistics.ts'

const work = { kind: 'decode', tokens: 4, depth: 0, batch: 1 } as const

const one = { processor: 'one', threads: 1, level: 'portable' }

/** Races engines that take no time on a machine of which `probe` tells. */
async function pairsOf(effort: { rounds: number; least: number; until?: number }, probe: () => Probe) {
  const engine = { prepare: async () => {}, sample: async () => 1, dispose: async () => {} }
  const machine = { ...one, probe: async () => probe(), quiet: async () => {} }
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

test('nothing is measured while threads of what ran before may still be busy', async () => {
  const events: string[] = []
  const event = async (name: string) => {
    events.push(name)
  }
  const engine = (name: string) => ({
    prepare: async () => {},
    sample: async () => {
      await event(name)
      return 1
    },
    dispose: async () => {},
  })
  const probe = async () => {
    await event('probe')
    return calm()
  }
  const machine = { ...one, probe, quiet: () => event('quiet') }
  const effort = { rounds: 2, least: 2, until: Number.POSITIVE_INFINITY }
  await race({ torchless: engine('torchless'), llama: engine('llama') }, work, effort, machine)
  const measured = events.slice(events.indexOf('probe') - 1)
  expect(measured.join(' ')).toBe(
    'quiet probe quiet torchless quiet llama quiet probe quiet llama quiet torchless quiet probe',
  )
})
