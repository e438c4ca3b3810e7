// A reply on its way to the terminal, a pipe, or a program.
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import type { Reply, ReplyPiece, ReplyStream } from '../../api/index.ts'
import { Interrupted } from '../failure.ts'
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
  const out = pieceWriter(terminal, showThinking)
  const take = async () => {
    for await (const piece of stream) {
      onPiece()
      await out.piece(piece)
    }
  }
  await showing(out, take, () => stream.then(reply => [reply]))
  return stream
}

/** Lets `take` write pieces, then tells what came, also where it is interrupted; rejects as it does. */
export async function showing(
  out: PieceWriter,
  take: () => Promise<void>,
  replies: () => Promise<readonly Reply[]>,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined
  try {
    await take()
  } catch (error) {
    failure = { error }
  }
  await out.end()
  const came = await replies().catch(() => [])
  // Of what failed otherwise, the error is the last line.
  if (came.length > 0 && (!failure || failure.error instanceof Interrupted)) await out.done(came)
  if (failure) throw failure.error
}

/** Writes the pieces of replies, one reply after the other, and what came of a message. */
export interface PieceWriter {
  piece(piece: ReplyPiece): Promise<void>
  /** A reply has ended. */
  end(): Promise<void>
  /** All replies to a message have. */
  done(replies: readonly Reply[]): Promise<void>
}

export function pieceWriter(terminal: Terminal, showThinking: boolean): PieceWriter {
  return terminal.options.json ? new JsonWriter(terminal) : new ReplyWriter(terminal, showThinking)
}

class JsonWriter implements PieceWriter {
  readonly #terminal: Terminal

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  piece(piece: ReplyPiece): Promise<void> {
    return this.#terminal.json(piece)
  }

  async end(): Promise<void> {}

  /** One line, so that a program knows where the answer to its message ends. */
  done(replies: readonly Reply[]): Promise<void> {
    const { finish, timings } = replies.at(-1)!
    const sum = (count: (reply: Reply) => number) => replies.reduce((all, reply) => all + count(reply), 0)
    const usage = {
      prompt: sum(({ usage }) => usage.prompt),
      completion: sum(({ usage }) => usage.completion),
      thinking: sum(({ usage }) => usage.thinking),
    }
    return this.#terminal.json({ done: true, finish, usage, timings })
  }
}

class ReplyWriter implements PieceWriter {
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

  async piece(piece: ReplyPiece): Promise<void> {
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
    this.#last = ''
    this.#thoughts = 0
  }

  async done(): Promise<void> {}

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
