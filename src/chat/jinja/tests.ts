// Tests: what stands after `is`.
import type { Meter } from './meter.ts'
import { Text } from './text.ts'
import {
  Callable,
  compare,
  Dict,
  equal,
  Float,
  fail,
  iterate,
  List,
  numberOf,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

type Test = (value: Value, argument: Value, meter: Meter) => boolean

/** The test of that name; `argument` is None where a test takes none. */
export function findTest(name: string): Test {
  return Object.hasOwn(tests, name) ? tests[name]! : fail(`no test named '${name}'`)
}

function whole(value: Value): number {
  return typeof value === 'number' || typeof value === 'boolean'
    ? Number(value)
    : fail(`expected a whole number, found ${typeName(value)}`)
}

/** Whether `wanted` is in a list, a dict's keys, or a text. */
export function contains(container: Value, wanted: Value, meter: Meter): boolean {
  if (container instanceof Text) {
    if (!(wanted instanceof Text)) return fail(`a text holds texts only, not ${typeName(wanted)}`)
    meter.spend(container.value.length / 64)
    return container.value.includes(wanted.value)
  }
  if (container instanceof Dict) {
    const isKey = wanted === null || wanted instanceof Text || numberOf(wanted) !== undefined
    return isKey && container.get(wanted) !== undefined
  }
  return iterate(container, meter).some(one => equal(one, wanted, meter))
}

const isNumber = (value: Value) => numberOf(value) !== undefined
const isEqual: Test = (value, other, meter) => equal(value, other, meter)
const isUnequal: Test = (value, other, meter) => !equal(value, other, meter)
const isGreater: Test = (value, other, meter) => compare(value, other, meter) > 0
const isGreaterOrEqual: Test = (value, other, meter) => compare(value, other, meter) >= 0
const isLess: Test = (value, other, meter) => compare(value, other, meter) < 0
const isLessOrEqual: Test = (value, other, meter) => compare(value, other, meter) <= 0
const isSequence = (value: Value) => value instanceof Text || value instanceof List || value instanceof Dict

const tests: Readonly<Record<string, Test>> = {
  defined: value => !(value instanceof Undefined),
  undefined: value => value instanceof Undefined,
  none: value => value === null,
  boolean: value => typeof value === 'boolean',
  true: value => value === true,
  false: value => value === false,
  integer: value => typeof value === 'number',
  float: value => value instanceof Float,
  number: isNumber,
  string: value => value instanceof Text,
  mapping: value => value instanceof Dict,
  sequence: value => isSequence(value) || value instanceof Undefined,
  iterable: value => isSequence(value) || value instanceof Undefined,
  callable: value => value instanceof Callable,
  escaped: () => false,
  odd: value => whole(value) % 2 !== 0,
  even: value => whole(value) % 2 === 0,
  divisibleby: (value, by) => whole(value) % whole(by) === 0,
  lower: value => value instanceof Text && hasLetters(value) && value.value === value.value.toLowerCase(),
  upper: value => value instanceof Text && hasLetters(value) && value.value === value.value.toUpperCase(),
  sameas: (value, other) =>
    value === other || (value instanceof Text && other instanceof Text && value.value === other.value),
  in: (value, container, meter) => contains(container, value, meter),
  eq: isEqual,
  equalto: isEqual,
  '==': isEqual,
  ne: isUnequal,
  '!=': isUnequal,
  gt: isGreater,
  greaterthan: isGreater,
  '>': isGreater,
  ge: isGreaterOrEqual,
  '>=': isGreaterOrEqual,
  lt: isLess,
  lessthan: isLess,
  '<': isLess,
  le: isLessOrEqual,
  '<=': isLessOrEqual,
}

function hasLetters({ value }: Text): boolean {
  return value.toLowerCase() !== value.toUpperCase()
}
