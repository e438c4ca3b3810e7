// `torchless MODEL PROMPT`: goes on from a prompt.
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import {
  builtinModel,
  type ChatOptions,
  type EditFormat,
  type GenerateOptions,
  type Generation,
  isHubName,
  listBackends,
  listModels,
} from '../api/index.ts'
import { UsageError } from './failure.ts'
import { interruptSignal } from './interrupt.ts'
import { addLoadOptions, addTerminalOptions, type LoadFlags, load } from './load-options.ts'
import { real, whole } from './numbers.ts'
import { type StructuredFlags, structuredOptions } from './structured.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'

type RunFlags = LoadFlags &
  StructuredFlags &
  TerminalOptions & {
    readonly maxTokens?: number
    readonly temperature: number
    readonly topK?: number
    readonly topP?: number
    readonly minP?: number
    readonly repeatPenalty?: number
    readonly presencePenalty?: number
    readonly frequencyPenalty?: number
    readonly repeatLastN: number
    readonly seed?: number
    readonly stop: readonly string[]
    readonly ignoreEos?: boolean
    readonly chat?: boolean
    readonly system?: string
    readonly showThinking?: boolean
    readonly thinkingBudget?: number
    readonly editFormat?: EditFormat
    readonly constrainedEdits: boolean
    readonly echo: boolean
    readonly socket?: string
    readonly chatSaveRoot?: string
    readonly listBackends?: boolean
    readonly listModels?: boolean
  }

export function addRunCommand(program: Command): void {
  program
    .argument(
      '[model]',
      'model file, the first part of a split one, or hf:OWNER/REPO:QUANT (default: the built-in model)',
    )
    .argument('[prompt]', 'text to go on from; - or nothing: standard input')
    .option(
      '--max-tokens <n>',
      'longest response (default: max-seq-len / 4, from 2048, or 1024 if max-seq-len is below 4096, to 32768)',
      whole(1),
    )
    .option('--temperature <t>', '0 takes the best token always', real(0), 0.7)
    .option('--top-k <k>', 'sample from the k best tokens only', whole(0, 2 ** 31 - 1))
    .option('--top-p <p>', 'sample from the best tokens that together reach this probability', real(0, 1))
    .option('--min-p <p>', 'drop tokens below this share of the best probability', real(0, 1))
    .option('--repeat-penalty <r>', 'divide the logits of recent tokens', real(Number.MIN_VALUE))
    .option('--presence-penalty <x>', 'subtract from the logits of recent tokens', real(-Number.MAX_VALUE))
    .option('--frequency-penalty <x>', 'the same for each time they occur', real(-Number.MAX_VALUE))
    .option('--repeat-last-n <n>', 'how far back penalties look; -1: everything', whole(-1), 64)
    .option('--seed <n>', 'makes sampling repeatable', whole(0))
    .addOption(
      new Option('--stop <text>', 'end before this text (repeatable)')
        .argParser((stop, all: string[]) => [...all, stop])
        .default([], 'off'),
    )
    .option('--ignore-eos', 'go on where the model would end')
    .option('--grammar <file>', 'output that this grammar lets through: GBNF, as llama.cpp has it')
    .option('--json-schema <file>', 'output that is JSON and fulfils this JSON Schema')
    .option('--chat', 'a conversation: what no prompt on a terminal begins too; /help lists its commands')
    .option('--system <msg>', 'what the model is told before a conversation')
    .option('--show-thinking', 'show what the model thinks before it answers')
    .option('--thinking-budget <n>', 'tokens of thinking after which the answer begins', whole(0))
    .addOption(
      new Option(
        '--edit-format <format>',
        'how a model writes edits in coding mode (/code in a chat): as blocks or as whole files (default: blocks; if not constrained, by its size)',
      ).choices(['search', 'whole']),
    )
    .option(
      '--no-constrained-edits',
      'in coding mode, let blocks search lines that no file has (otherwise they cannot miss)',
    )
    .option(
      '--socket <path>',
      'serve chats of several users on this Unix socket; torchless attach talks to it',
    )
    .option('--chat-save-root <dir>', 'with --socket: keep saved chats here, a folder for each user')
    .option('--no-echo', 'print only what the model adds')
    .option('--json', 'one JSON value a line')
    .option('--list-backends', 'list the backends and whether they can be used here')
    .option('--list-models', 'list the built-in model and those in the cache folder of HuggingFace tools')
    .addHelpText(
      'after',
      '\nExamples:\n  $ torchless "Once upon a time"\n  $ torchless model.gguf "The sky is" --temperature 0' +
        '\n  $ torchless model.gguf --chat --system "Answer briefly."' +
        '\n  $ torchless model.gguf "A recipe as JSON: " --json-schema recipe.json --no-echo',
    )
  addTerminalOptions(addLoadOptions(program)).action(run)
}

