// Edits of files in one folder: where a path really leads, what stands there, and writes that are whole or not at all.
import { constants } from 'node:fs'
import { lstat, mkdir, open, readlink, realpath, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { EditError } from '../errors.ts'
import { isIgnored } from './project-files.ts'
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
  const root = await realpath(folder)
  const place = await realPlace(resolve(root, path))
  if (place === undefined) return { kind: 'refused', reason: 'a link on the way leads nowhere' }
  const from = relative(root, place)
  if (from === '' || from === '..' || from.startsWith(`..${sep}`) || isAbsolute(from))
    return { kind: 'refused', reason: 'it lies outside of this folder' }
  const known = { place, path: from.split(sep).join('/'), ignored: await isIgnored(root, from) }
  const found = await stat(place).catch(() => undefined)
  if (found === undefined) {
    const parent = await nearestFolder(dirname(place))
    if (!parent) return { kind: 'refused', reason: 'a file stands where a folder would have to be' }
    return { kind: 'missing', ...known, text: undefined, mode: 0o666 }
  }
  if (!found.isFile())
    return { kind: 'refused', reason: found.isDirectory() ? 'it is a folder' : 'it is no ordinary file' }
  if (found.size > LARGEST)
    return { kind: 'refused', reason: `it has ${found.size} bytes, more than ${LARGEST}` }
  const text = await readText(place)
  if (text === undefined) return { kind: 'refused', reason: 'it is no text' }
  return { kind: 'text', ...known, text, mode: found.mode & 0o7777 }
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
    if (after === undefined) return await rm(target.place)
    await mkdir(parent, { recursive: true })
    // A folder that was made into a link meanwhile would lead the write elsewhere.
    if ((await realpath(parent)) !== parent) throw new EditError(path, 'a folder on the way was replaced')
    const bytes = new TextEncoder().encode(after)
    await writeWhole(target.place, async sink => sink.write(bytes), mode ?? target.mode)
    if (target.kind === 'text') await keepMode(target.place, mode ?? target.mode)
  } catch (error) {
    if (error instanceof EditError) throw error
    throw new EditError(path, `it cannot be written: ${(error as Error).message}`, { cause: error })
  }
}

/** The umask has no say in the permissions of a file that had them already. */
async function keepMode(place: string, mode: number): Promise<void> {
  const handle = await open(place, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  try {
    await handle.chmod(mode)
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

/** Undefined for what is no UTF-8, or has zero bytes. */
async function readText(place: string): Promise<string | undefined> {
  const handle = await open(place, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
  try {
    const bytes = await handle.readFile()
    if (bytes.includes(0)) return undefined
    // A mark at the beginning is part of the text.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  } finally {
    await handle.close()
  }
}
