// What edits replaced, so that they can be undone without git: a file for each time edits were applied, in a folder for each
// project below the user's state. It is written before the first file is, so that a run that is cut short can be undone too.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { EditError } from '../errors.ts'
import {
  editTarget,
  type FileWrite,
  missingFolders,
  removeEmptyFolder,
  unwritable,
  writeEdit,
} from './project-edits.ts'
import { realFolder } from './project-files.ts'
import { writeWhole } from './sink.ts'

const VERSION = 1
/** A number that grows, and the process that wrote it: two may do so at once. */
const NAME = /^(\d{8})-\d+\.json$/
/** Times that can be undone. */
const KEPT = 100

interface Entry {
  readonly version: typeof VERSION
  readonly folder: string
  readonly files: readonly (FileWrite & { readonly mode: number })[]
  /** Folders that were made for them, outermost first. */
  readonly folders: readonly string[]
}

export class EditJournal {
  readonly #folder: string
  readonly #state: string

  /** Of the project in `folder`; `state`: where such things are kept, by default the user's state folder. */
  constructor(folder: string, state = stateFolder()) {
    this.#folder = folder
    this.#state = state
  }

  /** Writes all files; if one cannot be, those before it are put back. Rejects with EditError then. */
  async apply(writes: readonly FileWrite[]): Promise<void> {
    const files: Entry['files'][number][] = []
    const folders = new Set<string>()
    for (const write of writes) {
      const target = await editTarget(this.#folder, write.path)
      const bad = target.kind === 'refused' ? target.reason : unwritable(write.after ?? '')
      if (target.kind === 'refused' || bad !== undefined) throw new EditError(write.path, bad!)
      files.push({ ...write, path: target.path, mode: target.mode })
      for (const made of await missingFolders(this.#folder, target.path)) folders.add(made)
    }
    const folder = await realFolder(this.#folder)
    const entry = await this.#add({ version: VERSION, folder, files, folders: [...folders] })
    const done: Entry['files'][number][] = []
    try {
      for (const file of files) {
        await writeEdit(this.#folder, file)
        done.push(file)
      }
    } catch (error) {
      for (const file of done.toReversed()) await writeEdit(this.#folder, reversed(file), file.mode)
      await this.#removeFolders([...folders])
      await rm(entry, { force: true })
      throw error
    }
  }

  /** Takes back what was applied last and answers its paths. Rejects with EditError, having changed nothing, where a file changed since. */
  async undo(): Promise<readonly string[]> {
    const [last] = (await this.#entries()).slice(-1)
    if (last === undefined) throw new EditError(this.#folder, 'there is nothing to undo')
    const { files, folders } = parsed(await readFile(last, 'utf8'), last)
    const open: Entry['files'][number][] = []
    for (const file of files) {
      const target = await editTarget(this.#folder, file.path)
      if (target.kind === 'refused') throw new EditError(file.path, target.reason)
      // Where applying was cut short, some files are as they were.
      if (target.text === (file.before ?? undefined)) continue
      if (target.text !== (file.after ?? undefined))
        throw new EditError(file.path, 'it has changed since the edit, which is not undone')
      open.push(file)
    }
    for (const file of open.toReversed()) await writeEdit(this.#folder, reversed(file), file.mode)
    await this.#removeFolders(folders)
    await rm(last, { force: true })
    return files.map(({ path }) => path)
  }

  async #removeFolders(folders: readonly string[]): Promise<void> {
    for (const folder of folders.toReversed()) await removeEmptyFolder(this.#folder, folder)
  }

  async #place(): Promise<string> {
    const name = createHash('sha256')
      .update(await realFolder(this.#folder))
      .digest('hex')
      .slice(0, 32)
    return join(this.#state, 'torchless', 'edits', name)
  }

  /** Oldest first. */
  async #entries(): Promise<string[]> {
    const place = await this.#place()
    const names = await readdir(place).catch(() => [])
    return names
      .filter(name => NAME.test(name))
      .sort()
      .map(name => join(place, name))
  }

  async #add(entry: Entry): Promise<string> {
    const place = await this.#place()
    const entries = await this.#entries()
    const number = Number(NAME.exec(basename(entries.at(-1) ?? ''))?.[1] ?? 0) + 1
    const path = join(place, `${String(number).padStart(8, '0')}-${process.pid}.json`)
    try {
      await mkdir(place, { recursive: true, mode: 0o700 })
      const bytes = new TextEncoder().encode(JSON.stringify(entry))
      await writeWhole(path, async sink => sink.write(bytes), 0o600)
    } catch (error) {
      throw new EditError(place, `edits cannot be kept for undo: ${(error as Error).message}`, {
        cause: error,
      })
    }
    for (const old of entries.slice(0, Math.max(0, entries.length + 1 - KEPT))) await rm(old, { force: true })
    return path
  }
}

function reversed({ path, before, after }: FileWrite): FileWrite {
  // JSON has no undefined: what is missing was none.
  return { path, before: after ?? undefined, after: before ?? undefined }
}

function parsed(text: string, path: string): Entry {
  let entry: Partial<Entry> | undefined
  try {
    entry = JSON.parse(text) as Partial<Entry>
  } catch {
    // Said below.
  }
  const whole =
    entry?.version === VERSION &&
    Array.isArray(entry.files) &&
    entry.files.every(({ path, mode }) => typeof path === 'string' && typeof mode === 'number') &&
    Array.isArray(entry.folders)
  if (!whole) throw new EditError(path, `expected edits of version ${VERSION}, found something else`)
  return entry as Entry
}

function stateFolder(): string {
  return process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state')
}
