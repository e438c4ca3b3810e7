// The language in which block formats say how they decode: integer and float32 expressions over the bytes of one
// block, and the printer that every target language derives from. Must not know any format.

/** What is loaded from: the block, or the zero points of a matrix that has them in a place of their own. */
export type Part = 'block' | 'zeros'

/** Loads from a part, little-endian, at any alignment. */
export type IntLoad = 'u8' | 'i8'
export type FloatLoad = 'f16' | 'bf16' | 'f32'
/** Floats that are made from their bits. */
export type FloatBits = 'f16' | 'f32'
export type IntOperator = '+' | '-' | '*' | '&' | '|' | '<<' | '>>'
export type FloatOperator = '+' | '*'

/** Named constants, from -2^15 to 2^16 - 1: in whatever width a language stores them, it reads integers. */
export interface Table {
  readonly name: string
  readonly values: readonly number[]
}

type IntNode =
  | { readonly op: 'literal'; readonly value: number }
  | { readonly op: 'variable'; readonly name: string }
  | { readonly op: 'load'; readonly load: IntLoad; readonly at: Int; readonly part: Part }
  | { readonly op: 'table'; readonly table: Table; readonly index: Int }
  | { readonly op: 'binary'; readonly operator: IntOperator; readonly a: Int; readonly b: Int }
  | { readonly op: 'select'; readonly condition: Condition; readonly yes: Int; readonly no: Int }

type FloatNode =
  | { readonly op: 'literal'; readonly value: number }
  | { readonly op: 'variable'; readonly name: string }
  | { readonly op: 'load'; readonly load: FloatLoad; readonly at: Int }
  | { readonly op: 'fromBits'; readonly type: FloatBits; readonly bits: Int }
  | { readonly op: 'fromInt'; readonly a: Int }
  | { readonly op: 'negate'; readonly a: Float }
  | { readonly op: 'binary'; readonly operator: FloatOperator; readonly a: Float; readonly b: Float }

type Condition = { readonly op: '<'; readonly a: Int; readonly b: Int }

/** An integer; all intermediate values must fit into 31 bits, so that languages need not agree on overflow. */
export class Int {
  constructor(readonly node: IntNode) {}

  add(b: Int | number): Int {
    return this.#binary('+', b)
  }

  sub(b: Int | number): Int {
    return this.#binary('-', b)
  }

  mul(b: Int | number): Int {
    return this.#binary('*', b)
  }

  and(b: Int | number): Int {
    return this.#binary('&', b)
  }

  or(b: Int | number): Int {
    return this.#binary('|', b)
  }

  shl(b: Int | number): Int {
    return this.#binary('<<', b)
  }

  shr(b: Int | number): Int {
    return this.#binary('>>', b)
  }

  /** Bits from `first` on, as many as `mask` has. */
  bits(first: Int | number, mask: number): Int {
    return this.shr(first).and(mask)
  }

  /** Of a byte half `which & 1`, 0 being the lower one. */
  half(which: Int): Int {
    return this.bits(which.and(1).shl(2), 15)
  }

  less(b: Int | number): Condition {
    return { op: '<', a: this, b: int(b) }
  }

  /** Exact below 2^24. */
  toFloat(): Float {
    return new Float({ op: 'fromInt', a: this })
  }

  #binary(operator: IntOperator, b: Int | number): Int {
    return new Int({ op: 'binary', operator, a: this, b: int(b) })
  }
}

/** A float32; every operation rounds. */
export class Float {
  constructor(readonly node: FloatNode) {}

  add(b: Float): Float {
    return new Float({ op: 'binary', operator: '+', a: this, b })
  }

  /** A number must be a power of two that every language can write: 0.125. */
  mul(b: Float | number): Float {
    const factor = typeof b === 'number' ? new Float({ op: 'literal', value: b }) : b
    return new Float({ op: 'binary', operator: '*', a: this, b: factor })
  }

  negate(): Float {
    return new Float({ op: 'negate', a: this })
  }
}

export type Expr = Int | Float

