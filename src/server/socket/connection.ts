// One user's connection: requests in their order, a conversation of its own, and what is left when the user vanishes: nothing.
import type { Duplex } from 'node:stream'
import type { Chat, ChatOptions, Message, Model, Reply, ReplyOptions } from '../../api/index.ts'
import { savedOptions, savedSettings, withSettings } from '../../chat/save.ts'
import { InvalidOptionError, ProtocolError, SourceError, TorchlessError } from '../../errors.ts'
import { LineReader } from './lines.ts'
import { type Answer, MAX_LINE, PROTOCOL_VERSION, parseRequest, type Request } from './protocol.ts'
import { checkUserName, type SaveRoot } from './saves.ts'

/** What all connections of a server share. */
export interface ServerParts {
  readonly model: Model
  /** What each conversation begins with. */
  readonly chat: ChatOptions
  /** Undefined where nothing can be saved. */
  readonly saves: SaveRoot | undefined
  /** Told, in one line each, what happens. */
  readonly log: (line: string) => void
}

/** Requests that may wait; beyond them nothing is read. */
const MAX_WAITING = 64
/** Characters of a conversation. */
const MAX_CONVERSATION = 16 * 2 ** 20

interface Waiting {
  readonly request: Request | ProtocolError
  readonly size: number
  /** Aborts the reply, before or while it comes. */
  readonly controller: AbortController
}

const aborted = new ProtocolError('aborted')

export class Connection {
  readonly #parts: ServerParts
  readonly #socket: Duplex
  readonly #name: string
  readonly #reader = new LineReader()
  readonly #waiting: Waiting[] = []
  #current: Waiting | undefined
  #user = ''
  #chat: Chat | undefined
  /** Whether the user will ask nothing more. */
  #ended = false
  #closing = false
  #running: Promise<void> = Promise.resolve()
  /** Resolves when all is over and given back. */
  readonly closed: Promise<void>

  /** `name` is for the log. The socket must allow that one side of it ends. */
  constructor(parts: ServerParts, socket: Duplex, name: string) {
    this.#parts = parts
    this.#socket = socket
    this.#name = name
    socket.on('data', (bytes: Buffer) => this.#take(this.#reader.push(bytes)))
    socket.on('end', () => {
      const last = this.#reader.end()
      this.#ended = true
      this.#take(last === undefined ? [] : [last])
    })
    // What follows is close.
    socket.on('error', () => {})
    this.closed = new Promise(resolve => {
      socket.on('close', () => {
        this.#abort()
        this.#waiting.length = 0
        this.#chat?.dispose()
        parts.log(`${this.#label} has left`)
        resolve()
      })
    })
  }

  /** Aborts the reply under way, tells why, and ends. */
  async close(reason: string): Promise<void> {
    this.#closing = true
    this.#abort()
    this.#waiting.length = 0
    await this.#running
    await this.#fail(new ProtocolError(reason), undefined)
    this.#end()
  }

  /** Ends at once, whatever is under way. */
  destroy(): void {
    this.#socket.destroy()
  }

  get #label(): string {
    return this.#user === '' ? this.#name : `${this.#name} (${this.#user})`
  }

