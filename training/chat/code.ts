// Short pieces of code with places that an edit may change. A place is a key in braces, the same one wherever it is meant:
// `{v1}` variables, `{f}` functions, `{C}` a constant, `{n1}` numbers, `{s1}` texts, `{p}` where a parameter may be added,
// `{from}`, `{cmp}` and `{end}` where a loop may run once too often or too rarely.

import type { Random } from '../../test/fixtures/random.ts'
import { pick } from '../grammar.ts'

export interface Language {
  readonly name: string
  /** Of its files, without the dot. */
  readonly extension: string
  /** How names of several words are joined. */
  readonly joined: 'camel' | 'snake'
  /** A parameter that is added, `{new}` its name. */
  readonly parameter: string
  /** What is right and what is wrong in a loop, by key. */
  readonly loop: Readonly<Record<string, { readonly right: string; readonly wrong: string }>>
  readonly pieces: readonly string[]
  /** What pieces without a plan are made of, see `unplanned`: the first line, others, of which `{a}`, `{b}` and `{c}` are any variables, and the end. */
  readonly lines: { readonly begin: string; readonly any: readonly string[]; readonly end: string }
}

const loop = {
  from: { right: '0', wrong: '1' },
  cmp: { right: '<', wrong: '<=' },
  end: { right: '', wrong: ' - 1' },
}

const typed = [
  `export function {f}({v1}: number[]{p}) {
  let {v2} = 0
  for (let i = {from}; i {cmp} {v1}.length{end}; i++) {
    {v2} += {v1}[i]
  }
  return {v2}
}`,
  `function {f}({v1}: string[]{p}): string {
  let {v2} = '{s1}'
  for (let i = {from}; i {cmp} {v1}.length{end}; i++) {
    {v2} = {v2} + {v1}[i]
  }
  return {v2}
}`,
  `export function {f}({v1}: number[]{p}): number {
  for (let k = {from}; k {cmp} {v1}.length{end}; k++) {
    if ({v1}[k] > {n1}) return k
  }
  return -1
}`,
  `function {f}({v1}: number, {v2}: number{p}): number {
  const {v3} = {v1} * {v2} + {n1}
  return {v3} > {n2} ? {v3} : {v1}
}`,
  `const {C} = {n1}

export function {f}({v1}: string{p}): boolean {
  return {v1}.length > {C}
}`,
  `export const {C} = {n1}

function {f}({v1}: number{p}) {
  const {v2} = {v1} / {C}
  return Math.floor({v2})
}`,
  `export function {f}({v1}: string[]{p}) {
  const {v2} = []
  for (const {v3} of {v1}) {
    if ({v3} !== '{s1}') {v2}.push({v3})
  }
  return {v2}
}`,
  `function {f}({v1}: number{p}) {
  if ({v1} < {n1}) {
    throw new Error('{s1}')
  }
  return {v1} - {n1}
}`,
  `export function {f}({v1}: string, {v2}: number{p}) {
  let {v3} = ''
  while ({v3}.length < {v2}) {
    {v3} += {v1}
  }
  return {v3}
}`,
  `const {v1} = load({n1})
const {v2} = {v1}.trim()
console.log('{s1}', {v2})`,
  `function {f}({v1}: string{p}) {
  const {v2} = {v1}.split('{s1}')
  return {v2}.length
}`,
  `export function {f}({v1}: Map<string, number>{p}) {
  const {v2} = {v1}.get('{s1}') ?? {n1}
  return {v2} + {n2}
}`,
]

const python = [
  `def {f}({v1}{p}):
    {v2} = 0
    for i in range({from}, len({v1}){end}):
        {v2} += {v1}[i]
    return {v2}`,
  `def {f}({v1}{p}):
    {v2} = '{s1}'
    for i in range({from}, len({v1}){end}):
        {v2} = {v2} + {v1}[i]
    return {v2}`,
  `def {f}({v1}, {v2}{p}):
    {v3} = {v1} * {v2} + {n1}
    return {v3} if {v3} > {n2} else {v1}`,
  `{C} = {n1}

def {f}({v1}{p}):
    return len({v1}) > {C}`,
  `def {f}({v1}{p}):
    {v2} = []
    for {v3} in {v1}:
        if {v3} != '{s1}':
            {v2}.append({v3})
    return {v2}`,
  `def {f}({v1}{p}):
    if {v1} < {n1}:
        raise ValueError('{s1}')
    return {v1} - {n1}`,
  `def {f}({v1}, {v2}{p}):
    {v3} = ''
    while len({v3}) < {v2}:
        {v3} += {v1}
    return {v3}`,
  `{v1} = load({n1})
{v2} = {v1}.strip()
print('{s1}', {v2})`,
]

