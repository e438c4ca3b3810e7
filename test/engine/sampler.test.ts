// From logits to the next token: each rule against its formula, their order, and what the numbers are drawn from.
import { describe, expect, test } from 'vitest'
import type { Logits } from '../../src/backends/backend.ts'
import { selectLogits } from '../../src/backends/logits.ts'
import {
  type Candidates,
  createSampler,
  onlyAllowed,
  type SamplerOptions,
  type TokenMask,
} from '../../src/engine/sampler.ts'
import { ComputationError, InvalidOptionError } from '../../src/errors.ts'
import { Random, range } from '../conformance/random.ts'

function row(values: readonly number[]): Logits {
  return { rows: 1, width: values.length, ids: undefined, values: Float32Array.from(values) }
}

/** Logits whose softmax is `probabilities`. */
function rowFor(probabilities: readonly number[]): Logits {
  return row(probabilities.map(Math.log))
}

/** Probabilities by id, rounded to hide float32. */
function byId({ ids, probabilities }: Candidates): Record<number, number> {
  return Object.fromEntries(Array.from(ids, (id, i) => [id, Number(probabilities[i]!.toFixed(5))]))
}

function distributionUnder(logits: Logits, mask: TokenMask, options: SamplerOptions) {
  return byId(createSampler(options).distribution(logits, [], mask))
}

function distribution(logits: Logits, options: SamplerOptions, history: readonly number[] = []) {
  return byId(createSampler({ temperature: 1, ...options }).distribution(logits, history))
}

/** `weights` by id, as the distribution that they make. */
function normalized(weights: Record<number, number>): Record<number, number> {
  const sum = Object.values(weights).reduce((a, b) => a + b, 0)
  return Object.fromEntries(Object.entries(weights).map(([id, w]) => [id, Number((w / sum).toFixed(5))]))
}

describe('temperature', () => {
  test('0 takes the best, the lowest id of equals, whatever else is asked', () => {
    for (const options of [{}, { topK: 2 }, { topP: 0.5 }, { minP: 0.9 }])
      expect(distribution(row([1, 4, 4, 3]), { ...options, temperature: 0 })).toEqual({ 1: 1 })
  })

  test.each([0.25, 1, 3])('%d divides the logits', temperature => {
    const weights = [1, 2, -1].map(logit => Math.exp(logit / temperature))
    expect(distribution(row([1, 2, -1]), { temperature })).toEqual(normalized({ ...weights }))
  })

  test('is 0.7 unless told', () => {
    const weights = [1, 2, -1].map(logit => Math.exp(logit / 0.7))
    expect(distribution(row([1, 2, -1]), { temperature: undefined })).toEqual(normalized({ ...weights }))
  })

  test.each([Number.MIN_VALUE, 1e-30, Number.MAX_VALUE])('%d: still a distribution', temperature => {
    const expected = temperature < 1 ? { 0: 0, 1: 1, 2: 0 } : normalized({ 0: 1, 1: 1, 2: 1 })
    expect(distribution(row([-30, 30, 29]), { temperature })).toEqual(expected)
  })

  test('great logits do not overflow', () => {
    expect(distribution(row([3e38, 3e38, -3e38]), {})).toEqual({ 0: 0.5, 1: 0.5, 2: 0 })
  })
})

describe('what is kept', () => {
  const logits = rowFor([0.1, 0.4, 0.05, 0.3, 0.15])

  test.each([
    [{}, { 0: 0.1, 1: 0.4, 2: 0.05, 3: 0.3, 4: 0.15 }],
    [{ topK: 1 }, { 1: 1 }],
    [{ topK: 3 }, { 1: 0.4, 3: 0.3, 4: 0.15 }],
    [{ topK: 99 }, { 0: 0.1, 1: 0.4, 2: 0.05, 3: 0.3, 4: 0.15 }],
    [{ topP: 0 }, { 1: 1 }],
    [{ topP: 0.39 }, { 1: 1 }],
    [{ topP: 0.41 }, { 1: 0.4, 3: 0.3 }],
    [{ topP: 0.94 }, { 0: 0.1, 1: 0.4, 3: 0.3, 4: 0.15 }],
    [{ minP: 0.26 }, { 1: 0.4, 3: 0.3, 4: 0.15 }],
    [{ minP: 0.24 }, { 0: 0.1, 1: 0.4, 3: 0.3, 4: 0.15 }],
    [{ minP: 1 }, { 1: 1 }],
  ])('with %j', (options: SamplerOptions, expected) => {
    expect(distribution(logits, options)).toEqual(normalized(expected))
  })

  test('of equals, the lowest ids', () => {
    const equal = row([1, 1, 1, 1])
    expect(distribution(equal, { topK: 2 })).toEqual({ 0: 0.5, 1: 0.5 })
    expect(distribution(equal, { topP: 0.6 })).toEqual(normalized({ 0: 1, 1: 1, 2: 1 }))
    expect(distribution(equal, { minP: 1 })).toEqual(normalized({ 0: 1, 1: 1, 2: 1, 3: 1 }))
  })

  test('by top-p, of a flat and wide distribution', () => {
    const wide = row(new Array(3000).fill(0))
    expect(Object.keys(distribution(wide, { topP: 0.5001 }))).toHaveLength(1501)
    expect(Object.keys(distribution(wide, { topP: 0.9999 }))).toHaveLength(3000)
  })
})

