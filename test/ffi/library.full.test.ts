// Which library is opened: where it is looked for, which level is taken, and what is said if there is none.
import { appendFile, cp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BackendUnavailableError, InvalidOptionError } from '../../src/errors.ts'
import { type BuildResult, buildNative } from '../../src/ffi/build.ts'
import { levelsOf } from '../../src/ffi/levels.ts'
import { buildRunnable, openNativeLibrary } from '../../src/ffi/library.ts'
import { openLibrary } from '../../src/ffi/native.ts'
import { type TestPlaces, testPlaces, withoutCompiler } from './places.ts'

const all = levelsOf().map(({ name }) => name)

let places: TestPlaces
/** Libraries of every level. */
let levels: Map<string, string>

beforeAll(async () => {
  places = await testPlaces()
  const { sources, builds: output, env } = places
  const built = await buildNative({ sources, output, env })
  levels = new Map(built.levels.flatMap(({ level, path }) => (path ? [[level, path]] : [])))
})
afterAll(() => places.remove())

/** Sources that compile in no time, for a processor that runs the levels of which `supports` is true. */
async function quickPlaces(supports: string): Promise<TestPlaces> {
  const quick = await testPlaces()
  for (const name of await readdir(quick.sources))
    if (/^os.*\.cpp$/.test(name)) await rm(join(quick.sources, name))
  await writeFile(
    join(quick.sources, 'detect.cpp'),
    `#include "os.h"
     #include <cstring>
     int32_t tl_supports_level(const char *name) { return ${supports}; }`,
  )
  return quick
}

describe('a build for this processor', () => {
  const states = ({ levels }: BuildResult) => levels.map(({ level, state }) => `${level} ${state}`)

  test('has the levels that it runs and no others, once', async () => {
    const runs = all.slice(0, 2)
    const quick = await quickPlaces(runs.map(level => `std::strcmp(name, "${level}") == 0`).join(' || '))
    const { sources, builds: output, env } = quick
    const build = () => buildRunnable({ sources, output, env })
    expect(states(await build())).toEqual(runs.map(level => `${level} built`))
    expect(states(await build())).toEqual(runs.map(level => `${level} current`))
    expect((await readdir(output)).length).toBe(runs.length)
    await quick.remove()
  })

  test('is only the portable one on the oldest', async () => {
    const quick = await quickPlaces("name[0] == 'p'")
    const { sources, builds: output, env } = quick
    expect(states(await buildRunnable({ sources, output, env }))).toEqual(['portable built'])
    await quick.remove()
  })

  test('without a compiler says which were looked for', async () => {
    const { sources, builds: output } = places
    const result = await buildRunnable({ sources, output, env: withoutCompiler(places) })
    expect(result).toMatchObject({ compiler: undefined, tried: ['c++', 'g++', 'clang++'], levels: [] })
  })
})

describe('the level', () => {
  test('is the best that the processor runs', async () => {
    const library = await openNativeLibrary(places)
    const best = library.func('tl_best_level', 'text', [])
    expect(library.level).toBe(best())
    expect(library.runnable.at(-1)).toBe(best())
    expect(library.path).toBe(levels.get(best()))
  })

  test('is the one that TORCHLESS_CPU names, each that the processor runs', async () => {
    const { runnable } = await openNativeLibrary(places)
    expect(runnable[0]).toBe('portable')
    for (const level of runnable) {
      const env = { ...places.env, TORCHLESS_CPU: level }
      expect(await openNativeLibrary({ ...places, env })).toMatchObject({ level, path: levels.get(level) })
    }
  })

  test('is the next best where the best is not built', async () => {
    const { runnable } = await openNativeLibrary(places)
    const installed = new Map(levels)
    installed.delete(runnable.at(-1)!)
    if (runnable.length > 1)
      expect(await openNativeLibrary({ ...places, installed })).toMatchObject({ level: runnable.at(-2) })
  })

  test('that is unknown is an error that names all', async () => {
    const env = { ...places.env, TORCHLESS_CPU: 'avx3' }
    await expect(openNativeLibrary({ ...places, env })).rejects.toThrow(
      new InvalidOptionError(`TORCHLESS_CPU: expected ${all.join(', ')}, found avx3`),
    )
  })

  test('that is not built is an error, not another level', async () => {
    const installed = new Map([['portable', levels.get('portable')!]])
    const forced = (await openNativeLibrary(places)).runnable.at(-1)!
    if (forced === 'portable') return
    const env = { ...places.env, TORCHLESS_CPU: forced }
    await expect(openNativeLibrary({ ...places, installed, env })).rejects.toThrow(
      new InvalidOptionError(`TORCHLESS_CPU: ${forced} is not built, only portable`),
    )
  })

  test.skipIf(all.length < 2)('that the processor cannot run is an error', async () => {
    const old = await quickPlaces("name[0] == 'p'")
    try {
      expect((await openNativeLibrary(old)).level).toBe('portable')
      const env = { ...old.env, TORCHLESS_CPU: all[1] }
      await expect(openNativeLibrary({ ...old, env })).rejects.toThrow(
        new InvalidOptionError(`TORCHLESS_CPU: this processor cannot run ${all[1]}, only portable`),
      )
    } finally {
      await old.remove()
    }
  })
})

