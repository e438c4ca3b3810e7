// Numbers within bounds: all that fit and no others, as far as their digits go.
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { schemaMatcher } from '../../src/grammar/json-schema.ts'
import { Random } from '../fixtures/random.ts'
import { reads, sample } from './sample.ts'

const bound = fc.oneof(
  fc.integer({ min: -1200, max: 1200 }),
  fc.integer({ min: -99, max: 99 }).map(n => n / 10),
)

test('whole numbers within bounds, multiples or not', () => {
  fc.assert(
    fc.property(
      bound,
      bound,
      fc.boolean(),
      fc.boolean(),
      fc.option(fc.integer({ min: 1, max: 40 })),
      (a, b, low, high, step) => {
        const [minimum, maximum] = [Math.min(a, b), Math.max(a, b) + 1]
        const schema = {
          type: 'integer',
          [low ? 'minimum' : 'exclusiveMinimum']: minimum,
          [high ? 'maximum' : 'exclusiveMaximum']: maximum,
          ...(step !== null && { multipleOf: step }),
        }
        const fits = (n: number) =>
          (low ? n >= minimum : n > minimum) && (high ? n <= maximum : n < maximum) && n % (step ?? 1) === 0
        const around = Array.from({ length: 3 + maximum - minimum }, (_, i) => Math.floor(minimum) - 1 + i)
        if (!around.some(fits)) return
        const matcher = schemaMatcher(schema)
        for (const n of [...around, 10 * maximum, 10 * minimum])
          expect(reads(matcher, String(n)) === 'whole', `${n} of ${JSON.stringify(schema)}`).toBe(
            fits(n) && !Object.is(n, -0),
          )
      },
    ),
    { numRuns: 40 },
  )
})

test('numbers with a fraction within bounds', () => {
  const random = new Random(6)
  fc.assert(
    fc.property(bound, bound, fc.boolean(), (a, b, exclusive) => {
      const [minimum, maximum] = [Math.min(a, b), Math.round(10 * Math.max(a, b) + 5) / 10]
      const schema = exclusive
        ? { type: 'number', exclusiveMinimum: minimum, exclusiveMaximum: maximum }
        : { type: 'number', minimum, maximum }
      const fits = (n: number) => (exclusive ? n > minimum && n < maximum : n >= minimum && n <= maximum)
      const matcher = schemaMatcher(schema)
      for (let i = 0; i < 40; i++) {
        const n = Number((minimum - 1 + random.unit() * (maximum - minimum + 2)).toFixed(random.below(5)))
        expect(reads(matcher, String(n)) === 'whole', `${n} of ${JSON.stringify(schema)}`).toBe(fits(n))
      }
      for (const n of [minimum, maximum]) expect(reads(matcher, String(n)) === 'whole').toBe(fits(n))
      expect(fits(Number(sample(matcher, random, 20)))).toBe(true)
    }),
    { numRuns: 40 },
  )
})

test.each([
  [
    { multipleOf: 0.01, minimum: 0, maximum: 1 },
    ['0', '0.07', '0.3', '0.99', '1', '1.00'],
    ['0.001', '1.01', '-0.1'],
  ],
  [{ multipleOf: 2.5 }, ['0', '2.5', '-5', '12.5'], ['1', '2.50001', '2']],
  [{ exclusiveMaximum: 0.3 }, ['0.2', '-1', '0.299999'], ['0.3', '0.31']],
  [{ minimum: 1e-7, maximum: 2e-7 }, ['0.0000001', '0.00000015'], ['0', '0.00000021', '1e-7']],
  [{ type: 'integer', multipleOf: 0.5, minimum: 0 }, ['0', '1', '12'], ['0.5']],
  [{ minimum: 1e15, type: 'integer' }, [], []],
] as const)('%j', (schema, whole, refused) => {
  if (whole.length === 0)
    return expect(() => schemaMatcher({ type: 'number', ...schema })).toThrow(/15 digits/)
  const matcher = schemaMatcher({ type: 'number', ...schema })
  for (const text of whole) expect(reads(matcher, text), text).toBe('whole')
  for (const text of refused) expect(reads(matcher, text), text).not.toBe('whole')
})
