// A reply on its way to the terminal, a pipe, or a program.
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import type { Reply, ReplyStream } from '../../api/index.ts'
import type { Terminal } from '../terminal.ts'
import { printable } from './printable.ts'
import { WordWrap } from './wrap.ts'

/** Writes pieces as they come, after `onPiece`; `showThinking`: traces too, dimmed. Rejects as the reply does, after what came has been written. */
export async function showReply(
  stream: ReplyStream,
  terminal: Terminal,
  showThinking: boolean,
  onPiece: () => void,
): Promise<Reply> {
  if (terminal.options.json) return showJson(stream, terminal)
  const out = new ReplyWriter(terminal, showThinking)
  try {
    for await (const piece of stream) {
      onPiece()
      await out.piece(piece)
    }
  } finally {
    await out.end()
  }
  return stream
}

async function showJson(stream: ReplyStream, terminal: Terminal): Promise<Reply> {
  let failure: unknown
  try {
    for await (const piece of stream) await terminal.json(piece)
  } catch (error) {
    failure = error
  }
  // After a failure it tells what came until then.
  const reply = await stream.then(undefined, () => {
    throw failure
  })
  const { prompt, completion, thinking } = reply.usage
  await terminal.json({
    done: true,
    finish: reply.finish,
    usage: { prompt, completion, thinking },
    timings: reply.timings,
  })
  if (failure) throw failure
  return reply
}

class ReplyWriter {
  readonly #terminal: Terminal
  readonly #showThinking: boolean
  readonly #person = process.stdout.isTTY === true
  readonly #wrap = new WordWrap(() =>
    this.#person ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY,
  )
  #kind: 'nothing' | 'thinking' | 'text' = 'nothing'
  #thoughts = 0
  #indicator = ''
  #last = ''

  constructor(terminal: Terminal, showThinking: boolean) {
    this.#terminal = terminal
    this.#showThinking = showThinking
  }

  async piece(piece: { readonly text: string } | { readonly thinking: string }): Promise<void> {
    if ('thinking' in piece) {
      this.#thoughts++
      this.#kind = 'thinking'
      if (this.#showThinking) await this.#writeThought(printable(piece.thinking))
      else if (this.#person && process.env.TERM !== 'dumb')
        this.#indicate(`thinking, ${this.#thoughts} tokens`)
      return
    }
    await this.#endThinking()
    this.#kind = 'text'
    await this.#write(this.#wrap.push(printable(piece.text)))
  }

  async end(): Promise<void> {
    await this.#endThinking()
    await this.#write(this.#wrap.flush())
    if (this.#last !== '' && this.#last !== '\n') await this.#write('\n')
  }

  async #endThinking(): Promise<void> {
    this.#indicate('')
    if (this.#kind !== 'thinking') return
    if (this.#showThinking) await this.#writeThought('\n\n')
    this.#kind = 'nothing'
  }

  /** To where a person reads it, dimmed; out of the way of answers where stdout is a pipe. */
  async #writeThought(text: string): Promise<void> {
    if (this.#person) await this.#write(this.#dim(this.#wrap.push(text)))
    else process.stderr.write(this.#terminal.paint.dim(text))
  }

  /** A line that the next one replaces. */
  #indicate(line: string): void {
    if (line === this.#indicator) return
    const blank = ' '.repeat(Math.max(0, stringWidth(this.#indicator) - stringWidth(line)))
    process.stdout.write(`\r${this.#dim(line)}${blank}${line === '' ? '\r' : ''}`)
    this.#indicator = line
  }

  async #write(text: string): Promise<void> {
    if (text === '') return
    this.#last = stripVTControlCharacters(text).at(-1)!
    await this.#terminal.write(text)
  }

  #dim(text: string): string {
    return this.#person && text !== '' ? this.#terminal.paint.dim(text) : text
  }
}
