// The commands of coding mode: what a model may edit files with, and what becomes of its edits.
import { resolve } from 'node:path'
import { EditError, type PendingEdit } from '../../api/index.ts'
import { UsageError } from '../failure.ts'
import type { ChatCommand, Outcome } from './commands.ts'
import type { Conversation } from './conversation.ts'
import { printable } from './printable.ts'
import { diffText, editJson, sumLine } from './show-edits.ts'

const formats = { search: 'edit blocks', whole: 'whole files' } as const

export const codingCommands: readonly ChatCommand[] = [
  {
    names: ['code'],
    argument: '[on|off]',
    help: 'let the model edit files: name them with @path, its edits wait for /apply',
    completes: ['on', 'off'],
    run(conversation, argument) {
      if (!['', 'on', 'off'].includes(argument))
        throw new UsageError(`/code: expected on or off, found ${argument}`)
      const { coding } = conversation
      if (argument === 'off') {
        coding.close()
        return 'coding mode is off'
      }
      coding.open()
      return `coding mode is on: the model may edit files in ${resolve('.')}, as ${formats[coding.format]} (${coding.format}); edits wait for /apply`
    },
  },
  {
    names: ['diff'],
    argument: '[N]',
    help: 'show the edits that wait, or all lines of one',
    run(conversation, argument) {
      const chosen = edits(conversation, 'diff', argument)
      const { coding, terminal, input } = conversation
      const whole = argument !== '' || !input.asks
      const shown = chosen.map(edit => diffText(edit, coding.edits, terminal.paint, whole))
      return {
        painted: [...shown, sumLine(chosen)].join('\n'),
        json: { edits: chosen.map(edit => editJson(edit, coding.edits)) },
      }
    },
  },
  {
    names: ['apply'],
    argument: '[all|N]',
    help: 'make the edits that wait: one after the other, all, or one',
    completes: ['all'],
    async run(conversation, argument) {
      const chosen = edits(conversation, 'apply', argument)
      const agreed = argument === '' ? await agreedTo(chosen, conversation) : chosen
      return agreed.length === 0 ? 'nothing is changed' : apply(agreed, conversation)
    },
  },
  {
    names: ['discard'],
    argument: '[all|N]',
    help: 'drop the edits that wait, or one',
    completes: ['all'],
    run(conversation, argument) {
      const chosen = edits(conversation, 'discard', argument)
      const discarded = conversation.coding.discard(numbersOf(chosen, conversation))
      return { painted: printable(`dropped: ${discarded.join(', ')}`), json: { discarded } }
    },
  },
  {
    names: ['undo'],
    help: 'take back what was applied last, in earlier runs too',
    async run({ coding }) {
      const undone = await coding.undo()
      return { painted: printable(`as before: ${undone.join(', ')}`), json: { undone } }
    },
  },
]

/** The edits that an argument means: all, or one. Throws UsageError where there is none. */
function edits({ coding }: Conversation, command: string, argument: string): readonly PendingEdit[] {
  const all = coding.edits
  if (all.length === 0) throw new UsageError(`/${command}: no edit waits`)
  if (argument === '' || argument === 'all') return all
  const edit = /^\d+$/.test(argument) ? all[Number(argument) - 1] : undefined
  if (!edit)
    throw new UsageError(`/${command}: expected all or a number from 1 to ${all.length}, found ${argument}`)
  return [edit]
}

function numbersOf(chosen: readonly PendingEdit[], { coding }: Conversation): number[] {
  return chosen.map(edit => coding.edits.indexOf(edit) + 1)
}

/** Shows each edit and asks for it. */
async function agreedTo(
  chosen: readonly PendingEdit[],
  { coding, terminal, input }: Conversation,
): Promise<readonly PendingEdit[]> {
  if (!input.asks)
    throw new UsageError('/apply: nobody can be asked here; /apply all or /apply N makes edits')
  const agreed: PendingEdit[] = []
  for (const [i, edit] of chosen.entries()) {
    terminal.say(diffText(edit, coding.edits, terminal.paint, false))
    const question = printable(`apply ${edit.path}, ${i + 1} of ${chosen.length}? (y/n/all/quit) `)
    const answer = await answered(() => input.ask(question))
    if (answer === 'quit') break
    if (answer === 'all') return [...agreed, ...chosen.slice(i)]
    if (answer === 'yes') agreed.push(edit)
  }
  return agreed
}

/** Asks until it is told one of what can be answered. Who leaves has quit. */
async function answered(ask: () => Promise<string | undefined>): Promise<'yes' | 'no' | 'all' | 'quit'> {
  for (;;) {
    const answer = await ask()
    if (answer === undefined) return 'quit'
    const known = (['yes', 'no', 'all', 'quit'] as const).find(
      word => answer !== '' && word.startsWith(answer.toLowerCase()),
    )
    if (known) return known
  }
}

async function apply(chosen: readonly PendingEdit[], conversation: Conversation): Promise<Outcome> {
  const { coding, input, terminal } = conversation
  const { applied, left } = await coding.apply(numbersOf(chosen, conversation))
  const lines = applied.length === 0 ? [] : [`applied: ${applied.join(', ')}; /undo takes it back`]
  const outcome = (more: readonly string[]) => ({
    painted: printable([...lines, ...more].join('\n')),
    json: { applied },
  })
  const [first] = left
  if (!first || input.asks)
    return outcome(left.map(({ path, reason }) => `${path} is left as it is: ${reason}`))
  if (applied.length > 0) await terminal.answer(outcome([]))
  throw new EditError(first.path, `${first.reason}, and nobody can be asked here; it is left as it is`)
}
