// The commands of a chat: `/name argument`. Each changes what it says at once and answers with one line.
import { type BuiltinName, builtinTemplates, type ContextUse } from '../../api/index.ts'
import { UsageError } from '../failure.ts'
import { real, whole } from '../numbers.ts'
import { codingCommands } from './coding-commands.ts'
import type { Conversation } from './conversation.ts'
import type { Partner } from './partner.ts'

export interface ChatCommand<P extends Partner = Conversation> {
  readonly names: readonly string[]
  /** As `/help` shows it. */
  readonly argument?: string
  readonly help: string
  /** Texts that may follow; `paths`: files. */
  readonly completes?: readonly string[] | 'paths'
  /** What it answers is shown to the user; `quit` and `retry` are for the loop. */
  run(conversation: P, argument: string, commands: readonly ChatCommand<P>[]): Outcome | Promise<Outcome>
}

export type Outcome =
  | string
  | { readonly action: 'quit' | 'retry' }
  /** Fit to be shown as it is; what programs get instead. */
  | { readonly painted: string; readonly json: object }

const onOff = ['on', 'off'] as const
/** The model's own template, as `/template` knows it. */
const OWN = 'own'

/** Commands of every chat. */
export const sharedCommands: readonly ChatCommand<Partner>[] = [
  { names: ['help'], help: 'list the commands', run: (_, __, commands) => helpText(commands) },
  { names: ['quit', 'exit', 'q'], help: 'leave (Ctrl-D does too)', run: () => ({ action: 'quit' }) },
  {
    names: ['clear'],
    help: 'forget the conversation; the system prompt stays',
    async run(conversation) {
      await conversation.clear()
      conversation.references.forget()
      return 'the conversation is forgotten'
    },
  },
  { names: ['retry'], help: 'answer the last message again', run: () => ({ action: 'retry' }) },
  {
    names: ['context'],
    help: 'how full the context is, and what goes next',
    run: async conversation => contextText(await conversation.context()),
  },
  { names: ['settings'], help: 'how replies are drawn', run: settingsText },
  number('temperature', 'T', '0 takes the best token always', 'temperature', real(0)),
  number('top-k', 'K|off', 'sample from the k best tokens only', 'topK', whole(0, 2 ** 31 - 1)),
  number('top-p', 'P|off', 'sample from the best tokens that together reach P', 'topP', real(0, 1)),
  number('max-tokens', 'N', 'longest response', 'maxTokens', whole(1)),
  {
    names: ['debug'],
    argument: '[on|off]',
    help: 'show what each turn computed and how fast',
    completes: onOff,
    run(conversation, argument) {
      conversation.debug = toggled('debug', argument, conversation.debug)
      return `debug is ${onOrOff(conversation.debug)}`
    },
  },
  {
    names: ['system'],
    argument: 'MSG|off',
    help: 'what the model is told before the conversation; alone, shows it',
    completes: ['off'],
    async run(conversation, argument) {
      if (argument !== '') await conversation.setSystem(argument === 'off' ? undefined : argument)
      const { system } = await conversation.settings()
      return system === undefined ? 'no system prompt' : `system prompt: ${system}`
    },
  },
  {
    names: ['thinking'],
    argument: '[on|off]',
    help: 'show what the model thinks before it answers',
    completes: onOff,
    run(conversation, argument) {
      conversation.showThinking = toggled('thinking', argument, conversation.showThinking)
      const note = conversation.thinks ? '' : ' (this model shows no sign of thinking)'
      return `thinking is ${conversation.showThinking ? 'shown' : 'hidden'}${note}`
    },
  },
  saving('save', 'save the conversation', false),
  saving('fullsave', 'save the conversation and the settings', true),
  {
    names: ['load'],
    argument: 'FILE',
    help: 'take a saved conversation up',
    completes: 'paths',
    async run(conversation, argument) {
      const messages = await conversation.load(required('load', 'a file', argument))
      conversation.references.forget()
      return `${messages} messages loaded`
    },
  },
]

/** Commands of a chat with a model in this process. */
export const chatCommands: readonly ChatCommand[] = [
  ...sharedCommands,
  {
    names: ['model'],
    argument: 'PATH',
    help: 'go on with another model; alone, shows which it is',
    completes: 'paths',
    async run(conversation, argument) {
      if (argument !== '') await conversation.change({ path: argument })
      const { name, architecture, contextLength } = conversation.model
      return `${name} (${architecture}, context of ${contextLength} tokens)`
    },
  },
  {
    names: ['template'],
    argument: 'NAME',
    help: 'write prompts in a built-in format, or as the model has it (own); alone, lists them',
    completes: [...builtinTemplates, OWN],
    run(conversation, argument) {
      if (argument === '')
        return `${conversation.template ?? "the model's own"}; there are ${builtinTemplates.join(', ')}`
      if (argument === OWN) {
        conversation.changeTemplate(undefined)
        return "prompts are written by the model's own template"
      }
      if (!builtinTemplates.includes(argument as BuiltinName))
        throw new UsageError(
          `/template: expected one of ${[...builtinTemplates, OWN].join(', ')}, found ${argument}`,
        )
      conversation.changeTemplate(argument as BuiltinName)
      return `prompts are written as ${argument}`
    },
  },
  {
    names: ['lazy'],
    argument: '[on|off]',
    help: 'keep weights on disk, or all in memory (loads the model again)',
    completes: onOff,
    async run(conversation, argument) {
      const lazy = toggled('lazy', argument, conversation.lazy)
      if (lazy !== conversation.lazy) await conversation.change({ lazy })
      return lazy ? 'weights stay on disk' : 'weights are in memory'
    },
  },
  ...codingCommands,
]

