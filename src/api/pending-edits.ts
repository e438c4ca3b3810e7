// Edits of files in a folder that wait to be applied: replies are read for them, and they are tried on the files' texts at once.
import { type EditBlock, readEditBlocks, readWholeFiles, type WholeFile } from '../code/edit-block.ts'
import type { EditableFile } from '../code/edit-matcher.ts'
import { badEditPath, editConcerns } from '../code/edit-path.ts'
import {
  type CurrentFile,
  type FileChange,
  type FilePlan,
  planBlocks,
  planWhole,
  type RejectedEdit,
} from '../code/edit-plan.ts'
import type { EditFormat } from '../code/instructions.ts'
import type { FileReferences } from '../code/references.ts'
import { unifiedDiff } from '../code/unified-diff.ts'
import { InvalidOptionError } from '../errors.ts'
import { editTarget, unwritable } from '../io/project-edits.ts'

/** An edit of one file that waits to be applied. */
export interface PendingEdit extends FileChange {
  /** The change as a unified diff, with three lines around each place. */
  readonly diff: string
  /** Numbers of lines. */
  readonly added: number
  readonly removed: number
  /** What to ask about before it is made, such as "looks like a secret". */
  readonly concerns: readonly string[]
}

/** What came of the edits in a reply. */
export interface EditReview {
  /** Those that can be made; they wait now. */
  readonly edits: readonly PendingEdit[]
  readonly rejected: readonly RejectedEdit[]
  /** What began like an edit and could not be read. */
  readonly problems: readonly string[]
  /** Paths of edits that waited and that the reply takes back. */
  readonly withdrawn: readonly string[]
  /** Paths of files that the model does not know as they are: they have changed since they were shown, or it has seen lines of them only. */
  readonly stale: readonly string[]
}

/** A path from the folder on, with an ending; `e.g.` is none. */
const FILE_NAME =
  /(?<![\p{L}\p{N}_./\\~:-])(?=[^\s.]{2}|[^\s.]\/)[\p{L}\p{N}_-][\p{L}\p{N}_.-]*(?:\/[\p{L}\p{N}_.-]+)*\.\p{L}[\p{L}\p{N}]{0,9}/gu
/** Words of a message that are taken for names of new files, at most. */
const MOST_NAMES = 20

type Edits = { readonly blocks: readonly EditBlock[] } | { readonly whole: WholeFile }

/** A file that a reply edits: where it is, what the reply calls it, and how it is. */
interface Target {
  readonly path: string
  readonly names: readonly string[]
  readonly file: CurrentFile
  readonly stale: boolean
}

export class PendingEdits {
  readonly #folder: string
  readonly #references: FileReferences
  #waiting: readonly PendingEdit[] = []
  /** As they were when the last message was sent, but for those that were applied or dropped since. */
  #before: readonly PendingEdit[] = []
  /** Files that messages name and that do not exist. */
  readonly #named = new Set<string>()

  constructor(folder: string, references: FileReferences) {
    this.#folder = folder
    this.#references = references
  }

  get all(): readonly PendingEdit[] {
    return this.#waiting
  }

