// What the CPU backend promises about time and memory: company, aborts, disposal, many loads, files that vanish.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { syntheticModel } from '../../../bench/models.ts'
import type { Executable } from '../../../src/backends/backend.ts'
import { f32, type WritableTensor, writeGguf } from '../../../src/formats/gguf.ts'
import {
  DisposedError,
  InsufficientMemoryError,
  type LoadOptions,
  loadModel,
  type Model,
} from '../../../src/index.ts'
import { fixtureBytes } from '../../fixtures/models.ts'
import { fixtureFile, temporaryFolder } from '../../support/fixture-file.ts'
import { withResolvers } from '../../support/with-resolvers.ts'
import { LONG, longExecutable, longIds, prefill, writeLongModel } from './long-step.ts'

const folder = temporaryFolder()
const sampling = { temperature: 0.8, seed: 7, maxTokens: 40 } as const
const linux = process.platform === 'linux'
/** 100 ms are promised; the rest is for machines that do other things. */
const AT_ONCE = 250
let tiny: string
let large: string
/** Slower yet: see long-step.ts. */
let slow: string

beforeAll(async () => {
  tiny = await fixtureFile(folder, 'Q8_0')
  large = await syntheticModel('llama-24m', 'Q8_0', folder)
  slow = join(folder, 'slow.gguf')
  await writeLongModel(slow)
}, 60_000)

function load(path: string, options: LoadOptions = {}): Promise<Model> {
  return loadModel(path, { backend: 'cpu', ...options })
}

function someIds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (7 + i * 7919) % 32_000)
}

describe('in company', () => {
  test('generations give what they give alone, on one model and on two', async () => {
    await using one = await load(tiny)
    await using two = await load(await fixtureFile(folder, 'Q4_0'), { threads: 3 })
    const jobs = [
      () => one.generate('the world', { temperature: 0, maxTokens: 40 }),
      () => one.generate('and once', sampling),
      () => two.generate('the world', sampling),
      () => two.generate('he', { temperature: 0, maxTokens: 40 }),
    ]
    const alone: string[] = []
    for (const job of jobs) alone.push(await job().text())
    expect(await Promise.all(jobs.map(job => job().text()))).toEqual(alone)
    expect(new Set(alone).size).toBe(jobs.length)
  })

  test('a session that joins a long prefill has its answer first', async () => {
    await using model = await load(slow)
    const order: string[] = []
    const long = model.session().feed(longIds(LONG), { want: 'argmax' })
    const short = (async () => {
      await pause(20)
      await model.session().feed([5], { want: 'argmax' })
      order.push('short')
    })()
    await Promise.all([long.then(() => order.push('long')), short])
    expect(order).toEqual(['short', 'long'])
  })
})

