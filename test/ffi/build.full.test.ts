// Builds of the native library: every level once, nothing twice, and a word on what could not be built.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { appendFile, chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BuildResult, buildNative } from '../../src/ffi/build.ts'
import { levelsOf } from '../../src/ffi/levels.ts'
import { packageFolder } from '../../src/ffi/paths.ts'
import { type TestPlaces, testPlaces, withoutCompiler } from './places.ts'

const all = levelsOf().map(({ name }) => name)
let places: TestPlaces

beforeEach(async () => {
  places = await testPlaces()
  // What is built does not matter here, so it may as well be quick.
  await rm(places.sources, { recursive: true })
  await mkdir(places.sources)
  await writeFile(join(places.sources, 'level.h'), '#define TEXT(level) #level\n')
  await writeFile(
    join(places.sources, 'level.cpp'),
    '#include "level.h"\nextern "C" const char *level() { return TEXT(TORCHLESS_LEVEL); }\n',
  )
})
afterEach(() => places.remove())

const build = (options: { env?: NodeJS.ProcessEnv; levels?: string[] } = {}) =>
  buildNative({ sources: places.sources, output: places.builds, env: places.env, ...options })
const states = ({ levels }: BuildResult) => levels.map(({ level, state }) => `${level} ${state}`)

/** A compiler that is the usual one but for what a shell script does first. */
async function compilerThat(script: string): Promise<NodeJS.ProcessEnv> {
  const path = join(places.folder, 'compiler')
  await writeFile(path, `#!/bin/sh\n${script}\nexec c++ "$@"\n`)
  await chmod(path, 0o755)
  return { ...places.env, CXX: path }
}

describe('a build', () => {
  test('makes one library per level, and none a second time', async () => {
    const first = await build()
    expect(states(first)).toEqual(all.map(level => `${level} built`))
    expect(first.compiler).toMatch(/\d+\.\d+/)
    expect((await readdir(places.builds)).length).toBe(all.length)
    const times = await modified(first)

    const second = await build()
    expect(states(second)).toEqual(all.map(level => `${level} current`))
    expect(await modified(second)).toEqual(times)
    expect(second.seconds).toBeLessThan(2)
  })

  test('of changed sources, flags or levels takes the place of the old one', async () => {
    const [before] = (await build({ levels: ['portable'] })).levels
    await appendFile(join(places.sources, 'level.h'), '// changed\n')
    const [after] = (await build({ levels: ['portable'] })).levels
    expect(after!.state).toBe('built')
    expect(after!.path).not.toBe(before!.path)
    const result = await buildNative({
      sources: places.sources,
      output: places.builds,
      env: places.env,
      levels: ['portable'],
      flags: ['-g'],
    })
    expect(result.levels[0]!.state).toBe('built')
    expect(await readdir(places.builds)).toEqual([result.levels[0]!.path!.slice(places.builds.length + 1)])
  })

  test('twice at the same time gives whole libraries and leaves nothing behind', async () => {
    const results = await Promise.all([build({ levels: ['portable'] }), build({ levels: ['portable'] })])
    expect(new Set(results.map(({ levels }) => levels[0]!.path)).size).toBe(1)
    expect((await readdir(places.builds)).length).toBe(1)
  })

  test('compiles once what is the same at several levels', async () => {
    await writeFile(join(places.sources, 'plain.cpp'), 'int plain() { return 1; }\n')
    const log = join(places.folder, 'log')
    const result = await build({ env: await compilerThat(`echo "$*" >> '${log}'`) })
    expect(states(result)).toEqual(all.map(level => `${level} built`))
    const compiled = (name: string) =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter(line => line.includes(`-c ${join(places.sources, name)} `)).length
    expect(compiled('plain.cpp')).toBe(1)
    expect(compiled('level.cpp')).toBe(all.length)
  })

  test('skips levels that the compiler is too old for', async () => {
    const newest = levelsOf().at(-1)!
    const flag = newest.flags.at(-1)!
    const env = await compilerThat(
      `case "$*" in *'${flag}'*) echo "c++: error: unrecognized option '${flag}'" >&2; exit 1;; esac`,
    )
    const result = await build({ env })
    expect(states(result)).toEqual(all.map(name => `${name} ${name === newest.name ? 'skipped' : 'built'}`))
    expect(result.levels.at(-1)!.problem).toBe(`c++: error: unrecognized option '${flag}'`)
  })

  test('of sources that do not compile says why', async () => {
    await writeFile(join(places.sources, 'wrong.cpp'), 'int wrong = "text";\n')
    const [portable] = (await build({ levels: ['portable'] })).levels
    expect(portable!.state).toBe('failed')
    expect(portable!.problem).toMatch(/wrong\.cpp:1:13: error: invalid conversion|cannot initialize/)
    expect(await readdir(places.builds)).toEqual([])
  })

  test('without a compiler says which were looked for', async () => {
    expect(await build({ env: withoutCompiler(places) })).toMatchObject({
      compiler: undefined,
      tried: ['c++', 'g++', 'clang++'],
      levels: [],
    })
    expect(await build({ env: { ...places.env, CXX: 'nonesuch -x' } })).toMatchObject({
      tried: ['nonesuch -x'],
    })
  })

  test('of unknown levels says which there are', async () => {
    const args = [
      '--import',
      'tsx',
      'src/ffi/build-cli.ts',
      '--out',
      places.builds,
      '--strict',
      '--levels',
      'sse9',
    ]
    await expect(promisify(execFile)(process.execPath, args, { cwd: packageFolder })).rejects.toMatchObject({
      code: 1,
      stdout: `native: not built: --levels: expected runnable or some of ${all.join(', ')}, found sse9\n`,
    })
  })

  test('of an installation without a compiler is one line and no failure', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', 'src/ffi/build-cli.ts', '--out', places.builds],
      { cwd: packageFolder, env: withoutCompiler(places) },
    )
    expect(stdout).toBe(
      'native: no C++ compiler found (tried c++, g++, clang++), so the reference backend runs, which is slow\n',
    )
    expect(stderr).toBe('')
  })
})

async function modified({ levels }: BuildResult): Promise<number[]> {
  return Promise.all(levels.map(async ({ path }) => (await stat(path!)).mtimeMs))
}
