// What a chat in the terminal is about: a model, a conversation with it, and how replies are drawn and shown.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import {
  type BuiltinName,
  type Chat,
  type ChatOptions,
  CodingSession,
  type ContextUse,
  type EditFormat,
  type Message,
  type Model,
  type ReplyOptions,
  type ReplyStream,
  type SendOptions,
} from '../../api/index.ts'
import { formatSave, parseSave, savedOptions, withSettings } from '../../chat/save.ts'
import { FileReferences } from '../../code/references.ts'
import { findProjectFile } from '../../io/project-files.ts'
import { writeWhole } from '../../io/sink.ts'
import { type LoadFlags, load } from '../load-options.ts'
import type { Terminal } from '../terminal.ts'
import { readText } from '../text-file.ts'
import { onOrOff } from './commands.ts'
import { confirmed, nobody } from './input.ts'
import type { ChatSettings, Partner, SavedAs } from './partner.ts'

export interface ConversationOptions {
  readonly path: string
  readonly flags: LoadFlags
  readonly terminal: Terminal
  readonly chat: ChatOptions
  readonly showThinking: boolean
  readonly debug: boolean
  /** How edits are written in coding mode. Default: as the model's size has it. */
  readonly editFormat?: EditFormat | undefined
  /** Blocks can search nothing but lines that files have. */
  readonly constrainedEdits: boolean
}

export class Conversation implements Partner {
  showThinking: boolean
  debug: boolean
  input = nobody
  readonly #confirm = (question: string) => confirmed(this.input, question)
  readonly references = new FileReferences({ find: path => findProjectFile('.', path) }, this.#confirm)
  readonly #edits: { readonly format: EditFormat | undefined; readonly constrained: boolean }
  #coding: CodingSession | undefined
  readonly terminal: Terminal
  #path: string
  #flags: LoadFlags
  #template: BuiltinName | undefined
  #model: Model
  #chat: Chat

  private constructor(o: ConversationOptions, model: Model) {
    this.showThinking = o.showThinking
    this.debug = o.debug
    this.#edits = { format: o.editFormat, constrained: o.constrainedEdits }
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

  /** What takes edits; off until it is opened. */
  get coding(): CodingSession {
    if (this.#coding) return this.#coding
    const options = { ...this.#edits, references: this.references, confirm: this.#confirm }
    this.#coding = new CodingSession(this.#chat, options)
    this.#coding.close()
    return this.#coding
  }

  get openCoding(): CodingSession | undefined {
    return this.#coding?.isOpen ? this.#coding : undefined
  }

  get waiting(): number {
    return this.#coding?.edits.length ?? 0
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
    const more = {
      template: this.#template ?? "the model's own",
      lazy: onOrOff(this.lazy),
      coding: this.openCoding ? `on (${this.openCoding.format})` : 'off',
    }
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
    const options = withSettings(this.#kept(), settings)
    const chat = this.#model.chat({ ...options, system, history: messages, template: this.#template })
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
    this.#coding?.attach(chat)
  }
}

/** A format for models that say none. */
export function fallback(model: Model, terminal: Terminal): BuiltinName | undefined {
  // Without a tokenizer none helps: that is said by whoever asks for one.
  if (model.hasTemplate || !model.hasTokenizer) return undefined
  terminal.warn(`${model.name} has no chat template: chatml is used; /template NAME takes another`)
  return 'chatml'
}

/** Whether there is something at a path. */
async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