describe('abort', () => {
  test('in the middle of a prefill it is answered at once, and the session goes on', async () => {
    await using model = await load(slow, { threads: 1 })
    const ids = longIds(LONG)
    const session = model.session()
    const controller = new AbortController()
    const enough = new Error('enough')
    let aborted = 0
    let steps = 0
    const onProgress = () => {
      // In the step after this one.
      if (++steps === 1)
        setTimeout(() => {
          aborted = performance.now()
          controller.abort(enough)
        }, 30)
    }
    await expect(session.feed(ids, { want: 'argmax', signal: controller.signal, onProgress })).rejects.toBe(
      enough,
    )
    expect(performance.now() - aborted).toBeLessThan(AT_ONCE)
    expect(session.length).toBeGreaterThan(0)
    expect(session.length).toBeLessThan(ids.length)
    const { values } = await session.feed(ids.slice(session.length))
    expect(values).toEqual((await model.logits(ids)).values)
  })

  test('wherever a step is, it stops at once', async () => {
    const executable = await longExecutable(slow, 1)
    const { count, took, values } = await stepOfSeconds(executable)
    const waits: number[] = []
    for (const part of [0.03, 0.2, 0.45, 0.7, 0.95]) {
      const controller = new AbortController()
      const enough = new Error('enough')
      let aborted = 0
      setTimeout(() => {
        aborted = performance.now()
        controller.abort(enough)
      }, part * took)
      const start = performance.now()
      // The executable rejects when the threads are done with the step, not before.
      const outcome = await executable.step(prefill(count), 'full', controller.signal).catch(error => error)
      if (aborted === 0) continue // The last part may come too late.
      expect(outcome).toBe(enough)
      expect(aborted - start).toBeGreaterThan(part * took * 0.9)
      waits.push(performance.now() - aborted)
    }
    expect(waits.length).toBeGreaterThanOrEqual(4)
    expect(Math.max(...waits), waits.join(', ')).toBeLessThan(AT_ONCE)
    expect((await executable.step(prefill(count), 'full')).values).toEqual(values)
    await executable.dispose()
  })

  test('what is asked next does not wait for a step that nobody wants', async () => {
    await using model = await load(slow, { threads: 1 })
    const ids = longIds(LONG)
    const session = model.session()
    const controller = new AbortController()
    const feed = session.feed(ids, {
      signal: controller.signal,
      onProgress: () => setTimeout(() => controller.abort(), 30),
    })
    await expect(feed).rejects.toThrow()
    const aborted = performance.now()
    const kept = session.length
    const { values } = await session.feed([5])
    expect(performance.now() - aborted).toBeLessThan(AT_ONCE)
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThan(LONG)
    const fresh = model.session()
    await fresh.feed(ids.slice(0, kept), { want: 'argmax' })
    expect(values).toEqual((await fresh.feed([5])).values)
  })

  test('of a step that waits for another model is answered at once, and disturbs neither', async () => {
    const busy = await longExecutable(slow, 1)
    onTestFinished(() => busy.dispose())
    await using waiting = await load(tiny)
    const { count, values } = await stepOfSeconds(busy)
    const expected = [values, await waiting.logits([5, 6])]
    const long = busy.step(prefill(count), 'full')
    await pause(30)
    const controller = new AbortController()
    const session = waiting.session()
    const feed = session.feed([5, 6], { signal: controller.signal })
    await pause(5)
    controller.abort()
    const aborted = performance.now()
    await expect(feed).rejects.toThrow()
    expect(performance.now() - aborted).toBeLessThan(AT_ONCE)
    expect(session.length).toBe(0)
    expect([(await long).values, await session.feed([5, 6])]).toEqual(expected)
  })
})

describe('dispose', () => {
  test('waits for the step, and ends what goes on', async () => {
    const model = await load(large)
    const session = model.session()
    const { promise: stepped, resolve: onProgress } = withResolvers()
    const feed = session.feed(someIds(1500), { want: 'argmax', onProgress }).catch(error => error)
    const generation = model.generate('12', { maxTokens: 500 })
    const text = generation.text().catch(error => error)
    await Promise.race([stepped, feed])
    await model.dispose()
    expect(await feed).toBeInstanceOf(DisposedError)
    expect(await text).toBeInstanceOf(DisposedError)
    await expect(session.feed([1])).rejects.toBeInstanceOf(DisposedError)
    expect(() => model.session()).toThrow(DisposedError)
    await model.dispose()
  })

  test('of an executable comes after the steps that were asked for, which are whole', async () => {
    const executable = await longExecutable(slow, 2)
    const { values } = await executable.step(prefill(200), 'full')
    const order: string[] = []
    const note = (what: string) => (step: Promise<{ values: Float32Array } | undefined>) =>
      step.then(logits => {
        order.push(what)
        return logits?.values
      })
    const steps = ['first', 'second'].map(what => note(what)(executable.step(prefill(200), 'full')))
    await pause(20)
    const disposed = [executable.dispose(), executable.dispose()].map(dispose =>
      note('dispose')(dispose.then(() => undefined)),
    )
    await expect(executable.step(prefill(1), 'full')).rejects.toBeInstanceOf(DisposedError)
    expect(await Promise.all(steps)).toEqual([values, values])
    await Promise.all(disposed)
    expect(order).toEqual(['first', 'second', 'dispose', 'dispose'])
  })

  test('in the middle of another model does not disturb it', async () => {
    await using model = await load(large)
    const ids = someIds(1000)
    const { values } = await model.logits(ids)
    const other = await load(slow, { threads: 3 })
    const lost = other.logits(longIds(LONG)).catch(error => error)
    const kept = model.logits(ids)
    await pause(30)
    await other.dispose()
    expect(await lost).toBeInstanceOf(DisposedError)
    expect((await kept).values).toEqual(values)
  })

  test('in the middle of a generation ends it', async () => {
    const model = await load(tiny)
    const generation = model.generate('the world', { temperature: 0, maxTokens: 100 })
    const pieces: string[] = []
    const reading = (async () => {
      for await (const piece of generation) if (pieces.push(piece) === 3) await model.dispose()
    })()
    await expect(reading).rejects.toBeInstanceOf(DisposedError)
    expect(pieces).toHaveLength(3)
    expect(generation.finish).toBe('abort')
    expect(() => model.generate('the world')).toThrow(DisposedError)
  })
})

