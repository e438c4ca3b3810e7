// A conversation that a chat server holds, as the chat in the terminal knows it.
import type { ContextUse, Message, ReplyOptions, SendOptions } from '../../api/index.ts'
import { ReplyStream } from '../../api/reply.ts'
import { FileReferences } from '../../code/references.ts'
import { findProjectFile } from '../../io/project-files.ts'
import type { ChatClient } from '../../server/socket/client.ts'
import type { RequestBody } from '../../server/socket/protocol.ts'
import type { Terminal } from '../terminal.ts'
import { type ChatCommand, sharedCommands } from './commands.ts'
import { confirmed, nobody } from './input.ts'
import type { ChatSettings, Partner, SavedAs } from './partner.ts'

/** Commands of a chat over a socket. */
export const remoteCommands: readonly ChatCommand<RemoteConversation>[] = [
  ...sharedCommands,
  {
    names: ['saves'],
    help: 'list what is saved',
    async run({ client }) {
      const { saves } = await client.request({ saves: true }, 'saves')
      return saves.length === 0 ? 'nothing is saved' : saves.join('\n')
    },
  },
]

export class RemoteConversation implements Partner {
  showThinking: boolean
  debug: boolean
  input = nobody
  readonly references = new FileReferences({ find: path => findProjectFile('.', path) }, question =>
    confirmed(this.input, question),
  )
  readonly terminal: Terminal
  readonly client: ChatClient

  constructor(client: ChatClient, terminal: Terminal, o: { showThinking: boolean; debug: boolean }) {
    this.client = client
    this.terminal = terminal
    this.showThinking = o.showThinking
    this.debug = o.debug
  }

  get thinks(): boolean {
    return this.client.welcome.thinks
  }

  send(text: string, options: SendOptions): ReplyStream {
    return this.#reply({ say: text }, options)
  }

  retry(options: SendOptions): ReplyStream {
    return this.#reply({ retry: true }, options)
  }

  async clear(): Promise<void> {
    await this.client.request({ clear: true }, 'cleared')
  }

  async context(): Promise<ContextUse> {
    const { context } = await this.client.request({ context: true }, 'context')
    return { ...context, nextDropped: context.nextDropped as unknown as readonly Message[] }
  }

  async settings(): Promise<ChatSettings> {
    const { settings } = await this.client.request({ settings: true }, 'settings')
    const { user, model } = this.client.welcome
    const options = settings.options as ReplyOptions
    return { model, system: settings.system ?? undefined, options, more: { user } }
  }

  async set<K extends keyof ReplyOptions>(key: K, value: ReplyOptions[K]): Promise<void> {
    const setting = value as number | undefined
    await this.client.request({ set: { [key]: setting ?? null } }, 'settings')
  }

  async setSystem(text: string | undefined): Promise<void> {
    await this.client.request({ system: text ?? null }, 'settings')
  }

  async save(given: string, settings: boolean): Promise<SavedAs> {
    const { saved } = await this.client.request({ save: given, settings }, 'saved')
    return { place: saved.name, messages: saved.messages, replaced: saved.replaced }
  }

  async load(name: string): Promise<number> {
    const { loaded } = await this.client.request({ load: name }, 'loaded')
    return loaded.messages
  }

  async dispose(): Promise<void> {
    this.client.close()
  }

  #reply(body: RequestBody, { signal, onProgress, onDropped }: SendOptions): ReplyStream {
    const { client } = this
    return new ReplyStream(async function* (end) {
      const stop = () => client.write({ abort: true })
      signal?.addEventListener('abort', stop, { once: true })
      let [text, thinking, dropped] = ['', '', 0]
      try {
        for await (const answer of client.answers(body)) {
          if ('prompt' in answer) onProgress?.(answer.prompt.done, answer.prompt.total)
          else if ('dropped' in answer) {
            dropped += answer.dropped.length
            onDropped?.(answer.dropped as unknown as readonly Message[])
          } else if ('thinking' in answer) {
            thinking += answer.thinking
            yield answer
          } else if ('text' in answer) {
            text += answer.text
            yield answer
          } else if ('done' in answer) {
            const { finish, usage, timings } = answer
            end({
              text,
              thinking,
              finish,
              usage: { ...usage, drafted: 0, accepted: 0 },
              timings,
              dropped,
              value: undefined,
            })
            break
          }
        }
      } finally {
        signal?.removeEventListener('abort', stop)
      }
      signal?.throwIfAborted()
    })
  }
}
