// JSON Schemas (draft 2020-12) as grammars: all that a grammar lets through fulfils its schema. What cannot be guaranteed is refused.
import { GrammarError } from '../errors.ts'
import { TooLargeError } from './drafts.ts'
import {
  ANY_CHARACTER,
  characters,
  choice,
  complement,
  type Expression,
  empty,
  type Grammar,
  type Graph,
  intersection,
  nothing,
  oneOf,
  type Ranges,
  repeat,
  rule,
  sequence,
  text,
} from './expression.ts'
import { formats } from './formats.ts'
import { GrammarMatcher } from './grammar-matcher.ts'
import { numberExpression } from './json-numbers.ts'
import { differenceOf, intersectionOf, isEmpty, type Regular, regular, toGraph } from './regular.ts'
import {
  below,
  type Choice,
  type Facts,
  flatten,
  gatherFacts,
  isObject,
  type Located,
  refuse,
  type Schema,
  type Together,
  type TypeName,
} from './schema-facts.ts'
import { checkJson } from './schema-json.ts'
import { References } from './schema-references.ts'
import { Judge, languageOf, propertySchemas } from './schema-values.ts'

/** Members, items and choices of more places are refused. */
const MOST_COUNTED = 10_000
/** Indentation behind a line feed. */
const MOST_INDENTED = 20
const MOST_RULES = 2000

/** Throws UnsupportedSchemaError. */
export function schemaMatcher(schema: Schema): GrammarMatcher {
  checkJson(schema)
  const grammar = new Compiler(schema).compile()
  try {
    return new GrammarMatcher(grammar)
  } catch (error) {
    if (error instanceof GrammarError)
      refuse('', error.message.includes('too large') ? error.message : 'no value fulfils the schema')
    throw error
  }
}

/** Characters that strings hold as they are. */
const PLAIN: Ranges = complement([[0, 0x1f], ...oneOf('"\\')])
const HEX = characters([...oneOf('0123456789'), ...oneOf('ABCDEF'), ...oneOf('abcdef')])
const HEX_BUT_D = characters([...oneOf('0123456789'), ...oneOf('ABCEF'), ...oneOf('abcef')])
/** Any escape but halves of surrogate pairs: an escape is one character. */
const ESCAPE = sequence(
  text('\\'),
  choice(
    characters(oneOf('"\\/bfnrt')),
    sequence(
      text('u'),
      choice(
        sequence(HEX_BUT_D, HEX, HEX, HEX),
        sequence(characters(oneOf('Dd')), characters(oneOf('01234567')), HEX, HEX),
      ),
    ),
  ),
)
const quote = text('"')
const space = rule('space')

class Compiler {
  readonly #rules = new Map<string, Expression>()
  readonly #references: References
  readonly #root: Located
  readonly #judge: Judge
  /** What makes the rules that have been called but are not there yet: schemas may be nested, or refer to others, as deep as they like. */
  readonly #waiting: (() => void)[] = []

  constructor(schema: Schema) {
    this.#references = new References(schema)
    this.#judge = new Judge(this.#references.resolve)
    this.#root = { schema, pointer: '' }
    const indentation = repeat(characters(oneOf(' \t')), 0, MOST_INDENTED)
    this.#rules.set('space', choice(empty, text(' '), sequence(text('\n'), indentation)))
    this.#rules.set('escape', ESCAPE)
  }