describe('memory', () => {
  test.runIf(linux)('200 loads leave nothing behind', { timeout: 120_000 }, async () => {
    // Another number of threads each time; the last of each loop is the same.
    const once = async (i: number) => {
      const model = await load(large, { threads: 1 + ((i + 1) % 3) })
      await model.logits([1, 2, 3])
      await model.dispose()
    }
    for (let i = 0; i < 20; i++) await once(i)
    const before = held()
    for (let i = 0; i < 200; i++) await once(i)
    const after = held()
    expectNoneLeft(before, after)
  })

  test.runIf(linux)('50 loads with weights on disk leave nothing behind', { timeout: 120_000 }, async () => {
    const once = async (i: number) => {
      const model = await load(large, { lazy: true, lazyMemory: 2 ** (19 + (i % 7)) })
      const step = model.logits(someIds(20)).catch(() => {})
      if (i % 2 === 0) await step
      await model.dispose()
    }
    for (let i = 0; i < 10; i++) await once(i)
    const before = held()
    for (let i = 0; i < 50; i++) await once(i)
    expectNoneLeft(before, held())
  })

  test.runIf(linux)('loads that fail leave nothing behind', async () => {
    // No machine has the memory for so long a cache.
    const once = () =>
      expect(load(large, { maxSeqLen: 2 ** 30, kvDType: 'f32' })).rejects.toBeInstanceOf(
        InsufficientMemoryError,
      )
    for (let i = 0; i < 10; i++) await once()
    const before = held()
    for (let i = 0; i < 50; i++) await once()
    expectNoneLeft(before, held())
  })

  test('a file is mapped, a Blob is copied, and both say the same', async () => {
    await using mapped = await load(tiny)
    await using copied = await loadModel(new Blob([Uint8Array.from(await fixtureBytes('Q8_0'))]), {
      backend: 'cpu',
    })
    if (linux) expect(readFileSync('/proc/self/maps', 'utf8')).toContain(tiny)
    const ids = [1, 20, 30, 40]
    const { values } = await mapped.logits(ids, { rows: 'all' })
    expect((await copied.logits(ids, { rows: 'all' })).values).toEqual(values)
  })

  test('4 GB are loaded without being read', { timeout: 60_000 }, async () => {
    const path = join(folder, 'sparse.gguf')
    await writeSparse(path)
    const before = process.memoryUsage().rss
    const start = performance.now()
    const model = await load(path)
    const took = performance.now() - start
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6)
    // 100 ms are promised; the rest is for machines that do other things.
    expect(took).toBeLessThan(500)
    await model.dispose()
  })
})

describe.runIf(process.platform !== 'win32')('a file that shrinks', () => {
  test.each(['between steps', 'in a step'])('%s is an error, not the end of the process', async when => {
    const path = join(folder, `${when}.gguf`)
    await copyFile(large, path)
    expect(JSON.parse((await child('shrink', path, when)).stdout)).toEqual({
      before: true,
      error: 'SourceError',
      message: expect.stringMatching(new RegExp(`${when}.gguf.*has lost bytes`)),
      again: 'SourceError',
    })
  })
})

// Not so yet: a `top` that is no whole number above 0 is 0 to native code, which takes it for "whole rows" and writes
// them into an array without room; beyond 2³¹ - 1 it becomes another number, and the ids that come back are wrong.
describe('known failures', () => {
  test.each(['0', '0.5', 'NaN', '-1'])('the best %s of a row is refused', async top => {
    expect(JSON.parse((await child('top', tiny, top)).stdout)).toEqual({ error: 'InvalidOptionError' })
  })

  test.each(['Infinity', '4294967297'])('the best %s of a row are all, or refused', async top => {
    const found = JSON.parse((await child('top', tiny, top)).stdout)
    expect([{ error: 'InvalidOptionError' }, { error: 'none', different: 355 }]).toContainEqual(found)
  })
})

