// Coding mode: a chat whose replies are read for edits of files in a folder. What cannot be made goes back to the model; what can is
// made only when someone says so.
import * as z from 'zod'
import type { ReplyPiece } from '../chat/thinking.ts'
import type { EditableFile } from '../code/edit-matcher.ts'
import { repairRequest } from '../code/feedback.ts'
import { type EditFormat, instructions } from '../code/instructions.ts'
import { type ExpandedMessage, FileReferences } from '../code/references.ts'
import { EditError } from '../errors.ts'
import { EditJournal } from '../io/edit-journal.ts'
import { editTarget } from '../io/project-edits.ts'
import { findProjectFile } from '../io/project-files.ts'
import type { Chat, SendOptions } from './chat.ts'
import { EditConstraint } from './edit-constraint.ts'
import { callback, checkOptions } from './options.ts'
import { type EditReview, type PendingEdit, PendingEdits } from './pending-edits.ts'
import type { Reply, ReplyStream } from './reply.ts'
import { PieceStream } from './stream.ts'

export interface CodingOptions {
  /** The files that may be edited lie in it. Default: the working folder. */
  readonly folder?: string | undefined
  /** How the model writes edits. Default: see `defaultEditFormat`. */
  readonly format?: EditFormat | undefined
  /** Keep what blocks search on lines that the files have: see `EditConstraint`. Default: true. */
  readonly constrained?: boolean | undefined
  /** How often a reply is asked to mend edits that cannot be made, at most. Default: 3. */
  readonly repairs?: number | undefined
  /**
   * Asked before the model is shown a file that is out of the ordinary, and before one is changed: secrets, what runs in CI, what git
   * ignores. Default: no.
   */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined
  /** `@path` references of messages, shared with a chat that has them already. */
  readonly references?: FileReferences | undefined
  /** Where what is needed for undo is kept. Default: the user's state folder. */
  readonly state?: string | undefined
}

/** What happens while a message is answered. */
export type CodingEvent =
  | ReplyPiece
  /** The files that the message refers to: those the model is shown, and those it is not. */
  | { readonly files: ExpandedMessage }
  /** A reply has ended. */
  | { readonly reply: Reply }
  /** What its edits came to. */
  | { readonly review: EditReview }
  /** The model is asked for edits that can be made; its next reply follows. `round` counts from 1. */
  | { readonly repair: { readonly round: number; readonly of: number; readonly request: string } }

/** What came of a message. */
export interface CodingResult {
  /** The model's reply, then those to requests to mend it. */
  readonly replies: readonly Reply[]
  /** Of each reply. */
  readonly reviews: readonly EditReview[]
  /** All edits that wait. */
  readonly edits: readonly PendingEdit[]
}

/** What came of applying edits. */
export interface AppliedEdits {
  readonly applied: readonly string[]
  /** Those that nobody confirmed; they wait on. */
  readonly left: readonly { readonly path: string; readonly reason: string }[]
}

/** Take it once: event by event (`for await`) or whole (`await`), or whole after its events. */
export class CodingTurn extends PieceStream<CodingEvent, CodingResult> {}

/** Weights from which on a model is trusted to copy lines without help. */
const LARGE = 4e9
const REPAIRS = 3

const schema = z.strictObject({
  folder: z.string().default('.'),
  format: z.enum(['search', 'whole']).optional(),
  constrained: z.boolean().default(true),
  repairs: z.int().min(0).default(REPAIRS),
  confirm: callback<(question: string) => Promise<boolean>>().default(() => async () => false),
  references: z.instanceof(FileReferences).optional(),
  state: z.string().optional(),
})

/** Blocks where the model is large, or cannot miss since what it searches is constrained; whole files otherwise. */
export function defaultEditFormat(parameters: number, constrained: boolean): EditFormat {
  return constrained || parameters >= LARGE ? 'search' : 'whole'
}

