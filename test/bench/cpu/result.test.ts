import { describe, expect, it } from 'vitest'
import { resultOf } from '../../../bench/cpu/result.ts'
import { type Row, rows, shareGoal } from '../../../bench/cpu/rows.ts'
import type { Pair } from '../../../bench/cpu/statistics.ts'

const row: Row = {
  ...{ group: 'Decode', name: 'decode', shape: 'llama-1b', type: 'Q4_0', goal: 1 },
  ...{ kind: 'decode', tokens: 10, depth: 0, batch: 1 },
}
const cost = { weightBytes: 1000, kvBytesPerToken: 20, multiplications: 400 }

/** Milliseconds of each. */
const pair = (torchless: number, llama: number, read = 20_000): Pair => ({
  ...{ torchless, llama },
  before: { read, int8: 10_000 },
  after: { read, int8: 10_000 },
})

describe('resultOf', () => {
  it('makes rates of times, and ratios pair by pair', () => {
    const { torchless, llama, ratio } = resultOf(row, [pair(500, 1000), pair(1000, 3000)], 1, cost)
    expect(torchless).toEqual({ median: 15, min: 10, max: 20 })
    expect(llama.max).toBe(10)
    expect(ratio.median).toBeCloseTo(2.5)
    expect(ratio.low).toBeCloseTo(2.1)
  })

  it('counts the tokens of all sequences', () => {
    expect(resultOf({ ...row, batch: 4 }, [pair(1000, 1000)], 1, cost).torchless.median).toBe(40)
  })

  it('sets weights and cache against the bandwidth', () => {
    // Ten steps a second, each of 1000 bytes of weights and on average 105 rows of 20 bytes.
    const { share } = resultOf({ ...row, depth: 100 }, [pair(1000, 1000)], 1, cost)
    expect(share).toBeCloseTo((10 * (1000 + 105 * 20)) / 20_000)
  })

  it('sets multiplications of a prefill against what the processor can do', () => {
    const { share } = resultOf({ ...row, kind: 'prefill' }, [pair(1000, 1000)], 1, cost)
    expect(share).toBeCloseTo((10 * 400) / 10_000)
  })

  it('counts pairs that were dropped and those that should have been', () => {
    const disturbed = { ...pair(1, 1), after: { read: 10_000, int8: 10_000 } }
    const count = (least: number) => resultOf(row, [pair(1, 1), disturbed], least, cost).pairs
    expect(count(1)).toEqual({ kept: 1, dropped: 1, disturbed: 0 })
    expect(count(2)).toEqual({ kept: 2, dropped: 0, disturbed: 1 })
  })

  it('meets a goal with the ratio, and with the bandwidth where that is asked for', () => {
    const met = (row: Row, ...times: Parameters<typeof pair>) => resultOf(row, [pair(...times)], 1, cost).met
    expect(met(row, 1000, 1000)).toBe(true)
    expect(met(row, 1001, 1000)).toBe(false)
    // 11,000 bytes a second are read.
    expect(met({ ...row, bandwidth: true }, 1000, 1000, 11_500)).toBe(true)
    expect(met({ ...row, bandwidth: true }, 1000, 1000, 12_000)).toBe(false)
  })

  it('wants a start to take less time', () => {
    const start: Row = { ...row, kind: 'start', goal: 0.8 }
    const result = resultOf(start, [pair(700, 1000)], 1, undefined)
    expect(result).toMatchObject({ met: true, share: undefined, torchless: { median: 700 } })
    expect(resultOf(start, [pair(900, 1000)], 1, undefined).met).toBe(false)
  })
})

describe('rows', () => {
  it('have names of their own', () => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
  })

  it('ask for less of the bandwidth where memory is faster than two cores', () => {
    expect([shareGoal(39e9), shareGoal(40e9)]).toEqual([0.95, 0.8])
  })
})
