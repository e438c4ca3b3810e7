// Finds, and if need be builds, the native library for this machine, and opens the level that suits its processor.
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { BackendUnavailableError, InvalidOptionError } from '../errors.ts'
import { type BuildOptions, type BuildResult, buildNative, builtLevels } from './build.ts'
import { levelsOf, PORTABLE } from './levels.ts'
import { type Library, openLibrary } from './native.ts'
import { cacheFolder, nativeBuilds, nativeSources, packageFolder, platformName } from './paths.ts'
import { sourceHash } from './sources.ts'

export interface NativeLibrary extends Library {
  /** The level that it was built for. */
  readonly level: string
  /** All levels that this processor can run, worst first; not all of them need to be built. */
  readonly runnable: readonly string[]
}

export interface LibraryOptions {
  /** Whether to build it, which takes a minute, where nothing is built. Default: yes. */
  readonly build?: boolean | undefined
  /** Told in one line that a build begins, before it does. */
  readonly notice?: ((line: string) => void) | undefined
}

let opened: NativeLibrary | undefined
let turn: Promise<unknown> = Promise.resolve()

/**
 * The native library of this process: opened by the first call, the same for all. `TORCHLESS_CPU` names the level,
 * else it is the best that is built and can run. Rejects with BackendUnavailableError if there is no library, with
 * InvalidOptionError if the level named is unknown or cannot be had.
 */
export function nativeLibrary(options: LibraryOptions = {}): Promise<NativeLibrary> {
  // One at a time, so that two callers do not build the same.
  const mine = turn.then(async () => {
    opened ??= await openNativeLibrary(await usualPlaces(), options)
    return opened
  })
  turn = mine.catch(() => undefined)
  return mine
}

/** Where libraries are looked for, in this order, and what they are built from. */
export interface Places {
  /** Libraries that came with the platform's package, by level. */
  readonly installed: ReadonlyMap<string, string>
  /** Folder of what `npm ci` built in a clone. */
  readonly builds: string
  /** Folder of what was built at first use. */
  readonly cache: string
  readonly sources: string
  readonly env: NodeJS.ProcessEnv
}

/** Without the memory of {@link nativeLibrary}. */
export async function openNativeLibrary(
  places: Places,
  options: LibraryOptions = {},
): Promise<NativeLibrary> {
  const forced = places.env.TORCHLESS_CPU || undefined
  const known = levelsOf().map(({ name }) => name)
  if (forced !== undefined && !known.includes(forced))
    throw new InvalidOptionError(`TORCHLESS_CPU: expected ${known.join(', ')}, found ${forced}`)

  const shelf = await findShelf(places, options)
  const portable = await openLibrary(await shelf.need(PORTABLE))
  const runnable = runnableLevels(portable)
  if (forced !== undefined && !runnable.includes(forced))
    throw new InvalidOptionError(
      `TORCHLESS_CPU: this processor cannot run ${forced}, only ${runnable.join(', ')}`,
    )

  const open = async (level: string, path: string): Promise<NativeLibrary> => ({
    ...(level === PORTABLE ? portable : await openLibrary(path)),
    level,
    runnable,
  })
  if (forced !== undefined)
    try {
      return await open(forced, await shelf.need(forced))
    } catch (error) {
      // Not to be taken for a missing backend, which lets another one step in unasked.
      throw new InvalidOptionError(`TORCHLESS_CPU: ${(error as Error).message}`, { cause: error })
    }
  for (const level of [...runnable].reverse()) {
    const path = await shelf.find(level)
    if (path !== undefined) return open(level, path)
  }
  return open(PORTABLE, portable.path)
}

/** Levels that this processor can run, worst first, as a library of any level tells. */
function runnableLevels(library: Library): string[] {
  const supports = library.func('tl_supports_level', 'i32', ['text'])
  return levelsOf()
    .map(({ name }) => name)
    .filter(name => supports(name) === 1)
}

