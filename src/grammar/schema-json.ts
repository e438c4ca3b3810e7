// Whether a schema is what JSON can hold: whatever reads or writes it may count on that.
import { below, refuse } from './schema-facts.ts'

const DEEPEST = 500

/** Throws UnsupportedSchemaError. Members that are undefined count as left out. */
export function checkJson(value: unknown, pointer = '', depth = 0): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  // Numbers that are too large for a double are read as infinite.
  if (Number.isFinite(value)) return
  if (typeof value !== 'object') refuse(pointer, `expected JSON, found ${String(value)}`)
  if (depth >= DEEPEST) refuse('', `values more than ${DEEPEST} levels deep are not supported`)
  if (Array.isArray(value)) {
    for (const [i, each] of value.entries()) checkJson(each, below(pointer, i), depth + 1)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // Objects of other realms are plain, too.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    refuse(pointer, `expected JSON, found an object of ${value.constructor.name}`)
  for (const [key, each] of Object.entries(value))
    if (each !== undefined) checkJson(each, below(pointer, key), depth + 1)
}
