// Builds replay.cpp, a program that uses the native library as others do.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildNative } from '../../src/ffi/build.ts'
import { compileFlags } from '../../src/ffi/compiler.ts'
import { levelsOf } from '../../src/ffi/levels.ts'
import { nativeSources } from '../../src/ffi/paths.ts'

export const run = promisify(execFile)

export interface DriverOptions {
  readonly compiler: string
  readonly arch: 'x64' | 'arm64'
  readonly levels: readonly string[]
  /** Folder for what is made. */
  readonly folder: string
  /** For the driver, and for libraries that are not built yet. */
  readonly flags: readonly string[]
}

/** The driver for each level, with the libraries given, or with such as are built of the present sources first. */
export async function buildDrivers(
  options: DriverOptions,
  libraries: ReadonlyMap<string, string> = new Map(),
): Promise<Map<string, string>> {
  const { compiler, arch, levels, folder, flags } = options
  const missing = levels.filter(level => !libraries.has(level))
  const built = await buildNative({
    sources: nativeSources,
    output: folder,
    levels: missing,
    arch,
    flags,
    env: { ...process.env, CXX: compiler },
  })
  const paths = new Map([...libraries, ...built.levels.map(({ level, path }) => [level, path] as const)])
  const drivers = levels.map(async name => {
    const level = levelsOf(arch).find(level => level.name === name)!
    const driver = join(folder, `driver-${arch}-${name}`)
    const library = paths.get(name)
    if (library === undefined) throw new Error(built.levels.find(({ level }) => level === name)?.output)
    const sources = [join(import.meta.dirname, 'replay.cpp'), library]
    await run(compiler, [...compileFlags('gnu', level, arch), ...flags, ...sources, '-o', driver])
    return [name, driver] as const
  })
  return new Map(await Promise.all(drivers))
}

/** Whether a program is there. */
export async function has(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false,
  )
}
