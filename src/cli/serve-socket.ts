// `torchless MODEL --socket PATH`: a chat server for several users, until it is told to end.
import type { ChatOptions } from '../api/index.ts'
import { SaveRoot } from '../server/socket/saves.ts'
import { ChatServer } from '../server/socket/server.ts'
import { fallback } from './chat/conversation.ts'
import { EXIT_INTERRUPTED, Interrupted } from './failure.ts'
import { type LoadFlags, load } from './load-options.ts'
import type { Terminal } from './terminal.ts'

export interface SocketOptions {
  readonly path: string
  readonly flags: LoadFlags
  readonly terminal: Terminal
  readonly chat: ChatOptions
  readonly socket: string
  readonly saveRoot: string | undefined
}

/** Serves; resolves after SIGTERM or SIGHUP, rejects with Interrupted after Ctrl-C. A second signal ends at once. */
export async function serveSocket({
  path,
  flags,
  terminal,
  chat,
  socket,
  saveRoot,
}: SocketOptions): Promise<void> {
  const saves = saveRoot === undefined ? undefined : await SaveRoot.open(saveRoot)
  const model = await load(path, flags, terminal, { repeatable: true })
  const ending = nextSignal()
  try {
    const template = fallback(model, terminal)
    const server = new ChatServer({
      model,
      chat: { ...chat, template },
      saves,
      log: line => terminal.debug(line),
    })
    await server.listen(socket)
    terminal.note(`${model.name}: listening on ${socket}; torchless attach ${socket} talks to it`)
    const code = await ending.code
    terminal.debug('ending')
    await server.close()
    if (code === EXIT_INTERRUPTED) throw new Interrupted('interrupted')
    process.exitCode = code
  } finally {
    ending.forget()
    await model.dispose()
  }
}

/** The exit code that the first signal asks for; the next one ends the process. */
function nextSignal(): { readonly code: Promise<number>; forget(): void } {
  const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const
  const listeners: (() => void)[] = []
  const code = new Promise<number>(resolve => {
    let told = false
    for (const [signal, number] of Object.entries(numbers)) {
      const listener = () => {
        if (told) process.exit(128 + number)
        told = true
        resolve(128 + number)
      }
      process.on(signal, listener)
      listeners.push(() => process.off(signal, listener))
    }
  })
  return {
    code,
    forget() {
      for (const off of listeners) off()
    },
  }
}
