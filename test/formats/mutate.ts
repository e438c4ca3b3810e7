// Damages files at random, but repeatably, and says what became of them.
import { ModelFormatError, SourceError, UnsupportedModelError } from '../../src/errors.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'

/** The mulberry32 generator: an integer from 0 to below `limit`. */
export type Random = (limit: number) => number

export function random(seed: number): Random {
  let state = seed
  return limit => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

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
export function mutate(file: Uint8Array, header: number, random: Random): Uint8Array {
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
export async function outcome(open: () => Promise<ModelFile>): Promise<string> {
  let model: ModelFile
  try {
    model = await open()
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
