// Coding mode: a chat whose replies are read for edits of files in a folder. They are tried on the files' texts at once, and made only
// when someone says so.
import { readEditBlocks, readWholeFiles } from '../code/edit-block.ts'
import { badEditPath, editConcerns } from '../code/edit-path.ts'
import {
  type CurrentFile,
  type FileChange,
  type FilePlan,
  planBlocks,
  planWhole,
  type RejectedEdit,
} from '../code/edit-plan.ts'
import { repairRequest } from '../code/feedback.ts'
import { type EditFormat, instructions } from '../code/instructions.ts'
import { FileReferences } from '../code/references.ts'
import { EditError, InvalidOptionError } from '../errors.ts'
import { EditJournal } from '../io/edit-journal.ts'
import { editTarget } from '../io/project-edits.ts'
import { findProjectFile } from '../io/project-files.ts'
import type { Chat } from './chat.ts'

export interface CodingOptions {
  /** The files that may be edited lie in it. Default: the working folder. */
  readonly folder?: string | undefined
  /** How the model writes edits. Default: see `defaultEditFormat`. */
  readonly format?: EditFormat | undefined
  /** `@path` references of messages, shared with a chat that has them already. */
  readonly references?: FileReferences | undefined
  /** Where what is needed for undo is kept. Default: the user's state folder. */
  readonly state?: string | undefined
}

/** An edit of one file that waits to be applied. */
export interface PendingEdit extends FileChange {
  /** What to ask about before it is made, such as "looks like a secret". */
  readonly concerns: readonly string[]
}

/** What came of the edits in a reply. */
export interface EditReview {
  readonly edits: readonly PendingEdit[]
  readonly rejected: readonly RejectedEdit[]
  /** What began like an edit and could not be read. */
  readonly problems: readonly string[]
  /** For the model, if something has to be done again. */
  readonly repair: string | undefined
}

/** Weights from which on a model is trusted to copy lines without help. */
const LARGE = 4e9

/** Blocks where the model is large, or cannot miss since what it searches is constrained; whole files otherwise. */
export function defaultEditFormat(parameters: number, constrained: boolean): EditFormat {
  return constrained || parameters >= LARGE ? 'search' : 'whole'
}

/** Reads the replies of a chat for edits. While it is open, the chat's system prompt says how to write them. */
export class CodingSession {
  readonly chat: Chat
  readonly format: EditFormat
  readonly references: FileReferences
  readonly #folder: string
  readonly #journal: EditJournal
  #edits: PendingEdit[] = []

  constructor(chat: Chat, { folder = '.', format = 'search', references, state }: CodingOptions = {}) {
    this.chat = chat
    this.format = format
    this.#folder = folder
    this.#journal = new EditJournal(folder, state)
    this.references =
      references ?? new FileReferences({ find: path => findProjectFile(folder, path) }, async () => false)
    chat.instructions = instructions[format]
  }

  /** Edits that wait, numbered from 1 in this order. */
  get edits(): readonly PendingEdit[] {
    return this.#edits
  }

  /** Takes the instructions back. Edits that wait are kept. */
  close(): void {
    this.chat.instructions = undefined
  }

