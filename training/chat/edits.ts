// Requests for small edits of short files, answered by an edit block: a variable or function renamed, a loop that is off by
// one, a constant changed, a parameter added.
import type { Random } from '../../test/fixtures/random.ts'
import { pick, pickSome } from '../grammar.ts'
import { editBlock } from './block.ts'
import { folders, type Language, languages, nouns, unplanned } from './code.ts'
import { Names } from './names.ts'

export interface Edit {
  readonly kind: EditKind
  readonly path: string
  /** The file before and after, without a newline at its end. */
  readonly before: string
  readonly after: string
  /** What is asked for; the file stands in the message as well, see coding.ts. */
  readonly request: string
  readonly block: string
  readonly language: string
}

const requests = {
  variable: [
    'Rename A to B.',
    'Rename the variable A to B.',
    'Please rename A to B.',
    'Call the variable A B instead.',
    'rename A to B',
    'The variable A should be called B.',
    'Change the name of A to B.',
    'Rename `A` to `B`.',
    'Can you rename A to B?',
    'In F, rename A to B.',
    'Rename A to B in F.',
  ],
  function: [
    'Rename the function A to B.',
    'Rename A to B.',
    'Please rename the function A to B.',
    'The function A should be called B.',
    'Rename function A to B',
    'Rename `A` to `B`.',
    'Change the name of A to B.',
  ],
  number: [
    'Change A to B in F.',
    'In F, use B instead of A.',
    'In F, change A to B.',
    'Use B instead of A in F.',
    'Replace A with B in F.',
    'Make it B instead of A in F.',
  ],
  constant: [
    'Change C to B.',
    'Set C to B.',
    'Change C from A to B.',
    'C should be B.',
    'Make C B.',
    'Please set C to B.',
    'set C to B',
    'The value of C should be B.',
  ],
  loop: [
    'Fix the off-by-one error in F.',
    'F has an off-by-one error.',
    'The loop in F is off by one.',
    'Fix the loop in F.',
    'There is a bug in the loop of F. Fix it.',
    'Fix the bug in F.',
    'The loop in F does not visit each item once.',
    'Please correct the loop in F.',
  ],
  parameter: [
    'Add a parameter B to F.',
    'Add the parameter B to F.',
    'F needs another parameter B.',
    'Give F a parameter B.',
    'Add a number parameter B to F.',
    'Please add a parameter B to F.',
    'F should take B as well.',
    'add a parameter B to F',
  ],
} as const
export type EditKind = keyof typeof requests

/** An edit whose names and numbers are kept for judging, or are not. */
export function edit(random: Random, unseen: boolean): Edit {
  return edits(random, unseen, 1)[0]!
}

/** Up to `count` edits of one file, each of the file as it stands. */
export function edits(random: Random, unseen: boolean, count: number): Edit[] {
  for (;;) {
    const made = attempt(random, unseen, count)
    if (made.length > 0) return made
  }
}

function attempt(random: Random, unseen: boolean, count: number): Edit[] {
  const language = pick(languages, random)
  const names = new Names(random, unseen, language)
  const length = random.below(unseen ? 4 : 2) > 0 ? 1 : 2
  const pieces = Array.from({ length }, () => {
    // Those that are kept for judging are what they always were: unplanned ones are there to teach, see code.ts.
    const text = unseen || random.below(4) > 0 ? pick(language.pieces, random) : unplanned(language, random)
    return { text, values: valuesOf(text, names, language, random) }
  })
  const target = pick(pieces, random)
  const changes = pickSome(changesOf(target.text, unseen), count, random)
    // A loop has one fault, and a place one change.
    .filter(
      ({ kind, key }, i, all) =>
        i === all.findIndex(other => other.key === key || (kind === 'loop' && other.kind === kind)),
    )
    .map(({ kind, key }) => ({ kind, key, ...changeOf(kind, target.values[key]!, key, names, language) }))
  const path = pathOf(language, random)
  const code = (values: Readonly<Record<string, string>>) =>
    pieces.map(piece => filled(piece.text, piece === target ? values : piece.values)).join('\n\n')
  const values = { ...target.values, ...Object.fromEntries(changes.map(({ key, before }) => [key, before])) }
  const before = code(values)
  return changes.flatMap(change => {
    const { kind, key } = change
    const after = code({ ...values, [key]: change.after })
    const block = editBlock(path, before, after)
    if (block === undefined) return []
    const { C, f = path } = values as Record<string, string>
    const words = { A: change.before, B: change.name, C, F: f }
    const request = pick(requests[kind], random).replace(/\b[ABCF]\b/g, key => words[key as 'A'] ?? key)
    return [{ kind, path, before, after, request, block, language: language.name }]
  })
}

function pathOf({ extension }: Language, random: Random): string {
  const folder = random.below(5) === 0 ? '' : `${pick(folders, random)}/`
  const ending = random.below(2) === 0 ? '' : pick(['s', '-list', '_util'], random)
  return `${folder}${pick(nouns, random)}${ending}.${extension}`
}

/** How often a variable is renamed for once that anything else is changed: which of several is meant takes longest to learn. */
const RENAMES = 2

interface Change {
  readonly kind: EditKind
  /** The key of the place that is changed. */
  readonly key: string
}

function changesOf(text: string, unseen: boolean): Change[] {
  const has = (key: string) => text.includes(`{${key}}`)
  const of = (kind: EditKind, ...keys: string[]) => keys.filter(has).map(key => ({ kind, key }))
  return [
    ...Array.from({ length: unseen ? 1 : RENAMES }, () => of('variable', 'v1', 'v2', 'v3', 'v4')).flat(),
    ...of('function', 'f'),
    ...(has('C') ? of('constant', 'n1', 'n1') : of('number', 'n1', 'n2')),
    ...of('loop', 'from', 'end', 'cmp', 'from', 'end', 'cmp'),
    ...of('parameter', 'p'),
  ]
}

/** What stands at the place `key` before and after, and what the request calls the latter. */
function changeOf(
  kind: EditKind,
  value: string,
  key: string,
  names: Names,
  language: Language,
): { before: string; after: string; name: string } {
  if (kind === 'loop') {
    const { right, wrong } = language.loop[key]!
    return { before: wrong, after: right, name: '' }
  }
  if (kind === 'parameter') {
    const name = names.variable()
    return { before: value, after: language.parameter.replace('{new}', name), name }
  }
  const name =
    kind === 'variable' ? names.variable() : kind === 'function' ? names.function() : names.number(value)
  return { before: value, after: name, name }
}

function valuesOf(text: string, names: Names, language: Language, random: Random): Record<string, string> {
  const values: Record<string, string> = { p: '' }
  for (const key of keysOf(text)) {
    if (key === 'p') continue
    if (key in language.loop) values[key] = language.loop[key]!.right
    else if (key === 'cmp') values[key] = '<'
    else if (key === 'f') values[key] = names.function()
    else if (key === 'C') values[key] = names.constant()
    else if (key.startsWith('n')) values[key] = names.number(values.n1)
    else if (key.startsWith('s')) values[key] = random.below(2) === 0 ? names.text() : pick(nouns, random)
    else values[key] = names.variable()
  }
  return values
}

function keysOf(text: string): Set<string> {
  return new Set([...text.matchAll(/\{(\w+)\}/g)].map(([, key]) => key!))
}

function filled(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (_, key: string) => values[key] ?? '')
}
