// Runs a template's syntax tree. The meaning is Jinja2's as transformers sets it up (a sandbox in which nothing can
// be changed but namespaces); every text knows which characters came from outside, and every step is counted.
import { TemplateError } from '../../errors.ts'
import { applyFilter } from './filters.ts'
import { formatPercent } from './format.ts'
import { Meter } from './meter.ts'
import { attribute, item, slice } from './methods.ts'
import type {
  Argument,
  Block,
  Call,
  CallBlock,
  Expression,
  Filter,
  For,
  Parameter,
  Statement,
} from './syntax.ts'
import { NEGATED_TEST_PREFIX, TEST_PREFIX } from './syntax.ts'
import { contains, findTest } from './tests.ts'
import { Text } from './text.ts'
import {
  type Arguments,
  bind,
  Callable,
  compare,
  Dict,
  equal,
  Float,
  fail,
  iterate,
  List,
  Namespace,
  numberOf,
  orElse,
  print,
  truth,
  typeName,
  Undefined,
  type Value,
} from './values.ts'

/** Numbers of a `range`, as in Jinja2's sandbox. */
const LONGEST_RANGE = 100_000
/** What a loop's turn takes before its body, with all that `loop` tells. */
const STEPS_A_TURN = 10

class Scope {
  readonly #variables = new Map<string, Value>()

  constructor(readonly parent?: Scope) {}

  set(name: string, value: Value): void {
    this.#variables.set(name, value)
  }

  get(name: string): Value {
    for (let scope: Scope | undefined = this; scope; scope = scope.parent) {
      const value = scope.#variables.get(name)
      if (value !== undefined) return value
    }
    return new Undefined(`'${name}' is undefined`)
  }
}

/** How a block ended: at its end, or by a statement that leaves the loop's body. */
type Ending = 'end' | 'break' | 'continue'

/** What the block prints with these variables. Throws TemplateError. */
export function evaluateTemplate(block: Block, variables: Readonly<Record<string, Value>>): Text {
  const meter = new Meter()
  const scope = new Scope()
  for (const [name, value] of Object.entries({ ...globals, ...variables })) scope.set(name, value)
  try {
    const out: Text[] = []
    new Evaluator(meter).run(block, scope, out)
    return Text.join(out)
  } catch (error) {
    if (error instanceof RangeError)
      throw new TemplateError('chat template: calls or values nested too deeply')
    throw error
  }
}

class Evaluator {
  readonly #meter: Meter

  constructor(meter: Meter) {
    this.#meter = meter
  }

  run(block: Block, scope: Scope, out: Text[]): Ending {
    for (const statement of block) {
      const ending = this.#statement(statement, scope, out)
      if (ending !== 'end') return ending
    }
    return 'end'
  }

  #statement(node: Statement, scope: Scope, out: Text[]): Ending {
    this.#meter.spend()
    switch (node.type) {
      case 'Comment':
        return 'end'
      case 'Break':
        return 'break'
      case 'Continue':
        return 'continue'
      case 'If':
        return this.run(truth(this.#value(node.test, scope)) ? node.body : node.alternate, scope, out)
      case 'For':
        this.#loop(node, scope, out)
        return 'end'
      case 'Set': {
        const value = node.value ? this.#value(node.value, scope) : this.#capture(node.body, new Scope(scope))
        this.#set(node.assignee, value, scope)
        return 'end'
      }
      case 'Macro':
        scope.set(node.name.value, this.#macro(node.name.value, node.args, node.body, scope))
        return 'end'
      case 'CallStatement':
        this.#print(this.#callBlock(node, scope), out)
        return 'end'
      case 'FilterStatement':
        this.#print(this.#filter(this.#capture(node.body, new Scope(scope)), node.filter, scope), out)
        return 'end'
      default:
        this.#print(this.#value(node, scope), out)
        return 'end'
    }
  }

  #print(value: Value, out: Text[]): void {
    const text = print(value, this.#meter)
    this.#meter.text(text.value.length)
    if (text.value !== '') out.push(text)
  }

  #capture(block: Block, scope: Scope): Text {
    const out: Text[] = []
    this.run(block, scope, out)
    return this.#join(out)
  }

  #join(parts: readonly Text[]): Text {
    if (parts.length === 0) return Text.empty
    this.#meter.text(parts.reduce((sum, part) => sum + part.value.length, 0))
    return Text.join(parts)
  }