export const int = (value: Int | number): Int =>
  typeof value === 'number' ? new Int({ op: 'literal', value }) : value
export const intVariable = (name: string): Int => new Int({ op: 'variable', name })
export const floatVariable = (name: string): Float => new Float({ op: 'variable', name })
/** Entry `index`, which must be one of the table. */
export const lookup = (table: Table, index: Int): Int => new Int({ op: 'table', table, index })
/** The float that has these bits, the upper ones zero. */
export const floatFromBits = (type: FloatBits, bits: Int): Float => new Float({ op: 'fromBits', type, bits })
/** Loads at a byte offset from the start of the block. */
export const u8 = (at: Int | number, part: Part = 'block'): Int =>
  new Int({ op: 'load', load: 'u8', at: int(at), part })
export const u16 = (at: Int): Int => u8(at).or(u8(at.add(1)).shl(8))
export const i8 = (at: Int | number): Int => new Int({ op: 'load', load: 'i8', at: int(at), part: 'block' })
export const f16 = (at: Int | number): Float => new Float({ op: 'load', load: 'f16', at: int(at) })
export const bf16 = (at: Int | number): Float => new Float({ op: 'load', load: 'bf16', at: int(at) })
export const f32 = (at: Int | number): Float => new Float({ op: 'load', load: 'f32', at: int(at) })
/** Either side may be evaluated though the other is taken, so both must stay inside the block. */
export const select = (condition: Condition, yes: Int, no: Int): Int =>
  new Int({ op: 'select', condition, yes, no })

/**
 * Turns expressions, and the few statements round them, into source text. What it prints by itself is valid C
 * and JavaScript; the abstract members are where languages differ, and one that differs more overrides more.
 */
export abstract class Printer {
  /** Those that what was printed looks into. */
  readonly tables = new Set<Table>()

  abstract load(load: IntLoad | FloatLoad, at: string, part: Part): string
  /** An entry of a table, which the language's prelude declares. */
  abstract lookup(table: Table, index: string): string
  abstract floatLiteral(value: number): string
  abstract fromBits(type: FloatBits, bits: string): string
  /** The float32 of an integer. */
  abstract fromInt(a: string): string
  abstract floatBinary(operator: FloatOperator, a: string, b: string): string
  abstract declareInt(name: string, value: string): string
  abstract declareFloat(name: string, value: string): string
  /** Stores `value` as element `index` of the decoded block. */
  abstract store(index: string, value: string): string
  /** Runs the body `count` times, `variable` being the number of the pass, from 0. */
  abstract loop(variable: string, count: number, body: readonly string[]): string[]

  intBinary(operator: IntOperator, a: string, b: string): string {
    return `(${a} ${operator} ${b})`
  }

  select(condition: string, yes: string, no: string): string {
    return `(${condition} ? ${yes} : ${no})`
  }

  int({ node }: Int): string {
    switch (node.op) {
      case 'literal':
        return `${node.value}`
      case 'variable':
        return node.name
      case 'load':
        return this.load(node.load, this.int(node.at), node.part)
      case 'table':
        this.tables.add(node.table)
        return this.lookup(node.table, this.int(node.index))
      case 'binary':
        return this.intBinary(node.operator, this.int(node.a), this.int(node.b))
      case 'select':
        return this.select(this.condition(node.condition), this.int(node.yes), this.int(node.no))
      default:
        return node satisfies never
    }
  }

  float({ node }: Float): string {
    switch (node.op) {
      case 'literal':
        return this.floatLiteral(node.value)
      case 'variable':
        return node.name
      case 'load':
        return this.load(node.load, this.int(node.at), 'block')
      case 'fromBits':
        return this.fromBits(node.type, this.int(node.bits))
      case 'fromInt':
        return this.fromInt(this.int(node.a))
      case 'negate':
        return `(-${this.float(node.a)})`
      case 'binary':
        return this.floatBinary(node.operator, this.float(node.a), this.float(node.b))
      default:
        return node satisfies never
    }
  }

  condition({ op, a, b }: Condition): string {
    return `${this.int(a)} ${op} ${this.int(b)}`
  }
}