  compile(): Grammar {
    const root = this.#value([this.#root])
    for (let make = this.#waiting.pop(); make; make = this.#waiting.pop()) make()
    this.#rules.set('root', root)
    return { root: 'root', rules: this.#rules }
  }

  /** A value that fulfils all of these schemas: a rule of its own, so that schemas may refer to themselves. */
  #value(together: Together, chosen: ReadonlySet<string> = new Set()): Expression {
    const members = flatten(together, this.#references.resolve)
    const pointers = members.map(({ pointer }) => pointer).sort()
    const name = [
      'value',
      ...pointers.map(pointer => `#${pointer}`),
      ...[...chosen].map(pointer => `!${pointer}`).sort(),
    ].join(' ')
    if (this.#rules.has(name)) return rule(name)
    if (this.#rules.size >= MOST_RULES)
      refuse(pointers.at(-1) ?? '', `the schema takes more than ${MOST_RULES} rules`)
    this.#rules.set(name, nothing)
    this.#waiting.push(() => {
      const facts = gatherFacts(together, this.#references.resolve, chosen)
      if (facts)
        this.#rules.set(
          name,
          this.#guarded(facts.pointer, () => this.#fromFacts(together, facts, chosen)),
        )
    })
    return rule(name)
  }

  #guarded(pointer: string, make: () => Expression): Expression {
    try {
      return make()
    } catch (error) {
      if (error instanceof TooLargeError) refuse(pointer, error.message)
      throw error
    }
  }

  #fromFacts(together: Together, facts: Facts, chosen: ReadonlySet<string>): Expression {
    const [first] = facts.choices
    if (first) return this.#choose(together, first, chosen)
    if (facts.values.length > 0) return this.#literals(together, facts, chosen)
    const types = facts.types ?? (facts.concerned.size > 0 ? facts.concerned : undefined)
    const has = (type: TypeName) => types === undefined || types.has(type)
    const options: Expression[] = []
    if (has('object')) options.push(this.#object(facts))
    if (has('array')) options.push(this.#array(facts))
    if (has('string')) options.push(this.#string(facts))
    if (has('number') || has('integer')) options.push(this.#number(facts, !has('number')))
    if (has('boolean')) options.push(text('true'), text('false'))
    if (has('null')) options.push(text('null'))
    return choice(...options)
  }

  #choose(
    together: Together,
    { pointer, exclusive, options }: Choice,
    chosen: ReadonlySet<string>,
  ): Expression {
    const made = new Set([...chosen, pointer])
    const alternatives = options.map(option => [...together, option])
    const owners = new Set([...made].map(each => each.replace(/\/(?:anyOf|oneOf)$/, '')))
    for (const option of options)
      if (flatten([option], this.#references.resolve).some(each => owners.has(each.pointer)))
        refuse(option.pointer, 'the schema refers to itself without end')
    if (exclusive)
      for (let i = 0; i < options.length; i++)
        for (let j = 0; j < i; j++)
          if (!this.#judge.areDisjoint(alternatives[i]!, alternatives[j]!, made))
            refuse(
              pointer,
              `that no value fulfils both ${options[j]!.pointer} and ${options[i]!.pointer} cannot be told; anyOf allows it`,
            )
    return choice(...alternatives.map(each => this.#value(each, made)))
  }

  #literals(together: Together, facts: Facts, chosen: ReadonlySet<string>): Expression {
    const [first, ...others] = facts.values
    const values = first!.filter(value => this.#judge.fulfils(value, together, chosen))
    return choice(...(others.length > 0 ? [...new Set(values)] : values).map(value => this.#literal(value)))
  }

  #literal(value: unknown): Expression {
    if (Array.isArray(value))
      return this.#enclosed(
        '[',
        value.map(item => this.#literal(item)),
        ']',
      )
    if (!isObject(value)) return text(JSON.stringify(value))
    const members = Object.entries(value).map(([name, item]) =>
      this.#member(text(JSON.stringify(name)), this.#literal(item)),
    )
    return this.#enclosed('{', members, '}')
  }

  #enclosed(open: string, parts: readonly Expression[], close: string): Expression {
    const separated = parts.flatMap((part, i) => (i === 0 ? [part] : [this.#comma(), part]))
    return sequence(text(open), space, ...separated, space, text(close))
  }

  #comma(): Expression {
    return sequence(text(','), space)
  }

  #member(name: Expression, value: Expression): Expression {
    return sequence(name, text(':'), space, value)
  }

  #number({ lows, highs, multiples, pointer }: Facts, integer: boolean): Expression {
    if (multiples.length > 1)
      refuse(below(pointer, 'multipleOf'), 'several of them together are not supported')
    const low = lows.toSorted((a, b) => b.value - a.value || Number(b.exclusive) - Number(a.exclusive))[0]
    const high = highs.toSorted((a, b) => a.value - b.value || Number(b.exclusive) - Number(a.exclusive))[0]
    const expression = numberExpression({ integer, low, high, multipleOf: multiples[0] })
    return typeof expression === 'string' ? refuse(pointer, expression) : expression
  }

  #string(facts: Facts): Expression {
    const { minLength, maxLength, pointer } = facts
    if (minLength > maxLength) return nothing
    const language = this.#language(facts)
    if (language)
      return sequence(
        quote,
        toGraph(language, ranges => this.#written(ranges)),
        quote,
      )
    if (minLength > MOST_COUNTED || (Number.isFinite(maxLength) && maxLength > MOST_COUNTED))
      refuse(pointer, `lengths above ${MOST_COUNTED} are not supported`)
    const character = choice(characters(PLAIN), { kind: 'rule', name: 'escape', apart: true })
    return sequence(quote, repeat(character, minLength, maxLength), quote)
  }

  /** The texts of strings for which that is not only a question of their length. */
  #language({ patterns, formats: named, minLength, maxLength }: Facts): Regular | undefined {
    const all = [
      ...patterns,
      ...named.flatMap(({ format, pointer }) => {
        const pattern = formats.get(format)
        return pattern === undefined ? [] : [{ pattern, pointer }]
      }),
    ]
    if (all.length === 0) return undefined
    const bounded = minLength > 0 || Number.isFinite(maxLength)
    const lengths = bounded ? [regular(repeat(characters(ANY_CHARACTER), minLength, maxLength))] : []
    return [...all.map(({ pattern, pointer }) => languageOf(pattern, pointer)), ...lengths].reduce(
      intersectionOf,
    )
  }

  /** Characters as strings with a pattern hold them: each is written in one way. */
  #written(ranges: Ranges): Expression {
    const escaped = intersection(ranges, complement(PLAIN))
    const plain = characters(intersection(ranges, PLAIN))
    if (escaped.length === 0) return plain
    const name = `escaped ${escaped.join()}`
    if (!this.#rules.has(name)) {
      const codes = escaped.flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      )
      this.#rules.set(
        name,
        choice(...codes.map(code => text(JSON.stringify(String.fromCharCode(code)).slice(1, -1)))),
      )
    }
    return choice(plain, { kind: 'rule', name, apart: codesApart(escaped) })
  }

  #array({ arrays, minItems, maxItems, pointer }: Facts): Expression {
    const longest = Math.max(0, ...arrays.map(({ prefix }) => prefix.length))
    if (minItems > MOST_COUNTED || (Number.isFinite(maxItems) && maxItems > MOST_COUNTED))
      refuse(pointer, `numbers of items above ${MOST_COUNTED} are not supported`)
    const item = (i: number): Expression =>
      this.#value(arrays.flatMap(({ prefix, rest }) => prefix[i] ?? rest ?? []))
    const comma = this.#comma()
    const nodes: { ends: boolean; edges: { on: Expression; to: number }[] }[] = []
    for (let i = 0; i < longest && i < maxItems; i++) {
      const on = i === 0 ? item(i) : sequence(comma, item(i))
      nodes.push({ ends: i >= minItems, edges: [{ on, to: i + 1 }] })
    }
    const before = nodes.length
    const rest = item(longest)
    const [least, most] = [Math.max(0, minItems - before), maxItems - before]
    const further =
      before > 0 || most <= 0
        ? repeat(sequence(comma, rest), least, Math.max(0, most))
        : sequence(rest, repeat(sequence(comma, rest), Math.max(0, least - 1), most - 1))
    nodes.push(
      { ends: least === 0, edges: most > 0 ? [{ on: further, to: before + 1 }] : [] },
      { ends: true, edges: [] },
    )
    return minItems > maxItems ? nothing : this.#enclosed('[', [{ kind: 'graph', nodes }], ']')
  }

  #object(facts: Facts): Expression {
    const { objects, required, pointer, minProperties, maxProperties } = facts
    const declared = new Set([...objects.flatMap(({ properties }) => [...properties.keys()]), ...required])
    const members = [...declared].map(name => ({
      needed: required.has(name),
      written: this.#member(text(JSON.stringify(name)), this.#value(this.#propertyOf(facts, name))),
    }))
    const free = this.#freeMembers(facts, declared)
    if (free !== nothing && minProperties > Math.max(1, required.size))
      refuse(below(pointer, 'minProperties'), 'that free names differ from each other cannot be guaranteed')
    const most = Number.isFinite(maxProperties) ? maxProperties : Math.max(1, minProperties)
    if ((members.length + 1) * (most + 1) > MOST_COUNTED)
      refuse(pointer, `numbers of properties above ${MOST_COUNTED} are not supported`)
    const graph = memberGraph(members, free, this.#comma(), {
      least: minProperties,
      most,
      bounded: Number.isFinite(maxProperties),
    })
    return this.#enclosed('{', [graph], '}')
  }

  /** What the value of a property has to fulfil. */
  #propertyOf(facts: Facts, name: string): Together {
    const { names } = facts
    const allowed = names.length === 0 || this.#judge.fulfils(name, names)
    return allowed ? propertySchemas(facts, name) : [{ schema: false, pointer: names[0]!.pointer }]
  }