/** Reads the replies of a chat for edits. While it is open, the chat's system prompt says how to write them. */
export class CodingSession {
  readonly references: FileReferences
  readonly #folder: string
  readonly #given: EditFormat | undefined
  readonly #constrained: boolean
  readonly #repairs: number
  readonly #confirm: (question: string) => Promise<boolean>
  readonly #journal: EditJournal
  readonly #pending: PendingEdits
  #chat: Chat
  #format: EditFormat = 'search'
  #open = true
  /** The last message that was not a request to mend edits, and where in the history it is. */
  #asked: { readonly text: string; readonly at: number } | undefined

  constructor(chat: Chat, options: CodingOptions = {}) {
    const o = checkOptions('coding', schema, options)
    const { folder, format, constrained, repairs, confirm, references, state } = o
    this.#chat = chat
    this.#folder = folder
    this.#given = format
    this.#constrained = constrained
    this.#repairs = repairs
    this.#confirm = confirm
    this.#journal = new EditJournal(folder, state)
    this.references =
      references ?? new FileReferences({ find: path => findProjectFile(folder, path) }, confirm)
    this.#pending = new PendingEdits(folder, this.references)
    this.attach(chat)
  }

  get chat(): Chat {
    return this.#chat
  }

  /** How the model is told to write edits. */
  get format(): EditFormat {
    return this.#format
  }

  /** Edits that wait, numbered from 1 in this order. */
  get edits(): readonly PendingEdit[] {
    return this.#pending.all
  }

