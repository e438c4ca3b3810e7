// Builds the native library, once per level, with whatever C++ compiler there is. A build's name tells what went
// into it, so that nothing is built twice and an outdated build is never taken for a current one.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import {
  type Compiler,
  compileFlags,
  findCompiler,
  firstError,
  linkArguments,
  refusal,
  runCompiler,
} from './compiler.ts'
import { type Level, levelsOf } from './levels.ts'

export interface BuildOptions {
  /** Folder of the `.cpp` and `.h` files. */
  readonly sources: string
  /** Folder for the libraries; made if need be. */
  readonly output: string
  /** Names of the levels wanted. Default: all. */
  readonly levels?: readonly string[] | undefined
  /** As Node names it. Another than this machine's wants a cross compiler in `CXX`. */
  readonly arch?: string | undefined
  /** Further compiler flags, such as a sanitizer's. */
  readonly flags?: readonly string[] | undefined
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Told of each level that is compiled, before it is. */
  readonly onCompile?: ((level: string) => void) | undefined
}

export interface BuildResult {
  /** The compiler's version, or undefined if there is none; `tried` says which were looked for. */
  readonly compiler: string | undefined
  readonly tried: readonly string[]
  readonly levels: readonly LevelResult[]
  readonly seconds: number
}

export interface LevelResult {
  readonly level: string
  /** `skipped`: the compiler is too old for it. `failed`: the sources do not compile. */
  readonly state: 'built' | 'current' | 'skipped' | 'failed'
  /** The library, if there is one. */
  readonly path?: string
  /** Why there is none, in one line. */
  readonly problem?: string
  /** All that the compiler said, where it failed. */
  readonly output?: string
}

const extension = { darwin: 'dylib', win32: 'dll' }[process.platform as string] ?? 'so'
const namePattern = /^torchless-(.+)-([0-9a-f]{12})-([0-9a-f]{8})\.(?:so|dylib|dll)$/
const SCRATCH = '.building-'
/** A folder left over by a build that was killed. */
const ABANDONED_MS = 3_600_000

/** Builds what is missing. Two processes may do so at once: each library appears whole or not at all. */
export async function buildNative(options: BuildOptions): Promise<BuildResult> {
  const start = performance.now()
  const { sources, output, arch = process.arch, flags = [], env = process.env } = options
  const wanted = levelsOf(arch).filter(({ name }) => options.levels?.includes(name) ?? true)
  const compiler = await findCompiler(env)
  if ('tried' in compiler) return { compiler: undefined, tried: compiler.tried, levels: [], seconds: 0 }

  await mkdir(output, { recursive: true })
  const source = await sourceHash(sources)
  const files = (await sourceFiles(sources)).filter(name => name.endsWith('.cpp'))
  const job = {
    onCompile: options.onCompile,
    compiler,
    arch,
    flags,
    env,
    output,
    source,
    files: files.map(name => join(sources, name)),
  }
  const levels = await inParallel(wanted, availableParallelism(), level => buildLevel(job, level))
  await removeStale(output, source, levels)
  return { compiler: compiler.version, tried: [], levels, seconds: (performance.now() - start) / 1000 }
}

/** Libraries built from these sources, by level. */
export async function builtLevels(folder: string, source: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const name of await list(folder)) {
    const match = namePattern.exec(name)
    if (match?.[2] === source) found.set(match[1]!, join(folder, name))
  }
  return found
}

/** Stands for the contents of all native sources. */
export async function sourceHash(folder: string): Promise<string> {
  const hash = createHash('sha256')
  for (const name of await sourceFiles(folder)) {
    const bytes = await readFile(join(folder, name))
    hash.update(`${name}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest('hex').slice(0, 12)
}

async function sourceFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => /\.(cpp|h)$/.test(name)).sort()
}

interface Job {
  readonly compiler: Compiler
  readonly arch: string
  readonly flags: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly output: string
  /** Hash of the sources. */
  readonly source: string
  readonly files: readonly string[]
  readonly onCompile: BuildOptions['onCompile']
}

async function buildLevel(job: Job, level: Level): Promise<LevelResult> {
  const { compiler, env, output } = job
  const flags = [...compileFlags(compiler.kind, level, job.arch), ...job.flags]
  const how = createHash('sha256').update(JSON.stringify([compiler.version, compiler.command, flags]))
  const name = `torchless-${level.name}-${job.source}-${how.digest('hex').slice(0, 8)}.${extension}`
  const path = join(output, name)
  if (await exists(path)) return { level: level.name, state: 'current', path }

  const refused = await refusal(compiler, flags, env)
  if (refused) return { level: level.name, state: 'skipped', problem: refused }
  job.onCompile?.(level.name)
  const scratch = await mkdtemp(join(output, SCRATCH))
  try {
    const library = join(scratch, name)
    const args = [...flags, ...linkArguments(compiler.kind, job.files, library, scratch)]
    const answer = await runCompiler(compiler.command, args, env)
    if (answer.status !== 0)
      return {
        level: level.name,
        state: 'failed',
        problem: firstError(answer.output) ?? 'the compiler failed',
        output: answer.output,
      }
    await rename(library, path)
    return { level: level.name, state: 'built', path }
  } catch (error) {
    // Windows does not let a library be replaced that another process has just built and opened.
    if (await exists(path)) return { level: level.name, state: 'current', path }
    throw error
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Removes builds of other sources, and other builds of the levels that there are now. */
async function removeStale(folder: string, source: string, levels: readonly LevelResult[]): Promise<void> {
  const current = new Map(levels.filter(({ path }) => path).map(({ level, path }) => [level, path]))
  for (const name of await list(folder)) {
    const path = join(folder, name)
    const match = namePattern.exec(name)
    const stale = match
      ? match[2] !== source || (current.has(match[1]!) && current.get(match[1]!) !== path)
      : name.startsWith(SCRATCH) && Date.now() - (await modified(path)) > ABANDONED_MS
    // One that is in use elsewhere may stay: Windows does not let go of it.
    if (stale) await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function modified(path: string): Promise<number> {
  return stat(path).then(
    found => found.mtimeMs,
    () => Date.now(),
  )
}

/** Answers in the items' order, with at most `width` of them at work. */
async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const answers: R[] = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      answers[index] = await work(items[index]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker))
  return answers
}
