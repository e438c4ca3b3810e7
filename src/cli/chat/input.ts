// Where messages come from: a terminal with line editing, or a pipe.
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { InputHistory } from './history.ts'
import { MessageReader } from './messages.ts'
import { printable } from './printable.ts'

/** A person, or nobody. */
export interface Asked {
  /** Whether there is a person who can be asked. */
  readonly asks: boolean
  /** What a person answers; undefined at the end of the input, and without one. Rejects with Dropped after Ctrl-C. */
  ask(question: string): Promise<string | undefined>
}

export const nobody: Asked = { asks: false, ask: async () => undefined }

/** Asks a person; no without one. */
export async function confirmed(input: Asked, question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await input.ask(`${printable(question)} (y/n) `)) ?? '')
}

export interface ChatInput extends Asked {
  /** The next message; undefined at the end of the input. Rejects with what `onInterrupt` throws. */
  next(): Promise<string | undefined>
  /** Called for Ctrl-C while no line is being edited; `again`: nothing was typed since the one before. */
  onInterrupt: (again: boolean) => void
  /** Reads on behind Ctrl-D; false where nothing more can come. */
  reopen(): boolean
  close(): Promise<void>
}

/** Ctrl-C instead of an answer: what was asked about is given up. */
export class Dropped extends Error {}

