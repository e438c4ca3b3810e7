// The folder that someone works in, for references to its files.
import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import ignore from 'ignore'
import { EditError } from '../errors.ts'

/** Where a folder really is. Rejects with EditError where there is none. */
export async function realFolder(folder: string): Promise<string> {
  try {
    return await realpath(folder)
  } catch (error) {
    throw new EditError(folder, 'there is no such folder', { cause: error })
  }
}

/** What a path leads to, as src/code wants to know it. */
export async function findProjectFile(folder: string, path: string) {
  if (path.includes('\0')) return { kind: 'missing' } as const
  const root = await realFolder(folder)
  let place: string
  let found: Awaited<ReturnType<typeof stat>>
  try {
    // The real place decides, whatever links lead there.
    place = await realpath(resolve(root, path))
    found = await stat(place)
  } catch {
    return { kind: 'missing' } as const
  }
  if (found.isDirectory()) return { kind: 'folder' } as const
  if (!found.isFile()) return { kind: 'other' } as const
  const from = relative(root, place)
  const inside = from !== '' && from !== '..' && !from.startsWith(`..${sep}`) && !isAbsolute(from)
  return {
    kind: 'file',
    path: inside ? from.split(sep).join('/') : place,
    inside,
    ignored: inside && (await isIgnored(root, from)),
    size: found.size,
    read: async () => new Uint8Array(await readFile(place)),
  } as const
}

/** Whether git leaves a file alone: as the .gitignore files from the root down to it say, and in .git itself. */
export async function isIgnored(root: string, path: string): Promise<boolean> {
  const parts = path.split(sep)
  if (parts.includes('.git')) return true
  let ignored = false
  for (let depth = 0; depth < parts.length; depth++) {
    const folder = join(root, ...parts.slice(0, depth))
    const rules = await readFile(join(folder, '.gitignore'), 'utf8').catch(() => undefined)
    if (rules === undefined) continue
    // Rules of a folder nearer to the file win.
    const { ignored: yes, unignored } = ignore().add(rules).test(parts.slice(depth).join('/'))
    if (yes) ignored = true
    if (unignored) ignored = false
  }
  return ignored
}
