// Regular languages over characters, as deterministic automata: intersections, unions and differences of patterns.
import { byTarget, determinize, draft, type Edge, type Place, TooLargeError } from './drafts.ts'
import type { Expression, Graph, Ranges } from './expression.ts'

/** It begins in node 0; an edge for each character at most. All nodes can reach an end, but for the first where there is none. */
export type Regular = readonly RegularNode[]

interface RegularNode {
  readonly ends: boolean
  readonly edges: readonly Edge[]
}

/** Larger automata are refused. */
const MOST_NODES = 50_000
/** The same of those whose nodes stand for so many places together. */
const MOST_MEMBERS = 2 ** 22

/** The language of an expression without rules. Throws TooLargeError. */
export function regular(expression: Expression): Regular {
  const { places, start } = draft(expression)
  const made = determinize(places, start, MOST_NODES, MOST_MEMBERS)
  if (!made) throw new TooLargeError('its automaton is too large')
  return productive(made)
}

export function intersectionOf(a: Regular, b: Regular): Regular {
  return product(a, b, (left, right) => left && right)
}

export function differenceOf(a: Regular, b: Regular): Regular {
  return product(a, b, (left, right) => left && !right)
}

export function unionOf(a: Regular, b: Regular): Regular {
  return product(a, b, (left, right) => left || right)
}

export function isEmpty(language: Regular): boolean {
  return language.every(({ ends }) => !ends)
}

/** Whether a text is in the language. */
export function includes(language: Regular, text: string): boolean {
  let node: RegularNode | undefined = language[0]
  for (const character of text) {
    const code = character.codePointAt(0)!
    const edge: Edge | undefined = node?.edges.find(({ first, last }) => first <= code && code <= last)
    node = edge && language[edge.to]
  }
  return node?.ends ?? false
}

/** The language as an expression, each character as `write` has it. */
export function toGraph(language: Regular, write: (ranges: Ranges) => Expression): Graph {
  return {
    kind: 'graph',
    nodes: language.map(({ ends, edges }) => ({
      ends,
      edges: [...byTarget(edges)].map(([to, ranges]) => ({ on: write(ranges), to })),
    })),
  }
}

/** Which nodes stand for what the automata say together; `DEAD` is where one of them has no way on. */
function product(a: Regular, b: Regular, ends: (a: boolean, b: boolean) => boolean): Regular {
  const numbers = new Map<number, number>()
  const pairs: (readonly [number, number])[] = []
  const numberOf = (left: number, right: number): number => {
    const key = (left + 1) * (b.length + 1) + right + 1
    const known = numbers.get(key)
    if (known !== undefined) return known
    if (pairs.length >= MOST_NODES) throw new TooLargeError(`it takes more than ${MOST_NODES} places`)
    numbers.set(key, pairs.length)
    return pairs.push([left, right]) - 1
  }
  numberOf(0, 0)
  const made: RegularNode[] = []
  // Where one side is dead, the other may still decide.
  const [aloneLeft, aloneRight] = [ends(true, false), ends(false, true)]
  for (let i = 0; i < pairs.length; i++) {
    const [left, right] = pairs[i]!
    const here = [a[left], b[right]] as const
    const edges: Edge[] = []
    for (const { first, last, to } of overlay(here[0]?.edges ?? [], here[1]?.edges ?? [])) {
      const [toLeft = DEAD, toRight = DEAD] = to
      const alive = toLeft === DEAD ? aloneRight : toRight === DEAD ? aloneLeft : true
      if (alive) edges.push({ first, last, to: numberOf(toLeft, toRight) })
    }
    made.push({ ends: ends(here[0]?.ends ?? false, here[1]?.ends ?? false), edges })
  }
  return productive(made)
}

const DEAD = -1

/** Both sides' edges cut where either side's end, each with the places that it leads to. */
function overlay(left: readonly Edge[], right: readonly Edge[]) {
  const cuts = new Set<number>()
  for (const { first, last } of [...left, ...right]) cuts.add(first).add(last + 1)
  const sorted = [...cuts].sort((x, y) => x - y)
  const parts: { first: number; last: number; to: [number | undefined, number | undefined] }[] = []
  let [i, j] = [0, 0]
  const [a, b] = [left, right].map(edges => edges.toSorted((x, y) => x.first - y.first)) as [Edge[], Edge[]]
  for (let cut = 0; cut + 1 < sorted.length; cut++) {
    const first = sorted[cut]!
    while (i < a.length && a[i]!.last < first) i++
    while (j < b.length && b[j]!.last < first) j++
    const [x, y] = [a[i], b[j]].map(edge => (edge && edge.first <= first ? edge.to : undefined))
    if (x !== undefined || y !== undefined) parts.push({ first, last: sorted[cut + 1]! - 1, to: [x, y] })
  }
  return parts
}

/** Without the nodes that no end can be reached from. */
function productive(nodes: readonly (RegularNode | Place)[]): Regular {
  const before: number[][] = nodes.map(() => [])
  for (const [i, { edges }] of nodes.entries()) for (const { to } of edges) before[to]!.push(i)
  const alive = new Set<number>()
  const left = nodes.flatMap(({ ends }, i) => (ends ? [i] : []))
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (alive.has(node)) continue
    alive.add(node)
    left.push(...before[node]!)
  }
  const kept = nodes.flatMap((_, i) => (i === 0 || alive.has(i) ? [i] : []))
  const numbers = new Map(kept.map((node, i) => [node, i]))
  return kept.map(node => ({
    ends: nodes[node]!.ends,
    edges: nodes[node]!.edges.filter(({ to }) => alive.has(to)).map(edge => ({
      ...edge,
      to: numbers.get(edge.to)!,
    })),
  }))
}
