// What the native library says of the machine, and the address space that it hands out.
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildNative } from '../../src/ffi/build.ts'
import { type Library, openLibrary } from '../../src/ffi/native.ts'
import { nativeOs } from '../../src/ffi/os.ts'
import { type TestPlaces, testPlaces } from './places.ts'

let places: TestPlaces
let library: Library

beforeAll(async () => {
  places = await testPlaces()
  const { sources, builds: output, env } = places
  const { levels } = await buildNative({ sources, output, env, levels: ['portable'] })
  library = await openLibrary(levels[0]!.path!)
})
afterAll(() => places.remove())

test('threads: no more than processors, cores or the quota allow', () => {
  const count = (name: string) => library.func(name, 'i32', [])()
  const quota = library.func('tl_quota_cpus', 'i32', ['text'])('')
  expect(count('tl_allowed_cpus')).toBe(availableParallelism())
  expect(count('tl_physical_cores')).toBeGreaterThanOrEqual(1)
  expect(count('tl_physical_cores')).toBeLessThanOrEqual(count('tl_allowed_cpus'))
  expect(nativeOs(library).defaultThreads()).toBe(Math.min(count('tl_physical_cores'), quota || Infinity))
})

describe.runIf(process.platform === 'linux')('the quota of a control group', () => {
  let next = 0
  const quota = async (files: Record<string, string>) => {
    const root = join(places.folder, `root${next++}`)
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    return library.func('tl_quota_cpus', 'i32', ['text'])(root)
  }
  const cpu = '/sys/fs/cgroup/cpu'

  test.each<[string, number, Record<string, string>]>([
    ['nothing there', 0, {}],
    ['none set', 0, { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' }],
    ['whole', 4, { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '400000 100000\n' }],
    ['rounded up', 2, { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '150000 100000\n' }],
    [
      'the tightest of the groups around it',
      3,
      {
        '/proc/self/cgroup': '0::/a/b\n',
        '/sys/fs/cgroup/a/b/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/a/cpu.max': '300000 100000\n',
        '/sys/fs/cgroup/cpu.max': '800000 100000\n',
      },
    ],
    [
      'version 1, of a group that is seen as the root',
      2,
      {
        '/proc/self/cgroup': '4:memory:/m\n2:cpu,cpuacct:/docker/x\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      },
    ],
    [
      'version 1, none set',
      0,
      {
        '/proc/self/cgroup': '1:cpu:/\n0::/\n',
        [`${cpu}/cpu.cfs_quota_us`]: '-1\n',
        [`${cpu}/cpu.cfs_period_us`]: '100000\n',
      },
    ],
  ])('%s', async (_, expected, files) => {
    expect(await quota(files)).toBe(expected)
  })
})

describe.runIf(process.platform === 'linux')('memory that is left', () => {
  let next = 0
  const left = async (files: Record<string, string>) => {
    const root = join(places.folder, `memory${next++}`)
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    return library.func('tl_available_memory', 'u64', ['text'])(root)
  }
  const meminfo = { '/proc/meminfo': 'MemTotal:  2000 kB\nMemFree:  100 kB\nMemAvailable:   1000 kB\n' }
  const group = '/sys/fs/cgroup/a'

  test.each<[string, number, Record<string, string>]>([
    ['nothing there', 0, {}],
    ['no limit', 1_024_000, { ...meminfo, '/proc/self/cgroup': '0::/a\n', [`${group}/memory.max`]: 'max\n' }],
    [
      'a limit, to which pages of files do not count',
      500_000 - 300_000 + 150_000,
      {
        ...meminfo,
        '/proc/self/cgroup': '0::/a/b\n',
        [`${group}/memory.max`]: '500000\n',
        [`${group}/memory.current`]: '300000\n',
        [`${group}/memory.stat`]: 'anon 150000\nfile 150000\ninactive_file 100000\nactive_file 50000\n',
      },
    ],
    [
      'a limit that is reached',
      1,
      {
        ...meminfo,
        '/proc/self/cgroup': '0::/a\n',
        [`${group}/memory.max`]: '500000\n',
        [`${group}/memory.current`]: '500000\n',
      },
    ],
    [
      'version 1',
      200_000,
      {
        ...meminfo,
        '/proc/self/cgroup': '4:memory:/m\n',
        '/sys/fs/cgroup/memory/m/memory.limit_in_bytes': '300000\n',
        '/sys/fs/cgroup/memory/m/memory.usage_in_bytes': '150000\n',
        '/sys/fs/cgroup/memory/m/memory.stat': 'total_inactive_file 50000\n',
      },
    ],
  ])('%s', async (_, expected, files) => {
    expect(await left(files)).toBe(expected)
  })

  test('here: some, and no more than there is', () => {
    const { availableMemory } = nativeOs(library)
    expect(availableMemory()).toBeGreaterThan(2 ** 20)
    expect(availableMemory()).toBeLessThanOrEqual(totalmem())
  })
})

describe('address space', () => {
  test('costs nothing until written, and again once given back', () => {
    const os = nativeOs(library)
    // Copies within native memory: JavaScript never sees it but through copies.
    const copy = library.func('tl_read_bytes', 'void', ['address', 'address', 'u64'])
    const page = library.func('tl_page_size', 'u64', [])()
    const size = 2 ** 36
    const before = process.memoryUsage.rss()
    const start = os.reserve(size)
    expect(start % page).toBe(0)
    expect(os.readBytes(start + size - 4, 4)).toEqual(new Uint8Array(4))
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 24)

    const text = library.func('tl_read_bytes', 'void', ['text', 'address', 'u64'])
    const ones = new Uint8Array(3 * page).fill(1)
    text('\u0001'.repeat(3 * page), start, 3 * page)
    copy(start, start + size - 3 * page, 3 * page)
    expect(os.readBytes(start + size - 3 * page, 3 * page)).toEqual(ones)

    // Only the page that lies whole within the range.
    os.decommit(start + 1, 2 * page)
    expect(os.readBytes(start, 3 * page)).toEqual(ones.fill(0, page, 2 * page))
    os.release(start, size)
  })

  test('that is too large is refused', () => {
    expect(nativeOs(library).reserve(2 ** 52)).toBe(0)
  })
})
