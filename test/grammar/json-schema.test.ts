// JSON Schemas as grammars: whatever a random model writes under one fulfils it, by another validator's judgement.
import { describe, expect, test } from 'vitest'
import { UnsupportedSchemaError } from '../../src/errors.ts'
import { schemaMatcher } from '../../src/grammar/json-schema.ts'
import { Random } from '../fixtures/random.ts'
import { checkSamples } from './check-samples.ts'
import { reads } from './sample.ts'
import { realSchemas } from './schemas.ts'

describe('what is written under a schema fulfils it:', () => {
  test.each(Object.entries(realSchemas))('%s', (_, schema) => {
    const texts = checkSamples(schema, new Random(11), 4)
    expect(texts.length).toBe(4)
  })
})

describe('the grammar of a schema', () => {
  const cases: [schema: Record<string, unknown>, whole: string[], refused: string[]][] = [
    [
      { type: 'integer', minimum: 0, maximum: 255 },
      ['0', '7', '99', '255'],
      ['-1', '256', '07', '1.0', '-0'],
    ],
    [{ type: 'integer', exclusiveMinimum: -12, maximum: -3 }, ['-11', '-3'], ['-12', '-2', '0']],
    [
      { type: 'number', minimum: -0.5, exclusiveMaximum: 10.25 },
      ['-0.5', '0', '3.14', '10.24'],
      ['-0.51', '10.25', '11'],
    ],
    [
      { type: 'number', minimum: 1, maximum: 9, multipleOf: 0.1 },
      ['1', '1.1', '9.0'],
      ['0.9', '9.1', '1.11'],
    ],
    [
      { type: 'string', minLength: 2, maxLength: 3 },
      ['"ab"', '"😀é"', '"\\u00e9\\n\\""'],
      ['"a"', '"abcd"', '"\\ud83d\\ude00"', '"a\nb"'],
    ],
    [{ enum: ['a', 'ab', 12] }, ['"a"', '"ab"', '12'], ['"b"', '1']],
    [
      { type: 'object', properties: { a: { type: 'null' }, b: { type: 'null' } }, required: ['b'] },
      ['{"b":null}', '{"a": null, "b": null}', '{\n  "a": null,\n  "b": null\n}'],
      ['{}', '{"a":null}', '{"b":null,"a":null}', '{"b":null,"c":1}'],
    ],
    [
      { type: 'array', items: { type: 'null' }, minItems: 1, maxItems: 2 },
      ['[null]', '[ null, null ]'],
      ['[]', '[null,null,null]'],
    ],
    [{ type: 'object' }, ['{}', '{"any": [1, {"b": "c"}], "é": -1.5e3}'], ['[]', '{"a"}', '{"a":01}']],
    [
      { enum: [1000000000000001, 1000000000000002], multipleOf: 2 },
      ['1000000000000002'],
      ['1000000000000001'],
    ],
    [{ enum: [0.3, 0.30000000000000004], multipleOf: 0.1 }, ['0.3'], ['0.30000000000000004']],
    [{ enum: [`${'a'.repeat(40)}!`, 'aaa'], pattern: '^(a+)+$' }, ['"aaa"'], [`"${'a'.repeat(40)}!"`]],
    [
      {
        $ref: 'urn:own',
        $defs: {
          a: {
            $id: 'urn:own',
            $defs: { x: { type: 'null' }, y: { $anchor: 'it', const: 1 } },
            anyOf: [{ $ref: '#/$defs/x' }, { $ref: '#it' }],
          },
          x: { type: 'boolean' },
          y: { $anchor: 'it', const: 2 },
        },
      },
      ['null', '1'],
      ['true', '2'],
    ],
    [
      {
        $id: 'https://example.org/root',
        $defs: { a: { $id: 'a', $defs: { x: { const: 1 } } } },
        $ref: 'a#/$defs/x',
      },
      ['1'],
      ['2'],
    ],
    [{ type: 'string', pattern: '^"\\\\é$' }, ['"\\"\\\\é"'], ['"\\u0022\\\\é"']],
  ]
  test.each(cases)('%j', (schema, whole, refused) => {
    const matcher = schemaMatcher(schema)
    for (const text of whole) expect(reads(matcher, text), text).toBe('whole')
    for (const text of refused) expect(reads(matcher, text), text).not.toBe('whole')
  })
})

function circular(): Record<string, unknown> {
  const schema: Record<string, unknown> = { type: 'array' }
  schema.items = schema
  return schema
}

/** Each of them overlaps with the others. */
function choices() {
  return { anyOf: [0, 1, 2, 3].map(minimum => ({ type: 'number', minimum, maximum: 100 - minimum })) }
}

test('schemas may refer to each other in a long row', () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 1200 }, (_, i) => [
      `link${i}`,
      i < 1199 ? { type: 'array', items: { $ref: `#/$defs/link${i + 1}` } } : { type: 'null' },
    ]),
  )
  expect(reads(schemaMatcher({ $defs, $ref: '#/$defs/link0' }), `${'['.repeat(1199)}null`)).toBe('begun')
})

