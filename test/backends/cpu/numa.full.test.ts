// Threads on NUMA nodes, with nodes that are told: the system's own are rarely more than one.
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CpuLibrary, cpuLibrary } from '../../../src/backends/cpu/library.ts'
import { nativeLibrary } from '../../../src/ffi/library.ts'

let folder: string
let library: CpuLibrary

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torchless-numa-'))
  library = cpuLibrary(await nativeLibrary())
})
afterAll(() => rm(folder, { recursive: true }))

describe.runIf(process.platform === 'linux' && availableParallelism() > 1)('NUMA nodes', () => {
  let next = 0
  const bind = async (files: Record<string, string>) => {
    const root = join(folder, `nodes${next++}`)
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    return library.bindNodes(root)
  }
  const node = '/sys/devices/system/node'
  const [first, second] = allowed()
  const nodes = {
    [`${node}/online`]: '0,2-3\n',
    [`${node}/node0/cpulist`]: `${first}\n`,
    // Memory alone.
    [`${node}/node2/cpulist`]: '\n',
    [`${node}/node3/cpulist`]: `${second},8000-9000000\n`,
  }
  /** Which processors each thread of the process may run on. */
  const processorsOfThreads = () =>
    readdirSync('/proc/self/task').map(
      task => /Cpus_allowed_list:\s*(.*)/.exec(readFileSync(`/proc/self/task/${task}/status`, 'utf8'))![1]!,
    )
  const run = (threads: number, seconds = 0.05) => library.measureInt8(threads, seconds)
  const count = (list: string[], processor: number) =>
    list.filter(place => place === String(processor)).length
  /**
   * How many threads more than `before` are on each of the processors during a run: what was expected, as soon as
   * that is seen, since threads need a while to start; otherwise what was seen last.
   */
  const added = async (threads: number, before: string[], expected: Map<number, number>) => {
    let running = true
    const end = run(threads, 3).finally(() => {
      running = false
    })
    let seen: Map<number, number>
    do {
      await new Promise(resolve => setTimeout(resolve, 10))
      const during = processorsOfThreads()
      seen = new Map([...expected.keys()].map(at => [at, count(during, at) - count(before, at)]))
    } while (running && ![...expected].every(([at, threads]) => seen.get(at) === threads))
    await end
    return seen
  }
  /** More than there are processors, so that none has one of its own. */
  const many = allowed().length + 2
  afterAll(() => bind({}))

  test('nothing there, or one node: threads are not bound', async () => {
    expect(await bind({})).toBe(0)
    expect(await bind({ [`${node}/online`]: '0\n', [`${node}/node0/cpulist`]: '0-8191\n' })).toBe(1)
    const before = new Set(processorsOfThreads())
    await run(many)
    expect(new Set(processorsOfThreads())).toEqual(before)
  })

  test('as many threads as processors: each stays on one of its own, and callers go where they were', async () => {
    await bind({})
    const before = processorsOfThreads()
    const one = new Map(allowed().map(processor => [processor, 1]))
    expect(await added(allowed().length, before, one)).toEqual(one)
    expect(count(processorsOfThreads(), allowed()[0]!) - count(before, allowed()[0]!)).toBe(0)
  })

  test('threads stay on their nodes, stretches of the team on each, and callers go where they were', async () => {
    // Workers of the run before are gone.
    expect(await bind(nodes)).toBe(2)
    const before = processorsOfThreads()
    // The caller's thread is the first of the four.
    const two = new Map([first!, second!].map(processor => [processor, 2]))
    expect(await added(4, before, two)).toEqual(two)
    expect(count(processorsOfThreads(), first!) - count(before, first!)).toBe(1)
  })
})

/** Processors that this process may run on, by number. */
function allowed(): number[] {
  if (process.platform !== 'linux') return []
  const list = /Cpus_allowed_list:\s*(.*)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]!
  return list.split(',').flatMap(range => {
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i)
  })
}
