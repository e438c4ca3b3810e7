// What schemas ask for together: the keywords of all that one value has to fulfil, `$ref` and `allOf` followed, each checked and typed.
import { UnsupportedSchemaError } from '../errors.ts'

export type Schema = boolean | Readonly<Record<string, unknown>>

/** A schema and the JSON pointer to it. */
export interface Located {
  readonly schema: Schema
  readonly pointer: string
}

/** Schemas that a value has to fulfil together; none: any value does. */
export type Together = readonly Located[]

export type TypeName = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object'

/** Schemas of which a value has to fulfil one. */
export interface Choice {
  readonly pointer: string
  readonly exclusive: boolean
  readonly options: Together
}

/** Where one schema says something of objects. */
export interface ObjectFacts {
  readonly properties: ReadonlyMap<string, Located>
  readonly patterns: readonly { readonly pattern: string; readonly value: Located }[]
  readonly additional: Located | undefined
}

/** Where one schema says something of arrays. */
export interface ArrayFacts {
  readonly prefix: Together
  readonly rest: Located | undefined
}

export interface Facts {
  /** Where it is all said: for messages. */
  pointer: string
  /** Undefined where all types are allowed. */
  types: ReadonlySet<TypeName> | undefined
  /** Types that some keyword speaks of. */
  readonly concerned: Set<TypeName>
  /** Lists of values, each of which has to have the value. */
  readonly values: (readonly unknown[])[]
  readonly choices: Choice[]
  minLength: number
  maxLength: number
  readonly patterns: { readonly pattern: string; readonly pointer: string }[]
  readonly formats: { readonly format: string; readonly pointer: string }[]
  readonly lows: { readonly value: number; readonly exclusive: boolean }[]
  readonly highs: { readonly value: number; readonly exclusive: boolean }[]
  readonly multiples: number[]
  readonly arrays: ArrayFacts[]
  minItems: number
  maxItems: number
  readonly objects: ObjectFacts[]
  readonly required: Set<string>
  readonly names: Located[]
  minProperties: number
  maxProperties: number
}

const TYPES: readonly TypeName[] = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']

/** Keywords that cannot be guaranteed. */
const REFUSED: Readonly<Record<string, string>> = {
  if: 'conditions are not supported',
  dependentRequired: 'dependencies between properties are not supported',
  dependentSchemas: 'dependencies between properties are not supported',
  dependencies: 'dependencies between properties are not supported',
  contains: 'what some items must be cannot be guaranteed',
  $dynamicRef: 'dynamic references are not supported',
  $recursiveRef: 'dynamic references are not supported',
}

export function refuse(pointer: string, reason: string): never {
  throw new UnsupportedSchemaError(pointer, reason)
}