describe('the library', () => {
  test("is the platform package's rather than the clone's, and the clone's rather than the cache's", async () => {
    const { env, sources, builds } = places
    const path = levels.get('portable')!
    const installed = new Map([['portable', `${builds}/installed.so`]])
    await cp(path, installed.get('portable')!)
    expect((await openNativeLibrary({ ...places, installed })).path).toBe(installed.get('portable'))
    const nowhere = join(places.folder, 'nowhere')
    const fromCache = await openNativeLibrary({ ...places, builds: nowhere, cache: builds, env, sources })
    expect([...levels.values()]).toContain(fromCache.path)
  })

  test('is built at first use, with one line that says so, for the level that is used', async () => {
    const fresh = await quickPlaces('1')
    try {
      const lines: string[] = []
      const notice = (line: string) => lines.push(line)
      await expect(openNativeLibrary(fresh, { build: false, notice })).rejects.toThrow(
        BackendUnavailableError,
      )
      const first = await openNativeLibrary(fresh, { notice })
      expect(lines).toEqual(['building the native library for this machine, once; this takes about a minute'])
      expect(first.path.startsWith(fresh.cache)).toBe(true)
      const second = await openNativeLibrary(fresh, { notice })
      expect(second.path).toBe(first.path)
      expect((await openNativeLibrary(fresh, { build: false })).path).toBe(first.path)
      expect(lines.length).toBe(1)

      await appendFile(join(fresh.sources, 'detect.cpp'), '// changed\n')
      expect((await openNativeLibrary(fresh)).path).not.toBe(first.path)
    } finally {
      await fresh.remove()
    }
  })

  test('cannot be had without a compiler: one line says why', async () => {
    const fresh = await testPlaces()
    const lines: string[] = []
    try {
      await expect(
        openNativeLibrary({ ...fresh, env: withoutCompiler(fresh) }, { notice: line => lines.push(line) }),
      ).rejects.toThrow(
        new BackendUnavailableError(
          `nothing is built for ${process.platform}-${process.arch}, and no C++ compiler was found (c++, g++, clang++)`,
        ),
      )
      expect(lines).toEqual([])
    } finally {
      await fresh.remove()
    }
  })

  test('that does not open or lacks a function is a typed error', async () => {
    await expect(openLibrary(join(places.folder, 'missing.so'))).rejects.toThrow(BackendUnavailableError)
    const library = await openLibrary(levels.get('portable')!)
    expect(() => library.func('tl_missing', 'void', [])).toThrow(BackendUnavailableError)
    expect(library.has('tl_missing')).toBe(false)
    expect(library.has('tl_map')).toBe(true)
  })

  test('computes beside JavaScript', async () => {
    const library = await openLibrary(levels.get('portable')!)
    const threads = library.func('tl_default_threads', 'i32', [])
    const asyncThreads = library.async('tl_default_threads', 'i32', [])
    expect(await Promise.all([asyncThreads(), asyncThreads()])).toEqual([threads(), threads()])
    const now = library.func('tl_now', 'u64', [])
    const asyncNow = library.async('tl_now', 'u64', [])
    const before = now()
    expect(await asyncNow()).toBeGreaterThanOrEqual(before)
  })
})