/** Whether a message is a command: paths begin with a slash too, and pasted text may. */
export function isCommand<P extends Partner>(message: string, commands: readonly ChatCommand<P>[]): boolean {
  const [, name] = /^\/([a-z-]*)(?:\s|$)/.exec(message) ?? []
  if (name === undefined) return false
  return !message.includes('\n') || commands.some(({ names }) => names.includes(name))
}

/** Carries out a line that begins with a slash. Throws UsageError for unknown commands and bad arguments, and changes nothing then. */
export async function runCommand<P extends Partner>(
  conversation: P,
  line: string,
  commands: readonly ChatCommand<P>[],
): Promise<Outcome> {
  const [, name = '', argument = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(line) ?? []
  const command = commands.find(({ names }) => names.includes(name))
  if (command) return command.run(conversation, argument.trim(), commands)
  const all = commands.flatMap(({ names }) => names)
  const near = nearest(name, all)
  throw new UsageError(`/${name} is no command${near ? `; /${near} is` : ''}; /help lists them`)
}

function number(
  name: string,
  argument: string,
  help: string,
  key: 'temperature' | 'topK' | 'topP' | 'maxTokens',
  parse: (text: string) => number,
): ChatCommand<Partner> {
  const off = argument.endsWith('off')
  return {
    names: [name],
    argument,
    help,
    ...(off && { completes: ['off'] }),
    async run(conversation, text) {
      const value = off && text === 'off' ? undefined : parsed(name, text, parse)
      await conversation.set(key, value)
      return `${name} is ${value ?? 'off'}`
    },
  }
}

function saving(name: string, help: string, settings: boolean): ChatCommand<Partner> {
  return {
    names: [name],
    argument: 'FILE',
    help,
    completes: 'paths',
    async run(conversation, argument) {
      const { place, messages, replaced } = await conversation.save(
        required(name, 'a file', argument),
        settings,
      )
      return `${messages} messages saved to ${place}${replaced ? ', which was replaced' : ''}`
    },
  }
}

function parsed(name: string, text: string, parse: (text: string) => number): number {
  try {
    return parse(text)
  } catch (error) {
    throw new UsageError(`/${name}: ${(error as Error).message} Found ${text || 'nothing'}.`)
  }
}

function required(name: string, what: string, argument: string): string {
  if (argument === '') throw new UsageError(`/${name}: expected ${what}, found nothing`)
  return argument
}

function toggled(name: string, argument: string, now: boolean): boolean {
  if (argument === '') return !now
  if (argument !== 'on' && argument !== 'off')
    throw new UsageError(`/${name}: expected on or off, found ${argument}`)
  return argument === 'on'
}

export function onOrOff(value: boolean): string {
  return value ? 'on' : 'off'
}

function contextText({ used, room, capacity, dropped, nextDropped }: ContextUse): string {
  const lines = [`${used} of ${capacity} tokens used, ${room} left`]
  if (dropped > 0) lines.push(`${dropped} of the oldest messages are no longer in it`)
  const [first] = nextDropped
  if (first)
    lines.push(`next to go: ${nextDropped.length} messages from "${excerpt(String(first.content))}" on`)
  return lines.join('\n')
}

function excerpt(text: string): string {
  const line = text.split('\n')[0]!
  return line.length > 40 ? `${line.slice(0, 40)}...` : line
}

async function settingsText(conversation: Partner): Promise<string> {
  const { model, options, system, more } = await conversation.settings()
  const shown = {
    model,
    ...more,
    'system prompt': system ?? 'none',
    temperature: options.temperature ?? 0.7,
    'top-k': options.topK || 'off',
    'top-p': options.topP ?? 'off',
    'min-p': options.minP ?? 'off',
    'repeat penalty': options.repeatPenalty ?? 'off',
    'presence penalty': options.presencePenalty ?? 'off',
    'frequency penalty': options.frequencyPenalty ?? 'off',
    stop:
      [options.stop ?? []]
        .flat()
        .map(text => JSON.stringify(text))
        .join(' ') || 'off',
    'max-tokens': options.maxTokens ?? 'by context',
    'thinking budget': options.thinkingBudget ?? 'off',
    seed: options.seed ?? 'random',
    thinking: conversation.showThinking ? 'shown' : 'hidden',
    debug: onOrOff(conversation.debug),
  }
  return Object.entries(shown)
    .map(([name, value]) => `${name.padEnd(18)}${value}`)
    .join('\n')
}

function helpText<P extends Partner>(commands: readonly ChatCommand<P>[]): string {
  const lines = commands.map(({ names, argument, help }) => {
    const forms = names.map(name => `/${name}`).join(' ')
    return `${`${forms} ${argument ?? ''}`.padEnd(24)}${help}`
  })
  return [
    ...lines,
    '""" begins and ends a message of several lines; so does a backslash at the end of each but the last.',
    'Ctrl-C stops a reply and keeps what came.',
  ].join('\n')
}

/** The command that a mistyped name comes closest to. */
function nearest(name: string, all: readonly string[]): string | undefined {
  if (name.length > 20) return undefined
  const [best] = all
    .map(other => ({ other, distance: editDistance(name, other) }))
    .toSorted((a, b) => a.distance - b.distance)
  return best && best.distance <= 2 ? best.other : undefined
}

/** Letters to add, take away or change (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