async function run(first: string | undefined, second: string | undefined, flags: RunFlags): Promise<void> {
  const terminal = new Terminal(flags)
  if (flags.listBackends) return printBackends(terminal)
  if (flags.listModels) return printModels(terminal)
  const [path = builtinModel.name, given] =
    second === undefined && first !== undefined && !isModel(first) ? [undefined, first] : [first, second]
  if (flags.socket !== undefined) return serve(path, given, flags, terminal)
  if (flags.chatSaveRoot !== undefined) throw new UsageError('--chat-save-root: only with --socket')
  if (flags.chat || (given === undefined && process.stdin.isTTY && process.stdout.isTTY))
    return converse(path, given === '-' ? undefined : given, flags, terminal)
  for (const [flag, value] of Object.entries({
    system: flags.system,
    'show-thinking': flags.showThinking,
    'thinking-budget': flags.thinkingBudget,
    'edit-format': flags.editFormat,
    'no-constrained-edits': flags.constrainedEdits ? undefined : false,
  }))
    if (value !== undefined)
      throw new UsageError(`--${flag}: only in a chat (--chat), a completion has no such thing`)
  const structured = await structuredOptions(flags, flags)
  const signal = interruptSignal()
  const prompt = given === undefined || given === '-' ? await promptFromStdin(given, signal) : given
  const model = await load(path, flags, terminal)
  const bar = terminal.progress('prompt', 'tokens')
  const generation = model.generate(prompt, {
    ...samplingOptions(flags),
    ...structured,
    signal,
    onProgress: bar.update,
  })
  // The prompt is shown once it is known to fit.
  let unseen = flags.echo && !flags.json ? prompt : ''
  try {
    for await (const piece of generation) {
      bar.stop()
      await (flags.json ? terminal.json({ text: piece }) : terminal.write(unseen + piece))
      unseen = ''
    }
    if (unseen) await terminal.write(unseen)
    await end(generation, terminal)
  } catch (error) {
    bar.stop()
    // Of what failed otherwise, the error is the last line.
    if (signal.aborted || !flags.json) await end(generation, terminal)
    throw error
  } finally {
    await model.dispose()
  }
  const { finish, usage, timings } = generation
  if (usage.prompt + usage.completion >= model.contextLength && finish === 'length')
    terminal.warn(`the context of ${model.contextLength} tokens is full`)
  terminal.note(
    `${path === builtinModel.name ? `${path}, the built-in model: ` : ''}prompt ${usage.prompt} tokens, ${timings.prefillPerSecond.toFixed(1)} tokens/s; ` +
      `response ${usage.completion} tokens, ${timings.decodePerSecond.toFixed(1)} tokens/s`,
  )
}

async function converse(
  path: string,
  first: string | undefined,
  flags: RunFlags,
  terminal: Terminal,
): Promise<void> {
  const { showThinking = false, debug = false, editFormat, constrainedEdits } = flags
  const options = { path, flags, terminal, showThinking, debug, editFormat, constrainedEdits }
  // Loaded when it is needed, so that nothing else waits for it.
  const { chat } = await import('./chat/repl.ts')
  await chat({ ...options, chat: await chatOptions(flags) }, first)
}

