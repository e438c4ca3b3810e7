// Which C++ compiler there is, and how it wants to be asked for a shared library.
import { type ExecFileException, execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Level } from './levels.ts'

export interface Compiler {
  /** Program and arguments that come first: `CXX` may say `ccache g++`. */
  readonly command: readonly string[]
  readonly kind: 'gnu' | 'msvc'
  /** First line of what it says of itself: another compiler builds another library. */
  readonly version: string
}

/** What a program said; `status` is 0 if it succeeded, undefined if it could not be started. */
interface Answer {
  readonly status: number | undefined
  readonly output: string
}

/** The compiler that `CXX` names, else the first of the usual ones that runs; or the names that were tried. */
export async function findCompiler(env: NodeJS.ProcessEnv): Promise<Compiler | { readonly tried: string[] }> {
  const usual = process.platform === 'win32' ? ['cl', 'clang++', 'g++', 'c++'] : ['c++', 'g++', 'clang++']
  const tried = env.CXX?.trim() ? [env.CXX.trim()] : usual
  for (const name of tried) {
    // A path with blanks is one program, anything else may have arguments.
    const command = existsSync(name) ? [name] : name.split(/\s+/)
    const kind = /^(clang-)?cl(\.exe)?$/i.test(basename(command.at(-1)!)) ? 'msvc' : 'gnu'
    const { status, output } = await runCompiler(command, kind === 'msvc' ? [] : ['--version'], env)
    if (status === 0) return { command, kind, version: output.trim().split('\n')[0]!.trim() }
  }
  return { tried }
}

/**
 * Flags of every level. Results must not depend on what a compiler fuses, so contraction is off. Copies of loops for each case of a
 * condition in them take most of the time of -O3 here and make nothing faster.
 */
export function compileFlags(kind: Compiler['kind'], level: Level, arch: string): string[] {
  const define = `TORCHLESS_LEVEL=${level.name}`
  if (kind === 'msvc')
    return ['/nologo', '/std:c++20', '/O2', '/EHsc', '/fp:precise', '/utf-8', `/D${define}`, ...level.msvc]
  const flags = [
    '-std=c++20',
    '-O3',
    '-fno-unswitch-loops',
    '-fvisibility=hidden',
    '-fno-math-errno',
    '-ffp-contract=off',
    '-pthread',
  ]
  if (process.platform !== 'win32') flags.push('-fPIC')
  // One compiler serves both kinds of Mac, and Node may be the one that the processor only emulates.
  if (process.platform === 'darwin') flags.push('-arch', arch === 'x64' ? 'x86_64' : arch)
  return [...flags, `-D${define}`, ...level.flags]
}

/** Arguments that compile a source to `object`. */
export function compileArguments(kind: Compiler['kind'], source: string, object: string): string[] {
  return kind === 'msvc' ? ['/c', source, `/Fo:${object}`] : ['-c', source, '-o', object]
}

/** Arguments that link objects to a shared library; `scratch` is a folder for what else comes out. */
export function linkArguments(
  kind: Compiler['kind'],
  objects: readonly string[],
  library: string,
  scratch: string,
): string[] {
  if (kind === 'msvc')
    return ['/LD', ...objects, `/Fe:${library}`, '/link', `/IMPLIB:${join(scratch, 'import.lib')}`]
  // MinGW's run-time libraries are not on the path of who only runs Node.
  return ['-shared', ...(process.platform === 'win32' ? ['-static'] : []), ...objects, '-o', library]
}

/** Why a compiler does not take these flags: an old one lacks newer levels. Undefined if it takes them. */
export async function refusal(
  compiler: Compiler,
  flags: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (compiler.kind === 'msvc') return undefined
  const { status, output } = await runCompiler(
    compiler.command,
    [...flags, '-fsyntax-only', '-x', 'c++', '-'],
    env,
  )
  if (status === 0) return undefined
  return firstError(output) ?? 'the compiler does not take its flags'
}

/** The line of a compiler's output that says what is wrong. */
export function firstError(output: string): string | undefined {
  const lines = output.split('\n').map(line => line.trim())
  return lines.find(line => /\berror\b/i.test(line)) ?? lines.find(line => line !== '')
}

export function runCompiler(
  command: readonly string[],
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Answer> {
  return new Promise(resolve => {
    // English messages, so that the error among them can be found.
    const options = { env: { ...env, LC_ALL: 'C' }, maxBuffer: 2 ** 26, windowsHide: true }
    const done = (error: ExecFileException | null, stdout: string, stderr: string) => {
      if (!error) return resolve({ status: 0, output: stdout || stderr })
      // A code that is a text, such as ENOENT, is the system's: the program did not start.
      const status = typeof error.code === 'string' ? undefined : (error.code ?? 1)
      resolve({ status, output: stderr || stdout || error.message })
    }
    execFile(command[0]!, [...command.slice(1), ...args], options, done).stdin?.end()
  })
}
