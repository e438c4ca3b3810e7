// What a coding mode puts around a request: the file's text in the user's message, instructions in the system's. Many forms of
// each, so that the model does not hang on one.
import { instructions } from '../../src/code/instructions.ts'
import type { Random } from '../../test/fixtures/random.ts'
import { pick } from '../grammar.ts'
import type { Edit } from './edits.ts'

/** How a file may stand in a message, with what is asked before or after it. */
const presentations = [
  'P\n```L\nX\n```',
  'P\n```L\nX\n```',
  'P\n```\nX\n```',
  'P:\n```L\nX\n```',
  'File: P\n```L\nX\n```',
  'File P:\n```\nX\n```',
  '`P`:\n```L\nX\n```',
  '### P\n```L\nX\n```',
  '## P\n\n```L\nX\n```',
  '**P**\n```L\nX\n```',
  'Contents of P:\n```L\nX\n```',
  'P (N lines)\n```L\nX\n```',
  'P:1-N\n```L\nX\n```',
  'P lines 1-N\n```L\nX\n```',
  '@P\n```L\nX\n```',
  '```L\n// P\nX\n```',
  '```P\nX\n```',
  '```L P\nX\n```',
  '<file path="P">\nX\n</file>',
  '<file name="P">\nX\n</file>',
  '--- P ---\nX\n---',
]

/** The user's message; that of torchless's own coding mode as often as all others. */
export function fileMessage({ path, before, request, language }: Edit, random: Random): string {
  if (random.below(2) === 0) {
    const said = pick([`${request} @${path}`, `@${path} ${request}`, `In @${path}: ${request}`], random)
    return `${path}\n\`\`\`\n${before}\n\`\`\`\n\n${said}`
  }
  const values = { P: path, L: language, X: before, N: String(before.split('\n').length) }
  const file = pick(presentations, random).replace(/\b[PLXN]\b/g, key => values[key as 'P'])
  const mentions = [request, request, `${request} @${path}`, `@${path} ${request}`, `In @${path}: ${request}`]
  const said = pick(mentions, random)
  return random.below(2) === 0 ? `${said}\n\n${file}` : `${file}\n\n${said}`
}

const rules = [
  'Copy the SEARCH lines exactly as they stand in the file.',
  'Keep each block small.',
  'Write the path alone on a line.',
  'An empty SEARCH part makes a new file.',
  'Change nothing else.',
  'Each SEARCH part must stand in the file once.',
  'Use several blocks for several places.',
  'Only edit files that were shown to you.',
  'Do not leave out lines.',
  'Keep the indentation of the file.',
  'Answer with edit blocks only.',
  'Every marker stands alone on its line.',
]
const shapes = [
  'path/to/file\n<<<<<<< SEARCH\nold lines\n=======\nnew lines\n>>>>>>> REPLACE',
  'src/file.ts\n<<<<<<< SEARCH\nlines as they are\n=======\nlines as they should be\n>>>>>>> REPLACE',
  'path\n<<<<<<< SEARCH\nlines to find\n=======\nlines to put there\n>>>>>>> REPLACE',
]

/** Instructions of a coding mode, torchless's own or others, short or long; undefined for none. */
export function codingSystem(random: Random): string | undefined {
  if (random.below(2) === 0) return instructions.search
  if (random.below(4) === 0) return undefined
  const first = pick(
    [
      'You edit code.',
      'You are a coding assistant.',
      'To change files, answer with edit blocks:',
      'Edit files with blocks of this form:',
      'You change files with SEARCH/REPLACE blocks.',
    ],
    random,
  )
  const some = rules.filter(() => random.below(3) === 0)
  const shape = pick(['', '\n\n', '\n', '\n```\n'], random)
  if (shape === '') return [first, ...some].join(' ')
  return `${first}${shape}${pick(shapes, random)}${shape}${some.join(pick([' ', '\n', '\n- '], random))}`.trim()
}
