// What a chat in the terminal is about: a model, a conversation with it, and how replies are drawn and shown.
import { stat } from 'node:fs/promises'
import {
  type BuiltinName,
  type Chat,
  type ChatOptions,
  CodingSession,
  type EditFormat,
  type Message,
  type Model,
  type ReplyOptions,
} from '../../api/index.ts'
import { formatSave, parseSave } from '../../chat/save.ts'
import { FileReferences } from '../../code/references.ts'
import { findProjectFile } from '../../io/project-files.ts'
import { writeWhole } from '../../io/sink.ts'
import { type LoadFlags, load } from '../load-options.ts'
import type { Terminal } from '../terminal.ts'
import { readText } from '../text-file.ts'
import type { ChatInput } from './input.ts'
import { printable } from './printable.ts'

/** Settings of `/fullsave`, by the names of ChatOptions. */
const SAVED = [
  ...([
    'temperature',
    'topK',
    'topP',
    'minP',
    'repeatPenalty',
    'presencePenalty',
    'frequencyPenalty',
  ] as const),
  ...(['repeatLastN', 'seed', 'maxTokens', 'thinkingBudget'] as const),
]

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

export class Conversation {
  showThinking: boolean
  debug: boolean
  /** Where the person is whom to ask. */
  input: Pick<ChatInput, 'asks' | 'ask'> = { asks: false, ask: async () => undefined }
  /** Files that messages refer to, relative to the folder at hand. */
  readonly references = new FileReferences({ find: path => findProjectFile('.', path) }, question =>
    this.confirm(question),
  )
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
    const confirm = (question: string) => this.confirm(question)
    const options = { ...this.#edits, references: this.references, confirm }
    this.#coding = new CodingSession(this.#chat, options)
    this.#coding.close()
    return this.#coding
  }

  get codes(): boolean {
    return this.#coding?.isOpen === true
  }

  /** Number of edits that wait. */
  get waiting(): number {
    return this.#coding?.edits.length ?? 0
  }

  /** Asks a person; no without one. */
  async confirm(question: string): Promise<boolean> {
    return /^y(es)?$/i.test((await this.input.ask(`${printable(question)} (y/n) `)) ?? '')
  }

  get lazy(): boolean {
    return this.#flags.lazy === true
  }

  /** The built-in format that is used instead of the model's own template. */
  get template(): BuiltinName | undefined {
    return this.#template
  }

  /** Sets one way in which replies are drawn; undefined takes it back. Throws InvalidOptionError and changes nothing if it cannot be. */
  set<K extends keyof ReplyOptions>(key: K, value: ReplyOptions[K]): void {
    this.#chat.options = { ...this.#chat.options, [key]: value }
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

  /** Writes the conversation to a file; `settings`: and how replies are drawn. */
  async save(path: string, settings: boolean): Promise<void> {
    const { options, history, system } = this.#chat
    const saved = SAVED.flatMap(key => (options[key] === undefined ? [] : [[key, options[key]]]))
    const text = formatSave({
      model: this.#model.name,
      system,
      messages: history,
      ...(settings && { settings: { ...Object.fromEntries(saved), showThinking: this.showThinking } }),
    })
    await writeWhole(path, async sink => sink.write(new TextEncoder().encode(text)))
  }

  /** Takes a saved conversation up. A file that is none is refused and changes nothing. */
  async load(path: string): Promise<void> {
    const { system, messages, settings } = parseSave(await readText(path), path)
    const known = SAVED.filter(key => settings?.[key] !== undefined).map(key => [key, settings![key]])
    const options = { ...this.#kept(), ...Object.fromEntries(known), system, history: messages }
    const chat = this.#model.chat({ ...options, template: this.#template })
    // Messages that the template refuses are refused here, not at every turn to come.
    chat.context()
    this.#use(chat)
    this.references.forget()
    if (typeof settings?.showThinking === 'boolean') this.showThinking = settings.showThinking
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
function fallback(model: Model, terminal: Terminal): BuiltinName | undefined {
  if (model.hasTemplate) return undefined
  terminal.warn(`${model.name} has no chat template: chatml is used; /template NAME takes another`)
  return 'chatml'
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
