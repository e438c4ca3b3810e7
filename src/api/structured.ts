// Structured output: a grammar or a schema that a text has to follow, as a bound on its tokens, and the value that it stands for.
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import * as z from 'zod'
import { InvalidOptionError, InvalidOutputError, UnsupportedSchemaError } from '../errors.ts'
import { parseGbnf } from '../grammar/gbnf.ts'
import { GrammarMatcher, type GrammarState } from '../grammar/grammar-matcher.ts'
import { schemaMatcher } from '../grammar/json-schema.ts'
import { checkJson } from '../grammar/schema-json.ts'
import { TokenMasks } from '../grammar/token-masks.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { AnswerBound } from './answer-constraint.ts'
import { GrammarConstraint } from './grammar-constraint.ts'
import { vocabularyTrie } from './vocabulary.ts'

export type JsonSchema = boolean | Readonly<Record<string, unknown>>

/** A Standard Schema that offers its JSON Schema (zod from 4.2 on does), or a JSON Schema. */
export type OutputSchema = StandardSchemaV1 | JsonSchema

/** What a schema makes of an output. */
export type OutputOf<S> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : unknown

export interface StructuredOptions {
  /** The text that the output has to be: a grammar in GBNF, as llama.cpp has it. */
  readonly grammar?: string | undefined
  /** The JSON value that the output has to be. */
  readonly schema?: OutputSchema | undefined
}

export const structuredFields = {
  grammar: z.string().optional(),
  schema: z
    .custom<OutputSchema>(
      value =>
        typeof value === 'boolean' ||
        isStandard(value) ||
        (typeof value === 'object' && value !== null && !Array.isArray(value)),
      'expected a JSON Schema or a Standard Schema',
    )
    .optional(),
}

/** Grammars of a vocabulary that are kept, by their texts. */
const KEPT = 16

interface Compiled {
  readonly masks: TokenMasks<GrammarState>
  readonly start: GrammarState
}

const compiled = new WeakMap<Tokenizer, Map<string, Compiled>>()

/** What the output of one generation has to be. */
export class Structure {
  readonly #compiled: Compiled
  readonly #schema: OutputSchema | undefined

  private constructor(made: Compiled, schema: OutputSchema | undefined) {
    this.#compiled = made
    this.#schema = schema
  }

  /**
   * What options ask for, or undefined where they ask for nothing. Throws GrammarError, UnsupportedSchemaError, and InvalidOptionError
   * where they contradict each other; `what` names the call.
   */
  static of(
    what: string,
    tokenizer: Tokenizer,
    { grammar, schema, stop }: StructuredOptions & { readonly stop?: readonly string[] | undefined },
  ): Structure | undefined {
    if (grammar === undefined && schema === undefined) return undefined
    if (grammar !== undefined && schema !== undefined)
      throw new InvalidOptionError(`${what}: expected a grammar or a schema, found both`)
    if (stop !== undefined && stop.length > 0)
      throw new InvalidOptionError(
        `${what}: stop: a ${grammar === undefined ? 'schema' : 'grammar'} says where the output ends`,
      )
    if (grammar !== undefined)
      return new Structure(
        compile(tokenizer, `grammar ${grammar}`, () => new GrammarMatcher(parseGbnf(grammar))),
        undefined,
      )
    const json = isStandard(schema) ? jsonSchemaOf(schema) : schema!
    checkJson(json)
    return new Structure(
      compile(tokenizer, `schema ${JSON.stringify(json)}`, () => schemaMatcher(json)),
      schema,
    )
  }

  /** Tokens that the shortest output may take. */
  get shortest(): number {
    return this.#compiled.start.distance
  }

  /** The bound on an output that may have `left` tokens. */
  constraint(left: number): GrammarConstraint {
    return new GrammarConstraint(this.#compiled.masks, this.#compiled.start, left)
  }

  /** The value of an output, undefined without a schema; `bound` has followed it. Rejects with InvalidOutputError where it is not whole. */
  async value(text: string, bound: AnswerBound): Promise<unknown> {
    if (!bound.whole) throw new InvalidOutputError('it was cut off, since more tokens were not allowed', text)
    if (this.#schema === undefined) return undefined
    const value: unknown = JSON.parse(text)
    if (!isStandard(this.#schema)) return value
    const result = await this.#schema['~standard'].validate(value)
    if (!result.issues) return result.value
    const [{ message, path } = { message: 'it is refused' }] = result.issues
    const place = path?.map(key => String(typeof key === 'object' ? key.key : key)).join('.')
    throw new InvalidOutputError(place ? `${place}: ${message}` : message, text)
  }
}

function compile(tokenizer: Tokenizer, key: string, make: () => GrammarMatcher): Compiled {
  const known = compiled.get(tokenizer) ?? new Map<string, Compiled>()
  compiled.set(tokenizer, known)
  const found = known.get(key)
  if (found) return found
  const matcher = make()
  const trie = vocabularyTrie(tokenizer)
  for (const characters of matcher.classes()) trie.prepare(characters)
  const masks = new TokenMasks(trie, matcher, id => tokenizer.bytes(id), tokenizer.endOfGeneration)
  if (known.size >= KEPT) known.delete(known.keys().next().value!)
  const made = { masks, start: matcher.start }
  known.set(key, made)
  return made
}

function isStandard(schema: unknown): schema is StandardSchemaV1 {
  const isValue = (typeof schema === 'object' && schema !== null) || typeof schema === 'function'
  return isValue && '~standard' in schema
}

function jsonSchemaOf(schema: StandardSchemaV1): JsonSchema {
  const { vendor, jsonSchema } = schema['~standard'] as StandardSchemaV1.Props &
    Partial<StandardJSONSchemaV1.Props>
  if (!jsonSchema)
    throw new UnsupportedSchemaError(
      '',
      `schemas of ${vendor} do not offer a JSON Schema (StandardJSONSchemaV1)`,
    )
  try {
    return jsonSchema.input({ target: 'draft-2020-12' })
  } catch (error) {
    throw new UnsupportedSchemaError('', `${vendor} has no JSON Schema for it: ${(error as Error).message}`)
  }
}