describe('penalties', () => {
  const history = [9, 0, 1, 1, 1, 3]
  const logits = [2, 3, 1, -4, 0.5]

  function penalized(options: SamplerOptions): Record<number, number> {
    return distribution(row(logits), options, history)
  }
  const softmax = (values: number[]) => normalized({ ...values.map(Math.exp) })

  test('repeat divides positive logits and multiplies negative ones', () => {
    expect(penalized({ repeatPenalty: 1.5 })).toEqual(softmax([2 / 1.5, 3 / 1.5, 1, -4 * 1.5, 0.5]))
  })

  test('presence is taken once from what was seen', () => {
    expect(penalized({ presencePenalty: 0.7 })).toEqual(softmax([2 - 0.7, 3 - 0.7, 1, -4 - 0.7, 0.5]))
  })

  test('frequency is taken for each time', () => {
    expect(penalized({ frequencyPenalty: 0.7 })).toEqual(softmax([2 - 0.7, 3 - 3 * 0.7, 1, -4 - 0.7, 0.5]))
  })

  test('repeat comes before the others', () => {
    expect(penalized({ repeatPenalty: 2, presencePenalty: 0.1, frequencyPenalty: -0.4 })).toEqual(
      softmax([2 / 2 + 0.4 - 0.1, 3 / 2 + 3 * 0.4 - 0.1, 1, -4 * 2 + 0.4 - 0.1, 0.5]),
    )
  })

  test.each([
    [0, [2, 3, 1, -4, 0.5]],
    [1, [2, 3, 1, -4 - 1, 0.5]],
    [3, [2, 3 - 2, 1, -4 - 1, 0.5]],
    [99, [2 - 1, 3 - 3, 1, -4 - 1, 0.5]],
    [-1, [2 - 1, 3 - 3, 1, -4 - 1, 0.5]],
  ])('look %d tokens back', (repeatLastN, expected) => {
    expect(penalized({ frequencyPenalty: 1, repeatLastN })).toEqual(softmax(expected))
  })

  test('look 64 tokens back unless told', () => {
    const long = [0, 1, ...new Array(63).fill(2)]
    expect(distribution(row([1, 1, -9]), { presencePenalty: 1 }, long)).toEqual(softmax([1, 1 - 1, -9 - 1]))
  })

  test('count at temperature 0, too', () => {
    expect(penalized({ temperature: 0, frequencyPenalty: 1.1 })).toEqual({ 2: 1 })
    expect(penalized({ temperature: 0, presencePenalty: 1 })).toEqual({ 1: 1 })
  })

  test('leave the logits as they came', () => {
    const given = row(logits)
    createSampler({ repeatPenalty: 2, topK: 2 }).distribution(given, history)
    expect(given).toEqual(row(logits))
  })
})

