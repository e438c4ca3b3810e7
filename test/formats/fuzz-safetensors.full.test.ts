// Damages HuggingFace's checkpoints at random, but repeatably: the weights' header, config.json, the index, the tokenizer's files. Each
// mutant opens, and then all it holds can be read, or is refused with a typed error. TORCHLESS_FUZZ sets how many mutants there are.
import { expect, test } from 'vitest'
import { tokenizerOf } from '../../src/api/tokenizer.ts'
import { ModelFormatError, UnsupportedModelError } from '../../src/errors.ts'
import { storedValues } from '../../src/formats/gguf/values.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'
import { openModel } from '../../src/formats/readers.ts'
import { inspectModel } from '../../src/index.ts'
import { recordModel } from '../../src/models/registry.ts'
import { hfTokenizerFiles } from '../../src/tokenizer/hf-files.ts'
import { vocabularies } from '../fixtures/vocab.ts'
import {
  floats,
  inFolder,
  packGptq,
  type RawFolder,
  rawSafetensors,
  tinyConfig,
  tinyLlama,
} from './checkpoint.ts'
import { mutate, outcome, type Random, random } from './mutate.ts'

const mutants = Number(process.env.TORCHLESS_FUZZ ?? 3000)

const down = 'model.layers.0.mlp.down_proj'
const quantized = packGptq(down, {
  numbers: Array.from({ length: 8 }, () => new Array<number>(64).fill(3)),
  zeros: [new Array<number>(8).fill(8), new Array<number>(8).fill(7)],
  scales: [new Array<number>(8).fill(0x3c00), new Array<number>(8).fill(0x3800)],
})
const fp8 = {
  'model.layers.0.self_attn.o_proj.weight': {
    dtype: 'F8_E4M3',
    shape: [8, 8],
    bytes: new Uint8Array(64).fill(0x38),
  },
  'model.layers.0.self_attn.o_proj.weight_scale_inv': floats([1, 1], [0.5]),
}
const tensors = tinyLlama({ [`${down}.weight`]: undefined, ...quantized, ...fp8 })
const names = Object.keys(tensors)
const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const
const part = (from: number, to?: number) =>
  rawSafetensors(Object.fromEntries(Object.entries(tensors).slice(from, to)))

const config = {
  ...tinyConfig,
  rope_scaling: { type: 'longrope', short_factor: [1, 2], long_factor: [2, 3], factor: 2 },
  quantization_config: { quant_method: 'gptq', checkpoint_format: 'gptq' },
}

function filesOf(vocabulary: 'spm' | 'bpe'): RawFolder {
  const { metadata } = storedValues({
    ...vocabularies[vocabulary]().metadata,
    'tokenizer.chat_template': '{{ messages }}',
  })
  return Object.fromEntries(
    Object.entries(hfTokenizerFiles(metadata)).map(([name, file]) => [
      name,
      typeof file === 'string' ? JSON.parse(file) : file,
    ]),
  )
}

const whole: RawFolder = {
  'model.safetensors': rawSafetensors(tensors),
  'config.json': config,
  'generation_config.json': { eos_token_id: [2, 3], temperature: 0.6, top_k: 40 },
  ...filesOf('bpe'),
}
const sharded: RawFolder = {
  [first]: part(0, 6),
  [second]: part(6),
  'model.safetensors.index.json': {
    metadata: { total_size: 1 },
    weight_map: Object.fromEntries(names.map((name, i) => [name, i < 6 ? first : second])),
  },
  'config.json': config,
  ...filesOf('spm'),
}

/** What JSON may hold in place of anything. */
const strange = [
  null,
  true,
  -1,
  0,
  0.5,
  7,
  1e9,
  2 ** 53,
  1e308,
  '',
  '1',
  'F16',
  'I32',
  '../x',
  [],
  {},
  [0],
  [[]],
  { id: 5 },
]

function mutateJson(value: unknown, next: Random): unknown {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  if (keys.length === 0 || next(6) === 0) return strange[next(strange.length)]
  const key = keys[next(keys.length)]!
  const inner = (value as Record<string, unknown>)[key]
  if (Array.isArray(value)) return value.with(Number(key), mutateJson(inner, next))
  const copy: Record<string, unknown> = { ...(value as object) }
  if (next(6) === 0) delete copy[key]
  else copy[key] = mutateJson(inner, next)
  return copy
}

/** One file of the folder damaged: bytes of it, or a value of its JSON. */
function damaged(folder: RawFolder, next: Random): RawFolder {
  const files = Object.keys(folder)
  const name = files[next(files.length)]!
  const content = folder[name]
  if (next(20) === 0) return Object.fromEntries(Object.entries(folder).filter(([file]) => file !== name))
  if (content instanceof Uint8Array) {
    const header = name.endsWith('.safetensors')
      ? 8 + new DataView(content.buffer).getUint32(0, true)
      : content.length
    return { ...folder, [name]: mutate(content, header, next) }
  }
  if (next(4) > 0) return { ...folder, [name]: mutateJson(content, next) }
  const bytes = new TextEncoder().encode(JSON.stringify(content))
  return { ...folder, [name]: mutate(bytes, bytes.length, next) }
}

/** What does not fit together is seen when the model is recorded. */
function record({ metadata, tensors }: ModelFile): void {
  try {
    recordModel(metadata, tensors)
  } catch (error) {
    if (!(error instanceof UnsupportedModelError)) throw error
  }
}

async function openAndRead(folder: RawFolder, name: string): Promise<string> {
  const { source, beside } = inFolder(folder, name)
  return outcome(async () => {
    const file = await openModel(source, beside)
    tokenizerOf(file)
    record(file)
    return file
  })
}

test(`${mutants} mutants open or are refused with a typed error`, { timeout: 600_000 }, async () => {
  const folders = [
    { folder: whole, name: 'model.safetensors' },
    { folder: sharded, name: 'model.safetensors.index.json' },
    { folder: sharded, name: second },
  ]
  for (const { folder, name } of folders) expect(await openAndRead(folder, name)).toBe('opens')
  const outcomes: Record<string, number> = {}
  for (let seed = 0; seed < mutants; seed++) {
    const next = random(seed)
    const { folder, name } = folders[next(3)]!
    const mutant = damaged(folder, next)
    if (!(name in mutant)) continue
    const found = await openAndRead(mutant, name).catch(error => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`)
    })
    outcomes[found] = (outcomes[found] ?? 0) + 1
  }
  // Each way to end is met often.
  for (const way of ['opens', ModelFormatError.name, UnsupportedModelError.name])
    expect(outcomes[way], way).toBeGreaterThan(mutants / 200)
})

test('a header of nothing but brackets, and names without end', async () => {
  const deep = new Uint8Array(2 ** 23).fill(0x5b)
  const error = await inspectModel(new Blob([Uint8Array.from([0, 0, 128, 0, 0, 0, 0, 0, 0x7b]), deep])).catch(
    e => e,
  )
  expect(error).toBeInstanceOf(ModelFormatError)
  const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`model.${i}`, floats([1], [0])]))
  const { source, beside } = inFolder({ m: rawSafetensors(many), 'config.json': tinyConfig }, 'm')
  const started = performance.now()
  await expect(openModel(source, beside)).rejects.toThrow(UnsupportedModelError)
  expect(performance.now() - started).toBeLessThan(10_000)
})
