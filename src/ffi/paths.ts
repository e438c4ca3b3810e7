// Where the native sources and what is built of them lie.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's folder; this file is two folders below it in src as in dist. */
export const packageFolder = fileURLToPath(new URL('../../', import.meta.url))

export const nativeSources = join(packageFolder, 'native')

/** Builds of a clone, by system and processor. */
export const nativeBuilds = join(packageFolder, 'build', 'native')

/** Names a system and its processor in folders and packages, e.g. `linux-x64`. */
export function platformName(arch: string = process.arch): string {
  return `${process.platform}-${arch}`
}

/** The user's folder for what can be made again. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA || join(homedir(), 'AppData', 'Local'), 'torchless')
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'torchless')
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'torchless')
}
