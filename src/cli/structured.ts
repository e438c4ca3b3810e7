// --grammar and --json-schema: the files that say what an output has to be.
import { type JsonSchema, type StructuredOptions, TorchlessError } from '../api/index.ts'
import { UsageError } from './failure.ts'
import { readText } from './text-file.ts'

export type StructuredFlags = {
  readonly grammar?: string
  readonly jsonSchema?: string
}

/** A file that should hold a schema holds something else. */
class SchemaFileError extends TorchlessError {}

/** Throws UsageError where the flags contradict each other or `others`, and TorchlessError where a file cannot be used. */
export async function structuredOptions(
  { grammar, jsonSchema }: StructuredFlags,
  others: { readonly ignoreEos?: boolean | undefined; readonly stop: readonly string[] },
): Promise<StructuredOptions> {
  if (grammar === undefined && jsonSchema === undefined) return {}
  if (grammar !== undefined && jsonSchema !== undefined)
    throw new UsageError('--grammar and --json-schema: only one of them can say what the output is')
  const flag = grammar === undefined ? '--json-schema' : '--grammar'
  if (others.ignoreEos) throw new UsageError(`--ignore-eos: with ${flag} the output ends where it is whole`)
  if (others.stop.length > 0) throw new UsageError(`--stop: with ${flag} the output ends where it is whole`)
  if (grammar !== undefined) return { grammar: await readText(grammar) }
  return { schema: parse(await readText(jsonSchema!), jsonSchema!) }
}

function parse(text: string, file: string): JsonSchema {
  let schema: unknown
  try {
    schema = JSON.parse(text)
  } catch (error) {
    throw new SchemaFileError(`${file}: no JSON: ${(error as Error).message}`)
  }
  const isSchema =
    typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
  if (!isSchema)
    throw new SchemaFileError(`${file}: expected a JSON Schema, an object, found ${text.trim().slice(0, 40)}`)
  return schema as JsonSchema
}