const scriptLines = [
  '  {a} = {b}',
  '  {a} = {b} + {c}',
  '  {a} += {b}',
  '  {a}.push({b})',
  '  console.log({a}, {b})',
  "  console.log('{s1}', {a})",
  '  if ({a} > {b}) return {c}',
  '  const {a} = {b} * {n1}',
  '  for (const {a} of {b}) {c}.push({a})',
]

export const languages: readonly Language[] = [
  {
    ...{ name: 'ts', extension: 'ts', joined: 'camel', parameter: ', {new}: number', loop, pieces: typed },
    lines: {
      begin: 'function {f}({v1}: number, {v2}: number{p}) {',
      any: scriptLines,
      end: '  return {a}\n}',
    },
  },
  {
    name: 'js',
    extension: 'js',
    joined: 'camel',
    parameter: ', {new}',
    loop,
    pieces: typed.map(piece => piece.replace(/: (number|string|boolean|Map<string, number>)(\[\])?/g, '')),
    lines: { begin: 'function {f}({v1}, {v2}{p}) {', any: scriptLines, end: '  return {a}\n}' },
  },
  {
    name: 'python',
    extension: 'py',
    joined: 'snake',
    parameter: ', {new}',
    loop: { from: loop.from, end: { right: '', wrong: ' - 1' } },
    pieces: python,
    lines: {
      begin: 'def {f}({v1}, {v2}{p}):',
      any: [
        '    {a} = {b}',
        '    {a} = {b} + {c}',
        '    {a} += {b}',
        '    {a}.append({b})',
        '    print({a}, {b})',
        "    print('{s1}', {a})",
        '    if {a} > {b}: return {c}',
        '    {a} = {b} * {n1}',
        '    for {a} in {b}: {c}.append({a})',
      ],
      end: '    return {a}',
    },
  },
]

const list = (text: string): readonly string[] => text.split(',').map(word => word.trim())

export const nouns = list(
  `item, value, index, count, total, name, text, line, word, user, price, order, file, path, node, list, table, row,
  column, key, size, limit, score, point, result, data, number, message, token, letter, page, image, color, width,
  height, weight, length, depth, level, date, time, hour, year, city, street, country, product, cart, ticket, seat,
  player, team, game, card, book, author, title, chapter, song, track, album, band, recipe, step, plan, task, job,
  worker, queue, stack, tree, leaf, root, branch, edge, graph, record, field, entry, record, event, timer, delay,
  buffer, chunk, block, batch, cache, store, model, layer, weather, rain, wind, sensor, signal, pixel, shape, circle,
  area, angle, radius, speed, route, map, zone, bank, account, coin, tax, rate, sum, part, group, member, guest, room`,
)
export const verbs = list(
  `get, find, make, read, write, load, save, count, sum, add, remove, check, parse, format, build, filter, sort, join,
  split, merge, copy, move, open, close, send, fetch, update, create, delete, print, show, measure, compare, select,
  convert, collect, limit, scale, pad, trim, reverse, repeat`,
)
export const adjectives = list(
  `new, old, first, last, next, max, min, small, large, total, best, open, local, current, empty, full, active, valid,
  left, right, top, hidden, raw, clean, main, other, base, final, inner, outer, lower, upper`,
)
export const folders = [
  'src',
  'lib',
  'app',
  'src/core',
  'src/utils',
  'tools',
  'scripts',
  'server',
  'packages/core',
]

/** A piece whose variables stand anywhere, so that where they stand says nothing of which they are. */
export function unplanned({ lines }: Language, random: Random): string {
  const any = Array.from({ length: 1 + random.below(4) }, () => pick(lines.any, random))
  const variables = ['v1', 'v2', 'v3', 'v4'].slice(0, 2 + random.below(3))
  const drawn = [...any, lines.end].map(line =>
    line.replace(/\{[abc]\}/g, () => `{${pick(variables, random)}}`),
  )
  return [lines.begin, ...drawn].join('\n')
}
