// The chat in the terminal: reads messages and commands, shows replies, until someone leaves.
import {
  DisconnectedError,
  type Message,
  type Reply,
  type SendOptions,
  TorchlessError,
} from '../../api/index.ts'
import { EXIT_FAILURE, EXIT_INTERRUPTED, Interrupted } from '../failure.ts'
import { type ChatCommand, chatCommands, isCommand, runCommand } from './commands.ts'
import { complete } from './complete.ts'
import { Conversation, type ConversationOptions } from './conversation.ts'
import { InputHistory } from './history.ts'
import { type ChatInput, Dropped, PipedInput, TerminalInput } from './input.ts'
import type { Partner } from './partner.ts'
import { printable } from './printable.ts'
import { showReply } from './show.ts'
import { waitingLine } from './show-edits.ts'
import { type ReplyListener, showTurn, tellFiles } from './show-turn.ts'

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
  conversation.input = input
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
  let warned = false
  /** Whether to stay, which is said once: edits that wait are gone with the chat. */
  const stays = (ended: boolean) => {
    const { waiting = 0 } = conversation
    if (warned || waiting === 0) return false
    warned = true
    const again = person && (!ended || input.reopen())
    terminal.warn(`${waitingLine(waiting)}${again ? '; to leave again leaves them' : ''}`)
    return again
  }
  const atPrompt = (again: boolean) => {
    if (!person || again) throw new Interrupted('interrupted')
    const { waiting = 0 } = conversation
    const edits = waiting > 0 ? ` (edits wait: ${waiting})` : ''
    process.stdout.write(`\nCtrl-C again or Ctrl-D leaves${edits}`)
  }
  for (let message = first; ; message = undefined) {
    input.onInterrupt = atPrompt
    message ??= await input.next()
    input.onInterrupt = () => leave(input)
    if (message === undefined) {
      if (!stays(true)) return
      continue
    }
    if (message.trim() === '') continue
    try {
      if (!isCommand(message, commands)) {
        await say(message, conversation, input)
        continue
      }
      const outcome = await runCommand(conversation, message, commands)
      if (typeof outcome === 'string') terminal.say(printable(outcome))
      else if ('painted' in outcome) await terminal.answer(outcome)
      else if (outcome.action === 'retry') await say(undefined, conversation, input)
      else if (!stays(false)) return
    } catch (error) {
      if (error instanceof Dropped) {
        terminal.note('stopped')
        continue
      }
      const over = error instanceof Interrupted || error instanceof DisconnectedError
      if (over || !(error instanceof TorchlessError)) throw error
      terminal.fail(printable(error.message))
      // A program that reads the answers must learn that one is missing.
      const { name, message } = error
      if (terminal.options.json) await terminal.json({ error: { name, message } })
      if (!person) process.exitCode = EXIT_FAILURE
    }
  }
}

/** Has a message answered; undefined: the last one again. */
async function say(message: string | undefined, partner: Partner, input: ChatInput): Promise<void> {
  const { openCoding: coding, terminal, showThinking, references } = partner
  if (coding)
    return answer(partner, input, (options, on) => {
      const turn = message === undefined ? coding.retry(options) : coding.send(message, options)
      return showTurn(turn, coding, terminal, showThinking, on)
    })
  let text: string | undefined
  if (message !== undefined) {
    const files = await references.expand(message)
    tellFiles(files, terminal)
    text = files.text
  }
  await answer(partner, input, async (options, on) => {
    const stream = text === undefined ? partner.retry(options) : partner.send(text, options)
    on.reply(await showReply(stream, terminal, showThinking, on.piece))
  })
}

/** Carries out what `begin` begins, until Ctrl-C, and tells how it went. Rejects with Interrupted after Ctrl-C where nobody can be asked. */
async function answer(
  conversation: Partner,
  input: ChatInput,
  begin: (options: SendOptions, on: ReplyListener) => Promise<void>,
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
    await begin(
      { signal: controller.signal, onProgress: bar.update, onDropped },
      { piece: () => bar.stop(), reply: reply => tellReply(reply, conversation) },
    )
  } catch (error) {
    // Whether the message stayed in the history depends on what came.
    conversation.references.forget()
    // Where nobody is there to go on, what was to follow is not wanted either.
    if (error !== stopped || !input.asks) throw error
    terminal.note('stopped')
  } finally {
    bar.stop()
  }
}

function tellReply({ finish, usage, timings }: Reply, { terminal, debug }: Partner): void {
  const { prompt, completion, thinking, reused, drafted, accepted } = usage
  if (finish === 'length') terminal.warn(`the reply was cut after ${completion} tokens`)
  if (debug)
    terminal.note(
      `${reused} tokens reused, ${prompt - reused} computed at ${timings.prefillPerSecond.toFixed(1)} tokens/s; ` +
        `${completion} generated (${thinking} thinking) at ${timings.decodePerSecond.toFixed(1)} tokens/s` +
        (drafted > 0 ? `, ${accepted} of ${drafted} drafted taken` : ''),
    )
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
