// Lazy weights: digits, and what becomes of steps that are stopped, of models side by side and of files that fail.
import { open, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { cpuBackendOf } from '../../../src/backends/cpu/cpu.ts'
import { nativeLibrary } from '../../../src/ffi/library.ts'
import { nativeOs } from '../../../src/ffi/os.ts'
import {
  BackendUnavailableError,
  DisposedError,
  InvalidOptionError,
  loadModel,
  SourceError,
  UnsupportedModelError,
} from '../../../src/index.ts'
import { expertCases } from '../../conformance/cases/experts.ts'
import { matmulCases } from '../../conformance/cases/matmul.ts'
import { smallModelCases } from '../../conformance/cases/model.ts'
import { fileWeights } from '../../support/file-weights.ts'
import { temporaryFolder } from '../../support/fixture-file.ts'
import { sameDigits } from './lazy-digits.ts'
import { longIds, writeLongModel } from './long-step.ts'

const folder = temporaryFolder()
/** Of 23 MB of weights. */
const lazy = { backend: 'cpu', lazy: true, lazyMemory: 2 ** 22 } as const
let path: string
let bytes: Buffer
let expected: Float32Array
const ids = longIds(7)

beforeAll(async () => {
  path = join(folder, 'long.gguf')
  await writeLongModel(path)
  bytes = await readFile(path)
  await using eager = await loadModel(path, { backend: 'cpu' })
  expected = (await eager.logits(ids)).values
})

describe('the same digits', () => {
  const few = /every type|few, (F32|Q4_0|Q6_K)$|F16, 67 columns|every block format.*optimised, in one step/
  const cases = [...matmulCases, ...expertCases, ...smallModelCases].filter(({ name }) => few.test(name))
  sameDigits(folder, cases)

  test('of a whole model, step after step, whatever the budget', async () => {
    for (const lazyMemory of [2 ** 19, 2 ** 22, 2 ** 25]) {
      await using model = await loadModel(path, { ...lazy, lazyMemory })
      for (let step = 0; step < 3; step++) expect((await model.logits(ids)).values).toEqual(expected)
    }
  })
})

test('a step that is stopped on its way leaves nothing wrong behind', async () => {
  await using model = await loadModel(path, lazy)
  const enough = new Error('enough')
  let stopped = 0
  for (let delay = 0; delay < 12; delay++) {
    const controller = new AbortController()
    const step = model.logits(longIds(300), { signal: controller.signal })
    setTimeout(() => controller.abort(enough), delay)
    await step.catch(error => {
      expect(error).toBe(enough)
      stopped++
    })
    expect((await model.logits(ids)).values).toEqual(expected)
  }
  expect(stopped).toBeGreaterThan(0)
})

test('models side by side do not disturb each other, nor does the end of one', async () => {
  await using one = await loadModel(path, lazy)
  const two = await loadModel(path, { ...lazy, lazyMemory: 2 ** 20 })
  for (let step = 0; step < 2; step++) {
    const both = await Promise.all([one, two].map(model => model.logits(ids)))
    for (const { values } of both) expect(values).toEqual(expected)
  }
  const lost = two.logits(longIds(500)).catch(error => error)
  const kept = one.logits(ids)
  await two.dispose()
  expect(await lost).toBeInstanceOf(DisposedError)
  expect((await kept).values).toEqual(expected)
})

describe.runIf(process.platform !== 'win32')('a file that shrinks', () => {
  test('is an error until it is whole again', async () => {
    const copy = join(folder, 'shrinks.gguf')
    await writeFile(copy, bytes)
    await using model = await loadModel(copy, lazy)
    expect((await model.logits(ids)).values).toEqual(expected)
    await truncate(copy, 1_000_000)
    for (let step = 0; step < 2; step++) {
      const error = await model.logits(longIds(300)).catch(error => error)
      expect(error).toBeInstanceOf(SourceError)
      expect(error.message).toMatch(/shrinks\.gguf: expected \d+ bytes at offset \d+, found \d+: .*shrunk/)
    }
    await writeFile(copy, bytes)
    expect((await model.logits(ids)).values).toEqual(expected)
  })

  test('is an error for the rows of its table, too', async () => {
    const copy = join(folder, 'table.gguf')
    // The table is first: the rest stays in memory.
    await writeFile(copy, bytes)
    await using model = await loadModel(copy, { ...lazy, lazyMemory: bytes.length - 300_000 })
    await model.logits(ids)
    await truncate(copy, 100_000)
    await expect(model.logits([999])).rejects.toThrow(
      /table\.gguf: expected \d+ bytes at offset \d+, found 0/,
    )
  })
})

// Reading the first page of a process' memory fails as a broken disk does.
test.runIf(process.platform === 'linux')('a read error is one, with what the system says', async () => {
  const library = await nativeLibrary()
  const c = matmulCases[0]!.make()
  const source = await fileWeights(join(folder, 'error.bin'), c)
  const broken = async () => {
    const os = nativeOs(library)
    const handle = await open('/proc/self/mem')
    const opened = os.open('/proc/self/mem', handle.fd)
    await handle.close()
    if (!('handle' in opened)) throw new Error(opened.problem)
    return {
      places: () => [{ file: opened.handle, offset: 0 }],
      nameOf: () => 'memory',
      close: () => os.close(opened.handle),
    }
  }
  const backend = cpuBackendOf(library, { threads: 1, lazyMemory: 2 ** 30 })
  const executable = await backend.compile(c.program, { ...source, open: broken }, c.limits)
  const error = await executable.step(c.steps[0]!.batch, 'full').catch(error => error)
  expect(error).toBeInstanceOf(SourceError)
  expect(error.message).toMatch(/^memory: expected \d+ bytes at offset 0: .*error/i)
  await executable.dispose()
})

describe('is refused', () => {
  test('with a budget that is too small, and what it takes', async () => {
    const error = await loadModel(path, { ...lazy, lazyMemory: 1000 }).catch(error => error)
    expect(error).toBeInstanceOf(InvalidOptionError)
    const least = Number(/expected at least (\d+) bytes for this model, found 1000/.exec(error.message)?.[1])
    await using model = await loadModel(path, { ...lazy, lazyMemory: least })
    expect((await model.logits(ids)).values).toEqual(expected)
  })

  test('where no file can be read', async () => {
    const error = await loadModel(new Blob([Uint8Array.from(bytes)]), lazy).catch(error => error)
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(error.message).toMatch(/lazy: tensor blk\.0\.attn_q\.weight lies in no file/)
  })

  test('by the reference backend', async () => {
    const load = loadModel(path, { ...lazy, backend: 'reference' })
    await expect(load).rejects.toBeInstanceOf(BackendUnavailableError)
  })
})