// Each case would give something else if the two changed places.
describe('the order is', () => {
  test('penalties, temperature', () => {
    const given = distribution(row([2, 1]), { presencePenalty: 1, temperature: 0.5 }, [0])
    expect(given).toEqual({ 0: 0.5, 1: 0.5 })
  })

  test('penalties, top-k', () => {
    expect(distribution(row([3, 2, 1]), { presencePenalty: 5, topK: 2 }, [0])).toEqual(
      normalized({ 1: Math.exp(2), 2: Math.exp(1) }),
    )
  })

  test('temperature, top-p', () => {
    // 0.5, 0.3, 0.2 become 0.66, 0.24, 0.11.
    const given = distribution(rowFor([0.5, 0.3, 0.2]), { temperature: 0.5, topP: 0.6 })
    expect(given).toEqual({ 0: 1 })
  })

  test('temperature, min-p', () => {
    const given = distribution(rowFor([0.5, 0.3, 0.2]), { temperature: 0.5, minP: 0.4 })
    expect(given).toEqual({ 0: 1 })
  })

  test('top-k, top-p', () => {
    // Two of these are 0.67, 0.33.
    expect(distribution(rowFor([0.4, 0.2, 0.2, 0.2]), { topK: 2, topP: 0.65 })).toEqual({ 0: 1 })
  })

  test('top-p, min-p', () => {
    // Without the last two, the first would be 0.625.
    const given = distribution(rowFor([0.5, 0.3, 0.1, 0.1]), { topP: 0.6, minP: 0.5 })
    expect(given).toEqual(normalized({ 0: 0.5, 1: 0.3 }))
  })

  test('that of a plain computation, for any options', () => {
    const random = new Random('sampler')
    for (let i = 0; i < 300; i++) {
      const values = range(30).map(() => Math.fround(random.between(-4, 4)))
      const history = range(20).map(() => random.below(30))
      const o = {
        temperature: random.between(0.2, 2),
        topK: random.below(31),
        topP: random.between(0.3, 1),
        minP: random.between(0, 0.2),
        repeatPenalty: random.between(0.8, 1.5),
        presencePenalty: random.between(-1, 1),
        frequencyPenalty: random.between(-1, 1),
        repeatLastN: random.below(25),
      }
      const given = distribution(row(values), o, history)
      const expected = plainDistribution(values, o, history)
      expect(Object.keys(given)).toEqual(Object.keys(expected))
      for (const [id, p] of Object.entries(expected)) expect(given[Number(id)]).toBeCloseTo(p, 4)
    }
  })
})

describe('want', () => {
  test.each([
    [{}, 'full'],
    [{ temperature: 0 }, 'argmax'],
    [{ topK: 5 }, { top: 5 }],
    [{ topK: 5, topP: 0.5 }, { top: 5 }],
    [{ topP: 0.5 }, 'full'],
    [{ temperature: 0, presencePenalty: 1 }, 'full'],
    [{ topK: 5, repeatPenalty: 1.1 }, 'full'],
    [{ topK: 5, frequencyPenalty: 1 }, 'full'],
  ])('with %j is %j', (options, want) => {
    expect(createSampler(options).want).toEqual(want)
  })

  test.each([{ temperature: 0 }, { topK: 5 }, { topK: 5, topP: 0.6, minP: 0.2 }])(
    'is enough to know the distribution with %j',
    options => {
      const random = new Random('want')
      const logits = row(range(100).map(() => random.between(-3, 3)))
      const wanted = selectLogits(logits, createSampler(options).want)
      expect(distribution(wanted, options)).toEqual(distribution(logits, options))
    },
  )

  test('is one row', () => {
    const logits = { ...row([1, 2]), rows: 2, width: 1 }
    expect(() => createSampler().distribution(logits, [])).toThrow(InvalidOptionError)
  })
})