function child(name: 'shrink' | 'top', ...args: string[]) {
  const script = join(import.meta.dirname, `${name}.child.ts`)
  return promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...args])
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

/** As many tokens as take more than a second here, or all that there can be. */
async function stepOfSeconds(executable: Executable) {
  for (let count = 250; ; count *= 2) {
    const start = performance.now()
    const { values } = await executable.step(prefill(count), 'full')
    const took = performance.now() - start
    if (took > 1000 || count === LONG) return { count, took, values }
  }
}

/** What this process holds, as Linux counts it. */
function held() {
  const maps = readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n')
  const sizes = maps.map(line => {
    const [from, to] = line
      .split(' ', 1)[0]!
      .split('-')
      .map(address => Number.parseInt(address, 16))
    return to! - from!
  })
  return {
    threads: readdirSync('/proc/self/task').length,
    files: readdirSync('/proc/self/fd').length,
    mapped: maps.filter(line => line.endsWith(large)).length,
    // Smaller ones come and go with JavaScript's heap; a model's weights and each of its caches are greater.
    greatMappings: sizes.filter(size => size > 2 ** 24).length,
    addresses: sizes.reduce((sum, size) => sum + size, 0),
    resident: process.memoryUsage.rss(),
  }
}

function expectNoneLeft(before: ReturnType<typeof held>, after: ReturnType<typeof held>): void {
  expect(after.mapped).toBe(0)
  expect(after.threads).toBeLessThanOrEqual(before.threads)
  expect(after.files).toBeLessThanOrEqual(before.files)
  expect(after.greatMappings - before.greatMappings).toBeLessThan(10)
  // A leaked file or cache would be many times 20 MB, a leaked arena many times some MB. Heaps vary.
  expect(after.addresses - before.addresses).toBeLessThan(500e6)
  expect(after.resident - before.resident).toBeLessThan(100e6)
}

/** A model of one layer and two tables of 2 GB, all zeros but the norms, and nothing of it on disk. */
async function writeSparse(path: string): Promise<void> {
  const [vocabulary, dim] = [131_072, 8192]
  const zeros = new Uint8Array(2 ** 24)
  const matrix = (name: string, rows: number, columns: number): WritableTensor => ({
    name,
    type: 'F16',
    shape: [rows, columns],
    async *data() {
      for (let left = rows * columns * 2; left > 0; left -= zeros.length)
        yield zeros.subarray(0, Math.min(left, zeros.length))
    },
  })
  const norm = (name: string): WritableTensor => ({
    name,
    type: 'F32',
    shape: [dim],
    data: new Uint8Array(new Float32Array(dim).fill(1).buffer),
  })
  const handle = await open(path, 'w')
  let at = 0
  const sink = {
    async write(bytes: Uint8Array) {
      if (bytes.buffer !== zeros.buffer) await handle.write(bytes, 0, bytes.length, at)
      at += bytes.length
    },
  }
  const metadata = {
    'general.architecture': 'llama',
    'llama.context_length': 4096,
    'llama.embedding_length': dim,
    'llama.block_count': 1,
    'llama.feed_forward_length': 256,
    'llama.attention.head_count': 64,
    'llama.attention.head_count_kv': 1,
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
  }
  const tensors = [
    matrix('token_embd.weight', vocabulary, dim),
    norm('blk.0.attn_norm.weight'),
    matrix('blk.0.attn_q.weight', dim, dim),
    matrix('blk.0.attn_k.weight', 128, dim),
    matrix('blk.0.attn_v.weight', 128, dim),
    matrix('blk.0.attn_output.weight', dim, dim),
    norm('blk.0.ffn_norm.weight'),
    matrix('blk.0.ffn_gate.weight', 256, dim),
    matrix('blk.0.ffn_up.weight', 256, dim),
    matrix('blk.0.ffn_down.weight', dim, 256),
    norm('output_norm.weight'),
    matrix('output.weight', vocabulary, dim),
  ]
  await writeGguf(sink, { metadata, tensors })
  await handle.truncate(at)
  await handle.close()
  expect(at).toBeGreaterThan(4e9)
}
