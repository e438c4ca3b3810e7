// The chat in the terminal: reads messages and commands, shows replies, until someone leaves.
import {
  DisconnectedError,
  type Message,
  type ReplyStream,
  type SendOptions,
  TorchlessError,
} from '../../api/index.ts'
import { EXIT_FAILURE, EXIT_INTERRUPTED, Interrupted } from '../failure.ts'
import { type ChatCommand, chatCommands, isCommand, runCommand } from './commands.ts'
import { complete } from './complete.ts'
import { Conversation, type ConversationOptions } from './conversation.ts'
import { InputHistory } from './history.ts'
import { type ChatInput, PipedInput, TerminalInput } from './input.ts'
import type { Partner } from './partner.ts'
import { printable } from './printable.ts'
import { showReply } from './show.ts'

/** Signals that end the process, and their numbers. */
const endings = { SIGTERM: 15, SIGHUP: 1 } as const

/** Chats with a model until the input ends; `first` is said before anything is read. Rejects with Interrupted after Ctrl-C twice. */
export async function chat(options: ConversationOptions, first: string | undefined): Promise<void> {
  const conversation = await Conversation.start(options)
  await converse(conversation, chatCommands, conversation.model.name, first)
}

/** Chats with whomever; `name` is who that is. Disposes the conversation. */
export async function converse<P extends Partner>(
  conversation: P,
  commands: readonly ChatCommand<P>[],
  name: string,
  first?: string,
): Promise<void> {
  const { terminal } = conversation
  const person = process.stdin.isTTY === true && process.stdout.isTTY === true && !terminal.options.json
  if (person) terminal.note(`${name}: /help lists the commands, Ctrl-D or /quit leaves`)
  const input: ChatInput = person
    ? new TerminalInput(new InputHistory(), line => complete(line, commands))
    : new PipedInput()
  conversation.confirm = question => input.confirm(question)
  const stopListening = endOnSignals(input)
  try {
    await loop({ conversation, commands, input, person }, first)
  } finally {
    stopListening()
    await input.close()
    await conversation.dispose()
  }
}

interface Talk<P extends Partner> {
  readonly conversation: P
  readonly commands: readonly ChatCommand<P>[]
  readonly input: ChatInput
  /** Whether there is one who can be asked. */
  readonly person: boolean
}

async function loop<P extends Partner>(
  { conversation, commands, input, person }: Talk<P>,
  first: string | undefined,
): Promise<void> {
  const { terminal } = conversation
  const atPrompt = (again: boolean) => {
    if (!person || again) throw new Interrupted('interrupted')
    process.stdout.write('\nCtrl-C again or Ctrl-D leaves')
  }
  for (let message = first; ; message = undefined) {
    input.onInterrupt = atPrompt
    message ??= await input.next()
    input.onInterrupt = () => leave(input)
    if (message === undefined) return
    if (message.trim() === '') continue
    try {
      if (!isCommand(message, commands)) {
        const text = await withFiles(conversation, message)
        await answer(conversation, input, options => conversation.send(text, options))
      } else {
        const outcome = await runCommand(conversation, message, commands)
        if (typeof outcome === 'string') terminal.say(printable(outcome))
        else if (outcome.action === 'quit') return
        else await answer(conversation, input, options => conversation.retry(options))
      }
    } catch (error) {
      const over = error instanceof Interrupted || error instanceof DisconnectedError
      if (over || !(error instanceof TorchlessError)) throw error
      terminal.fail(error.message)
      // A program that reads the answers must learn that one is missing.
      if (!person) process.exitCode = EXIT_FAILURE
    }
  }
}

/** The message with the files that it refers to, of which a line each is told. */
async function withFiles({ references, terminal }: Partner, message: string): Promise<string> {
  const { text, included, known, refused } = await references.expand(message)
  for (const { name, lines, bytes } of included) terminal.note(`${name}: ${lines} lines, ${bytes} bytes`)
  for (const name of known) terminal.note(`${name}: unchanged, the conversation holds it`)
  for (const { path, reason } of refused) terminal.warn(`${path} is not shown: ${reason}`)
  return text
}

async function answer(
  conversation: Partner,
  input: ChatInput,
  begin: (options: SendOptions) => ReplyStream,
): Promise<void> {
  const { terminal } = conversation
  const controller = new AbortController()
  const stopped = new Interrupted('interrupted')
  let interrupts = 0
  input.onInterrupt = () => {
    if (++interrupts > 1) leave(input)
    controller.abort(stopped)
  }
  const bar = terminal.progress('prompt', 'tokens')
  const onDropped = (messages: readonly Message[]) => {
    terminal.warn(`the context is full: the oldest ${messages.length} messages are no longer in it`)
    conversation.references.forget()
  }
  try {
    const stream = begin({ signal: controller.signal, onProgress: bar.update, onDropped })
    const reply = await showReply(stream, terminal, conversation.showThinking, () => bar.stop())
    const { prompt, completion, thinking, reused } = reply.usage
    if (reply.finish === 'length') terminal.warn(`the reply was cut after ${completion} tokens`)
    if (conversation.debug)
      terminal.note(
        `${reused} tokens reused, ${prompt - reused} computed at ${reply.timings.prefillPerSecond.toFixed(1)} tokens/s; ` +
          `${completion} generated (${thinking} thinking) at ${reply.timings.decodePerSecond.toFixed(1)} tokens/s`,
      )
  } catch (error) {
    // Whether the message stayed in the history depends on what came.
    conversation.references.forget()
    if (error !== stopped) throw error
    terminal.note('stopped')
  } finally {
    bar.stop()
  }
}

/** Ends the process in the midst of work. */
function leave(input: ChatInput): void {
  void input.close().finally(() => process.exit(EXIT_INTERRUPTED))
}

/** Leaves the terminal as it was when the process is told to end. */
function endOnSignals(input: ChatInput): () => void {
  const stops = Object.entries(endings).map(([name, number]) => {
    const end = () => void input.close().finally(() => process.exit(128 + number))
    process.on(name, end)
    return () => process.off(name, end)
  })
  return () => {
    for (const stop of stops) stop()
  }
}
