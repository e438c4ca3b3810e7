// JSON Schemas: some as they are in use, and as many made ones as are asked for.
import type { Random } from '../fixtures/random.ts'

type Schema = Record<string, unknown>
const object = (properties: Schema, others: Schema = {}) => ({ type: 'object', properties, ...others })
const all = (properties: Schema) =>
  object(properties, { required: Object.keys(properties), additionalProperties: false })

export const realSchemas: Readonly<Record<string, Schema | boolean>> = {
  anything: true,
  'an empty schema': {},
  person: object(
    {
      name: { type: 'string', minLength: 1, maxLength: 40 },
      age: { type: 'integer', minimum: 0, maximum: 150 },
      email: { type: 'string', format: 'email' },
      born: { type: ['string', 'null'], format: 'date' },
    },
    { required: ['name', 'age'], additionalProperties: false },
  ),
  recipe: all({
    title: { type: 'string', maxLength: 30 },
    servings: { type: 'integer', exclusiveMinimum: 0, maximum: 12 },
    ingredients: {
      type: 'array',
      minItems: 1,
      maxItems: 4,
      items: all({
        name: { type: 'string', maxLength: 12 },
        grams: { type: 'number', minimum: 0.5, maximum: 2000 },
      }),
    },
    level: { enum: ['easy', 'medium', 'hard'] },
  }),
  'a tool call': {
    oneOf: [
      all({ tool: { const: 'search' }, query: { type: 'string', minLength: 1, maxLength: 20 } }),
      all({ tool: { const: 'open' }, page: { type: 'integer', minimum: 1 }, raw: { type: 'boolean' } }),
      all({ tool: { const: 'stop' } }),
    ],
  },
  tree: {
    $defs: {
      node: all({
        value: { type: 'integer' },
        children: { type: 'array', items: { $ref: '#/$defs/node' }, maxItems: 3 },
      }),
    },
    $ref: '#/$defs/node',
  },
  'a linked list': object(
    { head: { type: 'string', maxLength: 3 }, tail: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
    { required: ['head', 'tail'] },
  ),
  invoice: {
    definitions: {
      money: {
        type: 'object',
        properties: {
          amount: { type: 'number', multipleOf: 0.25, minimum: 0, maximum: 500 },
          currency: { enum: ['EUR', 'USD'] },
        },
        required: ['amount', 'currency'],
        additionalProperties: false,
      },
    },
    ...object(
      {
        id: { type: 'string', pattern: '^INV-\\d{4}-[A-Z]{2}$' },
        issued: { type: 'string', format: 'date-time' },
        total: { $ref: '#/definitions/money' },
        lines: {
          type: 'array',
          items: { allOf: [{ $ref: '#/definitions/money' }, object({ amount: { maximum: 100 } })] },
          minItems: 1,
          maxItems: 2,
        },
      },
      { required: ['id', 'total', 'lines'] },
    ),
  },
  GeoJSON: {
    anyOf: [
      all({ type: { const: 'Point' }, coordinates: { $ref: '#/$defs/position' } }),
      all({
        type: { const: 'LineString' },
        coordinates: { type: 'array', items: { $ref: '#/$defs/position' }, minItems: 2, maxItems: 4 },
      }),
    ],
    $defs: {
      position: {
        type: 'array',
        prefixItems: [
          { type: 'number', minimum: -180, maximum: 180 },
          { type: 'number', minimum: -90, maximum: 90 },
        ],
        items: false,
        minItems: 2,
      },
    },
  },
  'settings with free names': object(
    { version: { const: 2 } },
    { required: ['version'], additionalProperties: { type: ['string', 'boolean'], maxLength: 5 } },
  ),
  headers: {
    type: 'object',
    patternProperties: {
      '^x-[a-z]{1,8}$': { type: 'string', maxLength: 6 },
      '^\\d{3}$': { type: 'integer' },
    },
    additionalProperties: false,
  },
  'names of a kind': {
    type: 'object',
    propertyNames: { pattern: '^[a-z]{2,5}$' },
    additionalProperties: { type: 'integer' },
    maxProperties: 3,
  },
  'names of an enumeration': {
    type: 'object',
    propertyNames: { enum: ['a', 'b'] },
    additionalProperties: { type: 'number' },
    required: ['b'],
  },
  'names that have to be written with escapes': object(
    { 'a"b\\\n\u0001é': { type: 'null' } },
    { required: ['a"b\\\n\u0001é'], additionalProperties: { type: 'null' } },
  ),
  'values of all kinds': { enum: [1, -0.5, 'text "quoted"', null, true, [], {}, [1, { a: ['b'] }]] },
  'a value that has to be so': { const: { a: [1, 2, { b: null }], 'c d': 'e' } },
  'an enumeration with limits': { enum: [1, 2, 30, 'x', null], type: ['integer', 'null'], maximum: 20 },
  'anchors as references': {
    $defs: { it: { $anchor: 'it', type: 'boolean' }, by: { $id: 'urn:by', type: 'null' } },
    type: 'array',
    items: { anyOf: [{ $ref: '#it' }, { $ref: 'urn:by' }] },
    maxItems: 3,
  },
  'several types with limits': {
    type: ['string', 'integer', 'array'],
    minLength: 2,
    maxLength: 4,
    minimum: 10,
    maximum: 99,
    maxItems: 2,
    items: { type: 'null' },
  },
  'limits without types': { minimum: 3, exclusiveMaximum: 4 },
  'several patterns at once': {
    type: 'string',
    pattern: '^[a-f]+$',
    allOf: [{ pattern: 'bad' }, { pattern: '^.{4,8}$' }],
  },
  'lookahead at the beginning': { type: 'string', pattern: '^(?!.*--)(?=.*[0-9])[a-z0-9-]{3,9}$' },
  'a pattern that matches anywhere': { type: 'string', pattern: '[0-9]{3}|"x"', maxLength: 8 },
  'letters of any alphabet': { type: 'string', pattern: '^\\p{Lu}\\p{Ll}{1,6}$' },
  'all formats': all(
    Object.fromEntries(
      ['date', 'time', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid', 'uri'].map(
        format => [format, { type: 'string', format }],
      ),
    ),
  ),
  'a matrix': {
    type: 'array',
    minItems: 2,
    maxItems: 2,
    items: {
      type: 'array',
      minItems: 2,
      maxItems: 3,
      items: { type: 'number', exclusiveMinimum: -1, exclusiveMaximum: 1 },
    },
  },
  'most and least properties': object(
    { a: {}, b: { type: 'null' }, c: { type: 'null' } },
    { minProperties: 2, maxProperties: 2, additionalProperties: false },
  ),
  'not a type': { not: { type: ['object', 'array', 'string'] } },
  nullable: object({ a: { type: 'string', nullable: true, maxLength: 2 } }, { required: ['a'] }),
  'small numbers': { type: 'number', exclusiveMinimum: 0, maximum: 1e-9 },
  'multiples within limits': { type: 'integer', minimum: -1000, maximum: 100_000, multipleOf: 37 },
}

const WORDS = ['name', 'id', 'type', 'items', 'value', 'a b', 'é', 'x"y']

/** A schema up to so many levels deep; `depth` 0 makes no objects and arrays. */
export function madeSchema(random: Random, depth: number): Schema {
  const pick = <T>(...options: readonly T[]): T => options[random.below(options.length)]!
  const chance = (of: number) => random.below(of) === 0
  const number = () =>
    pick(random.below(20) - 10, random.below(2000) - 1000, Math.round(random.normal() * 1e4) / 100)
  const inner = () => madeSchema(random, depth - 1)
  const kind = pick(
    'string',
    'string',
    'number',
    'integer',
    'enum',
    'other',
    ...(depth > 0 ? ['object', 'object', 'array', 'choice', 'reference', 'all'] : []),
  )
  switch (kind) {
    case 'string': {
      if (chance(3))
        return { type: 'string', format: pick('date', 'time', 'date-time', 'ipv4', 'uuid', 'email') }
      const patterns = [
        '^[a-z]+$',
        '\\d',
        '^(ab|c)*$',
        '^[^"]{2,5}$',
        '^\\w+ \\w+$',
        '[A-Z]$',
        '^a.c',
        '^(?!no)[a-z]{2}$',
      ]
      const least = random.below(4)
      const lengths = {
        ...(chance(2) && { minLength: least }),
        ...(chance(2) && { maxLength: least + 4 + random.below(5) }),
      }
      return { type: 'string', ...lengths, ...(chance(2) && { pattern: pick(...patterns) }) }
    }
    case 'number':
    case 'integer': {
      const [low, span] = [number(), Math.abs(number()) + 1]
      return {
        type: kind,
        ...(chance(2) && { [pick('minimum', 'exclusiveMinimum')]: low }),
        ...(chance(2) && { [pick('maximum', 'exclusiveMaximum')]: Math.round((low + span) * 100) / 100 }),
        ...(chance(4) && { multipleOf: kind === 'integer' ? 1 + random.below(3) : pick(0.5, 0.25, 2) }),
      }
    }
    case 'enum': {
      const values = Array.from({ length: 1 + random.below(4) }, () =>
        pick<unknown>('x', 'longer text', number(), null, true, [1, 'a'], { k: number() }),
      )
      return chance(3)
        ? { const: values[0] }
        : { enum: [...new Map(values.map(value => [JSON.stringify(value), value])).values()] }
    }
    case 'object': {
      const names = WORDS.filter(() => chance(2))
      return {
        type: 'object',
        properties: Object.fromEntries(names.map(name => [name, inner()])),
        required: [...names.filter(() => chance(2)), ...(chance(5) ? ['more'] : [])],
        ...pick<Schema>(
          {},
          { additionalProperties: false },
          { additionalProperties: inner() },
          { patternProperties: { '^p[0-9]$': inner() } },
        ),
      }
    }
    case 'array': {
      const least = random.below(3)
      return {
        type: 'array',
        items: chance(6) ? true : inner(),
        ...(chance(4) && { prefixItems: [inner(), inner()] }),
        ...(chance(2) && { minItems: least }),
        ...(chance(2) && { maxItems: least + 1 + random.below(3) }),
      }
    }
    case 'choice': {
      if (chance(2)) return { anyOf: [inner(), inner()] }
      const option = (tag: string) => object({ tag: { const: tag }, content: inner() }, { required: ['tag'] })
      return { oneOf: [option('one'), option('two'), { type: 'null' }] }
    }
    case 'reference':
      return { $defs: { it: inner() }, ...all({ it: { $ref: '#/$defs/it' } }) }
    case 'all':
      return {
        allOf: [
          object({ a: { type: 'integer', minimum: number() } }, { required: ['a'] }),
          object({ b: inner() }),
        ],
      }
    default:
      return pick<Schema>(
        { type: 'boolean' },
        { type: 'null' },
        { type: ['string', 'null'], maxLength: 4 },
        {},
      )
  }
}

/** The schema with its references moved to where they are looked for: in the definitions of the whole. */
export function withDefinitions(schema: Schema): Schema {
  const $defs: Schema = {}
  const move = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(move)
    if (typeof value !== 'object' || value === null) return value
    const { $defs: own, ...rest } = value as Schema
    const moved = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, move(each)]))
    if (own === undefined) return moved
    const name = `it${Object.keys($defs).length}`
    $defs[name] = {}
    $defs[name] = move((own as Schema).it)
    return { ...moved, properties: { it: { $ref: `#/$defs/${name}` } } }
  }
  const moved = move(schema) as Schema
  return Object.keys($defs).length > 0 ? { ...moved, $defs } : moved
}
