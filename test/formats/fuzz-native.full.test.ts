// Damages native files, files of torchless-rs and checkpoints of llama2.c at random, but repeatably: each mutant opens, and then
// its tensors can be read, or is refused with a typed error. TORCHLESS_FUZZ sets how many mutants there are.
import { expect, test } from 'vitest'
import { f32, u64 } from '../../src/formats/gguf.ts'
import { openLlama2c } from '../../src/formats/llama2c.ts'
import { nativeBytes, openNative } from '../../src/formats/native.ts'
import { openModel } from '../../src/formats/readers.ts'
import { SourceError } from '../../src/index.ts'
import { bytesSource } from '../../src/io/source.ts'
import { mutate, outcome, type Random, random } from './mutate.ts'
import { rawNative, referenceTensors } from './native-raw.ts'

const mutants = Number(process.env.TORCHLESS_FUZZ ?? 3000)

const alone = {
  open: async (name: string) => {
    throw new SourceError(name, 'no such file')
  },
  names: async () => [],
}

const metadata = {
  'general.architecture': 'llama',
  'llama.block_count': 2,
  'llama.rope.freq_base': f32(0.5),
  'tokenizer.ggml.tokens': ['<s>', '▁the', 'größer', ''],
  'tokenizer.ggml.scores': Float32Array.of(0, -1, -2, Number.NaN),
  flags: [true, false],
  large: u64(2n ** 60n),
}

function own(): Promise<Uint8Array> {
  return nativeBytes({
    metadata,
    tensors: [
      { name: 'token_embd.weight', type: 'F32', shape: [4, 8], data: new Uint8Array(128).fill(7) },
      { name: 'blk.0.ffn.weight', type: 'F16', shape: [3, 7], data: new Uint8Array(42).fill(9) },
      { name: 'output.weight', type: 'Q8_0', shape: [2, 64], data: new Uint8Array(136).fill(1) },
    ],
  })
}

function reference(): Uint8Array {
  const values = new Float32Array(128).fill(0.5)
  const { tensors, payload } = referenceTensors({
    'model.embed_tokens.weight': { shape: [16, 8], values },
    'model.layers.0.self_attn.q_proj.weight': { shape: [2, 64], values, int8: true },
    'model.norm.weight': { shape: [8], values: values.subarray(0, 8) },
  })
  const numbers = ['hidden_size', 'intermediate_size', 'n_layers', 'n_heads', 'n_kv_heads', 'vocab_size']
  const texts = [
    ...numbers,
    'max_position_embeddings',
    'rope_theta',
    'norm_eps',
    'sliding_window',
    'head_dim',
  ]
  const header = {
    metadata: { ...Object.fromEntries(texts.map(key => [key, '16'])), act_type: 'silu' },
    tokenizer: { vocab: { '<s>': 0, a: 1, b: 2, ab: 4, '<0x0A>': 5 }, merges: ['a b'] },
    tensors,
  }
  return rawNative({ header, payload })
}

function checkpoint(): Uint8Array {
  const [dim, hidden, layers, heads, kvHeads, vocabulary, context] = [8, 4, 2, 2, 1, 10, 6]
  const weights =
    vocabulary! * dim! +
    layers! * (2 * dim! + 2 * dim! * dim! + dim! * dim! + 3 * dim! * hidden!) +
    dim! +
    (context! * dim!) / heads!
  const bytes = new Uint8Array(28 + 4 * weights)
  bytes.set(
    new Uint8Array(Int32Array.of(dim!, hidden!, layers!, heads!, kvHeads!, vocabulary!, context!).buffer),
  )
  return bytes
}

/** What JSON may hold in place of anything. */
const strange = [
  null,
  true,
  -1,
  0,
  0.5,
  63,
  64,
  1e9,
  2 ** 53,
  1e308,
  '',
  '1',
  'NaN',
  'f32',
  'int8',
  [],
  {},
  [0],
]

/** Replaces, removes or repeats a value somewhere in a header. */
function mutateJson(value: unknown, random: Random): unknown {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  if (keys.length === 0 || random(5) === 0) return strange[random(strange.length)]
  const key = keys[random(keys.length)]!
  const inner = (value as Record<string, unknown>)[key]
  if (Array.isArray(value)) return value.with(Number(key), mutateJson(inner, random))
  const copy: Record<string, unknown> = { ...(value as object) }
  const choice = random(8)
  if (choice === 0) delete copy[key]
  else
    copy[choice === 1 ? keys[random(keys.length)]! : key] = choice === 1 ? inner : mutateJson(inner, random)
  return copy
}

/** The file with another header, all else where it was counted from the payload. */
function withStrangeHeader(file: Uint8Array, random: Random): Uint8Array {
  const size = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
  const text = new TextDecoder().decode(file.subarray(8, 8 + size)).replaceAll('\0', '')
  return rawNative({ header: mutateJson(JSON.parse(text), random), payload: file.subarray(8 + size) })
}

test(`${mutants} mutants open or are refused with a typed error`, async () => {
  const files = [
    { bytes: await own(), headed: true, open: openNative },
    { bytes: reference(), headed: true, open: openNative },
    {
      bytes: checkpoint(),
      headed: false,
      open: (source: Parameters<typeof openNative>[0]) => openLlama2c(source, alone),
    },
  ]
  for (const { bytes } of files)
    expect(await outcome(() => openModel(bytesSource('m', bytes), alone))).toBe('opens')
  const outcomes: Record<string, number> = {}
  for (let seed = 0; seed < mutants; seed++) {
    const next = random(seed)
    const { bytes, headed, open } = files[next(3)]!
    const strangely = headed && next(2) === 0
    const mutant = strangely
      ? withStrangeHeader(bytes, next)
      : mutate(bytes, headed ? bytes.length / 2 : 28, next)
    const source = bytesSource('m', mutant)
    const start = performance.now()
    const result = await outcome(() => (next(2) === 0 ? open(source) : openModel(source, alone))).catch(
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
