// A chat server on a Unix socket: one model, a conversation for each connection.
import { createServer, type Server, type Socket } from 'node:net'
import { Connection, type ServerParts } from './connection.ts'
import { listenOn } from './listen.ts'

/** Connections at once. */
const MAX_CONNECTIONS = 256
/** Milliseconds for users to read the end, once the server closes. */
const PATIENCE = 2000

export class ChatServer {
  readonly #parts: ServerParts
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #count = 0

  constructor(
    parts: ServerParts,
    readonly maxConnections = MAX_CONNECTIONS,
  ) {
    this.#parts = parts
    // Who has said all may still wait for the answer.
    this.#server = createServer({ allowHalfOpen: true }, socket => this.#accept(socket))
  }

  /** Rejects with SourceError if the path cannot be had. */
  async listen(path: string): Promise<void> {
    // Mistakes in the options are the server's, not those of its users.
    this.#parts.model.chat(this.#parts.chat).dispose()
    await listenOn(this.#server, path)
  }

  /** Aborts all replies, says so to the users, and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    const connections = [...this.#connections]
    const late = setTimeout(() => {
      for (const connection of connections) connection.destroy()
    }, PATIENCE)
    await Promise.all(
      connections.map(connection => connection.close('the server ends').then(() => connection.closed)),
    )
    clearTimeout(late)
    await closed
  }

  #accept(socket: Socket): void {
    const connection = new Connection(this.#parts, socket, `connection ${++this.#count}`)
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
    if (this.#connections.size > this.maxConnections)
      void connection.close(`there are ${this.maxConnections} connections already`)
  }
}
