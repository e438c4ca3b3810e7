// Checks what callers pass: one InvalidOptionError that names the option, what was expected and what was found.
import * as z from 'zod'
import { InvalidOptionError } from '../errors.ts'
import { formatNames } from '../formats/readers.ts'

/** `value` as the schema has it; `what` names the call in the message. */
export function checkOptions<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  // Without the code that Zod would write for schemas that are used often.
  const result = schema.safeParse(value, { reportInput: true, jitless: true })
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const path = issue.path.join('.') || 'options'
  // Zod begins with the kind of mistake, which what was expected and found tell better.
  const problem = issue.message.replace(/^[\w ]+: (?=expected)/, '')
  const found = issue.code === 'unrecognized_keys' ? '' : `, found ${describe(issue.input)}`
  throw new InvalidOptionError(`${what}: ${path}: ${problem}${found}`)
}

function describe(value: unknown): string {
  return typeof value === 'object' || typeof value === 'function' ? typeof value : JSON.stringify(value)
}

export const count = z.int().min(1)
export const signal = z.custom<AbortSignal>(value => value instanceof AbortSignal, 'expected an AbortSignal')
export const formatOption = z.enum(formatNames).optional()
export const callback = <F>() => z.custom<F>(value => typeof value === 'function', 'expected a function')
export const locationOption = z.union(
  [z.string(), z.instanceof(URL), z.instanceof(Blob)],
  'expected a path, a URL or a Blob',
)
