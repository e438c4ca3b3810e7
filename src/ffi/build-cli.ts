// Builds the native library of a clone: run by npm after the compiler of TypeScript. Never fails an installation:
// without a C++ compiler torchless runs too, slowly. `--strict` makes it fail for whoever works on native/.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { InvalidOptionError } from '../errors.ts'
import { type BuildResult, buildNative } from './build.ts'
import { levelsOf, PORTABLE } from './levels.ts'
import { buildRunnable } from './library.ts'
import { nativeBuilds, nativeSources, platformName } from './paths.ts'

const RUNNABLE = 'runnable'

const { values } = parseArgs({
  options: {
    /** Folder for the libraries. */
    out: { type: 'string' },
    /**
     * Levels to build, such as avx2 or avx2,avx512; the portable one, which any other needs to be found, comes with them. `runnable`: those
     * that this processor can run. Default: all.
     */
    levels: { type: 'string' },
    /** x64 or arm64, with a cross compiler in CXX. */
    arch: { type: 'string' },
    /** A further compiler flag, such as --flag=-fsanitize=address; repeatable. */
    flag: { type: 'string', multiple: true },
    strict: { type: 'boolean', default: false },
  },
})

try {
  const options = {
    sources: nativeSources,
    output: values.out ?? join(nativeBuilds, platformName(values.arch)),
    flags: values.flag,
  }
  if (values.levels === RUNNABLE && values.arch !== undefined)
    throw new InvalidOptionError(`--arch: expected none with --levels ${RUNNABLE}, found ${values.arch}`)
  const result =
    values.levels === RUNNABLE
      ? await buildRunnable(options)
      : await buildNative({
          ...options,
          levels: values.levels === undefined ? undefined : levelsNamed(values.levels.split(',')),
          arch: values.arch,
        })
  const failed = result.levels.filter(({ state }) => state === 'failed')
  if (values.strict) for (const { output } of failed) console.error(output)
  console.log(`native: ${summary(result)}`)
  if (values.strict && (failed.length > 0 || result.compiler === undefined)) process.exitCode = 1
} catch (error) {
  console.log(`native: not built: ${error instanceof Error ? error.message : error}`)
  if (values.strict) process.exitCode = 1
}

function levelsNamed(names: readonly string[]): string[] {
  const known = levelsOf(values.arch).map(({ name }) => name)
  const unknown = names.find(name => !known.includes(name))
  if (unknown !== undefined)
    throw new InvalidOptionError(
      `--levels: expected ${RUNNABLE} or some of ${known.join(', ')}, found ${unknown}`,
    )
  return [PORTABLE, ...names]
}

function summary({ compiler, tried, levels, seconds }: BuildResult): string {
  if (compiler === undefined)
    return `no C++ compiler found (tried ${tried.join(', ')}), so the reference backend runs, which is slow`
  const names = (state: string) => levels.filter(level => level.state === state).map(({ level }) => level)
  const parts: string[] = []
  if (names('built').length > 0)
    parts.push(`built ${names('built').join(', ')} with ${compiler} in ${seconds.toFixed(0)} s`)
  if (names('current').length > 0) parts.push(`${names('current').join(', ')} up to date`)
  const problems = new Map<string, string[]>()
  for (const { level, state, problem } of levels)
    if (problem !== undefined)
      problems.set(`${state}: ${problem}`, [...(problems.get(`${state}: ${problem}`) ?? []), level])
  for (const [problem, affected] of problems) parts.push(`${affected.join(', ')} ${problem}`)
  return parts.join('; ')
}
