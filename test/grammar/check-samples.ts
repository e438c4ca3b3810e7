// Texts that a random model writes under schemas, judged by another validator.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'
import { schemaMatcher } from '../../src/grammar/json-schema.ts'
import type { Random } from '../fixtures/random.ts'
import { sample } from './sample.ts'

const inRange = (text: string, most: readonly number[]) =>
  text.split(/\D/).every((part, i) => Number(part) <= most[i]!)
const isDate = (text: string) => {
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}
const isTime = (text: string) =>
  /^\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(`2000-01-01T${text}`))
const ajv = new Ajv2020({ strict: false, multipleOfPrecision: 6 })
const checks: Record<string, (text: string) => boolean> = {
  date: isDate,
  time: isTime,
  'date-time': text => isDate(text.slice(0, 10)) && text[10] === 'T' && isTime(text.slice(11)),
  duration: text => /^P(?!$)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?!$)(\d+H)?(\d+M)?(\d+S)?)?)$/.test(text),
  email: text => /^[^@\s]+@([a-z0-9-]+\.)+[a-z]{2,}$/i.test(text),
  hostname: text => text.split('.').every(label => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/i.test(label)),
  ipv4: text => /^\d+\.\d+\.\d+\.\d+$/.test(text) && inRange(text, [255, 255, 255, 255]),
  ipv6: text => URL.canParse(`http://[${text}]/`),
  uuid: text => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  uri: text => URL.canParse(text),
}
for (const [name, validate] of Object.entries(checks)) ajv.addFormat(name, { type: 'string', validate })

/** Random texts under a schema, each of them checked. */
export function checkSamples(
  schema: Record<string, unknown> | boolean,
  random: Random,
  count: number,
): string[] {
  const matcher = schemaMatcher(schema)
  const validate = ajv.compile(schema)
  return Array.from({ length: count }, (_, i) => {
    const text = sample(matcher, random, Math.max(1, matcher.distance(matcher.start)) + 40 * i)
    const value: unknown = JSON.parse(text)
    expect(validate(value), `${JSON.stringify(schema)}\n${text}\n${ajv.errorsText(validate.errors)}`).toBe(
      true,
    )
    return text
  })
}