async function serve(
  path: string,
  prompt: string | undefined,
  flags: RunFlags,
  terminal: Terminal,
): Promise<void> {
  if (prompt !== undefined) throw new UsageError('--socket: expected no prompt; users of the socket say it')
  for (const [flag, value] of Object.entries({
    chat: flags.chat,
    json: flags.json,
    'show-thinking': flags.showThinking,
  }))
    if (value)
      throw new UsageError(`--${flag}: not with --socket, for each user may say so (torchless attach)`)
  if (flags.editFormat !== undefined || !flags.constrainedEdits)
    throw new UsageError(
      `--${flags.editFormat === undefined ? 'no-constrained-edits' : 'edit-format'}: not with --socket, whose users edit no files`,
    )
  const { socket, chatSaveRoot: saveRoot } = flags
  if (!socket) throw new UsageError('--socket: expected a path, found nothing')
  const { serveSocket } = await import('./serve-socket.ts')
  await serveSocket({ path, flags, terminal, chat: await chatOptions(flags), socket, saveRoot })
}

async function chatOptions(flags: RunFlags): Promise<ChatOptions> {
  if (flags.ignoreEos) throw new UsageError('--ignore-eos: a reply in a chat ends where the model ends it')
  const { system, thinkingBudget } = flags
  const { ignoreEos: _, ...sampling } = samplingOptions(flags)
  return { ...sampling, ...(await structuredOptions(flags, flags)), system, thinkingBudget }
}

async function end({ finish, usage, timings }: Generation, terminal: Terminal): Promise<void> {
  if (!terminal.options.json) return usage.completion > 0 ? terminal.write('\n') : undefined
  await terminal.json({ done: true, finish, usage: { ...usage, thinking: 0 }, timings })
}

/** One positional argument is a model if it is a file, or is named like one, here or on a hub. */
function isModel(argument: string): boolean {
  return (
    existsSync(argument) ||
    argument === builtinModel.name ||
    isHubName(argument) ||
    /\.(gguf|safetensors|bin)$/i.test(argument)
  )
}

/** Rejects with the signal's reason on abort, and reads no more then. */
async function promptFromStdin(given: string | undefined, signal: AbortSignal): Promise<string> {
  if (process.stdin.isTTY && given === undefined)
    throw new UsageError('no prompt: give one after the model, or pipe it in')
  const stop = () => process.stdin.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return (await text(process.stdin)).replace(/\r?\n$/, '')
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function samplingOptions(flags: RunFlags): GenerateOptions {
  const { maxTokens, temperature, topK, topP, minP, repeatPenalty, presencePenalty, frequencyPenalty } = flags
  const { repeatLastN, seed, stop, ignoreEos } = flags
  return {
    ...{ maxTokens, temperature, topK, topP, minP, repeatPenalty, presencePenalty, frequencyPenalty },
    ...{ repeatLastN, seed, stop, ignoreEos },
  }
}

async function printBackends(terminal: Terminal): Promise<void> {
  const backends = await listBackends()
  if (terminal.options.json) return terminal.json(backends)
  for (const { name, unusable, devices, auto } of backends) {
    const state = unusable ? `not usable: ${unusable}` : auto ? 'usable, taken by auto' : 'usable'
    await terminal.write(`${name}: ${state}\n`)
    for (const [i, device] of devices.entries())
      await terminal.write(`  ${i}: ${device.name}, ${(device.memory / 2 ** 30).toFixed(1)} GiB\n`)
  }
}

async function printModels(terminal: Terminal): Promise<void> {
  const models = await listModels()
  if (terminal.options.json)
    return terminal.json(models.map(({ location, ...model }) => ({ ...model, location: String(location) })))
  for (const { name, size, builtin } of models)
    await terminal.write(`${name}  ${megabytes(size)}${builtin ? ', built in' : ''}\n`)
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
