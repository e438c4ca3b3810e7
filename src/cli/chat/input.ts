// Where messages come from: a terminal with line editing, or a pipe.
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { InputHistory } from './history.ts'
import { MessageReader } from './messages.ts'

export interface ChatInput {
  /** The next message; undefined at the end of the input. Rejects with what `onInterrupt` throws. */
  next(): Promise<string | undefined>
  /** Asks a person; no without one. */
  confirm(question: string): Promise<boolean>
  /** Called for Ctrl-C while no line is being edited; `again`: nothing was typed since the one before. */
  onInterrupt: (again: boolean) => void
  close(): Promise<void>
}

/** Lines of a pipe or a file. */
export class PipedInput implements ChatInput {
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

  async confirm(): Promise<boolean> {
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
  onInterrupt: (again: boolean) => void = () => {}
  readonly #output = new EditorOutput()
  readonly #history: InputHistory
  readonly #readline: Interface
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
    const editing = process.env.TERM !== 'dumb'
    this.#readline = createInterface({
      ...{ input: process.stdin, output: this.#output, terminal: editing, completer },
      ...{ history: history.read(), historySize: 1000, removeHistoryDuplicates: true, prompt: PROMPT },
    })
    this.#readline.on('line', line => this.#line(line))
    this.#readline.on('close', () => {
      this.#closed = true
      this.#waiting?.resolve(undefined)
    })
    this.#readline.on('SIGINT', () => this.#interrupted())
    process.on('SIGINT', this.#onSignal)
    process.stdin.on('keypress', this.#onKey)
    if (editing) process.stdout.write(PASTE_ON)
  }

  next(): Promise<string | undefined> {
    const message = this.#messages.shift()
    if (message !== undefined) return Promise.resolve(message)
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
      this.#readline.setPrompt(this.#question ? '' : this.#reader.unfinished ? MORE : PROMPT)
      // What was typed meanwhile stays.
      this.#readline.prompt(true)
    })
  }

  async confirm(question: string): Promise<boolean> {
    process.stdout.write(`${question} (y/n) `)
    this.#question = true
    try {
      return /^y(es)?$/i.test(((await this.next()) ?? '').trim())
    } finally {
      this.#question = false
    }
  }

  async close(): Promise<void> {
    process.off('SIGINT', this.#onSignal)
    process.stdin.off('keypress', this.#onKey)
    this.#readline.close()
    this.#output.destroy()
    if (process.env.TERM !== 'dumb') process.stdout.write(PASTE_OFF)
    await this.#history.add(this.#typed)
  }

  #line(line: string): void {
    if (!this.#question) this.#typed.unshift(line)
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
    if (this.#readline.line !== '' || this.#reader.unfinished) {
      this.#reader.clear()
      this.#readline.write(null, { ctrl: true, name: 'e' })
      this.#readline.write(null, { ctrl: true, name: 'u' })
      process.stdout.write('^C\n')
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
