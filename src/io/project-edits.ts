// Edits of files in one folder: where a path really leads, what stands there, and writes that are whole or not at all.
import { constants } from 'node:fs'
import {
  access,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readlink,
  realpath,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { EditError, SourceError } from '../errors.ts'
import { isIgnored, realFolder } from './project-files.ts'
import { writeWhole } from './sink.ts'

/** Files that are edited have at most so many bytes. */
const LARGEST = 4 * 1024 * 1024

/** What a path leads to: where that really is, and the text if there is a file. */
export type EditTarget =
  | {
      readonly kind: 'text' | 'missing'
      readonly place: string
      /** From the folder, with `/`. */
      readonly path: string
      readonly text: string | undefined
      readonly mode: number
      readonly ignored: boolean
    }
  | { readonly kind: 'refused'; readonly reason: string }

/** Looks at a path of `folder` without changing anything. Every link on the way is followed; what lies outside is refused. */
export async function editTarget(folder: string, path: string): Promise<EditTarget> {
  if (path.includes('\0')) return { kind: 'refused', reason: 'no path has a zero byte' }
  const root = await realFolder(folder)
  const place = await realPlace(resolve(root, path))
  if (place === undefined) return { kind: 'refused', reason: 'a link on the way leads nowhere' }
  const from = relative(root, place)
  if (from === '' || from === '..' || from.startsWith(`..${sep}`) || isAbsolute(from))
    return { kind: 'refused', reason: 'it lies outside of this folder' }
  const known = { place, path: from.split(sep).join('/'), ignored: await isIgnored(root, from) }
  const found = await stat(place).catch(absent)
  if (found === undefined) {
    const parent = await nearestFolder(dirname(place))
    if (!parent) return { kind: 'refused', reason: 'a file stands where a folder would have to be' }
    return { kind: 'missing', ...known, text: undefined, mode: 0o666 }
  }
  if (found instanceof Error) return { kind: 'refused', reason: `it cannot be read: ${found.message}` }
  if (!found.isFile())
    return { kind: 'refused', reason: found.isDirectory() ? 'it is a folder' : 'it is no ordinary file' }
  const read = await readText(place)
  return read.kind === 'refused' ? read : { ...known, ...read }
}

/** Why a file may not be made to hold a text, or undefined: it could not be read again, nor undone. */
export function unwritable(text: string): string | undefined {
  const size = Buffer.byteLength(text)
  if (size > LARGEST) return `it would have ${size} bytes, more than ${LARGEST}`
  return text.includes('\0') || /\p{Surrogate}/u.test(text) ? 'it would be no text' : undefined
}

/** A file is made to hold `after`, or taken away. */
export interface FileWrite {
  readonly path: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/**
 * Writes one file, if it still holds `before`; permissions stay. Rejects with EditError, and leaves the file as it was, if it
 * changed meanwhile or cannot be written.
 */
export async function writeEdit(
  folder: string,
  { path, before, after }: FileWrite,
  mode?: number,
): Promise<void> {
  const target = await editTarget(folder, path)
  if (target.kind === 'refused') throw new EditError(path, target.reason)
  if (target.text !== before)
    throw new EditError(
      path,
      target.text === undefined ? 'it is no longer there' : 'it has changed since it was read',
    )
  const parent = dirname(target.place)
  try {
    if (target.kind === 'text') await access(target.place, constants.W_OK)
    if (after !== undefined) await mkdir(parent, { recursive: true })
    await inFolder(parent, async held => {
      const place = join(held, basename(target.place))
      if (after === undefined) return rm(place)
      const bytes = new TextEncoder().encode(after)
      // What has permissions already keeps them, whatever the umask.
      const exact = mode !== undefined || target.kind === 'text'
      return writeWhole(place, async sink => sink.write(bytes), mode ?? target.mode, exact)
    })
  } catch (error) {
    if (error instanceof EditError) throw error
    const { message } =
      error instanceof SourceError && error.cause ? (error.cause as Error) : (error as Error)
    throw new EditError(path, `it cannot be written: ${message}`, { cause: error })
  }
}

/** Folders that would have to be made for a path, from the folder of the project, outermost first. */
export async function missingFolders(folder: string, path: string): Promise<string[]> {
  const root = await realFolder(folder)
  const parts = path.split('/').slice(0, -1)
  const all = parts.map((_, i) => parts.slice(0, i + 1).join('/'))
  const there = await Promise.all(
    all.map(async each => (await lstat(join(root, each)).catch(absent)) !== undefined),
  )
  return all.filter((_, i) => !there[i])
}

/** Takes a folder away if nothing is in it. */
export async function removeEmptyFolder(folder: string, path: string): Promise<void> {
  const root = await realFolder(folder)
  const place = join(root, path)
  try {
    if ((await realpath(place)) === place)
      await inFolder(dirname(place), held => rmdir(join(held, basename(place))))
  } catch {
    // Somebody uses it.
  }
}

/**
 * Lets `action` work in a real folder that nobody can replace by a link meanwhile: where the system has names for open folders
 * (Linux), it is held open and named so. Elsewhere it is looked at before and after. What was written is made to last.
 */
export async function inFolder(folder: string, action: (held: string) => Promise<void>): Promise<void> {
  const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = constants
  const check = (place: string) => {
    if (place !== folder) throw new EditError(folder, 'a folder on the way was replaced')
  }
  if (process.platform === 'win32') {
    check(await realpath(folder))
    await action(folder)
    return check(await realpath(folder))
  }
  const handle = await open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const held = `/proc/self/fd/${handle.fd}`
    const real = await realpath(held).catch(() => undefined)
    check(real ?? (await realpath(folder)))
    await action(real === undefined ? folder : held)
    if (real === undefined) check(await realpath(folder))
    // Some file systems cannot; what was written is there all the same.
    await handle.sync().catch(() => {})
  } finally {
    await handle.close()
  }
}

/** The real path of the deepest part that exists, with the rest behind it; undefined for a link to nothing. */
async function realPlace(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch {
    // A link that is there although nothing can be found behind it.
    const link = await readlink(path).catch(() => undefined)
    if (link !== undefined || path === dirname(path)) return undefined
    const parent = await realPlace(dirname(path))
    return parent === undefined ? undefined : join(parent, basename(path))
  }
}

async function nearestFolder(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found === undefined ? path !== dirname(path) && nearestFolder(dirname(path)) : found.isDirectory()
}

/** Nothing is there; what is there and cannot be looked at is an error. */
function absent(error: NodeJS.ErrnoException): NodeJS.ErrnoException | undefined {
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? undefined : error
}

type ReadText =
  | { readonly kind: 'text'; readonly text: string; readonly mode: number }
  | { readonly kind: 'refused'; readonly reason: string }

/** What is open is looked at, not what was there before: neither a link nor a pipe may take its place. */
async function readText(place: string): Promise<ReadText> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  let handle: FileHandle | undefined
  try {
    handle = await open(place, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const found = await handle.stat()
    if (!found.isFile() || (await realpath(place)) !== place)
      return { kind: 'refused', reason: 'it is no ordinary file' }
    if (found.size > LARGEST)
      return { kind: 'refused', reason: `it has ${found.size} bytes, more than ${LARGEST}` }
    const text = decoded(await handle.readFile())
    return text === undefined
      ? { kind: 'refused', reason: 'it is no text' }
      : { kind: 'text', text, mode: found.mode & 0o7777 }
  } catch (error) {
    return { kind: 'refused', reason: `it cannot be read: ${(error as Error).message}` }
  } finally {
    await handle?.close()
  }
}

/** Undefined for what is no UTF-8, or has zero bytes. A mark at the beginning is part of the text. */
function decoded(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