/** A step down from a pointer. */
export function below(pointer: string, ...keys: readonly (string | number)[]): string {
  return keys.reduce<string>(
    (path, key) => `${path}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    pointer,
  )
}

export function asSchema(value: unknown, pointer: string): Located {
  if (typeof value === 'boolean') return { schema: value, pointer }
  if (!isObject(value)) refuse(pointer, `expected a schema, found ${describe(value)}`)
  return { schema: value, pointer }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value) ?? typeof value).slice(0, 60)
}

/** Follows `$ref`: answers the schema that it means. */
export type Resolve = (ref: string, pointer: string) => Located

/** What schemas say together. `false` where no value can fulfil them. `chosen`: pointers of choices that are made. */
export function gatherFacts(
  together: Together,
  resolve: Resolve,
  chosen: ReadonlySet<string>,
): Facts | false {
  const facts: Facts = {
    pointer: together[0]?.pointer ?? '',
    types: undefined,
    concerned: new Set(),
    ...{ values: [], choices: [], patterns: [], formats: [], lows: [], highs: [], multiples: [] },
    ...{ minLength: 0, maxLength: Number.POSITIVE_INFINITY, minItems: 0, maxItems: Number.POSITIVE_INFINITY },
    ...{ arrays: [], objects: [], required: new Set<string>(), names: [] },
    ...{ minProperties: 0, maxProperties: Number.POSITIVE_INFINITY },
  }
  const members = flatten(together, resolve)
  if (members.length > 0) facts.pointer = members.at(-1)!.pointer
  for (const { schema, pointer } of members) {
    if (schema === false) return false
    if (schema !== true && !new Reader(facts, schema, pointer, chosen).read()) return false
  }
  return facts
}

/** The schemas themselves, and all that they refer to and are made of, each once. */
export function flatten(together: Together, resolve: Resolve): Together {
  const found = new Map<string, Located>()
  const visit = (located: Located, path: readonly string[]) => {
    const { schema, pointer } = located
    if (path.includes(pointer)) refuse(pointer, 'the schema refers to itself without end')
    if (found.has(pointer)) return
    if (typeof schema === 'boolean') {
      found.set(pointer, located)
      return
    }
    const next = [...path, pointer]
    if (schema.$ref !== undefined) {
      if (typeof schema.$ref !== 'string')
        refuse(below(pointer, '$ref'), `expected a reference, found ${describe(schema.$ref)}`)
      visit(resolve(schema.$ref, below(pointer, '$ref')), next)
    }
    if (schema.allOf !== undefined)
      for (const each of listOf(schema.allOf, below(pointer, 'allOf'))) visit(each, next)
    found.set(pointer, located)
  }
  for (const each of together) visit(each, [])
  return [...found.values()]
}

function listOf(value: unknown, pointer: string): Together {
  if (!Array.isArray(value) || value.length === 0)
    refuse(pointer, `expected schemas, found ${describe(value)}`)
  return value.map((each: unknown, i) => asSchema(each, below(pointer, i)))
}

/** Reads one schema into facts. */
class Reader {
  readonly #facts: Facts
  readonly #schema: Readonly<Record<string, unknown>>
  readonly #pointer: string
  readonly #chosen: ReadonlySet<string>

  constructor(
    facts: Facts,
    schema: Readonly<Record<string, unknown>>,
    pointer: string,
    chosen: ReadonlySet<string>,
  ) {
    this.#facts = facts
    this.#schema = schema
    this.#pointer = pointer
    this.#chosen = chosen
  }

  /** False where no value can be right. */
  read(): boolean {
    for (const [keyword, reason] of Object.entries(REFUSED))
      if (this.#schema[keyword] !== undefined && !this.#saysNothing(keyword)) this.#refuse(keyword, reason)
    this.#readTypes()
    this.#readValues()
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      const pointer = below(this.#pointer, keyword)
      if (this.#schema[keyword] === undefined || this.#chosen.has(pointer)) continue
      const options = listOf(this.#schema[keyword], pointer)
      this.#facts.choices.push({ pointer, exclusive: keyword === 'oneOf', options })
    }
    this.#readStrings()
    this.#readNumbers()
    this.#readArrays()
    this.#readObjects()
    return this.#readNot()
  }

  #refuse(keyword: string, reason: string): never {
    refuse(below(this.#pointer, keyword), reason)
  }

  #saysNothing(keyword: string): boolean {
    const value = this.#schema[keyword]
    if (keyword === 'if') return this.#schema.then === undefined && this.#schema.else === undefined
    return keyword.startsWith('depend') && isObject(value) && Object.keys(value).length === 0
  }

  #readTypes(): void {
    const { type, nullable } = this.#schema
    if (type === undefined) return
    const names = Array.isArray(type) ? type : [type]
    const types = typeNames(names, below(this.#pointer, 'type'))
    if (nullable === true) types.add('null')
    this.#facts.types = this.#facts.types ? commonTypes(this.#facts.types, types) : types
  }

  #readValues(): void {
    const { const: only, enum: some } = this.#schema
    if (only !== undefined) this.#facts.values.push([only])
    if (some === undefined) return
    if (!Array.isArray(some)) this.#refuse('enum', `expected values, found ${describe(some)}`)
    this.#facts.values.push(this.#schema.nullable === true ? [...some, null] : some)
  }

  /** All that `not` may say is which types there are not. */
  #readNot(): boolean {
    const { not } = this.#schema
    if (not === undefined || not === false) return true
    if (not === true || (isObject(not) && Object.keys(not).length === 0)) return false
    const type = isObject(not) && Object.keys(not).length === 1 ? not.type : undefined
    const names = typeof type === 'string' ? [type] : type
    if (!Array.isArray(names)) this.#refuse('not', 'what a value must not be cannot be guaranteed')
    const refused = typeNames(names, below(this.#pointer, 'not', 'type'))
    if (refused.has('integer') && !refused.has('number'))
      this.#refuse('not', 'numbers that are not whole cannot be told from others')
    const types = new Set(
      TYPES.filter(name => !refused.has(name) && !(name === 'integer' && refused.has('number'))),
    )
    this.#facts.types = this.#facts.types ? commonTypes(this.#facts.types, types) : types
    return true
  }

  #readStrings(): void {
    const facts = this.#facts
    const { pattern, format } = this.#schema
    facts.minLength = Math.max(facts.minLength, this.#count('minLength', 'string') ?? 0)
    facts.maxLength = Math.min(
      facts.maxLength,
      this.#count('maxLength', 'string') ?? Number.POSITIVE_INFINITY,
    )
    if (pattern !== undefined) {
      if (typeof pattern !== 'string') this.#refuse('pattern', `expected a text, found ${describe(pattern)}`)
      facts.concerned.add('string')
      facts.patterns.push({ pattern, pointer: below(this.#pointer, 'pattern') })
    }
    if (typeof format === 'string') facts.formats.push({ format, pointer: below(this.#pointer, 'format') })
  }

  #readNumbers(): void {
    const number = (keyword: string): number | undefined => {
      const value = this.#schema[keyword]
      if (value === undefined) return undefined
      if (typeof value !== 'number') this.#refuse(keyword, `expected a number, found ${describe(value)}`)
      this.#facts.concerned.add('number')
      return value
    }
    for (const [list, inclusive, exclusive] of [
      [this.#facts.lows, 'minimum', 'exclusiveMinimum'],
      [this.#facts.highs, 'maximum', 'exclusiveMaximum'],
    ] as const)
      for (const [keyword, isExclusive] of [
        [inclusive, false],
        [exclusive, true],
      ] as const) {
        const value = number(keyword)
        if (value !== undefined) list.push({ value, exclusive: isExclusive })
      }
    const multiple = number('multipleOf')
    if (multiple === undefined) return
    if (!(multiple > 0)) this.#refuse('multipleOf', `expected a number above 0, found ${multiple}`)
    this.#facts.multiples.push(multiple)
  }

  #readArrays(): void {
    const facts = this.#facts
    const { prefixItems, items, uniqueItems } = this.#schema
    facts.minItems = Math.max(facts.minItems, this.#count('minItems', 'array') ?? 0)
    const most = this.#count('maxItems', 'array')
    facts.maxItems = Math.min(facts.maxItems, most ?? Number.POSITIVE_INFINITY)
    if (uniqueItems === true && !(most !== undefined && most <= 1))
      this.#refuse('uniqueItems', 'that items differ cannot be guaranteed')
    this.#unevaluated('unevaluatedItems')
    // Up to draft 2019-09, a list of `items` is what `prefixItems` is now.
    const [prefix, rest] = Array.isArray(items)
      ? (['items', 'additionalItems'] as const)
      : (['prefixItems', 'items'] as const)
    const first = prefix === 'items' ? items : prefixItems
    const keyword = this.#schema[rest] === undefined ? 'unevaluatedItems' : rest
    const others = this.#schema[keyword]
    if (first === undefined && others === undefined) return
    facts.concerned.add('array')
    facts.arrays.push({
      prefix: first === undefined ? [] : listOf(first, below(this.#pointer, prefix)),
      rest: others === undefined ? undefined : asSchema(others, below(this.#pointer, keyword)),
    })
  }

  #readObjects(): void {
    const facts = this.#facts
    const { required, propertyNames } = this.#schema
    facts.minProperties = Math.max(facts.minProperties, this.#count('minProperties', 'object') ?? 0)
    facts.maxProperties = Math.min(
      facts.maxProperties,
      this.#count('maxProperties', 'object') ?? Number.POSITIVE_INFINITY,
    )
    if (required !== undefined) {
      if (!Array.isArray(required) || required.some(name => typeof name !== 'string'))
        this.#refuse('required', `expected names, found ${describe(required)}`)
      for (const name of required) facts.required.add(name)
      if (required.length > 0) facts.concerned.add('object')
    }
    if (propertyNames !== undefined) {
      facts.concerned.add('object')
      facts.names.push(asSchema(propertyNames, below(this.#pointer, 'propertyNames')))
    }
    this.#unevaluated('unevaluatedProperties')
    const properties = this.#members('properties')
    const patterns = [...this.#members('patternProperties')].map(([pattern, value]) => ({ pattern, value }))
    const keyword =
      this.#schema.additionalProperties === undefined ? 'unevaluatedProperties' : 'additionalProperties'
    const others = this.#schema[keyword]
    const additional = others === undefined ? undefined : asSchema(others, below(this.#pointer, keyword))
    if (properties.size === 0 && patterns.length === 0 && additional === undefined) return
    facts.concerned.add('object')
    facts.objects.push({ properties, patterns, additional })
  }

  #members(keyword: string): Map<string, Located> {
    const value = this.#schema[keyword]
    if (value === undefined) return new Map()
    if (!isObject(value)) this.#refuse(keyword, `expected schemas by name, found ${describe(value)}`)
    return new Map(
      Object.entries(value).map(([name, schema]) => [
        name,
        asSchema(schema, below(this.#pointer, keyword, name)),
      ]),
    )
  }

  /** Without schemas beside it, it says what `additional...` says. */
  #unevaluated(keyword: string): void {
    const value = this.#schema[keyword]
    if (value === undefined || value === true) return
    if (['$ref', 'allOf', 'anyOf', 'oneOf'].some(beside => this.#schema[beside] !== undefined))
      this.#refuse(keyword, 'it cannot be guaranteed beside $ref, allOf, anyOf or oneOf')
  }

  #count(keyword: string, type: TypeName): number | undefined {
    const value = this.#schema[keyword]
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      this.#refuse(keyword, `expected a whole number from 0 on, found ${describe(value)}`)
    this.#facts.concerned.add(type)
    return value
  }
}

function typeNames(names: readonly unknown[], pointer: string): Set<TypeName> {
  const unknown = names.find(name => !TYPES.includes(name as TypeName))
  if (unknown !== undefined || names.length === 0)
    refuse(pointer, `expected one of ${TYPES.join(', ')}, or several, found ${describe(unknown)}`)
  return new Set(names as TypeName[])
}

function commonTypes(a: ReadonlySet<TypeName>, b: ReadonlySet<TypeName>): Set<TypeName> {
  const has = (types: ReadonlySet<TypeName>, type: TypeName) =>
    types.has(type) || (type === 'integer' && types.has('number'))
  return new Set(TYPES.filter(type => has(a, type) && has(b, type)))
}
