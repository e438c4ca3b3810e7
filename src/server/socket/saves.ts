// Saved conversations of several users: a folder each below one root, which no name leads out of.
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { formatSave, parseSave, type SavedChat } from '../../chat/save.ts'
import { InvalidOptionError, SourceError } from '../../errors.ts'
import { writeWhole } from '../../io/sink.ts'

/** Names are parts of paths on every system: letters, digits and three signs, which mean nothing to any of them. */
const userNames = /^[a-z0-9][a-z0-9._-]{0,63}$/
const saveNames = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/
/** Devices of Windows, whatever follows behind a dot. */
const devices = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i

/** Bytes of a save that is read. */
const MAX_SAVE = 64 * 2 ** 20
/** Saves of a user. */
const MAX_SAVES = 1000
const ENDING = '.json'

/** Throws InvalidOptionError for what cannot be a user's name. Capitals are none: some file systems do not tell them apart. */
export function checkUserName(name: string): void {
  if (!userNames.test(name) || name.endsWith('.') || devices.test(name))
    throw new InvalidOptionError(
      `user: expected 1 to 64 of a-z, 0-9, . _ - that begin with a letter or digit, found ${JSON.stringify(name)}`,
    )
}

/** The name of a save without its ending, which may be said or not. */
function checkedSaveName(given: string): string {
  const name = given.endsWith(ENDING) ? given.slice(0, -ENDING.length) : given
  if (!saveNames.test(name) || name.endsWith('.') || devices.test(name))
    throw new InvalidOptionError(
      `save: expected 1 to 64 of a-z, A-Z, 0-9, . _ - that begin with a letter or digit, found ${JSON.stringify(given)}`,
    )
  return name
}

export class SaveRoot {
  readonly #root: string
  /** Ends of the last write to each path. */
  readonly #writes = new Map<string, Promise<unknown>>()

  private constructor(root: string) {
    this.#root = root
  }

  /** Makes the folder, for its owner alone, if there is none. Rejects with SourceError if it cannot be had. */
  static async open(folder: string): Promise<SaveRoot> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      return new SaveRoot(await realpath(folder))
    } catch (error) {
      throw new SourceError(folder, `no folder for saves: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Saves, and answers the name and whether there was a save of that name. */
  async save(
    user: string,
    given: string,
    chat: SavedChat,
  ): Promise<{ readonly name: string; readonly replaced: boolean }> {
    const name = checkedSaveName(given)
    const folder = await this.#folder(user, true)
    const path = join(folder, name + ENDING)
    const before = await lstat(path).catch(() => undefined)
    if (before && !before.isFile()) throw new SourceError(name, 'is no file')
    if (!before && (await this.list(user)).length >= MAX_SAVES)
      throw new SourceError(name, `there are ${MAX_SAVES} saves already`)
    const bytes = new TextEncoder().encode(formatSave(chat))
    await this.#inTurn(path, () =>
      writeWhole(path, async sink => sink.write(bytes), 0o600).catch(error => {
        throw new SourceError(name, 'cannot be written', { cause: error })
      }),
    )
    return { name, replaced: before !== undefined }
  }

  /** Rejects with SourceError if there is no such save, with ModelFormatError if it is damaged. */
  async load(user: string, given: string): Promise<{ readonly name: string; readonly chat: SavedChat }> {
    const name = checkedSaveName(given)
    const path = join(await this.#folder(user, false), name + ENDING)
    return { name, chat: parseSave(await readOwnFile(path, name), name) }
  }

  /** Names in order. */
  async list(user: string): Promise<string[]> {
    const folder = await this.#folder(user, false)
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    return entries
      .filter(entry => entry.isFile() && entry.name.endsWith(ENDING))
      .map(entry => entry.name.slice(0, -ENDING.length))
      .filter(name => saveNames.test(name))
      .toSorted()
  }

  /** A user's folder, which is one and no link. */
  async #folder(user: string, create: boolean): Promise<string> {
    checkUserName(user)
    const path = join(this.#root, user)
    if (create)
      await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw new SourceError(user, 'no folder for saves', { cause: error })
      })
    const found = await lstat(path).catch(() => undefined)
    if (found && !found.isDirectory()) throw new SourceError(user, 'is no folder for saves')
    return path
  }

  /** Two connections of a user may save at once. */
  async #inTurn(path: string, action: () => Promise<void>): Promise<void> {
    const turn = (this.#writes.get(path) ?? Promise.resolve()).then(action, action)
    this.#writes.set(path, turn)
    try {
      await turn
    } finally {
      if (this.#writes.get(path) === turn) this.#writes.delete(path)
    }
  }
}

/** Reads a file that is one and no link; waits for nothing if it is a pipe. */
async function readOwnFile(path: string, name: string): Promise<string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      throw new SourceError(name, error.code === 'ENOENT' ? 'no such save' : 'cannot be read', {
        cause: error,
      })
    },
  )
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new SourceError(name, 'is no file')
    if (stat.size > MAX_SAVE) throw new SourceError(name, `is larger than ${MAX_SAVE} bytes`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}