  #take(lines: readonly (string | ProtocolError)[]): void {
    if (this.#closing) return
    for (const line of lines) {
      if (line === '') continue
      const request = parsed(line)
      if (!(request instanceof ProtocolError) && request.kind === 'abort') this.#abort()
      else
        this.#waiting.push({
          request,
          size: typeof line === 'string' ? line.length : 0,
          controller: new AbortController(),
        })
    }
    if (!this.#current) this.#running = this.#work()
    this.#regulate()
  }

  /** Everything that was said before is not to be answered any more. */
  #abort(): void {
    for (const { controller } of this.#current ? [this.#current, ...this.#waiting] : this.#waiting)
      controller.abort(aborted)
  }

  /** Reads no further while much waits. */
  #regulate(): void {
    const size = this.#waiting.reduce((sum, waiting) => sum + waiting.size, 0)
    if (this.#waiting.length >= MAX_WAITING || size > MAX_LINE) this.#socket.pause()
    else this.#socket.resume()
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#waiting.shift()
      this.#current = next
      if (!next) break
      this.#regulate()
      const { request, controller } = next
      const id = request instanceof ProtocolError ? undefined : request.id
      try {
        if (request instanceof ProtocolError) throw request
        await this.#answer(request, controller.signal)
      } catch (error) {
        await this.#fail(error, id)
      }
      if (!this.#chat) return this.#end()
    }
    if (this.#ended) this.#end()
  }

  /** Leaves when all is written: the other side may never end its own. */
  #end(): void {
    this.#socket.end(() => this.#socket.destroy())
  }

  async #fail(error: unknown, id: Request['id']): Promise<void> {
    const known = error instanceof TorchlessError
    if (!known) this.#parts.log(`${this.#label}: ${error instanceof Error ? error.stack : error}`)
    const { name, message } = known ? error : { name: 'Error', message: 'the server has failed at this' }
    await this.#send({ error: { name, message } }, id)
  }

  async #answer(request: Request, signal: AbortSignal): Promise<void> {
    const { id } = request
    if (request.kind === 'hello') return this.#greet(request)
    const chat = this.#chat
    if (!chat) throw new ProtocolError(`expected hello first, found ${request.kind}`)
    switch (request.kind) {
      case 'say':
        checkLength(chat, request.say)
        return this.#reply(options => chat.send(request.say, options), id, signal)
      case 'retry':
        return this.#reply(options => chat.retry(options), id, signal)
      case 'clear':
        chat.clear()
        return this.#send({ cleared: true }, id)
      case 'context':
        return this.#send({ context: plainContext(chat) }, id)
      case 'system':
        chat.system = request.system ?? undefined
        return this.#send(settingsOf(chat), id)
      case 'set':
        setOptions(chat, request.set)
        return this.#send(settingsOf(chat), id)
      case 'settings':
        return this.#send(settingsOf(chat), id)
      case 'save':
        return this.#save(chat, request.save, request.settings, id)
      case 'load':
        return this.#load(chat, request.load, id)
      case 'saves':
        return this.#send({ saves: await this.#saves.list(this.#user) }, id)
      case 'abort':
        return
      default:
        request satisfies never
    }
  }

  async #greet({ hello, user, id }: Extract<Request, { kind: 'hello' }>): Promise<void> {
    if (this.#chat) throw new ProtocolError('expected one hello, found another')
    if (hello !== PROTOCOL_VERSION)
      throw new ProtocolError(`hello: expected version ${PROTOCOL_VERSION}, found ${hello}`)
    checkUserName(user)
    const { model, chat, saves, log } = this.#parts
    this.#user = user
    this.#chat = model.chat(chat)
    log(`${this.#label} is here`)
    const { name, architecture, contextLength } = model
    await this.#send(
      {
        ...{ hello: PROTOCOL_VERSION, user, model: name, architecture, contextLength },
        ...{ thinks: this.#chat.thinks, saves: saves !== undefined },
      },
      id,
    )
  }

  async #reply(
    begin: (options: Parameters<Chat['retry']>[0]) => ReturnType<Chat['retry']>,
    id: Request['id'],
    signal: AbortSignal,
  ): Promise<void> {
    const stream = begin({
      signal,
      // Lost where the user does not read: the next one says more.
      onProgress: (done, total) => {
        if (!this.#socket.writableNeedDrain) void this.#send({ prompt: { done, total } }, id)
      },
      onDropped: messages => void this.#send({ dropped: messages.map(plain) }, id),
    })
    try {
      for await (const piece of stream) await this.#send(piece, id)
    } catch (error) {
      if (error !== aborted) throw error
    }
    // After an abort it tells what came until then.
    await this.#send(doneOf(await stream), id)
  }

  get #saves(): SaveRoot {
    if (!this.#parts.saves) throw new SourceError('saves', 'this server keeps none (--chat-save-root)')
    return this.#parts.saves
  }

  async #save(chat: Chat, given: string, settings: boolean, id: Request['id']): Promise<void> {
    const { history, system, options } = chat
    const { name, replaced } = await this.#saves.save(this.#user, given, {
      ...{ model: chat.model.name, system, messages: history },
      ...(settings && { settings: savedOptions(options) }),
    })
    await this.#send({ saved: { name, messages: history.length, replaced } }, id)
  }

  async #load(chat: Chat, given: string, id: Request['id']): Promise<void> {
    const { name, chat: saved } = await this.#saves.load(this.#user, given)
    const { system, messages, settings } = saved
    const loaded = chat.model.chat({
      ...withSettings({ ...this.#parts.chat, ...chat.options }, settings),
      ...{ system, history: messages },
    })
    try {
      // Messages that the template refuses are refused here, not at every turn to come.
      loaded.context()
    } catch (error) {
      loaded.dispose()
      throw error
    }
    chat.dispose()
    this.#chat = loaded
    await this.#send({ loaded: { name, messages: messages.length } }, id)
  }

  /** Waits until the user has read enough, so that a slow one slows down nothing but their own reply. */
  async #send(answer: Answer, id: Request['id']): Promise<void> {
    const socket = this.#socket
    if (!socket.writable) return
    if (socket.write(`${JSON.stringify(id === undefined ? answer : { id, ...answer })}\n`)) return
    await new Promise<void>(resolve => {
      const done = () => {
        socket.off('drain', done)
        socket.off('close', done)
        resolve()
      }
      socket.on('drain', done)
      socket.on('close', done)
    })
  }
}

function parsed(line: string | ProtocolError): Request | ProtocolError {
  if (line instanceof ProtocolError) return line
  try {
    return parseRequest(line)
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

function checkLength({ history }: Chat, text: string): void {
  const length = history.reduce((sum, { content }) => sum + String(content ?? '').length, text.length)
  if (length > MAX_CONVERSATION)
    throw new InvalidOptionError(
      `say: expected a conversation of ${MAX_CONVERSATION} characters at most; clear it`,
    )
}

function doneOf({ finish, usage, timings }: Reply): Answer {
  const { prompt, completion, thinking, reused } = usage
  return { done: true, finish, usage: { prompt, completion, thinking, reused }, timings }
}

/** Options that are the user's; a grammar or a schema is the server's. */
const userOptions = [...savedSettings, 'stop', 'enableThinking'] as const satisfies (keyof ReplyOptions)[]

function settingsOf({ system, options }: Chat): Answer {
  const known = userOptions.flatMap(key => {
    const value = options[key]
    return value === undefined ? [] : [[key, typeof value === 'object' ? [...value] : value] as const]
  })
  return { settings: { system: system ?? null, options: Object.fromEntries(known) } }
}

/** Null takes an option back. Throws InvalidOptionError and changes nothing if one of them cannot be. */
function setOptions(chat: Chat, values: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(values).find(key => !userOptions.some(known => known === key))
  if (unknown !== undefined)
    throw new InvalidOptionError(`set: expected ${userOptions.join(', ')}, found ${unknown}`)
  const given = Object.entries(values).map(([key, value]) => [key, value ?? undefined])
  chat.options = { ...chat.options, ...Object.fromEntries(given) }
}

function plainContext(chat: Chat): Extract<Answer, { context: unknown }>['context'] {
  const { nextDropped, ...rest } = chat.context()
  return { ...rest, nextDropped: nextDropped.map(plain) }
}

function plain({ role, content }: Message): { role: string; content: unknown } {
  return { role, content }
}