  /** Reads a reply: its edits are tried on the files, or on what edits that wait make of them, and wait if they can be made. */
  async review(reply: string): Promise<EditReview> {
    const known = [...this.references.seen.keys()]
    const plans: FilePlan[] = []
    let problems: readonly string[]
    if (this.format === 'whole') {
      const read = readWholeFiles(reply, known)
      problems = read.problems
      for (const file of read.edits)
        plans.push(await this.#plan(file.path, current => planWhole(current, file)))
    } else {
      const read = readEditBlocks(reply, known)
      problems = read.problems
      const files = grouped(read.edits)
      for (const [path, blocks] of files)
        plans.push(await this.#plan(path, current => planBlocks(current, blocks)))
    }
    const rejected = plans.flatMap(({ rejected }) => rejected)
    const edits: PendingEdit[] = []
    for (const { change } of plans) if (change) edits.push(await this.#wait(change))
    const fine = rejected.length === 0 && problems.length === 0
    return {
      edits,
      rejected,
      problems,
      repair: fine
        ? undefined
        : repairRequest(
            rejected,
            problems,
            edits.map(({ path }) => path),
          ),
    }
  }

  /**
   * Makes edits that wait, by their numbers or all of them. Answers their paths. Rejects with EditError where a file changed since its
   * edit was tried or cannot be written: then none is made, and all still wait.
   */
  async apply(numbers?: readonly number[]): Promise<readonly string[]> {
    const chosen = this.#chosen(numbers)
    if (chosen.length === 0) throw new EditError('apply', 'there is no edit to apply')
    await this.#journal.apply(chosen.map(({ path, before, after }) => ({ path, before, after })))
    for (const { path, after } of chosen) this.references.changed(path, after)
    this.#edits = this.#edits.filter(edit => !chosen.includes(edit))
    return chosen.map(({ path }) => path)
  }

  /** Drops edits that wait, by their numbers or all of them. Answers their paths. */
  discard(numbers?: readonly number[]): readonly string[] {
    const chosen = this.#chosen(numbers)
    this.#edits = this.#edits.filter(edit => !chosen.includes(edit))
    return chosen.map(({ path }) => path)
  }

  /** Takes back what was applied last. Answers the paths. Rejects with EditError where a file changed since. */
  async undo(): Promise<readonly string[]> {
    const paths = await this.#journal.undo()
    for (const path of paths) {
      const target = await editTarget(this.#folder, path)
      if (target.kind !== 'refused') this.references.changed(path, target.text)
    }
    return paths
  }

  async #plan(path: string, plan: (file: CurrentFile) => FilePlan): Promise<FilePlan> {
    const waiting = this.#edits.find(edit => edit.path === path)
    const file = await this.#current(path)
    if (waiting && file.kind !== 'refused') {
      const text = waiting.after
      const made = plan(text === undefined ? { kind: 'missing' } : { kind: 'text', text })
      // The file is written once, with both edits.
      if (made.change) return { change: { ...made.change, before: waiting.before }, rejected: [] }
    }
    return plan(file)
  }

  async #current(path: string): Promise<CurrentFile> {
    const bad = badEditPath(path)
    if (bad !== undefined) return { kind: 'refused', reason: `the path may not be used: ${bad}` }
    const target = await editTarget(this.#folder, path)
    if (target.kind === 'refused') return target
    const seen = this.references.seen.get(target.path)
    if (seen !== undefined && seen !== target.text)
      return { kind: 'refused', reason: `the file has changed since it was shown; @${path} shows it again` }
    return target.text === undefined ? { kind: 'missing' } : { kind: 'text', text: target.text }
  }

  async #wait(change: FileChange): Promise<PendingEdit> {
    const target = await editTarget(this.#folder, change.path)
    const ignored = target.kind !== 'refused' && target.ignored ? ['is ignored by git'] : []
    const named = [change.path, target.kind === 'refused' ? change.path : target.path]
    const concerns = [...new Set(named.flatMap(editConcerns))]
    const edit = { ...change, concerns: concerns.length > 0 ? concerns : ignored }
    const at = this.#edits.findIndex(({ path }) => path === change.path)
    if (at < 0) this.#edits.push(edit)
    else this.#edits[at] = edit
    return edit
  }

  #chosen(numbers: readonly number[] | undefined): PendingEdit[] {
    if (numbers === undefined) return [...this.#edits]
    return numbers.map(number => {
      const edit = this.#edits[number - 1]
      if (!edit)
        throw new InvalidOptionError(
          `edit: expected a number from 1 to ${this.#edits.length}, found ${number}`,
        )
      return edit
    })
  }
}

/** By path, in the order of their first ones. */
function grouped<T extends { readonly path: string }>(all: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const one of all) groups.set(one.path, [...(groups.get(one.path) ?? []), one])
  return groups
}