  /** `{% set x | upper %}` names a filter for what its block prints. */
  #set(target: Expression, value: Value, scope: Scope): void {
    const filters: Filter[] = []
    let name = target
    for (; name.type === 'FilterExpression'; name = name.operand) filters.unshift(name.filter)
    this.#assign(
      name,
      filters.reduce((result, filter) => this.#filter(result, filter, scope), value),
      scope,
    )
  }

  #assign(target: Expression, value: Value, scope: Scope): void {
    if (target.type === 'Identifier') {
      scope.set(target.value, value)
    } else if (
      target.type === 'MemberExpression' &&
      target.property.type === 'Identifier' &&
      !target.computed
    ) {
      const object = this.#value(target.object, scope)
      if (!(object instanceof Namespace) || !object.assignable)
        fail('cannot assign attribute on non-namespace object')
      object.attributes.set(target.property.value, value)
    } else if (target.type === 'TupleLiteral') {
      const items = iterate(value, this.#meter)
      if (items.length !== target.value.length)
        fail(`expected ${target.value.length} values to unpack, found ${items.length}`)
      for (const [i, one] of target.value.entries()) this.#assign(one, items[i]!, scope)
    } else fail(`cannot assign to a ${target.type}`)
  }

  #loop(node: For, scope: Scope, out: Text[]): void {
    const condition = node.iterable.type === 'SelectExpression' ? node.iterable.test : undefined
    const source = node.iterable.type === 'SelectExpression' ? node.iterable.lhs : node.iterable
    const bound = (value: Value) => {
      this.#meter.spend(STEPS_A_TURN)
      const inner = new Scope(scope)
      this.#assign(node.loopvar, value, inner)
      return inner
    }
    let items = iterate(this.#value(source, scope), this.#meter)
    if (condition) items = items.filter(value => truth(this.#value(condition, bound(value))))
    if (items.length === 0) {
      this.run(node.defaultBlock, new Scope(scope), out)
      return
    }
    const changed = this.#changed()
    for (const [i, value] of items.entries()) {
      const inner = bound(value)
      inner.set('loop', loopVariable(items, i, changed))
      if (this.run(node.body, inner, out) === 'break') return
    }
  }

  /** `loop.changed(...)`: whether its arguments differ from those of the last call. */
  #changed(): Callable {
    let last: Value | undefined
    return new Callable('changed', ({ positional }, meter) => {
      const now = new List(positional)
      const same = last !== undefined && equal(last, now, meter)
      last = now
      return !same
    })
  }

  #macro(
    name: string,
    parameters: readonly Parameter[],
    body: Block,
    scope: Scope,
    caller?: Value,
  ): Callable {
    return new Callable(name, ({ positional, named }) => {
      const inner = new Scope(scope)
      const rest = new Map(named)
      const given = caller ?? rest.get('caller')
      rest.delete('caller')
      if (given !== undefined) inner.set('caller', given)
      for (const [i, parameter] of parameters.entries()) {
        const key = parameter.type === 'Identifier' ? parameter.value : parameter.key.value
        const value = orElse(positional[i], rest.get(key))
        rest.delete(key)
        if (value !== undefined) inner.set(key, value)
        else if (parameter.type === 'KeywordArgumentExpression')
          inner.set(key, this.#value(parameter.value, inner))
        else inner.set(key, new Undefined(`parameter '${key}' was not provided`))
      }
      inner.set('varargs', new List(positional.slice(parameters.length), 'tuple'))
      inner.set('kwargs', new Dict(Array.from(rest, ([key, value]) => [new Text(key), value] as const)))
      return this.#capture(body, inner)
    })
  }

  #callBlock(node: CallBlock, scope: Scope): Value {
    const caller = this.#macro('caller', node.callerArgs ?? [], node.body, scope)
    const { positional, named } = this.#arguments(node.call.args, scope)
    return this.#apply(this.#value(node.call.callee, scope), {
      positional,
      named: new Map(named).set('caller', caller),
    })
  }

  #value(node: Expression, scope: Scope): Value {
    this.#meter.spend()
    switch (node.type) {
      case 'Identifier':
        return scope.get(node.value)
      case 'StringLiteral':
        return new Text(node.value)
      case 'IntegerLiteral':
        return node.value
      case 'FloatLiteral':
        return new Float(node.value)
      case 'ArrayLiteral':
      case 'TupleLiteral': {
        const kind = node.type === 'TupleLiteral' ? 'tuple' : 'list'
        return new List(
          node.value.map(one => this.#value(one, scope)),
          kind,
        )
      }
      case 'ObjectLiteral':
        return new Dict(
          Array.from(
            node.value,
            ([key, value]) => [this.#value(key, scope), this.#value(value, scope)] as const,
          ),
        )
      case 'MemberExpression': {
        const object = this.#value(node.object, scope)
        const { property } = node
        if (property.type === 'SliceExpression') {
          const places = [property.start, property.stop, property.step].map(one => this.#place(one, scope))
          return slice(object, places, this.#meter)
        }
        if (node.computed) return item(object, this.#value(property, scope), this.#meter)
        return property.type === 'Identifier'
          ? attribute(object, property.value, this.#meter)
          : item(object, this.#value(property, scope), this.#meter)
      }
      case 'CallExpression':
        return this.#apply(this.#value(node.callee, scope), this.#arguments(node.args, scope))
      case 'FilterExpression':
        return this.#filter(this.#value(node.operand, scope), node.filter, scope)
      case 'TestExpression': {
        const passed = findTest(node.test.value)(this.#value(node.operand, scope), null, this.#meter)
        return passed !== node.negate
      }
      case 'BinaryExpression':
        return this.#binary(node.operator.value, node.left, node.right, scope)
      case 'UnaryExpression':
        return unary(node.operator.value, this.#value(node.argument, scope))
      case 'Ternary':
        return this.#value(truth(this.#value(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope)
      case 'SelectExpression':
        return truth(this.#value(node.test, scope))
          ? this.#value(node.lhs, scope)
          : new Undefined('the inline if-expression was false and has no else')
      case 'SliceExpression':
        return fail('a slice stands outside of brackets')
      default:
        node satisfies never
        return fail(`unknown syntax ${(node as Expression).type}`)
    }
  }

  #place(node: Expression | undefined, scope: Scope): number | undefined {
    const value = node ? this.#value(node, scope) : null
    if (value === null) return undefined
    return typeof value === 'number' || typeof value === 'boolean'
      ? Number(value)
      : fail(`slice indices must be whole numbers, found ${typeName(value)}`)
  }

  #arguments(nodes: readonly Argument[], scope: Scope): Arguments {
    const positional: Value[] = []
    const named = new Map<string, Value>()
    for (const node of nodes) {
      if (node.type === 'KeywordArgumentExpression') named.set(node.key.value, this.#value(node.value, scope))
      else if (node.type === 'SpreadExpression') {
        for (const one of iterate(this.#value(node.argument, scope), this.#meter)) positional.push(one)
      } else if (node.type === 'KeywordSpreadExpression') {
        const value = this.#value(node.argument, scope)
        if (!(value instanceof Dict)) return fail(`expected a dict after **, found ${typeName(value)}`)
        for (const [key, one] of value.entries.values()) named.set(print(key, this.#meter).value, one)
      } else positional.push(this.#value(node, scope))
    }
    return { positional, named }
  }

  #apply(callee: Value, given: Arguments): Value {
    if (callee instanceof Undefined) return callee.fail()
    if (!(callee instanceof Callable)) return fail(`'${typeName(callee)}' object is not callable`)
    return callee.call(given, this.#meter)
  }

  #filter(value: Value, filter: Filter, scope: Scope): Value {
    if (filter.type === 'Identifier')
      return applyFilter(filter.value, value, { positional: [], named: new Map() }, this.#meter)
    const name = filterName(filter)
    const given = this.#arguments(filter.args, scope)
    for (const [prefix, negated] of [
      [NEGATED_TEST_PREFIX, true],
      [TEST_PREFIX, false],
    ] as const) {
      if (!name.startsWith(prefix)) continue
      const [argument = null] = given.positional
      return findTest(name.slice(prefix.length))(value, argument, this.#meter) !== negated
    }
    return applyFilter(name, value, given, this.#meter)
  }

  #binary(operator: string, leftNode: Expression, rightNode: Expression, scope: Scope): Value {
    const left = this.#value(leftNode, scope)
    if (operator === 'and') return truth(left) ? this.#value(rightNode, scope) : left
    if (operator === 'or') return truth(left) ? left : this.#value(rightNode, scope)
    const right = this.#value(rightNode, scope)
    const meter = this.#meter
    switch (operator) {
      case '==':
        return equal(left, right, meter)
      case '!=':
        return !equal(left, right, meter)
      case '<':
        return compare(left, right, meter) < 0
      case '<=':
        return compare(left, right, meter) <= 0
      case '>':
        return compare(left, right, meter) > 0
      case '>=':
        return compare(left, right, meter) >= 0
      case 'in':
        return contains(right, left, meter)
      case 'not in':
        return !contains(right, left, meter)
      case '~':
        return this.#join([print(left, meter), print(right, meter)])
    }
    for (const value of [left, right]) if (value instanceof Undefined) value.fail()
    if (operator === '+' && left instanceof Text && right instanceof Text) return this.#join([left, right])
    if (operator === '+' && left instanceof List && right instanceof List && left.kind === right.kind) {
      meter.spend(left.items.length + right.items.length)
      return new List([...left.items, ...right.items], left.kind)
    }
    if (operator === '%' && left instanceof Text) return formatPercent(left, right, meter)
    if (operator === '*') {
      const repeated = repeat(left, right, meter) ?? repeat(right, left, meter)
      if (repeated !== undefined) return repeated
    }
    return arithmetic(operator, left, right)
  }
}

function filterName({ callee }: Call): string {
  return callee.type === 'Identifier' ? callee.value : fail('expected the name of a filter')
}

function repeat(value: Value, count: Value, meter: Meter): Value | undefined {
  if (typeof count !== 'number') return undefined
  const times = Math.max(0, count)
  if (value instanceof Text) {
    meter.text(value.value.length * times)
    meter.spend(times)
    return times === 0 ? Text.empty : Text.join(Array.from({ length: times }, () => value))
  }
  if (!(value instanceof List)) return undefined
  meter.spend(value.items.length * times)
  return new List(
    Array.from({ length: value.items.length === 0 ? 0 : times }, () => value.items).flat(),
    value.kind,
  )
}

function arithmetic(operator: string, left: Value, right: Value): Value {
  const [a, b] = [numberOf(left), numberOf(right)]
  if (a === undefined || b === undefined)
    return fail(`no operation ${operator} of '${typeName(left)}' and '${typeName(right)}'`)
  if (b === 0 && '//%'.includes(operator)) return fail('division by zero')
  const isFloat =
    left instanceof Float || right instanceof Float || operator === '/' || (operator === '**' && b < 0)
  const result = calculate(operator, a, b)
  if (isFloat) return new Float(result)
  return Number.isFinite(result) ? result : fail(`the result of ${operator} is too large`)
}

/** Division rounds down and its rest has the divisor's sign, as in Python. */
function calculate(operator: string, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '//':
      return Math.floor(a / b)
    case '%':
      return a - b * Math.floor(a / b)
    case '**':
      return a ** b
    default:
      return fail(`unknown operator ${operator}`)
  }
}

function unary(operator: string, value: Value): Value {
  if (operator === 'not') return !truth(value)
  const number = numberOf(value)
  if (number === undefined)
    return value instanceof Undefined ? value.fail() : fail(`no sign of '${typeName(value)}'`)
  const signed = operator === '-' ? -number : number
  return value instanceof Float ? new Float(signed) : signed + 0
}

function loopVariable(items: readonly Value[], index: number, changed: Callable): Namespace {
  const { length } = items
  const cycle = new Callable('cycle', ({ positional }) => {
    return positional.length > 0 ? positional[index % positional.length]! : fail('cycle: expected items')
  })
  return new Namespace(
    new Map<string, Value>([
      ['index', index + 1],
      ['index0', index],
      ['revindex', length - index],
      ['revindex0', length - index - 1],
      ['first', index === 0],
      ['last', index === length - 1],
      ['length', length],
      ['depth', 1],
      ['depth0', 0],
      ['previtem', orElse(items[index - 1], new Undefined('there is no previous item'))],
      ['nextitem', orElse(items[index + 1], new Undefined('there is no next item'))],
      ['cycle', cycle],
      ['changed', changed],
    ]),
    false,
  )
}

const range = new Callable('range', (given, meter) => {
  const numbers = bind('range', given, ['start', 'stop', 'step']).map(value =>
    value === undefined || typeof value === 'number' ? value : fail(`range: found ${typeName(value)}`),
  )
  const [start, stop] = numbers[1] === undefined ? [0, numbers[0] ?? 0] : [numbers[0]!, numbers[1]]
  const step = numbers[2] ?? 1
  if (step === 0) return fail('range: the step must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (length > LONGEST_RANGE) return fail(`range: expected at most ${LONGEST_RANGE} numbers, found ${length}`)
  meter.spend(length)
  return new List(Array.from({ length }, (_, i) => start + i * step))
})

/** Pairs of the dict or list of pairs that comes first, then the named arguments. */
function pairs({ positional, named }: Arguments, meter: Meter): [Value, Value][] {
  const [first] = positional
  const given = first === undefined ? [] : first instanceof Dict ? first.items() : iterate(first, meter)
  const listed = given.map((pair): [Value, Value] => {
    const [key, value, ...rest] = iterate(pair, meter)
    return key === undefined || value === undefined || rest.length > 0
      ? fail('expected pairs of a key and a value')
      : [key, value]
  })
  return [...listed, ...Array.from(named, ([key, value]): [Value, Value] => [new Text(key), value])]
}

const globals: Readonly<Record<string, Value>> = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  dict: new Callable('dict', (given, meter) => new Dict(pairs(given, meter))),
  namespace: new Callable('namespace', (given, meter) => {
    const attributes = pairs(given, meter).map(([key, value]) => [print(key, meter).value, value] as const)
    return new Namespace(new Map(attributes))
  }),
  raise_exception: new Callable('raise_exception', ({ positional }, meter) => {
    throw new TemplateError(print(positional[0] ?? null, meter).value)
  }),
}
