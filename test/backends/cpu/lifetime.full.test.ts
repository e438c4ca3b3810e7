// What the CPU backend promises about time and memory: company, aborts, disposal, many loads, files that vanish.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { syntheticModel } from '../../../bench/models.ts'
import { f32, type WritableTensor, writeGguf } from '../../../src/formats/gguf.ts'
import { DisposedError, type LoadOptions, loadModel, type Model } from '../../../src/index.ts'
import { fixtureBytes } from '../../fixtures/models.ts'
import { fixtureFile, temporaryFolder } from '../../support/fixture-file.ts'

const folder = temporaryFolder()
const sampling = { temperature: 0.8, seed: 7, maxTokens: 40 } as const
let tiny: string
let large: string

beforeAll(async () => {
  tiny = await fixtureFile(folder, 'Q8_0')
  large = await syntheticModel('llama-24m', 'Q8_0', folder)
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
    await using model = await load(large)
    const order: string[] = []
    const long = model.session().feed(someIds(2000), { want: 'argmax' })
    const short = (async () => {
      await new Promise(resolve => setTimeout(resolve, 20))
      await model.session().feed([5], { want: 'argmax' })
      order.push('short')
    })()
    await Promise.all([long.then(() => order.push('long')), short])
    expect(order).toEqual(['short', 'long'])
  })
})

describe('abort', () => {
  test('in the middle of a prefill it is answered at once, and the session goes on', async () => {
    await using model = await load(large, { threads: 1 })
    const ids = someIds(2000)
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
    // 100 ms are promised; the rest is for machines that do other things.
    expect(performance.now() - aborted).toBeLessThan(250)
    expect(session.length).toBeGreaterThan(0)
    expect(session.length).toBeLessThan(ids.length)
    const { values } = await session.feed(ids.slice(session.length))
    expect(values).toEqual((await model.logits(ids)).values)
  })
})

describe('dispose', () => {
  test('waits for the step, and ends what goes on', async () => {
    const model = await load(large)
    const session = model.session()
    const feed = session.feed(someIds(1500), { want: 'argmax' }).catch(error => error)
    const generation = model.generate('12', { maxTokens: 500 })
    const text = generation.text().catch(error => error)
    await new Promise(resolve => setTimeout(resolve, 50))
    await model.dispose()
    expect(await feed).toBeInstanceOf(DisposedError)
    expect(await text).toBeInstanceOf(DisposedError)
    await expect(session.feed([1])).rejects.toBeInstanceOf(DisposedError)
    expect(() => model.session()).toThrow(DisposedError)
    await model.dispose()
  })
})

describe('memory', () => {
  test('200 loads leave nothing behind', { timeout: 120_000 }, async () => {
    const once = async () => {
      const model = await load(large, { threads: 2 })
      await model.logits([1, 2, 3])
      await model.dispose()
    }
    for (let i = 0; i < 20; i++) await once()
    const before = held()
    for (let i = 0; i < 200; i++) await once()
    const after = held()
    expect(after.threads).toBeLessThanOrEqual(before.threads)
    expect(after.files).toBeLessThanOrEqual(before.files)
    expect(after.mappings).toBe(0)
    // A leaked arena, cache or file would be 200 times some megabytes.
    expect(after.resident - before.resident).toBeLessThan(100e6)
  })

  test('a file is mapped, a Blob is copied, and both say the same', async () => {
    await using mapped = await load(tiny)
    await using copied = await loadModel(new Blob([Uint8Array.from(await fixtureBytes('Q8_0'))]), {
      backend: 'cpu',
    })
    expect(readFileSync('/proc/self/maps', 'utf8')).toContain(tiny)
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

test('a file that shrinks is an error, not the end of the process', { timeout: 60_000 }, async () => {
  const script = join(import.meta.dirname, 'shrink.child.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, large])
  expect(JSON.parse(stdout)).toEqual({
    before: true,
    error: 'SourceError',
    message: expect.stringMatching(/llama-24m-Q8_0.gguf.*has lost bytes/),
  })
})

/** What this process holds, as the system counts it. */
function held() {
  return {
    threads: readdirSync('/proc/self/task').length,
    files: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').split(large).length - 1,
    resident: process.memoryUsage().rss,
  }
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
