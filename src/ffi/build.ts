// Builds the native library, once per level, with whatever C++ compiler there is: source by source, on all cores, what is the same
// at several levels once. A build's name tells what went into it, so that nothing is built twice and an outdated build is never taken
// for a current one.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import {
  type Compiler,
  compileArguments,
  compileFlags,
  findCompiler,
  firstError,
  linkArguments,
  refusal,
  runCompiler,
} from './compiler.ts'
import { type Level, levelsOf } from './levels.ts'
import { compiledOf, hashOf, levelFor, readSources } from './sources.ts'

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
  const { output, arch = process.arch, flags = [], env = process.env } = options
  const wanted = levelsOf(arch).filter(({ name }) => options.levels?.includes(name) ?? true)
  const compiler = await findCompiler(env)
  if ('tried' in compiler) return { compiler: undefined, tried: compiler.tried, levels: [], seconds: 0 }

  await mkdir(output, { recursive: true })
  const sources = readSources(options.sources)
  const scratch = await mkdtemp(join(output, SCRATCH))
  const job: Job = {
    compiler,
    env,
    output,
    scratch,
    source: hashOf(sources),
    flagsOf: level => [...compileFlags(compiler.kind, level, arch), ...flags],
    turns: new Turns(availableParallelism()),
  }
  try {
    const plans = await Promise.all(wanted.map(level => planLevel(job, level)))
    const missing = plans.filter(({ result }) => result === undefined).map(({ level }) => level)
    const objects = compile(job, options.sources, sources, levelsOf(arch), missing)
    for (const { name } of missing) options.onCompile?.(name)
    const levels = await Promise.all(
      plans.map(({ level, path, result }) => result ?? link(job, level, path, objects.get(level)!)),
    )
    await removeStale(output, job.source, levels)
    return { compiler: compiler.version, tried: [], levels, seconds: (performance.now() - start) / 1000 }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
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

interface Job {
  readonly compiler: Compiler
  readonly env: NodeJS.ProcessEnv
  readonly output: string
  /** Folder for objects; empty in the end. */
  readonly scratch: string
  /** Hash of the sources. */
  readonly source: string
  readonly flagsOf: (level: Level) => string[]
  readonly turns: Turns
}

interface Plan {
  readonly level: Level
  /** Where the library belongs. */
  readonly path: string
  /** Undefined if it is to be built. */
  readonly result?: LevelResult
}

async function planLevel(job: Job, level: Level): Promise<Plan> {
  const { compiler, env, output } = job
  const flags = job.flagsOf(level)
  const how = createHash('sha256').update(JSON.stringify([compiler.version, compiler.command, flags]))
  const name = `torchless-${level.name}-${job.source}-${how.digest('hex').slice(0, 8)}.${extension}`
  const path = join(output, name)
  if (await exists(path)) return { level, path, result: { level: level.name, state: 'current', path } }
  const problem = await refusal(compiler, flags, env)
  if (problem) return { level, path, result: { level: level.name, state: 'skipped', problem } }
  return { level, path }
}

/** A compiled source, or what the compiler said against it. */
type Compiled = { readonly object: string } | { readonly output: string }

/** Sets off the compiler for all sources of the levels, and answers with each level's objects. */
function compile(
  job: Job,
  folder: string,
  sources: ReadonlyMap<string, string>,
  known: readonly Level[],
  levels: readonly Level[],
): Map<Level, Promise<Compiled>[]> {
  const objects = new Map<string, Promise<Compiled>>()
  const byLevel = new Map<Level, Promise<Compiled>[]>(levels.map(level => [level, []]))
  // The best level's objects are the largest.
  for (const name of compiledOf(sources))
    for (const level of [...levels].reverse()) {
      const target = levelFor(name, known.slice(0, known.indexOf(level) + 1), sources)
      const object = join(job.scratch, `${name}.${target.name}.o`)
      if (!objects.has(object)) {
        const args = [
          ...job.flagsOf(target),
          ...compileArguments(job.compiler.kind, join(folder, name), object),
        ]
        objects.set(
          object,
          job.turns.take(() => compiled(job, args, object)),
        )
      }
      byLevel.get(level)!.push(objects.get(object)!)
    }
  return byLevel
}

async function compiled(job: Job, args: readonly string[], object: string): Promise<Compiled> {
  const { status, output } = await runCompiler(job.compiler.command, args, job.env)
  return status === 0 ? { object } : { output }
}

async function link(
  job: Job,
  level: Level,
  path: string,
  parts: readonly Promise<Compiled>[],
): Promise<LevelResult> {
  const { compiler, env } = job
  const failed = (output: string): LevelResult => ({
    level: level.name,
    state: 'failed',
    problem: firstError(output) ?? 'the compiler failed',
    output,
  })
  const objects: string[] = []
  for (const part of await Promise.all(parts)) {
    if ('output' in part) return failed(part.output)
    objects.push(part.object)
  }
  const library = join(job.scratch, basename(path))
  const args = [...job.flagsOf(level), ...linkArguments(compiler.kind, objects, library, job.scratch)]
  const { status, output } = await runCompiler(compiler.command, args, env)
  if (status !== 0) return failed(output)
  try {
    await rename(library, path)
    return { level: level.name, state: 'built', path }
  } catch (error) {
    // Windows does not let a library be replaced that another process has just built and opened.
    if (await exists(path)) return { level: level.name, state: 'current', path }
    throw error
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

/** Lets at most `width` pieces of work run at a time, in the order in which they come. */
class Turns {
  private readonly waiting: (() => void)[] = []

  constructor(private free: number) {}

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--
    else await new Promise<void>(resolve => this.waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.waiting.shift()
      if (next) next()
      else this.free++
    }
  }
}