/** {@link buildNative} for those levels that this processor can run: the portable one comes first, since it tells which they are. */
export async function buildRunnable(options: Omit<BuildOptions, 'levels' | 'arch'>): Promise<BuildResult> {
  const portable = await buildNative({ ...options, levels: [PORTABLE] })
  const path = portable.levels[0]?.path
  if (path === undefined) return portable
  const levels = runnableLevels(await openLibrary(path)).filter(level => level !== PORTABLE)
  const others = await buildNative({ ...options, levels })
  return {
    ...others,
    levels: [...portable.levels, ...others.levels],
    seconds: portable.seconds + others.seconds,
  }
}

/** Libraries of one origin: levels of different ones are never mixed. */
interface Shelf {
  /** The level's library, or undefined if it is not there and cannot be built. */
  find(level: string): Promise<string | undefined>
  /** The same, but fails with the reason. */
  need(level: string): Promise<string>
}

async function findShelf(places: Places, options: LibraryOptions): Promise<Shelf> {
  if (places.installed.has(PORTABLE)) return fixedShelf(places.installed)
  const source = hashOfSources(places.sources)
  const built = await builtLevels(places.builds, source)
  if (built.has(PORTABLE)) return fixedShelf(built)
  const cached = await builtLevels(places.cache, source)
  if (options.build === false) {
    if (cached.has(PORTABLE)) return fixedShelf(cached)
    throw new BackendUnavailableError(`nothing is built for ${platformName()} yet`)
  }
  return buildingShelf(places, cached, options.notice)
}

function hashOfSources(folder: string): string {
  try {
    return sourceHash(folder)
  } catch {
    throw new BackendUnavailableError(
      `nothing is built for ${platformName()}, and the native sources are missing`,
    )
  }
}

function fixedShelf(levels: ReadonlyMap<string, string>): Shelf {
  return {
    find: async level => levels.get(level),
    async need(level) {
      const path = levels.get(level)
      if (path === undefined)
        throw new BackendUnavailableError(`${level} is not built, only ${[...levels.keys()].join(', ')}`)
      return path
    },
  }
}

/** The user's cache: only what is used gets built, since somebody is waiting. */
function buildingShelf(
  places: Places,
  cached: ReadonlyMap<string, string>,
  notice: LibraryOptions['notice'],
): Shelf {
  let told = false
  const build = async (level: string): Promise<{ path?: string; problem?: string }> => {
    const path = cached.get(level)
    if (path !== undefined) return { path }
    const { sources, cache: output, env } = places
    const { compiler, tried, levels } = await buildNative({
      sources,
      output,
      env,
      levels: [level],
      onCompile() {
        if (!told) notice?.('building the native library for this machine, once; this takes about a minute')
        told = true
      },
    }).catch(error => {
      throw new BackendUnavailableError(`the native library cannot be built in ${output}: ${error.message}`, {
        cause: error,
      })
    })
    if (compiler === undefined)
      return {
        problem: `nothing is built for ${platformName()}, and no C++ compiler was found (${tried.join(', ')})`,
      }
    return levels[0] ?? { problem: `${level} is unknown` }
  }
  return {
    find: async level => (await build(level)).path,
    async need(level) {
      const { path, problem } = await build(level)
      if (path === undefined) throw new BackendUnavailableError(problem ?? `${level} cannot be built`)
      return path
    },
  }
}

/** Those of this installation. */
export async function usualPlaces(): Promise<Places> {
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'))
  return {
    installed: await platformPackage(version),
    builds: join(nativeBuilds, platformName()),
    // By version, so that two projects with different ones do not build it in turns.
    cache: join(cacheFolder(), 'native', version, platformName()),
    sources: nativeSources,
    env: process.env,
  }
}

/** Levels of `@torchless/<system>-<processor>`, where it is installed in just this version. */
async function platformPackage(version: string): Promise<Map<string, string>> {
  const levels = new Map<string, string>()
  try {
    const manifest = createRequire(import.meta.url).resolve(`@torchless/${platformName()}/package.json`)
    if (JSON.parse(await readFile(manifest, 'utf8')).version !== version) return levels
    for (const name of await readdir(dirname(manifest))) {
      const level = /^torchless-(.+)\.(?:so|dylib|dll)$/.exec(name)?.[1]
      if (level !== undefined) levels.set(level, join(dirname(manifest), name))
    }
  } catch {
    // Not installed: optional, and there is none for most systems.
  }
  return levels
}
