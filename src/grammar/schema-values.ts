// Whether a value fulfils schemas, and whether two schemas have no value in common: what enumerations and `oneOf` need.
import { TooLargeError } from './drafts.ts'
import { formats } from './formats.ts'
import { isMultiple } from './json-numbers.ts'
import { PatternError, patternLanguage } from './pattern.ts'
import { includes, type Regular } from './regular.ts'
import {
  type Facts,
  gatherFacts,
  isObject,
  type Located,
  type Resolve,
  refuse,
  type Together,
  type TypeName,
} from './schema-facts.ts'

/** How deep schemas are compared. */
const DEEPEST = 6
/** So many schemas are looked at for one question: choices within choices may take more than anybody can wait for. */
const [MOST_JUDGED, MOST_COMPARED] = [100_000, 20_000]

/** Judges values and schemas by the keywords of one schema. */
export class Judge {
  readonly #resolve: Resolve
  /** Schemas that may still be looked at for the present question. */
  #left = 0

  constructor(resolve: Resolve) {
    this.#resolve = resolve
  }

  /** `chosen`: pointers of choices that are made. */
  fulfils(value: unknown, together: Together, chosen: ReadonlySet<string> = new Set()): boolean {
    this.#left = MOST_JUDGED
    return this.#fulfils(value, together, chosen)
  }

  /** Whether it is certain that no value fulfils both. */
  areDisjoint(a: Together, b: Together, chosen: ReadonlySet<string>): boolean {
    this.#left = MOST_COMPARED
    return this.#areDisjoint(a, b, chosen, 0)
  }