describe('a mask', () => {
  const odd = Uint32Array.of(0xaaaaaaaa)

  test.each<[SamplerOptions, Record<number, number>]>([
    [{}, { 1: 3, 3: 1 }],
    [{ temperature: 0 }, { 1: 1 }],
    [{ topK: 1 }, { 1: 1 }],
    [{ topP: 0.7 }, { 1: 1 }],
  ])('with %j allows no other ids', (options, expected) => {
    const sampler = createSampler({ temperature: 1, ...options })
    expect(byId(sampler.distribution(rowFor([0.4, 0.3, 0.2, 0.1]), [], odd))).toEqual(normalized(expected))
  })

  test.each<SamplerOptions>([{ temperature: 0 }, { temperature: 1 }])(
    'with %j that allows nothing is an error',
    options => {
      // The third id is beyond the row.
      const none = Uint32Array.of(0b100)
      expect(() => createSampler(options).distribution(row([1, 2]), [], none)).toThrow(InvalidOptionError)
    },
  )

  test('leaves what a look at each id would leave', () => {
    const random = new Random('masks')
    for (let round = 0; round < 200; round++) {
      const width = 1 + random.below(100)
      const values = range(width).map(() => random.below(8) - 4)
      const mask = Uint32Array.from(range(4), () => random.below(2 ** 32) & random.below(2 ** 32))
      mask[0]! |= 1
      const kept = range(width).filter(id => (mask[id >> 5]! >>> (id & 31)) & 1)
      const greatest = Math.max(...kept.map(id => values[id]!))
      const best = distributionUnder(row(values), mask, { temperature: 0 })
      expect(best).toEqual({ [kept.find(id => values[id] === greatest)!]: 1 })
      const weights = kept.map(id => [id, Math.exp(values[id]!)] as const)
      expect(distributionUnder(row(values), mask, { temperature: 1 })).toEqual(
        normalized(Object.fromEntries(weights)),
      )
      const some = selectLogits(row(values), { top: 5 })
      const both = [...some.ids!].filter(id => kept.includes(id))
      if (both.length > 0)
        expect(distributionUnder(some, mask, { temperature: 1 })).toEqual(
          normalized(Object.fromEntries(both.map(id => [id, Math.exp(values[id]!)]))),
        )
    }
  })

  test.each([
    ['no logits but what is not a number', [Number.NaN, 1], 0b01],
    ['minus infinity alone', [1, -Infinity], 0b10],
  ])('of %s', (_, values, mask) => {
    const greedy = () => distributionUnder(row(values), Uint32Array.of(mask), { temperature: 0 })
    if (mask === 0b01) expect(greedy).toThrow(ComputationError)
    else expect(greedy()).toEqual({ 1: 1 })
  })

  test.each<[number[], number | undefined]>([
    [[0, 0], undefined],
    [[1, 0], 0],
    [[0, 0x80000000], 63],
    [[0, 0x10], 36],
    [[0, 0x11], undefined],
    [[1, 1], undefined],
  ])('of %j has one id: %d', (words, only) => {
    expect(onlyAllowed(Uint32Array.from(words))).toBe(only)
  })
})

describe('draws', () => {
  function drawn(options: SamplerOptions, logits: Logits, count: number): number[] {
    const sampler = createSampler(options)
    const candidates = sampler.distribution(logits, [])
    return range(count).map(() => sampler.draw(candidates))
  }

  /** Sum of (found - expected)² / expected. */
  function chiSquare(counts: readonly number[], expected: readonly number[]): number {
    return counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0)
  }

  function countsOf(values: readonly number[], size: number): number[] {
    const counts = new Array<number>(size).fill(0)
    for (const value of values) counts[value]!++
    return counts
  }

  test('are the same for the same seed, others for another', () => {
    const uniform = row(new Array(1000).fill(0))
    const first = drawn({ seed: 7 }, uniform, 20)
    expect(drawn({ seed: 7 }, uniform, 20)).toEqual(first)
    for (const seed of [8, -7, 7 + 2 ** 32, undefined])
      expect(drawn({ seed }, uniform, 20)).not.toEqual(first)
    expect(drawn({}, uniform, 20)).not.toEqual(drawn({}, uniform, 20))
  })

  // Limits that chance passes once in a thousand runs; the seeds are fixed.
  test.each([0, 1, -5, 2 ** 31, 2 ** 40 + 1])('with seed %d are as frequent as they are probable', seed => {
    const probabilities = [0.5, 0.3, 0.1, 0.06, 0.04]
    const ids = drawn({ temperature: 1, seed }, rowFor(probabilities), 40_000)
    const expected = probabilities.map(p => p * ids.length)
    expect(chiSquare(countsOf(ids, 5), expected)).toBeLessThan(18.47)
    const pairs = range(20_000).map(i => ids[2 * i]! * 5 + ids[2 * i + 1]!)
    const expectedPairs = range(25).map(
      i => probabilities[Math.floor(i / 5)]! * probabilities[i % 5]! * 20_000,
    )
    expect(chiSquare(countsOf(pairs, 25), expectedPairs)).toBeLessThan(51.18)
  })

  test('of neighbouring seeds have nothing to do with each other', () => {
    const uniform = row(new Array(10).fill(0))
    const first = range(5000).map(seed => drawn({ seed }, uniform, 1)[0]!)
    expect(chiSquare(countsOf(first, 10), new Array(10).fill(500))).toBeLessThan(27.88)
    const pairs = range(2500).map(i => first[2 * i]! * 10 + first[2 * i + 1]!)
    expect(chiSquare(countsOf(pairs, 100), new Array(100).fill(25))).toBeLessThan(148.23)
  })

  test('never take what has no probability', () => {
    const sampler = createSampler({ seed: 1 })
    const candidates = { ids: Int32Array.of(4, 5, 6), probabilities: Float64Array.of(0, 1e-3, 0) }
    expect(new Set(range(1000).map(() => sampler.draw(candidates)))).toEqual(new Set([5]))
  })

  test.each([{}, { topK: 2 }, { topP: 0.9 }, { minP: 0.1 }, { temperature: 0 }])(
    'with %j never take what is -Infinity',
    options => {
      const ids = drawn({ ...options, seed: 3 }, row([-Infinity, 1, -Infinity, 0]), 100)
      expect(ids.every(id => id === 1 || id === 3)).toBe(true)
    },
  )
})

