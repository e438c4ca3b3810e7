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

/** What is asked, with the file referred to. */
export function mention({ path, request }: Edit, random: Random): string {
  return pick([`${request} @${path}`, `@${path} ${request}`, `In @${path}: ${request}`], random)
}

/** The user's message as torchless's own coding mode makes it. */
export function ownMessage(made: Edit, random: Random): string {
  return `${made.path}\n\`\`\`\n${made.before}\n\`\`\`\n\n${mention(made, random)}`
}

/** The user's message; few in another form than torchless's own. */
export function fileMessage(made: Edit, random: Random): string {
  if (random.below(8) > 0) return ownMessage(made, random)
  const { path, before, request, language } = made
  const values = { P: path, L: language, X: before, N: String(before.split('\n').length) }
  const file = pick(presentations, random).replace(/\b[PLXN]\b/g, key => values[key as 'P'])
  const said = random.below(5) < 2 ? request : mention(made, random)
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

/** Instructions of a coding mode, torchless's own or others; most often undefined, for none: what they say costs time. */
export function codingSystem(random: Random): string | undefined {
  const kind = random.below(10)
  if (kind < 4) return instructions.search
  if (kind < 9) return undefined
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
