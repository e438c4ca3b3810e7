// Builds replay.cpp together with the native library, as one program.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compileFlags } from '../../src/ffi/compiler.ts'
import { levelsOf } from '../../src/ffi/levels.ts'
import { nativeSources } from '../../src/ffi/paths.ts'

export const run = promisify(execFile)

export interface DriverOptions {
  readonly compiler: string
  readonly arch: 'x64' | 'arm64'
  readonly level: string
  readonly flags: readonly string[]
}

/** Compiles the driver to `output`. */
export async function buildDriver(output: string, options: DriverOptions): Promise<void> {
  const level = levelsOf(options.arch).find(({ name }) => name === options.level)!
  const names = await readdir(nativeSources)
  const sources = names.filter(name => name.endsWith('.cpp')).map(name => join(nativeSources, name))
  const driver = join(import.meta.dirname, 'replay.cpp')
  const flags = [...compileFlags('gnu', level, options.arch), ...options.flags]
  await run(options.compiler, [...flags, ...sources, driver, '-o', output], { maxBuffer: 2 ** 26 })
}

/** Whether a program is there. */
export async function has(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false,
  )
}
