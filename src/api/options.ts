// Checks what callers pass: one InvalidOptionError that names the option, what was expected and what was found.
import * as z from 'zod'
import { InvalidOptionError } from '../errors.ts'

/** `value` as the schema has it; `what` names the call in the message. */
export function checkOptions<T>(what: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const path = issue?.path.join('.') || 'options'
  throw new InvalidOptionError(`${what}: ${path}: ${issue?.message ?? 'invalid'}`)
}

export const count = z.int().min(1)
export const signal = z.custom<AbortSignal>(value => value instanceof AbortSignal, 'expected an AbortSignal')
