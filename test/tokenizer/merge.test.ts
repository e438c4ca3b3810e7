// The heap finds the merges that looking at all pairs each time finds.
import { expect, test } from 'vitest'
import { type MergeRules, mergeSymbols } from '../../src/tokenizer/merge.ts'
import { PairTable } from '../../src/tokenizer/pairs.ts'
import { Random } from '../conformance/random.ts'

/** Random merges over a few symbols, so that ties, chains and repeats are many. */
function randomRules(random: Random): MergeRules {
  const merges = Array.from({ length: 30 }, (_, i) => ({
    left: random.below(4 + i),
    right: random.below(4 + i),
    rank: random.below(8),
  }))
  return {
    find: (left, right) => merges.findIndex(merge => merge.left === left && merge.right === right),
    rank: merge => merges[merge]!.rank,
    symbol: merge => 4 + merge,
  }
}

function mergeSlowly(rules: MergeRules, symbols: readonly number[]): number[] {
  const left = [...symbols]
  for (;;) {
    const pairs = left.slice(1).map((right, i) => ({ i, merge: rules.find(left[i]!, right) }))
    const [best] = pairs
      .filter(({ merge }) => merge >= 0)
      .sort((a, b) => rules.rank(a.merge) - rules.rank(b.merge) || a.i - b.i)
    if (!best) return left
    left.splice(best.i, 2, rules.symbol(best.merge))
  }
}

test('merges the best pair first, the leftmost of equals', () => {
  const random = new Random('merges')
  let merged = 0
  for (let round = 0; round < 500; round++) {
    const rules = randomRules(random)
    const symbols = Array.from({ length: random.below(40) }, () => random.below(4))
    const work = Int32Array.from(symbols)
    const left = mergeSymbols(rules, work, symbols.length)
    expect([...work.subarray(0, left)]).toEqual(mergeSlowly(rules, symbols))
    merged += symbols.length - left
  }
  expect(merged).toBeGreaterThan(1000)
})

test('a word longer than the kept workspace', () => {
  const rules: MergeRules = {
    find: (a, b) => (a === b ? a : -1),
    rank: merge => merge,
    symbol: merge => merge + 1,
  }
  const symbols = new Int32Array(2 ** 17)
  expect(mergeSymbols(rules, symbols, symbols.length)).toBe(1)
  expect(symbols[0]).toBe(17)
})

test('a table of pairs is a map', () => {
  const random = new Random('pairs')
  const table = new PairTable(4)
  const map = new Map<string, number>()
  for (let i = 0; i < 5000; i++) {
    const [left, right, value] = [random.below(60), random.below(2 ** 31), random.below(100) - 1]
    table.set(left, right % 60, value)
    map.set(`${left} ${right % 60}`, value)
  }
  expect(table.size).toBe(map.size)
  for (let left = 0; left < 61; left++)
    for (let right = 0; right < 61; right++) expect(table.get(left, right)).toBe(map.get(`${left} ${right}`))
})
