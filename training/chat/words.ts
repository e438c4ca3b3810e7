// Words of code, as they stand in it: alone, behind a space, within a name of several words.
import { capital } from '../grammar.ts'
import { adjectives, languages, nouns, verbs } from './code.ts'

/** What the pieces of code, their requests and their paths have besides names. */
const others = [
  ...[
    'rename',
    'change',
    'replace',
    'fix',
    'set',
    'add',
    'use',
    'please',
    'should',
    'called',
    'instead',
    'another',
  ],
  ...['parameter', 'variable', 'function', 'name', 'number', 'loop', 'error', 'bug', 'correct', 'item'],
  ...['src', 'lib', 'app', 'core', 'utils', 'tools', 'scripts', 'server', 'packages', 'list', 'util'],
]

/** Each in the forms that it may have. */
export function codeWords(): string[] {
  const parts = [...nouns, ...verbs, ...adjectives]
  // Names in the pieces themselves: what stands there without a place in braces.
  const keywords = languages.flatMap(({ pieces }) =>
    pieces.flatMap(piece => piece.replace(/\{\w+\}/g, '#').match(/[A-Za-z]{2,}/g) ?? []),
  )
  const words = new Set<string>()
  const add = (...forms: readonly string[]) => {
    for (const form of forms) words.add(form)
  }
  for (const word of parts) add(word, ` ${word}`, capital(word))
  for (const word of [...nouns, ...adjectives]) add(word.toUpperCase())
  for (const word of keywords) add(word, ` ${word}`)
  for (const word of others) add(word, ` ${word}`, capital(word), ` ${capital(word)}`)
  return [...words]
}