  /** `within`: pointers of the choices for the same value that the question comes from. */
  #fulfils(
    value: unknown,
    together: Together,
    chosen: ReadonlySet<string> = new Set(),
    within: readonly string[] = [],
  ): boolean {
    const facts = this.#facts(together, chosen)
    if (!facts) return false
    for (const { pointer, options, exclusive } of facts.choices) {
      if (within.includes(pointer)) refuse(pointer, 'the schema refers to itself without end')
      const path = [...within, pointer]
      const count = options.filter(option => this.#fulfils(value, [option], new Set(), path)).length
      if (exclusive ? count !== 1 : count === 0) return false
    }
    if (facts.types && !typesOf(value).some(type => facts.types!.has(type))) return false
    if (!facts.values.every(values => values.some(each => isEqual(each, value)))) return false
    if (typeof value === 'string') return stringFulfils(value, facts)
    if (typeof value === 'number') return numberFulfils(value, facts)
    if (Array.isArray(value))
      return (
        value.length >= facts.minItems &&
        value.length <= facts.maxItems &&
        value.every((item, i) =>
          this.#fulfils(
            item,
            facts.arrays.flatMap(({ prefix, rest }) => prefix[i] ?? rest ?? []),
          ),
        )
      )
    if (!isObject(value)) return true
    const names = Object.keys(value)
    return (
      names.length >= facts.minProperties &&
      names.length <= facts.maxProperties &&
      [...facts.required].every(name => Object.hasOwn(value, name)) &&
      names.every(
        name => this.#fulfils(name, facts.names) && this.#fulfils(value[name], propertySchemas(facts, name)),
      )
    )
  }

  #areDisjoint(a: Together, b: Together, chosen: ReadonlySet<string>, depth: number): boolean {
    if (this.#left < 2) return false
    const left = this.#facts(a, chosen)
    const right = this.#facts(b, chosen)
    if (!left || !right) return true
    if (left.types && right.types && !overlap(left.types, right.types)) return true
    for (const [facts, others] of [
      [left, b],
      [right, a],
    ] as const)
      if (facts.values[0]?.every(value => !this.#fulfils(value, others, chosen))) return true
    if (depth >= DEEPEST) return false
    for (const [mine, facts, others] of [
      [a, left, b],
      [b, right, a],
    ] as const)
      for (const { pointer, options } of facts.choices) {
        const made = new Set([...chosen, pointer])
        if (options.every(option => this.#areDisjoint([...mine, option], others, made, depth + 1)))
          return true
      }
    if (areNumbers(left) && areNumbers(right)) return !numbersOverlap(left, right)
    if (!isOnly(left, 'object') || !isOnly(right, 'object')) return false
    // A property that is there in each value of one of them, and differs or is not allowed in the other.
    const required = new Set([...left.required, ...right.required])
    return [...required].some(name =>
      this.#areDisjoint(propertySchemas(left, name), propertySchemas(right, name), new Set(), depth + 1),
    )
  }

  #facts(together: Together, chosen: ReadonlySet<string>): Facts | false {
    if (--this.#left < 0)
      refuse(together.at(-1)?.pointer ?? '', 'there are too many choices within choices to compare them')
    return gatherFacts(together, this.#resolve, chosen)
  }
}

/**
 * The texts in which a pattern matches, refused where it is none or none that is supported. Not asked of RegExp, which some patterns keep
 * busy without end.
 */
export function languageOf(pattern: string, pointer: string): Regular {
  try {
    return patternLanguage(pattern)
  } catch (error) {
    if (error instanceof PatternError || error instanceof TooLargeError) refuse(pointer, error.message)
    throw error
  }
}

/** What a property has to fulfil, by all schemas that speak of it. */
export function propertySchemas({ objects }: Facts, name: string): Together {
  return objects.flatMap(({ properties, patterns, additional }) => {
    const own = properties.get(name)
    const matching = patterns
      .filter(({ pattern, value }) => includes(languageOf(pattern, value.pointer), name))
      .map(({ value }) => value)
    const found: Located[] = own ? [own, ...matching] : matching
    return found.length > 0 ? found : (additional ?? [])
  })
}

function typesOf(value: unknown): TypeName[] {
  if (value === null) return ['null']
  if (Array.isArray(value)) return ['array']
  if (typeof value === 'number') return Number.isInteger(value) ? ['integer', 'number'] : ['number']
  return [typeof value as TypeName]
}

function isOnly({ types }: Facts, type: TypeName): boolean {
  return types?.size === 1 && types.has(type)
}

function areNumbers({ types }: Facts): boolean {
  return types !== undefined && [...types].every(type => type === 'number' || type === 'integer')
}

function overlap(a: ReadonlySet<TypeName>, b: ReadonlySet<TypeName>): boolean {
  const has = (types: ReadonlySet<TypeName>, type: TypeName) =>
    types.has(type) || (type === 'integer' && types.has('number'))
  return [...a].some(type => has(b, type)) || [...b].some(type => has(a, type))
}

function numbersOverlap(a: Facts, b: Facts): boolean {
  const above = (low: Facts['lows'][number], high: Facts['highs'][number]) =>
    low.value > high.value || (low.value === high.value && (low.exclusive || high.exclusive))
  const [lows, highs] = [
    [...a.lows, ...b.lows],
    [...a.highs, ...b.highs],
  ]
  return !lows.some(low => highs.some(high => above(low, high)))
}

function stringFulfils(value: string, { minLength, maxLength, patterns, formats: named }: Facts): boolean {
  const length = [...value].length
  return (
    length >= minLength &&
    length <= maxLength &&
    patterns.every(({ pattern, pointer }) => includes(languageOf(pattern, pointer), value)) &&
    named.every(({ format, pointer }) => includes(languageOf(formats.get(format) ?? '', pointer), value))
  )
}

function numberFulfils(value: number, { lows, highs, multiples }: Facts): boolean {
  return (
    lows.every(({ value: low, exclusive }) => value > low || (!exclusive && value === low)) &&
    highs.every(({ value: high, exclusive }) => value < high || (!exclusive && value === high)) &&
    multiples.every(multiple => isMultiple(value, multiple))
  )
}

/** Whether two JSON values are the same. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isEqual(item, b[i]))
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => Object.hasOwn(b, name) && isEqual(a[name], b[name]))
  )
}
