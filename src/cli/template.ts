// `torchless template`: the prompt that a chat template makes of messages.
import { text as readAll } from 'node:stream/consumers'
import type { Command } from 'commander'
import { type FormatName, loadTemplate, type Message, TorchlessError } from '../api/index.ts'
import { UsageError } from './failure.ts'
import { addFormatOption, addTerminalOptions } from './load-options.ts'
import { localModel } from './model-argument.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'
import { readText } from './text-file.ts'

type TemplateFlags = TerminalOptions & {
  readonly messages: string
  readonly tools?: string
  readonly format?: FormatName
}

/** A file that should hold messages or tools holds something else. */
class MessagesError extends TorchlessError {}

export function addTemplateCommand(program: Command): void {
  const command = program
    .command('template')
    .description('the prompt that the chat template renders, and its tokens')
    .argument('<model>', 'model file; no weights are needed')
    .requiredOption('--messages <file>', 'JSON: [{"role": "user", "content": "Hello"}]; -: standard input')
    .option('--tools <file>', 'JSON: a list of tools that the model may call')
    .option('--json', 'one JSON value: prompt and tokens')
    .addHelpText('after', '\nExample:\n  $ torchless template model.gguf --messages messages.json')
  addTerminalOptions(addFormatOption(command)).action(template)
}

async function template(path: string, flags: TemplateFlags): Promise<void> {
  const terminal = new Terminal(flags)
  if (flags.messages === '-' && flags.tools === '-')
    throw new UsageError('template: only one of --messages and --tools can be standard input')
  const messages = checkMessages(
    listOf(await readJson(flags.messages), 'messages', flags.messages),
    flags.messages,
  )
  const tools =
    flags.tools === undefined ? undefined : listOf(await readJson(flags.tools), 'tools', flags.tools)
  const loaded = await loadTemplate(await localModel(path, terminal), { format: flags.format })
  const { text, tokens } = loaded.render(messages, { tools })
  await (terminal.options.json ? terminal.json({ prompt: text, tokens }) : terminal.write(text))
}

async function readJson(file: string): Promise<unknown> {
  const text = await (file === '-' ? readAll(process.stdin) : readText(file))
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MessagesError(`${nameOf(file)}: no JSON: ${(error as Error).message}`)
  }
}

function nameOf(file: string): string {
  return file === '-' ? 'standard input' : file
}

/** The list itself, or an object that holds it under `key`. */
function listOf(value: unknown, key: string, file: string): readonly unknown[] {
  const list = isObject(value) ? value[key] : value
  if (Array.isArray(list)) return list
  throw new MessagesError(
    `${nameOf(file)}: expected a list of ${key} or {"${key}": [...]}, found ${describe(value)}`,
  )
}

function checkMessages(list: readonly unknown[], file: string): readonly Message[] {
  for (const [i, message] of list.entries()) {
    const complain = (field: string, expected: string, found: unknown) => {
      throw new MessagesError(
        `${nameOf(file)}: messages[${i}]${field}: expected ${expected}, found ${describe(found)}`,
      )
    }
    if (!isObject(message)) complain('', 'an object with role and content', message)
    const { role, content } = message as Record<string, unknown>
    if (typeof role !== 'string') complain('.role', 'a text', role)
    if (
      content != null &&
      typeof content !== 'string' &&
      !(Array.isArray(content) && content.every(isObject))
    )
      complain('.content', 'a text or a list of parts', content)
  }
  return list as readonly Message[]
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
