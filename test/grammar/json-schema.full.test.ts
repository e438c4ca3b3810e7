// Made JSON Schemas as grammars: whatever a random model writes under one fulfils it, by another validator's judgement.
import { expect, test } from 'vitest'
import { UnsupportedSchemaError } from '../../src/errors.ts'
import { Random } from '../fixtures/random.ts'
import { checkSamples } from './check-samples.ts'
import { madeSchema, withDefinitions } from './schemas.ts'

test('300 schemas, nested, with enumerations, patterns, references and limits', () => {
  const random = new Random(2026)
  let [made, refused] = [0, 0]
  while (made < 300) {
    const schema = withDefinitions(madeSchema(random, 1 + (made % 3)))
    try {
      checkSamples(schema, random, 2)
      made++
    } catch (error) {
      // Limits that contradict each other, which the generator does not look after.
      if (!(error instanceof UnsupportedSchemaError)) throw error
      refused++
    }
  }
  expect(refused).toBeLessThan(60)
})