describe('is refused, with the place and the reason:', () => {
  const cases: [schema: Record<string, unknown>, pointer: string, reason: RegExp][] = [
    [{ type: 'array', uniqueItems: true }, '/uniqueItems', /cannot be guaranteed/],
    [{ contains: { type: 'null' } }, '/contains', /cannot be guaranteed/],
    [{ if: { type: 'null' }, else: {} }, '/if', /conditions/],
    [
      { properties: { a: { dependentRequired: { x: ['y'] } } } },
      '/properties/a/dependentRequired',
      /dependencies/,
    ],
    [{ items: { not: { minimum: 3 } } }, '/items/not', /must not be/],
    [{ oneOf: [{ type: 'integer' }, { type: 'number', minimum: 3 }] }, '/oneOf', /anyOf allows it/],
    [
      {
        oneOf: [
          { type: 'object', properties: { a: {} } },
          { type: 'object', properties: { b: {} } },
        ],
      },
      '/oneOf',
      /\/oneOf\/0 and \/oneOf\/1/,
    ],
    [{ type: 'string', pattern: '(a)\\1' }, '/pattern', /\\1 here is not supported/],
    [{ type: 'string', pattern: 'a\\b' }, '/pattern', /not supported/],
    [{ type: 'string', pattern: 'x(?=y)' }, '/pattern', /lookahead|not supported/],
    [{ type: 'string', pattern: '(' }, '/pattern', /Invalid regular expression/],
    [{ enum: ['a'], pattern: '(' }, '/pattern', /Invalid regular expression/],
    [
      { const: { a: 1 }, patternProperties: { '(': {} } },
      '/patternProperties/(',
      /Invalid regular expression/,
    ],
    [{ type: 'object', patternProperties: { 'a\\b': {} } }, '/patternProperties/a\\b', /not supported/],
    [
      {
        oneOf: [{ const: 1 }, { $ref: '#/$defs/a' }],
        $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { anyOf: [{ $ref: '#/$defs/a' }] } },
      },
      '/$defs/a/anyOf',
      /refers to itself/,
    ],
    [{ $ref: 'https://example.org/schema' }, '/$ref', /not in the schema/],
    [{ $ref: '#/$defs/none' }, '/$ref', /leads nowhere/],
    [{ $ref: '#' }, '', /refers to itself/],
    [{ anyOf: [{ $ref: '#' }, { type: 'null' }] }, '/anyOf/0', /refers to itself/],
    [
      { anyOf: [{ const: 1 }, { minimum: JSON.parse('1e400') }] },
      '/anyOf/1/minimum',
      /expected JSON, found Infinity/,
    ],
    [{ const: [1, undefined] }, '/const/1', /expected JSON, found undefined/],
    [{ enum: [new Date(0)] }, '/enum/0', /expected JSON, found an object of Date/],
    [circular(), '', /levels deep/],
    [{ unevaluatedItems: { type: 'text' } }, '/unevaluatedItems/type', /expected one of null/],
    [{ not: { type: 'text' } }, '/not/type', /expected one of null/],
    [
      { oneOf: Array.from({ length: 2 }, () => ({ allOf: Array.from({ length: 8 }, choices) })) },
      '/oneOf',
      /cannot be told/,
    ],
    [{ $dynamicRef: '#x' }, '/$dynamicRef', /not supported/],
    [{ type: 'text' }, '/type', /expected one of null/],
    [{ type: 'string', minLength: '3' }, '/minLength', /expected a whole number/],
    [{ minimum: true }, '/minimum', /expected a number/],
    [{ enum: 3 }, '/enum', /expected values/],
    [{ properties: [] }, '/properties', /expected schemas by name/],
    [{ properties: { 'a/b': 3 } }, '/properties/a~1b', /expected a schema/],
    [{ type: 'integer', minimum: 3, maximum: 2 }, '', /no value fulfils/],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, '', /no value fulfils/],
    [{ type: 'string', allOf: [{ type: 'integer' }] }, '', /no value fulfils/],
    [{ const: 3, type: 'string' }, '', /no value fulfils/],
    [{ not: {} }, '', /no value fulfils/],
    [{ type: 'integer', minimum: 1e20 }, '', /more than 15 digits/],
    [{ type: 'number', multipleOf: 0.000123457, minimum: 0 }, '', /cannot be guaranteed/],
    [{ type: 'string', maxLength: 1_000_000 }, '', /above 10000/],
    [
      { type: 'object', minProperties: 2, additionalProperties: true },
      '/minProperties',
      /differ from each other/,
    ],
    [{ allOf: [{ type: 'object' }], unevaluatedProperties: false }, '/unevaluatedProperties', /beside/],
  ]
  test.each(cases)('%j', (schema, pointer, reason) => {
    const attempt = () => schemaMatcher(schema)
    expect(attempt).toThrow(UnsupportedSchemaError)
    expect(attempt).toThrow(expect.objectContaining({ pointer, reason: expect.stringMatching(reason) }))
  })
})