  /** Goes on with another chat, of another model perhaps. Edits that wait are kept. */
  attach(chat: Chat): void {
    this.#chat = chat
    this.#format = this.#given ?? defaultEditFormat(chat.model.parameters, this.#constrained)
    if (this.#open) chat.instructions = instructions[this.#format]
  }

  /** Whether the model is told how to write edits. */
  get isOpen(): boolean {
    return this.#open
  }

  /** Gives the instructions again after `close`. */
  open(): void {
    this.#open = true
    this.#chat.instructions = instructions[this.#format]
  }

  /** Takes the instructions back. Edits that wait are kept. */
  close(): void {
    this.#open = false
    this.#chat.instructions = undefined
  }

  /** Files that a reply may edit, as they are with all edits that wait; those without a text are still to be made. */
  editableFiles(): readonly EditableFile[] {
    return this.#pending.editable()
  }

  /**
   * Says `message` with the files that it refers to, reads the reply for edits, and asks the model to mend those that cannot be made.
   * Nothing happens before it is awaited or iterated. Rejects as `Chat.send` does; edits of replies that ended before are kept.
   */
  send(message: string, options: SendOptions = {}): CodingTurn {
    return this.#turn(message, options)
  }

  /** The last message is answered again, drawn anew. Edits of the replies to it that wait are dropped. */
  retry(options: SendOptions = {}): CodingTurn {
    return this.#turn(undefined, options)
  }

  /** Reads a reply that came another way. `cut`: it has no end. Its edits wait if they can be made. */
  review(reply: string, cut = false): Promise<EditReview> {
    this.#pending.begin()
    return this.#pending.review(reply, this.#format, cut)
  }

  /**
   * Makes edits that wait, by their numbers or all of them, but for those that `confirm` says no to. Rejects with EditError where a
   * file changed since its edit was tried or cannot be written: then none is made, and all still wait.
   */
  async apply(numbers?: readonly number[]): Promise<AppliedEdits> {
    const chosen = this.#pending.chosen(numbers)
    if (chosen.length === 0) throw new EditError('apply', 'there is no edit to apply')
    const left: { path: string; reason: string }[] = []
    const confirmed: PendingEdit[] = []
    for (const edit of chosen) {
      const { path, concerns } = edit
      const reason = concerns.join(' and ')
      if (concerns.length === 0 || (await this.#confirm(`${path} ${reason}; change it?`)))
        confirmed.push(edit)
      else left.push({ path, reason: `it ${reason}` })
    }
    if (confirmed.length > 0)
      await this.#journal.apply(confirmed.map(({ path, before, after }) => ({ path, before, after })))
    for (const { path, before, after } of confirmed)
      this.references.changed(path, after, before === undefined)
    this.#pending.remove(confirmed)
    return { applied: confirmed.map(({ path }) => path), left }
  }

  /** Drops edits that wait, by their numbers or all of them. Answers their paths. */
  discard(numbers?: readonly number[]): readonly string[] {
    const chosen = this.#pending.chosen(numbers)
    this.#pending.remove(chosen)
    return chosen.map(({ path }) => path)
  }

  /** Takes back what was applied last. Answers the paths. Rejects with EditError where a file changed since. */
  async undo(): Promise<readonly string[]> {
    const paths = await this.#journal.undo()
    for (const path of paths) {
      const target = await editTarget(this.#folder, path)
      if (target.kind !== 'refused') this.references.putBack(path, target.text)
    }
    return paths
  }

  #turn(message: string | undefined, options: SendOptions): CodingTurn {
    const session = this
    return new CodingTurn(async function* (end) {
      const replies: Reply[] = []
      const reviews: EditReview[] = []
      let stream: ReplyStream | undefined
      try {
        let text: string | undefined
        if (message === undefined) session.#takeBack()
        else {
          const files = await session.references.expand(message)
          yield { files }
          text = files.text
          await session.#pending.named(message)
          session.#pending.begin()
          session.#asked = { text, at: session.#chat.history.length }
        }
        for (let round = 1; ; round++) {
          stream = session.#reply(text, options)
          yield* stream
          const reply = await stream
          replies.push(reply)
          stream = undefined
          yield { reply }
          const review = await session.#pending.review(reply.text, session.#format, reply.finish === 'length')
          reviews.push(review)
          yield { review }
          const request = await session.#request(review)
          // A model that repeats itself will go on to.
          const repeated = replies.length > 1 && reply.text === replies.at(-2)!.text
          if (request === undefined || repeated || round > session.#repairs) return
          yield { repair: { round, of: session.#repairs, request } }
          text = request
        }
      } catch (error) {
        // The chat may not have kept the message.
        session.references.forget()
        throw error
      } finally {
        // What came of a reply that was broken off.
        const reply = await stream?.then(undefined, () => undefined)
        if (reply) replies.push(reply)
        end({ replies, reviews, edits: session.edits })
      }
    })
  }

  /** As it was before the last message was answered. */
  #takeBack(): void {
    const { text, at } = this.#asked ?? { text: '', at: -1 }
    if (this.#chat.history[at]?.content === text) this.#chat.rewind(at + 1)
    this.#pending.takeBack()
  }

  /** Every reply of coding mode begins here. */
  #reply(text: string | undefined, options: SendOptions): ReplyStream {
    const onDropped: SendOptions['onDropped'] = messages => {
      // They may have held files.
      this.references.forget()
      options.onDropped?.(messages)
    }
    const all = { ...options, onDropped, constraint: options.constraint ?? this.#constraint(options) }
    return text === undefined ? this.#chat.retry(all) : this.#chat.send(text, all)
  }

  /** What keeps blocks on lines of the files; undefined where there is no file, or the answer has another form. */
  #constraint(options: SendOptions): SendOptions['constraint'] {
    const { grammar, schema } = { ...this.#chat.options, ...options }
    const files = this.editableFiles()
    const searches = this.#constrained && this.#open && this.#format === 'search' && files.length > 0
    if (!searches || grammar !== undefined || schema !== undefined) return undefined
    return () => new EditConstraint(this.#chat.model.tokenizer, files)
  }

  /** What the model is told of edits that cannot be made, with files that it has not seen as they are; undefined if all can. */
  async #request({ edits, rejected, problems, stale }: EditReview): Promise<string | undefined> {
    if (rejected.length === 0 && problems.length === 0) return undefined
    const files: string[] = []
    for (const path of stale) files.push((await this.references.again(path)) ?? '')
    const taken = edits.map(({ path }) => path)
    return [...files.filter(Boolean), repairRequest(rejected, problems, taken)].join('\n')
  }
}
