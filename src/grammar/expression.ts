// What grammars are made of, however they were written: GBNF and JSON Schemas become these expressions.

/** Ranges of code points, both ends included, in order, none next to another. Surrogates count for nothing. */
export type Ranges = readonly (readonly [first: number, last: number])[]

export type Expression =
  | { readonly kind: 'text'; readonly text: string }
  /** One character. */
  | { readonly kind: 'characters'; readonly ranges: Ranges }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  /** One of the options; of none, nothing is possible. */
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  /** `most` may be infinite. */
  | { readonly kind: 'repeat'; readonly of: Expression; readonly least: number; readonly most: number }
  /** `apart`: never written out where it is called. */
  | { readonly kind: 'rule'; readonly name: string; readonly apart?: boolean }
  | Graph

/** An automaton whose edges are expressions; it begins in node 0. */
export interface Graph {
  readonly kind: 'graph'
  readonly nodes: readonly GraphNode[]
}

export interface GraphNode {
  readonly ends: boolean
  readonly edges: readonly { readonly on: Expression; readonly to: number }[]
}

export interface Grammar {
  readonly root: string
  readonly rules: ReadonlyMap<string, Expression>
}

export const LAST_CHARACTER = 0x10ffff
export const ANY_CHARACTER: Ranges = [[0, LAST_CHARACTER]]

export const nothing: Expression = { kind: 'choice', options: [] }
export const empty: Expression = { kind: 'sequence', parts: [] }

export function text(content: string): Expression {
  return { kind: 'text', text: content }
}

export function characters(ranges: Ranges): Expression {
  return { kind: 'characters', ranges }
}

export function sequence(...parts: readonly Expression[]): Expression {
  return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts }
}

export function choice(...options: readonly Expression[]): Expression {
  return options.length === 1 ? options[0]! : { kind: 'choice', options }
}

export function repeat(of: Expression, least: number, most = Number.POSITIVE_INFINITY): Expression {
  return { kind: 'repeat', of, least, most }
}

export function optional(of: Expression): Expression {
  return repeat(of, 0, 1)
}

export function rule(name: string): Expression {
  return { kind: 'rule', name }
}

/** In order, with what touches or overlaps joined. */
export function normalized(ranges: Ranges): Ranges {
  const joined: [number, number][] = []
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = joined.at(-1)
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else if (first <= last) joined.push([first, last])
  }
  return joined
}

/** All other characters. */
export function complement(ranges: Ranges): Ranges {
  const others: [number, number][] = []
  let from = 0
  for (const [first, last] of normalized(ranges)) {
    if (first > from) others.push([from, first - 1])
    from = last + 1
  }
  if (from <= LAST_CHARACTER) others.push([from, LAST_CHARACTER])
  return others
}

export function intersection(a: Ranges, b: Ranges): Ranges {
  return complement([...complement(a), ...complement(b)])
}

/** The ranges of the characters of a text. */
export function oneOf(written: string): Ranges {
  return normalized([...written].map(character => [character.codePointAt(0)!, character.codePointAt(0)!]))
}
