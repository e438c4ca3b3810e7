// How many bytes the rules of a grammar take at least, and from each of their places on.
import type { Fragments } from './fragments.ts'

/** By place: bytes to the end of its rule; infinite where it has none. */
export function shortestDistances({ places, rules }: Fragments): Float64Array {
  const distances = new Float64Array(places.length).fill(Number.POSITIVE_INFINITY)
  // Who has to be looked at again once a place is nearer to its end.
  const before: number[][] = places.map(() => [])
  places.forEach(({ edges, calls, skips }, place) => {
    for (const { to } of edges) before[to]!.push(place)
    for (const to of skips) before[to]!.push(place)
    for (const { rule, to } of calls) {
      before[to]!.push(place)
      before[rules[rule]!.start]!.push(place)
    }
  })
  const waiting = places.flatMap(({ ends }, place) => (ends ? [place] : []))
  const nearest = (place: number): number => {
    const { ends, edges, calls, skips } = places[place]!
    let least = ends ? 0 : Number.POSITIVE_INFINITY
    for (const { to } of edges) least = Math.min(least, 1 + distances[to]!)
    for (const to of skips) least = Math.min(least, distances[to]!)
    for (const { rule, to } of calls) least = Math.min(least, distances[rules[rule]!.start]! + distances[to]!)
    return least
  }
  // First come, first served: near places are settled before far ones.
  for (let i = 0; i < waiting.length; i++) {
    const place = waiting[i]!
    const distance = nearest(place)
    if (distance >= distances[place]!) continue
    distances[place] = distance
    waiting.push(...before[place]!)
  }
  return distances
}

/** By place: a number above those of all places from which it can be reached without reading, but where they go round in circles. */
export function orderWithoutReading({ places, rules }: Fragments, distances: ArrayLike<number>): Int32Array {
  const order = new Int32Array(places.length).fill(-1)
  const after = (place: number): number[] => {
    const { calls, skips } = places[place]!
    const starts = calls.map(({ rule }) => rules[rule]!.start)
    return [...skips, ...starts, ...calls.flatMap(({ to }, i) => (distances[starts[i]!] === 0 ? [to] : []))]
  }
  const seen = new Uint8Array(places.length)
  let number = places.length
  for (const first of places.keys()) {
    if (seen[first] === 1) continue
    seen[first] = 1
    const path = [{ place: first, left: after(first) }]
    for (let here = path.at(-1); here; here = path.at(-1)) {
      const next = here.left.pop()
      if (next === undefined) {
        order[here.place] = --number
        path.pop()
      } else if (seen[next] === 0) {
        seen[next] = 1
        path.push({ place: next, left: after(next) })
      }
    }
  }
  return order
}

/** The name of a rule that may begin with itself, if there is one: no text would ever come of it. */
export function leftRecursion(fragments: Fragments, distances: ArrayLike<number>): string | undefined {
  const { rules, places } = fragments
  const firsts = rules.map(({ start }) => {
    const called = new Set<number>()
    const seen = new Set<number>()
    const left = [start]
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      if (seen.has(place)) continue
      seen.add(place)
      left.push(...places[place]!.skips)
      for (const { rule, to } of places[place]!.calls) {
        called.add(rule)
        if (distances[rules[rule]!.start] === 0) left.push(to)
      }
    }
    return called
  })
  const done = new Set<number>()
  const find = (rule: number, path: readonly number[]): string | undefined => {
    if (path.includes(rule)) {
      const cycle = path.slice(path.indexOf(rule)).map(each => rules[each]!.name)
      return cycle.find(name => !name.startsWith('\0')) ?? cycle[0]
    }
    if (done.has(rule)) return undefined
    for (const next of firsts[rule]!) {
      const found = find(next, [...path, rule])
      if (found !== undefined) return found
    }
    done.add(rule)
    return undefined
  }
  for (const rule of rules.keys()) {
    const found = find(rule, [])
    if (found !== undefined) return found
  }
  return undefined
}
