// What the CPU backend does besides computing: it selects, and its threads change no digit.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bestIndices } from '../../../src/backends/logits.ts'
import { loadModel, type Model } from '../../../src/index.ts'
import { fixtureFile, temporaryFolder } from '../../support/fixture-file.ts'

const folder = temporaryFolder()
const ids = Array.from({ length: 40 }, (_, i) => (i * 37) % 300)
let path: string
let model: Model

beforeAll(async () => {
  path = await fixtureFile(folder, 'mixture')
  model = await loadModel(path, { backend: 'cpu' })
})
afterAll(() => model.dispose())

describe('selection', () => {
  test.each([1, 3, 300, 1000])('the best %d of every row', async top => {
    const full = await model.logits(ids, { rows: 'all' })
    const best = await model.logits(ids, { rows: 'all', want: { top } })
    expect(best.width).toBe(Math.min(top, full.width))
    for (let row = 0; row < full.rows; row++) {
      const values = full.values.subarray(row * full.width, (row + 1) * full.width)
      const expected = bestIndices(values, best.width)
      const of = <T extends Int32Array | Float32Array>(list: T) =>
        list.subarray(row * best.width, (row + 1) * best.width)
      expect(of(best.ids!)).toEqual(expected)
      expect(of(best.values)).toEqual(Float32Array.from(expected, id => values[id]!))
    }
  })

  test('the best', async () => {
    const { width, ids: best } = await model.logits(ids, { want: 'argmax' })
    expect(width).toBe(1)
    expect([...best!]).toEqual([...bestIndices((await model.logits(ids)).values, 1)])
  })
})

test('threads change no digit, also in turns with each other', async () => {
  const { values } = await model.logits(ids, { rows: 'all' })
  const others = await Promise.all([1, 3, 7].map(threads => loadModel(path, { backend: 'cpu', threads })))
  for (let round = 0; round < 3; round++) {
    const found = await Promise.all(others.map(other => other.logits(ids, { rows: 'all' })))
    for (const logits of found) expect(logits.values).toEqual(values)
  }
  expect(others.map(({ device }) => device.threads)).toEqual([1, 3, 7])
  await Promise.all(others.map(other => other.dispose()))
})
