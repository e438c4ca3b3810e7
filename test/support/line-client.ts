// A client of a chat server that says and reads whatever a test wants.
import { createConnection, type Socket } from 'node:net'

/** A line of the server: whichever keys a test looks for. */
// biome-ignore lint/suspicious/noExplicitAny: tests compare what comes, whatever it is
export type Line = any

export class LineClient {
  readonly socket: Socket
  readonly closed: Promise<void>
  readonly #lines: Line[] = []
  #rest = ''
  #ended = false
  #changed: () => void = () => {}

  constructor(path: string) {
    this.socket = createConnection({ path, allowHalfOpen: true })
    this.socket.setEncoding('utf8')
    this.socket.on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop()!
      this.#lines.push(...lines.map(line => JSON.parse(line)))
      this.#changed()
    })
    const end = () => {
      this.#ended = true
      this.#changed()
    }
    this.socket.on('error', end)
    this.socket.on('end', end)
    this.closed = new Promise(resolve => this.socket.on('close', () => resolve()))
  }

  /** One that has said hello. */
  static async hello(path: string, user = 'ann'): Promise<LineClient> {
    const client = new LineClient(path)
    client.say({ hello: 1, user })
    await client.until('hello')
    return client
  }

  say(...requests: readonly unknown[]): void {
    this.socket.write(requests.map(request => `${JSON.stringify(request)}\n`).join(''))
  }

  /** The next line; undefined at the end. */
  async next(): Promise<Line | undefined> {
    while (this.#lines.length === 0 && !this.#ended)
      await new Promise<void>(resolve => {
        this.#changed = resolve
      })
    return this.#lines.shift()
  }

  /** Lines up to the next that has this key, or an error. */
  async until(key: string): Promise<{ last: Line; text: string; thinking: string; lines: Line[] }> {
    const lines: Line[] = []
    for (;;) {
      const line = await this.next()
      if (line === undefined)
        throw new Error(`waited for ${key}, found the end after ${JSON.stringify(lines)}`)
      lines.push(line)
      if (key in line || 'error' in line) {
        const of = (kind: string) => lines.map(each => each[kind] ?? '').join('')
        return { last: line, text: of('text'), thinking: of('thinking'), lines }
      }
    }
  }

  /** Says one thing and reads its answer to the end. */
  async ask(request: unknown, key: string) {
    this.say(request)
    return this.until(key)
  }
}