  /** Members whose names are not declared: those that match one pattern, and those that match none. */
  #freeMembers(facts: Facts, declared: ReadonlySet<string>): Expression {
    const { objects, names } = facts
    const pointers = new Map(
      objects.flatMap(each => each.patterns.map(({ pattern, value }) => [pattern, value.pointer] as const)),
    )
    const patterns = [...pointers.keys()]
    const says = objects.some(({ additional }) => additional !== undefined) || names.length > 0
    // What is not mentioned may be there, but nothing asks for it.
    const others = says || (declared.size === 0 && patterns.length === 0)
    if (!others && patterns.length === 0) return nothing
    const any = regular(repeat(characters(ANY_CHARACTER), 0))
    const allowed = names.length > 0 ? this.#nameLanguage(names) : any
    const known = [...declared].map(name => regular(text(name))).reduce(differenceOf, allowed)
    const languages = patterns.map(pattern => languageOf(pattern, pointers.get(pattern)!))
    const options: Expression[] = []
    const add = (language: Regular, values: Together) => {
      if (isEmpty(language) || values.some(({ schema }) => schema === false)) return
      const name = sequence(
        quote,
        toGraph(language, ranges => this.#written(ranges)),
        quote,
      )
      options.push(this.#member(name, this.#value(values)))
    }
    for (const [i, pattern] of patterns.entries()) {
      const matching = languages.reduce(
        (left, language, j) => (i === j ? intersectionOf : differenceOf)(left, language),
        known,
      )
      add(
        matching,
        objects.flatMap(each => {
          const own = each.patterns.filter(other => other.pattern === pattern).map(({ value }) => value)
          return own.length > 0 ? own : (each.additional ?? [])
        }),
      )
    }
    if (others)
      add(
        languages.reduce(differenceOf, known),
        objects.flatMap(({ additional }) => additional ?? []),
      )
    return options.length === 0 ? nothing : choice(...options)
  }

  /** Names that `propertyNames` allows. */
  #nameLanguage(names: Together): Regular {
    const facts = gatherFacts(names, this.#references.resolve, new Set())
    const none = regular(nothing)
    if (!facts || (facts.types && !facts.types.has('string'))) return none
    const { pointer, choices, values, minLength, maxLength } = facts
    if (choices.length > 0) refuse(pointer, 'names that may be one thing or another are not supported')
    if (values.length > 0) {
      const texts = values[0]!.filter(value => typeof value === 'string')
      const fitting = texts.filter(name => this.#judge.fulfils(name, names))
      return regular(choice(...fitting.map(text)))
    }
    return this.#language(facts) ?? regular(repeat(characters(ANY_CHARACTER), minLength, maxLength))
  }
}

/** Many characters that are escaped are not written out at each place. */
function codesApart(ranges: Ranges): boolean {
  return ranges.reduce((count, [first, last]) => count + last - first + 1, 0) > 4
}

/** Members in their order, those that are not needed left out or not, then free ones; counted as far as that matters. */
function memberGraph(
  members: readonly { readonly needed: boolean; readonly written: Expression }[],
  free: Expression,
  comma: Expression,
  { least, most, bounded }: { least: number; most: number; bounded: boolean },
): Graph {
  const width = most + 1
  const nodes = Array.from({ length: (members.length + 1) * width }, (_, at) => {
    const [i, count] = [Math.floor(at / width), at % width]
    const member = members[i]
    const edges: { on: Expression; to: number }[] = []
    const next = count < most ? count + 1 : count
    const canWrite = count < most || !bounded
    const on = (written: Expression) => (count > 0 ? sequence(comma, written) : written)
    const row = member ? (i + 1) * width : i * width
    if (canWrite) edges.push({ on: on(member?.written ?? free), to: row + next })
    if (member && !member.needed) edges.push({ on: empty, to: row + count })
    return { ends: member === undefined && count >= least, edges }
  })
  return { kind: 'graph', nodes }
}