  /** Files that a reply may edit, as they are with all edits that wait: those that were shown, and new ones that messages name. */
  editable(): EditableFile[] {
    const texts = new Map<string, string | undefined>([...this.#named].map(path => [path, undefined]))
    for (const [path, text] of this.#references.seen) texts.set(path, text)
    for (const { path, after } of this.#waiting) texts.set(path, after)
    const files = [...texts].map(([path, text]): EditableFile => ({ path, text }))
    // A model repeats paths as the message has them.
    for (const [name, path] of this.#references.names)
      if (texts.has(path) && !texts.has(name) && badEditPath(name) === undefined)
        files.push({ path: name, text: texts.get(path), of: path })
    return files
  }

  /** Takes note of new files that a message names. */
  async named(message: string): Promise<void> {
    for (const path of this.#named) {
      const { kind } = await editTarget(this.#folder, path)
      if (kind !== 'missing') this.#named.delete(path)
    }
    const words = message.match(FILE_NAME) ?? []
    for (const word of [...new Set(words)].slice(0, MOST_NAMES)) {
      if (badEditPath(word) !== undefined) continue
      const target = await editTarget(this.#folder, word)
      if (target.kind === 'missing') this.#named.add(target.path)
    }
  }

  /** Reads a reply: its edits are tried on the files, or on what edits that wait make of them. `cut`: the reply has no end. */
  async review(reply: string, format: EditFormat, cut: boolean): Promise<EditReview> {
    const known = this.editable().map(({ path }) => path)
    const problems: string[] = []
    const files = format === 'whole' ? readWholeFiles(reply, known) : undefined
    // Models that are told to write whole files know blocks all the same.
    const blocks = blocksOf(files?.rest ?? reply, known, cut, problems)
    const all: Edits[] = blocks.map(block => ({ blocks: [block] }))
    if (files) all.push(...taken(files, problems).map(whole => ({ whole })))
    const review = { edits: [], rejected: [], withdrawn: [], stale: [] } as {
      readonly edits: PendingEdit[]
      readonly rejected: RejectedEdit[]
      readonly withdrawn: string[]
      readonly stale: string[]
    }
    for (const { target: found, ...edits } of await this.#merged(all)) {
      const target = 'whole' in edits ? this.#knownWhole(found) : found
      const { change, rejected } = this.#plan(target, edits)
      if (target.stale) review.stale.push(target.path)
      review.rejected.push(...rejected)
      if (change && change.before === change.after) review.withdrawn.push(this.#drop(change.path))
      else if (change) review.edits.push(await this.#wait(change, target.names))
    }
    return { ...review, problems }
  }

  /** Edits by their numbers, or all. */
  chosen(numbers: readonly number[] | undefined): readonly PendingEdit[] {
    if (numbers === undefined) return this.#waiting
    return [...new Set(numbers)].map(number => {
      const edit = this.#waiting[number - 1]
      const count = this.#waiting.length
      if (!edit)
        throw new InvalidOptionError(
          `edit: expected ${count === 0 ? 'one that waits' : `a number from 1 to ${count}`}, found ${count === 0 ? 'none' : number}`,
        )
      return edit
    })
  }

  /** They no longer wait. */
  remove(edits: readonly PendingEdit[]): void {
    const paths = new Set(edits.map(({ path }) => path))
    const others = ({ path }: PendingEdit) => !paths.has(path)
    this.#waiting = this.#waiting.filter(others)
    this.#before = this.#before.filter(others)
  }

  /** A message is sent: what it brings can be taken back. */
  begin(): void {
    this.#before = this.#waiting
  }

  /** Forgets what the last message brought. */
  takeBack(): void {
    this.#waiting = this.#before
  }

  /** Edits with the files that they are of, those of one file together, by whatever name they call it. */
  async #merged(all: readonly Edits[]): Promise<(Edits & { readonly target: Target })[]> {
    const merged = new Map<string, Edits & { readonly target: Target }>()
    const targets = new Map<string, Target>()
    for (const edits of all) {
      const name = 'whole' in edits ? edits.whole.path : edits.blocks[0]!.path
      const found = targets.get(name) ?? (await this.#target(name))
      targets.set(name, found)
      const there = merged.get(found.path)
      const target = { ...found, names: [...(there?.target.names ?? []), name] }
      if ('whole' in edits || !there || 'whole' in there) merged.set(found.path, { ...edits, target })
      else merged.set(found.path, { blocks: [...there.blocks, ...edits.blocks], target })
    }
    return [...merged.values()]
  }

  async #target(written: string): Promise<Target> {
    const refused = (reason: string, path = written, stale = false): Target => ({
      path,
      names: [],
      file: { kind: 'refused', reason },
      stale,
    })
    const bad = badEditPath(written)
    if (bad !== undefined) return refused(`the path may not be used: ${bad}`)
    const target = await editTarget(this.#folder, written)
    if (target.kind === 'refused') return refused(target.reason)
    const { path, text } = target
    const seen = this.#references.seen.get(path)
    if (seen !== undefined && seen !== text)
      return refused(`the file has changed since it was shown; @${path} shows it again`, path, true)
    if (text !== undefined) return { path, names: [], file: { kind: 'text', text }, stale: false }
    const likely = [...this.#references.seen.keys()].filter(known => known.endsWith(`/${path}`))
    return { path, names: [], file: { kind: 'missing', likely }, stale: false }
  }

  /** Who has seen lines of a file only, or none, would lose the others by writing it whole. */
  #knownWhole(target: Target): Target {
    const { path, file } = target
    if (file.kind !== 'text' || this.#references.holds(path)) return target
    const reason = `the file exists, and not all of it was shown; @${path} shows it`
    return { ...target, file: { kind: 'refused', reason }, stale: this.#references.seen.has(path) }
  }

  #plan({ path, file }: Target, edits: Edits): FilePlan {
    const made = this.#tried(path, file, edits)
    const reason = made.change?.after === undefined ? undefined : unwritable(made.change.after)
    if (reason === undefined) return made
    const { line } = 'whole' in edits ? edits.whole : edits.blocks[0]!
    return { change: undefined, rejected: [{ path, line, reason }] }
  }

  #tried(path: string, file: CurrentFile, edits: Edits): FilePlan {
    const plan = (file: CurrentFile) =>
      'whole' in edits
        ? planWhole(file, { ...edits.whole, path })
        : planBlocks(
            file,
            edits.blocks.map(block => ({ ...block, path })),
          )
    const waiting = this.#waiting.find(edit => edit.path === path)
    const text = file.kind === 'text' ? file.text : undefined
    // An edit of what the file was before can no longer be made.
    if (!waiting || file.kind === 'refused' || waiting.before !== text) return plan(file)
    const anew = plan(file)
    // It was taken and is sent again all the same: not to be made twice.
    if (anew.change && anew.change.after === waiting.after) return anew
    const made = plan(
      waiting.after === undefined ? { kind: 'missing' } : { kind: 'text', text: waiting.after },
    )
    if (made.change) {
      // The file is written once, with both edits.
      const notes = [...waiting.notes, ...made.change.notes]
      return { change: { ...made.change, before: waiting.before, notes }, rejected: [] }
    }
    // The reply may begin anew.
    return anew.change ? anew : made
  }

  async #wait(change: FileChange, names: readonly string[]): Promise<PendingEdit> {
    const target = await editTarget(this.#folder, change.path)
    // A link may be called harmlessly, and so may what it leads to.
    const concerns = [...new Set([change.path, ...names].flatMap(editConcerns))]
    const ignored = target.kind !== 'refused' && target.ignored ? ['is ignored by git'] : []
    const { lines, added, removed } = unifiedDiff(change.path, change.before, change.after)
    const edit: PendingEdit = {
      ...change,
      diff: `${lines.map(({ text }) => text).join('\n')}\n`,
      ...{ added, removed },
      concerns: concerns.length > 0 ? concerns : ignored,
    }
    const at = this.#waiting.findIndex(({ path }) => path === change.path)
    this.#waiting = at < 0 ? [...this.#waiting, edit] : this.#waiting.with(at, edit)
    return edit
  }

  #drop(path: string): string {
    this.#waiting = this.#waiting.filter(edit => edit.path !== path)
    return path
  }
}

/** The edits that were read; problems go to `problems`. */
function taken<T>(
  read: { readonly edits: readonly T[]; readonly problems: readonly string[] },
  problems: string[],
): readonly T[] {
  problems.push(...read.problems)
  return read.edits
}

/** The blocks of a reply; the last one of a reply that was cut is not whole. */
function blocksOf(reply: string, known: readonly string[], cut: boolean, problems: string[]): EditBlock[] {
  return taken(readEditBlocks(reply, known), problems).filter(({ unclosed, path, line }) => {
    if (!cut || !unclosed) return true
    problems.push(`line ${line}: the reply was cut before the edit of ${path} ended; it is not taken`)
    return false
  })
}
