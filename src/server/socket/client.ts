// The other end of a chat server's socket.
import { createConnection, type Socket } from 'node:net'
import { DisconnectedError, ProtocolError, SourceError } from '../../errors.ts'
import { LineReader } from './lines.ts'
import {
  type Answer,
  type AnswerKind,
  type AnswerOf,
  PROTOCOL_VERSION,
  parseAnswer,
  type RequestBody,
} from './protocol.ts'

/** Lines of a server are as long as a conversation may be. */
const MAX_ANSWER = 2 ** 28

/** A failure that the server tells of, by the name that it has there. */
export class ServerError extends ProtocolError {
  constructor({ name, message }: { readonly name: string; readonly message: string }) {
    super(message)
    this.name = name
  }
}

/** One request at a time: each is answered by lines of which the last one is of the kind that was asked for. */
export class ChatClient {
  readonly #socket: Socket
  readonly #path: string
  readonly #lines: AsyncGenerator<Answer, void, undefined>
  #welcome!: AnswerOf<'hello'>

  private constructor(socket: Socket, path: string) {
    this.#socket = socket
    this.#path = path
    // Whoever waits for an answer is told.
    socket.on('error', () => {})
    this.#lines = answersOf(socket)
  }

  /** Says hello. Rejects with SourceError if nobody listens, with ServerError if the server refuses. */
  static async connect(path: string, user: string): Promise<ChatClient> {
    const socket = createConnection(path)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', (error: NodeJS.ErrnoException) =>
        reject(new SourceError(path, reasons[error.code ?? ''] ?? error.message, { cause: error })),
      )
    })
    const client = new ChatClient(socket, path)
    client.#welcome = await client.request({ hello: PROTOCOL_VERSION, user }, 'hello')
    return client
  }

  /** What the server said first. */
  get welcome(): AnswerOf<'hello'> {
    return this.#welcome
  }

  /** Asks, and answers the line of that kind; `others` is told the lines before it. */
  async request<K extends AnswerKind>(
    body: RequestBody,
    kind: K,
    others: (answer: Answer) => void = () => {},
  ): Promise<AnswerOf<K>> {
    for await (const answer of this.answers(body)) {
      if (kind in answer) return answer as AnswerOf<K>
      others(answer)
    }
    throw new ProtocolError(`expected ${kind}, found none`)
  }

  /** Asks, and yields the lines that answer; who takes no more of them asks nothing more. Rejects with ServerError if it failed, with DisconnectedError if the server is there no more. */
  async *answers(body: RequestBody): AsyncGenerator<Answer, void, undefined> {
    this.write(body)
    for (;;) {
      const { value } = await this.#lines.next().catch(() => ({ value: undefined }))
      if (!value) throw new DisconnectedError(this.#path)
      if ('error' in value) throw new ServerError(value.error)
      yield value
    }
  }

  /** Asks for what has no answer. */
  write(body: RequestBody): void {
    this.#socket.write(`${JSON.stringify(body)}\n`)
  }

  close(): void {
    this.#socket.destroy()
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'no such socket',
  ECONNREFUSED: 'nobody listens there',
  ENOTSOCK: 'is no socket',
  EACCES: 'no permission',
}

async function* answersOf(socket: Socket): AsyncGenerator<Answer, void, undefined> {
  const reader = new LineReader(MAX_ANSWER)
  for await (const bytes of socket)
    for (const line of reader.push(bytes as Buffer)) {
      if (line instanceof ProtocolError) throw line
      const answer = parseAnswer(line)
      if (answer) yield answer
    }
}