describe('options', () => {
  test.each([
    ['temperature', [-0.1, Number.NaN, Infinity]],
    ['topK', [-1, 1.5, Number.NaN, 2 ** 31]],
    ['topP', [-0.1, 1.1, Number.NaN]],
    ['minP', [-0.1, 1.1, Number.NaN]],
    ['repeatPenalty', [0, -1, Number.NaN, Infinity]],
    ['presencePenalty', [Number.NaN, Infinity, -Infinity]],
    ['frequencyPenalty', [Number.NaN, Infinity, -Infinity]],
    ['repeatLastN', [-2, 0.5, Number.NaN, Infinity]],
    ['seed', [0.5, Number.NaN, Infinity]],
  ])('%s: %j are refused', (name, values) => {
    for (const value of values) {
      const create = () => createSampler({ [name]: value })
      expect(create).toThrow(InvalidOptionError)
      expect(create).toThrow(new RegExp(`^${name}: .*found ${value}$`))
    }
  })
})

describe('of logits that are no numbers', () => {
  const random = [{}, { topK: 2 }, { topP: 0.9 }, { minP: 0.1 }]
  const all = [...random, { temperature: 0 }]

  /** The logit of the token that is drawn. */
  function drawn(values: readonly number[], options: SamplerOptions): number | undefined {
    const sampler = createSampler({ seed: 1, ...options })
    return values[sampler.draw(sampler.distribution(row(values), []))]
  }

  test.each(all)('with %j NaN is never drawn', options => {
    for (const values of [
      [Number.NaN, 1, 2],
      [1, Number.NaN, 2],
      [1, 2, Number.NaN],
    ])
      expect(drawn(values, options)).toBeOneOf(options === all.at(-1) ? [2] : [1, 2])
  })

  test.each(all)('with %j Infinity is drawn', options => {
    expect(drawn([1, Infinity, 2], options)).toBe(Infinity)
  })

  test.each(all)('with %j nothing but NaN is an error', options => {
    expect(() => drawn([Number.NaN, Number.NaN], options)).toThrow(ComputationError)
  })

  test.each(random)('with %j nothing but -Infinity is an error', options => {
    expect(() => drawn([-Infinity, -Infinity, -Infinity], options)).toThrow(ComputationError)
  })
})

/** The same rules once more, as plainly as they can be said. */
function plainDistribution(
  values: readonly number[],
  o: Required<Omit<SamplerOptions, 'seed'>> & Record<string, number | undefined>,
  history: readonly number[],
): Record<number, number> {
  const recent = o.repeatLastN === 0 ? [] : history.slice(-o.repeatLastN!)
  let candidates = values.map((value, id) => {
    const count = recent.filter(seen => seen === id).length
    let logit = value
    if (count > 0) logit = logit > 0 ? logit / o.repeatPenalty! : logit * o.repeatPenalty!
    if (count > 0) logit -= o.presencePenalty! + count * o.frequencyPenalty!
    return { id, p: Math.exp(logit / o.temperature!) }
  })
  candidates.sort((a, b) => b.p - a.p)
  if (o.topK! > 0) candidates = candidates.slice(0, o.topK)
  const total = candidates.reduce((sum, { p }) => sum + p, 0)
  let before = 0
  candidates = candidates.filter(({ p }) => {
    const kept = before < o.topP! * total
    before += p
    return kept
  })
  const least = o.minP! * candidates[0]!.p
  candidates = candidates.filter(({ p }) => p >= least)
  return normalized(Object.fromEntries(candidates.map(({ id, p }) => [id, p])))
}