/** Lines of a pipe or a file. */
export class PipedInput implements ChatInput {
  readonly asks = false
  onInterrupt: (again: boolean) => void = () => {}
  readonly #readline = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
  readonly #lines = this.#readline[Symbol.asyncIterator]()
  readonly #reader = new MessageReader()
  #fail: (error: unknown) => void = () => {}
  readonly #interrupt = () => {
    try {
      this.onInterrupt(false)
    } catch (error) {
      this.#fail(error)
    }
  }

  constructor() {
    process.on('SIGINT', this.#interrupt)
  }

  async next(): Promise<string | undefined> {
    for (;;) {
      const interrupted = new Promise<never>((_, reject) => {
        this.#fail = reject
      })
      const { value, done } = await Promise.race([this.#lines.next(), interrupted])
      if (done) return this.#reader.end()
      const message = this.#reader.line(value)
      if (message !== undefined) return message
    }
  }

  async ask(): Promise<undefined> {
    return undefined
  }

  reopen(): boolean {
    return false
  }

  async close(): Promise<void> {
    process.off('SIGINT', this.#interrupt)
    this.#readline.close()
  }
}

const PROMPT = '> '
const MORE = '. '
/** Terminals then say where pasted text begins and ends. */
const PASTE_ON = '\u001b[?2004h'
const PASTE_OFF = '\u001b[?2004l'

/** Standard output for the line editor, silent while a reply is written. */
class EditorOutput extends Writable {
  silent = true

  constructor() {
    super({ decodeStrings: false })
    process.stdout.on('resize', this.#resized)
  }

  get columns(): number {
    return process.stdout.columns
  }

  get isTTY(): boolean {
    return true
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    if (!this.silent) process.stdout.write(chunk)
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    process.stdout.off('resize', this.#resized)
    done(error)
  }

  readonly #resized = () => this.emit('resize')
}

/** A line editor with history and completion. What is typed while a reply runs waits for its turn. */
export class TerminalInput implements ChatInput {
  readonly asks = true
  onInterrupt: (again: boolean) => void = () => {}
  readonly #output = new EditorOutput()
  readonly #history: InputHistory
  readonly #completer: (line: string) => [string[], string]
  readonly #editing = process.env.TERM !== 'dumb'
  #readline: Interface
  readonly #reader = new MessageReader()
  readonly #messages: string[] = []
  #waiting: { resolve(message: string | undefined): void; reject(error: unknown): void } | undefined
  #pasting = false
  #closed = false
  /** Whether a question stands where the prompt would. */
  #question = false
  /** Whether the last key was a Ctrl-C on an empty line. */
  #interruptedBefore = false
  /** What was typed in this run, newest first. */
  readonly #typed: string[] = []

  constructor(history: InputHistory, completer: (line: string) => [string[], string]) {
    this.#history = history
    this.#completer = completer
    this.#readline = this.#open(history.read())
    process.on('SIGINT', this.#onSignal)
    process.stdin.on('keypress', this.#onKey)
    if (this.#editing) process.stdout.write(PASTE_ON)
  }

  #open(history: string[]): Interface {
    const readline = createInterface({
      ...{ input: process.stdin, output: this.#output, terminal: this.#editing, completer: this.#completer },
      ...{ history, historySize: 1000, removeHistoryDuplicates: true, prompt: PROMPT },
    })
    readline.on('line', line => this.#line(line))
    readline.on('close', () => {
      this.#closed = true
      this.#waiting?.resolve(undefined)
    })
    readline.on('SIGINT', () => this.#interrupted())
    return readline
  }

  reopen(): boolean {
    if (process.stdin.readableEnded) return false
    this.#closed = false
    this.#readline = this.#open([...this.#typed, ...this.#history.read()])
    return true
  }

  next(): Promise<string | undefined> {
    const message = this.#messages.shift()
    if (message !== undefined) return Promise.resolve(message)
    return this.#wait(this.#reader.unfinished ? MORE : PROMPT)
  }

  async ask(question: string): Promise<string | undefined> {
    this.#question = true
    try {
      // What was typed before the question is no answer.
      return (await this.#wait(question))?.trim()
    } finally {
      this.#question = false
    }
  }

  #wait(prompt: string): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#waiting = undefined
        this.#output.silent = true
      }
      this.#waiting = {
        resolve(value) {
          done()
          resolve(value)
        },
        reject(error) {
          done()
          reject(error)
        },
      }
      this.#output.silent = false
      this.#readline.setPrompt(prompt)
      // What was typed meanwhile stays.
      this.#readline.prompt(true)
    })
  }

  async close(): Promise<void> {
    process.off('SIGINT', this.#onSignal)
    process.stdin.off('keypress', this.#onKey)
    this.#readline.close()
    this.#output.destroy()
    if (this.#editing) process.stdout.write(PASTE_OFF)
    await this.#history.add(this.#typed)
  }

  #line(line: string): void {
    if (this.#question) {
      this.#waiting?.resolve(line)
      return
    }
    this.#typed.unshift(line)
    if (this.#pasting) this.#reader.pasted(line)
    const message = this.#pasting ? undefined : this.#reader.line(line)
    if (message === undefined) {
      this.#readline.setPrompt(MORE)
      this.#readline.prompt()
    } else if (this.#waiting) this.#waiting.resolve(message)
    else this.#messages.push(message)
  }

  #interrupted(): void {
    if (!this.#waiting) {
      this.onInterrupt(false)
      return
    }
    if (this.#readline.line !== '' || this.#reader.unfinished || this.#question) {
      this.#reader.clear()
      if (this.#editing) {
        this.#readline.write(null, { ctrl: true, name: 'e' })
        this.#readline.write(null, { ctrl: true, name: 'u' })
      }
      process.stdout.write('^C\n')
      if (this.#question) {
        this.#waiting.reject(new Dropped('no answer'))
        return
      }
      this.#readline.setPrompt(PROMPT)
      this.#readline.prompt()
      return
    }
    try {
      this.onInterrupt(this.#interruptedBefore)
      this.#interruptedBefore = true
      process.stdout.write('\n')
      this.#readline.prompt()
    } catch (error) {
      process.stdout.write('\n')
      this.#waiting.reject(error)
    }
  }

  readonly #onSignal = () => this.#interrupted()

  readonly #onKey = (
    _: string | undefined,
    key: { readonly name?: string; readonly ctrl?: boolean } | undefined,
  ) => {
    if (key?.name !== 'c' || !key.ctrl) this.#interruptedBefore = false
    if (key?.name === 'paste-start') this.#pasting = true
    if (key?.name === 'paste-end') this.#pasting = false
  }
}
