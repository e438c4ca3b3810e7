// Damages small GGUF files at random, but repeatably: each mutant opens, and then its tensors can be read, or is
// refused with a typed error. TORCHLESS_FUZZ sets how many mutants there are.
import { expect, test } from 'vitest'
import { ModelFormatError, SourceError, UnsupportedModelError } from '../../src/errors.ts'
import { array, type GgufContents, ggufBytes, openGguf, u16, u64 } from '../../src/formats/gguf.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'
import { bytesSource, type Source } from '../../src/io/source.ts'

const mutants = Number(process.env.TORCHLESS_FUZZ ?? 3000)

/** The mulberry32 generator: an integer from 0 to below `limit`. */
type Random = (limit: number) => number

function random(seed: number): Random {
  let state = seed
  return limit => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

const f32 = (name: string, shape: number[]) => {
  const elements = shape.reduce((a, b) => a * b)
  return { name, type: 'F32', shape, data: new Uint8Array(4 * elements).fill(7) } as const
}

const whole: GgufContents = {
  metadata: {
    'general.architecture': 'llama',
    'general.alignment': 64,
    'llama.block_count': 2,
    'llama.rope.freq_base': 0.5,
    'tokenizer.tokens': ['<s>', '▁the', 'größer', ''],
    'tokenizer.scores': Float32Array.of(0, -1, -2, -3),
    'tokenizer.types': Int32Array.of(1, 2, 3, 4),
    flags: [true, false, true],
    large: u64(2n ** 60n),
    small: array('i8', [-1, 1]),
  },
  tensors: [
    f32('token_embd.weight', [4, 8]),
    f32('blk.0.attn_norm.weight', [8]),
    f32('blk.0.ffn.weight', [2, 3, 5]),
    { name: 'blk.1.attn_q.weight', type: 'F16', shape: [3, 7], data: new Uint8Array(42).fill(9) },
    { name: 'output.weight', type: 'Q8_0', shape: [2, 64], data: new Uint8Array(136).fill(1) },
  ],
}
const part = (no: number): GgufContents => ({
  metadata: { 'split.no': u16(no), 'split.count': u16(2), 'split.tensors.count': 2 },
  tensors: [f32(`blk.${no}.weight`, [no + 3])],
})

const mutations: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  function flipBits(bytes, random) {
    for (let i = random(8); i >= 0; i--) bytes[random(bytes.length)]! ^= 1 << random(8)
    return bytes
  },
  function setBytes(bytes, random) {
    for (let i = random(4); i >= 0; i--) bytes[random(bytes.length)] = random(256)
    return bytes
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random(bytes.length))
  },
  function remove(bytes, random) {
    const start = random(bytes.length)
    return splice(bytes, start, start + 1 + random(24), new Uint8Array(0))
  },
  function insert(bytes, random) {
    const start = random(bytes.length)
    return splice(
      bytes,
      start,
      start,
      Uint8Array.from({ length: 1 + random(24) }, () => random(256)),
    )
  },
  function repeat(bytes, random) {
    const start = random(bytes.length)
    return splice(bytes, start, start, bytes.slice(start, start + 1 + random(100)))
  },
  function setInteger(bytes, random) {
    const values = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 2n ** 61n, 2n ** 63n, 2n ** 64n - 1n]
    const width = random(2) === 0 ? 4 : 8
    const value = Uint8Array.from(new Uint8Array(BigUint64Array.of(values[random(values.length)]!).buffer))
    bytes.set(value.subarray(0, width), random(bytes.length - width))
    return bytes
  },
  function nudgeInteger(bytes, random) {
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const at = random(bytes.length - 4)
    view.setUint32(at, view.getUint32(at, true) + random(129) - 64, true)
    return bytes
  },
  function swap(bytes, random) {
    const length = 1 + random(16)
    const a = random(bytes.length - length)
    const b = random(bytes.length - length)
    const saved = bytes.slice(a, a + length)
    bytes.copyWithin(a, b, b + length)
    bytes.set(saved, b)
    return bytes
  },
]

function splice(bytes: Uint8Array, start: number, end: number, put: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)]))
}

/** One or two mutations; nine in ten of them are within the header, where there is more to break. */
function mutate(file: Uint8Array, header: number, random: Random): Uint8Array {
  let bytes: Uint8Array = file.slice()
  for (let i = random(2); i >= 0; i--) {
    if (bytes.length < 64) break
    const mutation = mutations[random(mutations.length)]!
    const end = random(10) === 0 ? bytes.length : Math.min(header, bytes.length)
    const damaged = mutation(bytes.slice(0, end), random)
    bytes =
      mutation.name === 'truncate'
        ? damaged
        : splice(damaged, damaged.length, damaged.length, bytes.slice(end))
  }
  return bytes
}

/** Opens a mutant and reads all it holds; answers 'opens', or the name of the typed error that refused it. */
async function outcome(source: Source, sibling: Uint8Array): Promise<string> {
  let model: ModelFile
  try {
    model = await openGguf(source, async name => bytesSource(name, sibling))
  } catch (error) {
    const typed = [ModelFormatError, UnsupportedModelError, SourceError]
    if (typed.some(type => error instanceof type)) return (error as Error).name
    throw error
  }
  // What opened is to be sound: from here on, no error is a good one.
  for (const { source, offset, bytes } of model.tensors.values()) await source.read(offset, bytes)
  for (const [key, value] of model.metadata) if (value === undefined) throw new Error(`no value of ${key}`)
  await model.close()
  return 'opens'
}

test(`${mutants} mutants open or are refused with a typed error`, async () => {
  const sibling = await ggufBytes(part(1))
  const files = [
    { name: 'm.gguf', bytes: await ggufBytes(whole) },
    { name: 'm-00001-of-00002.gguf', bytes: await ggufBytes(part(0)) },
  ]
  const headers = await Promise.all(
    files.map(async ({ name, bytes }) => {
      const model = await openGguf(bytesSource(name, bytes), async next => bytesSource(next, sibling))
      return Math.min(...[...model.tensors.values()].map(tensor => tensor.offset))
    }),
  )
  const outcomes: Record<string, number> = {}
  for (let seed = 0; seed < mutants; seed++) {
    const next = random(seed)
    const which = next(4) === 0 ? 1 : 0
    const { name, bytes } = files[which]!
    const header = headers[which]!
    // Now and then it is the second part of a split model that is damaged.
    const second = which === 1 && next(2) === 0
    const mutant = mutate(second ? sibling : bytes, header, next)
    const start = performance.now()
    const result = await outcome(bytesSource(name, second ? bytes : mutant), second ? mutant : sibling).catch(
      (error: unknown) => {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      },
    )
    if (performance.now() - start > 2000) throw new Error(`seed ${seed}: took more than 2 s`)
    outcomes[result] = (outcomes[result] ?? 0) + 1
  }
  // So damaged that nothing opened, or so little that all did, would test nothing.
  expect(outcomes.opens).toBeGreaterThan(mutants / 50)
  expect(outcomes.ModelFormatError).toBeGreaterThan(mutants / 4)
  expect(process.memoryUsage().rss).toBeLessThan(2 ** 30)
})
