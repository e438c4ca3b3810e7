// Selecting from rows of logits, against a plain sort.
import { describe, expect, test } from 'vitest'
import type { Logits, Want } from '../../src/backends/backend.ts'
import { bestIndices, selectLogits, sliceLogits } from '../../src/backends/logits.ts'
import { Random, range } from '../conformance/random.ts'

function full(...rows: number[][]): Logits {
  return { rows: rows.length, width: rows[0]!.length, ids: undefined, values: Float32Array.from(rows.flat()) }
}

function chosen(rows: number, width: number, ids: number[], values: number[]): Logits {
  return { rows, width, ids: Int32Array.from(ids), values: Float32Array.from(values) }
}

describe('bestIndices', () => {
  test.each([1, 2, 3, 7, 64, 500])('of %d values: what a stable sort puts first', length => {
    const random = new Random(`best of ${length}`)
    for (const different of [1, 3, 1e6]) {
      const values = Float32Array.from({ length }, () => random.below(different) - different / 2)
      const sorted = range(length).sort((a, b) => values[b]! - values[a]! || a - b)
      for (const count of [0, 1, 2, 3, Math.floor(length / 2), length, length + 1])
        expect([...bestIndices(values, count)]).toEqual(sorted.slice(0, count))
    }
  })

  test.each([
    ['ascending', range(100)],
    ['descending', range(100).reverse()],
  ])('of %s values', (_, values) => {
    const best = bestIndices(Float32Array.from(values), 3)
    expect(Array.from(best, i => values[i])).toEqual([99, 98, 97])
  })

  test('of infinities', () => {
    expect([...bestIndices(Float32Array.of(-Infinity, 0, Infinity, -Infinity), 4)]).toEqual([2, 1, 0, 3])
  })

  test('of nothing', () => {
    expect([...bestIndices(new Float32Array(0), 3)]).toEqual([])
  })
})

describe('selectLogits', () => {
  const logits = full([0, 5, 5, -1], [7, 6, 5, 4])

  test.each<[Want, Logits]>([
    ['full', logits],
    ['argmax', chosen(2, 1, [1, 0], [5, 7])],
    [{ top: 1 }, chosen(2, 1, [1, 0], [5, 7])],
    [{ top: 3 }, chosen(2, 3, [1, 2, 0, 0, 1, 2], [5, 5, 0, 7, 6, 5])],
    [{ top: 9 }, chosen(2, 4, [1, 2, 0, 3, 0, 1, 2, 3], [5, 5, 0, -1, 7, 6, 5, 4])],
  ])('%j', (want, expected) => {
    expect(selectLogits(logits, want)).toEqual(expected)
  })

  test('of what was selected before keeps its ids', () => {
    const top = chosen(2, 3, [8, 20, 3, 40, 4, 6], [9, 9, 8, 3, 2, 1])
    expect(selectLogits(top, { top: 2 })).toEqual(chosen(2, 2, [8, 20, 40, 4], [9, 9, 3, 2]))
    expect(selectLogits(top, 'argmax')).toEqual(chosen(2, 1, [8, 40], [9, 3]))
  })

  test('of no rows', () => {
    const none = { rows: 0, width: 4, ids: undefined, values: new Float32Array(0) }
    expect(selectLogits(none, 'argmax')).toEqual(chosen(0, 1, [], []))
  })
})

describe('sliceLogits', () => {
  test('answers the rows alone, as copies', () => {
    const logits = full([1, 2], [3, 4], [5, 6])
    const middle = sliceLogits(logits, 1, 1)
    expect(middle).toEqual(full([3, 4]))
    logits.values.fill(0)
    expect(middle).toEqual(full([3, 4]))
  })

  test('with their ids', () => {
    const logits = chosen(3, 2, [9, 8, 7, 6, 5, 4], [1, 2, 3, 4, 5, 6])
    expect(sliceLogits(logits, 1, 2)).toEqual(chosen(2, 2, [7, 6, 5, 4], [3, 4, 5, 6]))
    expect(sliceLogits(logits, 3, 0)).toEqual(chosen(0, 2, [], []))
  })
})

test('NaN hides no number', () => {
  for (const values of [
    [Number.NaN, 1, 2],
    [1, Number.NaN, 2],
    [1, 2, Number.NaN],
  ])
    expect(Array.from(bestIndices(Float32Array.from(values), 2), i => values[i])).toEqual([2, 1])
})
