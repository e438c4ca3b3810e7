// Who a chat in the terminal is with: a model in this process, or one behind a socket.
import type { CodingSession, ContextUse, ReplyOptions, ReplyStream, SendOptions } from '../../api/index.ts'
import type { FileReferences } from '../../code/references.ts'
import type { Terminal } from '../terminal.ts'
import type { Asked } from './input.ts'

export interface Partner {
  readonly terminal: Terminal
  /** Files that messages refer to, relative to the folder at hand. */
  readonly references: FileReferences
  /** Where the person is whom to ask before the model is shown what is out of the ordinary. */
  input: Asked
  showThinking: boolean
  debug: boolean
  /** Whether the model thinks aloud before it answers. */
  readonly thinks: boolean
  /** What takes edits, while coding mode is on. */
  readonly openCoding?: CodingSession | undefined
  /** Number of edits that wait. */
  readonly waiting?: number
  send(text: string, options: SendOptions): ReplyStream
  retry(options: SendOptions): ReplyStream
  /** Forgets the conversation; the system prompt stays. */
  clear(): Promise<void>
  context(): Promise<ContextUse>
  settings(): Promise<ChatSettings>
  /** Sets one way in which replies are drawn; undefined takes it back. If it cannot be, it rejects and changes nothing. */
  set<K extends keyof ReplyOptions>(key: K, value: ReplyOptions[K]): Promise<void>
  setSystem(text: string | undefined): Promise<void>
  /** Saves the conversation; `settings`: and how replies are drawn. */
  save(name: string, settings: boolean): Promise<SavedAs>
  /** Takes a saved conversation up; answers its number of messages. What is none is refused and changes nothing. */
  load(name: string): Promise<number>
  dispose(): Promise<void>
}

export interface ChatSettings {
  readonly model: string
  readonly system: string | undefined
  readonly options: ReplyOptions
  /** What only this kind of partner has, as it is shown. */
  readonly more: Readonly<Record<string, string>>
}

export interface SavedAs {
  /** Where, for people to read. */
  readonly place: string
  readonly messages: number
  /** Whether something was there before. */
  readonly replaced: boolean
}
