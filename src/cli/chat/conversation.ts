// What a chat in the terminal is about: a model, a conversation with it, and how replies are drawn and shown.
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type {
  BuiltinName,
  Chat,
  ChatOptions,
  ContextUse,
  Message,
  Model,
  ReplyOptions,
  ReplyStream,
  SendOptions,
} from '../../api/index.ts'
import { formatSave, parseSave, savedOptions } from '../../chat/save.ts'
import { FileReferences } from '../../code/references.ts'
import { SourceError } from '../../errors.ts'
import { findProjectFile } from '../../io/project-files.ts'
import { writeWhole } from '../../io/sink.ts'
import { type LoadFlags, load } from '../load-options.ts'
import type { Terminal } from '../terminal.ts'
import { onOrOff } from './commands.ts'
import type { ChatSettings, Partner, SavedAs } from './partner.ts'

export interface ConversationOptions {
  readonly path: string
  readonly flags: LoadFlags
  readonly terminal: Terminal
  readonly chat: ChatOptions
  readonly showThinking: boolean
  readonly debug: boolean
}

export class Conversation implements Partner {
  showThinking: boolean
  debug: boolean
  confirm: (question: string) => Promise<boolean> = async () => false
  readonly references = new FileReferences({ find: path => findProjectFile('.', path) }, question =>
    this.confirm(question),
  )
  readonly terminal: Terminal
  #path: string
  #flags: LoadFlags
  #template: BuiltinName | undefined
  #model: Model
  #chat: Chat

  private constructor(o: ConversationOptions, model: Model) {
    this.showThinking = o.showThinking
    this.debug = o.debug
    this.terminal = o.terminal
    this.#path = o.path
    this.#flags = o.flags
    this.#model = model
    this.#template = fallback(model, o.terminal)
    this.#chat = model.chat({ ...o.chat, template: this.#template })
  }

  static async start(o: ConversationOptions): Promise<Conversation> {
    return new Conversation(o, await load(o.path, o.flags, o.terminal))
  }

  get model(): Model {
    return this.#model
  }

  get chat(): Chat {
    return this.#chat
  }

  get lazy(): boolean {
    return this.#flags.lazy === true
  }

  /** The built-in format that is used instead of the model's own template. */
  get template(): BuiltinName | undefined {
    return this.#template
  }

  get thinks(): boolean {
    return this.#chat.thinks
  }

  send(text: string, options: SendOptions): ReplyStream {
    return this.#chat.send(text, options)
  }

  retry(options: SendOptions): ReplyStream {
    return this.#chat.retry(options)
  }

  async clear(): Promise<void> {
    this.#chat.clear()
  }

  async context(): Promise<ContextUse> {
    return this.#chat.context()
  }

  async settings(): Promise<ChatSettings> {
    const { options, system } = this.#chat
    const more = { template: this.#template ?? "the model's own", lazy: onOrOff(this.lazy) }
    return { model: this.#model.name, system, options, more }
  }

  async set<K extends keyof ReplyOptions>(key: K, value: ReplyOptions[K]): Promise<void> {
    this.#chat.options = { ...this.#chat.options, [key]: value }
  }

  async setSystem(text: string | undefined): Promise<void> {
    this.#chat.system = text
  }

  /** Another model, or the same one in another way; the conversation is kept. If it cannot be loaded, all stays as it was. */
  async change({ path = this.#path, lazy = this.lazy }: { path?: string; lazy?: boolean }): Promise<void> {
    const flags = { ...this.#flags, lazy }
    const model = await load(path, flags, this.terminal)
    try {
      const template = fallback(model, this.terminal)
      this.#use(model.chat({ ...this.#kept(), template }))
      this.#template = template
    } catch (error) {
      await model.dispose()
      throw error
    }
    const before = this.#model
    this.#model = model
    this.#path = path
    this.#flags = flags
    await before.dispose()
  }

  /** Writes prompts in a built-in format from now on; undefined: by the model's own template. */
  changeTemplate(template: BuiltinName | undefined): void {
    this.#use(this.#model.chat({ ...this.#kept(), template }))
    this.#template = template
  }

  async save(path: string, settings: boolean): Promise<SavedAs> {
    const replaced = await exists(path)
    const { options, history, system } = this.#chat
    const text = formatSave({
      model: this.#model.name,
      system,
      messages: history,
      ...(settings && { settings: { ...savedOptions(options), showThinking: this.showThinking } }),
    })
    await writeWhole(path, async sink => sink.write(new TextEncoder().encode(text)))
    return { place: resolve(path), messages: history.length, replaced }
  }

  async load(path: string): Promise<number> {
    const { system, messages, settings } = parseSave(await readText(path), path)
    const options = { ...this.#kept(), ...savedOptions(settings ?? {}), system, history: messages }
    const chat = this.#model.chat({ ...options, template: this.#template })
    // Messages that the template refuses are refused here, not at every turn to come.
    chat.context()
    this.#use(chat)
    if (typeof settings?.showThinking === 'boolean') this.showThinking = settings.showThinking
    return messages.length
  }

  async dispose(): Promise<void> {
    this.#chat.dispose()
    await this.#model.dispose()
  }

  #kept(): ChatOptions {
    const { options, system, history } = this.#chat
    return { ...options, system, history: history as Message[] }
  }

  #use(chat: Chat): void {
    this.#chat.dispose()
    this.#chat = chat
  }
}

/** A format for models that say none. */
export function fallback(model: Model, terminal: Terminal): BuiltinName | undefined {
  if (model.hasTemplate) return undefined
  terminal.warn(`${model.name} has no chat template: chatml is used; /template NAME takes another`)
  return 'chatml'
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const known: Record<string, string> = {
      ENOENT: 'no such file',
      EISDIR: 'it is a folder',
      EACCES: 'no permission',
    }
    throw new SourceError(path, known[code ?? ''] ?? message, { cause: error })
  }
}

/** Whether there is something at a path. */
async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
