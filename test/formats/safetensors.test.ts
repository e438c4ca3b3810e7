// HuggingFace's checkpoints: models of all families that are written as such give the same logits; files put together by hand are
// read as they are meant; and what is wrong with one is said.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tokenizerOf } from '../../src/api/tokenizer.ts'
import { bytesWritten } from '../../src/formats/contents.ts'
import { storedValues } from '../../src/formats/gguf/values.ts'
import { openGguf } from '../../src/formats/gguf.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'
import { inRows } from '../../src/formats/rows.ts'
import { checkpointFiles, checkpointIn, looksIndex, openSafetensors } from '../../src/formats/safetensors.ts'
import {
  inspectModel,
  loadModel,
  ModelFormatError,
  SourceError,
  UnsupportedModelError,
} from '../../src/index.ts'
import { bytesSource } from '../../src/io/source.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { tokenizerFromGguf } from '../../src/tokenizer/gguf.ts'
import { hfTokenizerFiles } from '../../src/tokenizer/hf-files.ts'
import { rejection } from '../api/tiny.ts'
import { familyNames } from '../fixtures/families.ts'
import { familyGoldens, llamaGoldens } from '../fixtures/load.ts'
import { fixtureBytes } from '../fixtures/models.ts'
import { vocabularies } from '../fixtures/vocab.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { expectGolden } from '../support/golden.ts'
import {
  floats,
  inFolder,
  type RawFolder,
  type RawTensor,
  rawSafetensors,
  tinyConfig,
  tinyLlama,
} from './checkpoint.ts'

const folder = temporaryFolder()

/** Writes the model as a checkpoint; answers its folder. */
async function asCheckpoint(bytes: Uint8Array, name: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(path)
  for (const file of await checkpointFiles(await openGguf(bytesSource('m', bytes))))
    await writeFile(join(path, file.name), await bytesWritten(sink => file.write(sink)))
  return path
}

describe('written and read again', () => {
  test.each(familyNames)('%s', async name => {
    const path = await asCheckpoint(await fixtureBytes(name), name)
    await expectGolden(path, familyGoldens().models[name], 1e-6, { backend: 'reference' })
  })

  test.each([
    'plain',
    'llama3-rope',
    'linear-rope',
    'yarn-rope',
    'head-size',
    'tied',
    'BF16',
    'Q8_0',
  ] as const)('LLaMA: %s', async name => {
    const path = await asCheckpoint(await fixtureBytes(name), `llama-${name}`)
    await expectGolden(path, llamaGoldens().models[name], 1e-6, { backend: 'reference' })
    expect((await inspectModel(path)).format).toBe('safetensors')
  })
})

const weights = () => rawSafetensors(tinyLlama())

function open(files: RawFolder, name = 'model.safetensors'): Promise<ModelFile> {
  const { source, beside } = inFolder(files, name)
  return openSafetensors(source, beside)
}

const configured = (changes: Record<string, unknown>): RawFolder => ({
  'model.safetensors': weights(),
  'config.json': { ...tinyConfig, ...changes },
})

async function vectorOf(file: ModelFile, name: string): Promise<number[]> {
  const { type, source, offset, bytes, shape } = inRows(file.tensors.get(name)!)
  const values = new Float32Array(shape.reduce((a, b) => a * b))
  decodeRows(type)(await source.read(offset, bytes), 0, values, 0, values.length)
  return Array.from(values)
}

describe('config.json', () => {
  test("becomes GGUF's keys, typed", async () => {
    const { metadata, types } = await open(configured({}))
    expect(Object.fromEntries(metadata)).toEqual({
      'general.architecture': 'llama',
      'llama.context_length': 64,
      'llama.embedding_length': 8,
      'llama.block_count': 1,
      'llama.feed_forward_length': 16,
      'llama.attention.head_count': 2,
      'llama.vocab_size': 12,
      'llama.attention.layer_norm_rms_epsilon': Math.fround(1e-5),
      'llama.attention.head_count_kv': 1,
      'llama.attention.key_length': 4,
      'llama.attention.value_length': 4,
      'llama.rope.dimension_count': 4,
      'llama.rope.freq_base': 10_000,
      'llama.rope.layout': 'halves',
    })
    expect(types.get('llama.rope.freq_base')).toBe('f32')
    expect(types.get('llama.block_count')).toBe('u32')
  })

  test('keeps the text model of one that sees images in a part of its own', async () => {
    const tensors = Object.fromEntries(
      Object.entries(tinyLlama()).map(([name, tensor]) => [`language_model.${name}`, tensor]),
    )
    const image = { 'vision_tower.patch.weight': floats([2], [1, 2]) }
    const file = await open({
      'model.safetensors': rawSafetensors({ ...tensors, ...image }),
      'config.json': { model_type: 'mistral3', text_config: { ...tinyConfig, model_type: 'mistral' } },
    })
    expect(file.metadata.get('general.architecture')).toBe('llama')
    expect([...file.tensors.keys()]).toContain('blk.0.attn_q.weight')
    expect(file.tensors.size).toBe(Object.keys(tensors).length)
  })

  test("LLaMA 3.1's waves: short ones stay, long ones are stretched, those between in part", async () => {
    const rope_scaling = {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 1000,
    }
    const file = await open(
      configured({ rope_scaling, head_dim: 8, num_attention_heads: 1, rope_theta: 1e4 }),
    )
    // Waves of 2π, 62.8, 628 and 6283 positions: of 1000, more than 4 turns, 1.59 turns, less than 1.
    const kept = (1000 / (2 * Math.PI * 100) - 1) / 3
    const expected = [1, 1, 1 / ((1 - kept) / 8 + kept), 8]
    const found = await vectorOf(file, 'rope_freqs.weight')
    expect(found.length).toBe(4)
    for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 5)
  })

  test("Phi's longrope: both sets of divisors, and a magnitude", async () => {
    const rope_scaling = { type: 'longrope', short_factor: [1, 2], long_factor: [3, 4] }
    const changes = { rope_scaling, max_position_embeddings: 4096, original_max_position_embeddings: 1024 }
    const file = await open(configured(changes))
    expect(await vectorOf(file, 'rope_factors_long.weight')).toEqual([3, 4])
    expect(await vectorOf(file, 'rope_factors_short.weight')).toEqual([1, 2])
    expect(file.metadata.get('llama.rope.scaling.attn_factor')).toBeCloseTo(Math.sqrt(1.2), 6)
    expect(file.metadata.get('llama.rope.scaling.original_context_length')).toBe(1024)
  })

  test('newer files have all of rope in one object', async () => {
    const rope_parameters = { rope_theta: 5e5, rope_type: 'linear', factor: 4 }
    const { metadata } = await open(configured({ rope_theta: undefined, rope_parameters }))
    expect(metadata.get('llama.rope.freq_base')).toBe(5e5)
    expect(metadata.get('llama.rope.scaling.factor')).toBe(4)
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      'another architecture',
      { model_type: 'lynx' },
      /model_type: expected one of llama, mistral,.*found "lynx"/,
    ],
    ['another activation', { hidden_act: 'relu' }, /hidden_act: expected "silu" or "swish", found "relu"/],
    ['another stretching', { rope_scaling: { type: 'ntk' } }, /type: expected one of default, .*found "ntk"/],
  ])('%s', async (_, changes, message) => {
    const error = await rejection(open(configured(changes)))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(message)
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a key that is missing', { hidden_size: undefined }, /config.json: hidden_size: .*found nothing/],
    ['a size that is none', { num_hidden_layers: -1 }, /num_hidden_layers: .*found -1/],
    ['heads that do not divide', { num_attention_heads: 3 }, /divisor of hidden_size 8/],
    ['half a pair', { partial_rotary_factor: 0.3 }, /partial_rotary_factor: expected an even part/],
    [
      'too few divisors',
      { rope_scaling: { type: 'longrope', short_factor: [1], long_factor: [1, 1] } },
      /short_factor: expected 2 numbers, found 1/,
    ],
  ])('%s', async (_, changes, message) => {
    const error = await rejection(open(configured(changes)))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(message)
  })

  test('is not there', async () => {
    const error = await rejection(open({ 'model.safetensors': weights() }))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(/config.json: expected the file beside the weights, found none/)
  })
})

describe('several files', () => {
  const names = Object.keys(tinyLlama())
  const half = (from: number, to?: number) =>
    rawSafetensors(Object.fromEntries(Object.entries(tinyLlama()).slice(from, to)))
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  const weight_map = Object.fromEntries(names.map((name, i) => [name, i < 5 ? first : second]))
  const sharded: RawFolder = {
    [first!]: half(0, 5),
    [second!]: half(5),
    'config.json': tinyConfig,
    'model.safetensors.index.json': { metadata: { total_size: 1 }, weight_map },
  }

  test.each([first, second, 'model.safetensors.index.json'])('opened by %s', async name => {
    const file = await open(sharded, name)
    expect(file.tensors.size).toBe(names.length)
    expect(file.sources.map(source => source.name).sort()).toEqual([first, second])
    for (const { source, offset, bytes } of file.tensors.values()) await source.read(offset, bytes)
    await file.close()
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['one is missing', { [second!]: undefined }, /no such file/],
    ['a tensor lies in both', { [second!]: half(4) }, /expected one, found another one in model-00001/],
    [
      'a tensor lies elsewhere',
      { 'model.safetensors.index.json': { weight_map: { ...weight_map, [names[0]!]: second } } },
      /expected the tensor in model-00002/,
    ],
    [
      'a name leads out of the folder',
      { 'model.safetensors.index.json': { weight_map: { a: '../model.safetensors' } } },
      /expected the name of a safetensors file beside it, found "\.\.\/model/,
    ],
    [
      'nothing is named',
      { 'model.safetensors.index.json': { weight_map: {} } },
      /a file for each tensor, found none/,
    ],
  ])('%s', async (_, changes, message) => {
    const files = Object.fromEntries(
      Object.entries({ ...sharded, ...changes }).filter(([, content]) => content !== undefined),
    )
    const error = await rejection(open(files, 'model.safetensors.index.json'))
    expect(error instanceof ModelFormatError || error instanceof SourceError).toBe(true)
    expect(String(error)).toMatch(message)
  })

  test('an index is known by its content', () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    expect(looksIndex(bytes('{"metadata": {"total_size": 1}, "weight_map"'))).toBe(true)
    expect(looksIndex(bytes('{\n  "weight_map": {'))).toBe(true)
    expect(looksIndex(bytes('{"model_type": "llama"}'))).toBe(false)
  })

  test('of a folder the index comes first, and of several others none', () => {
    expect(checkpointIn(['a.safetensors', 'model.safetensors', 'model.safetensors.index.json'])).toMatch(
      /index/,
    )
    expect(checkpointIn(['consolidated.safetensors', 'model.safetensors'])).toBe('model.safetensors')
    expect(checkpointIn(['a.safetensors'])).toBe('a.safetensors')
    expect(checkpointIn(['a.safetensors', 'b.safetensors'])).toBeUndefined()
    expect(checkpointIn(['README.md'])).toBeUndefined()
  })
})

describe('tensors', () => {
  const changed = (changes: Record<string, RawTensor | undefined>, config = {}) =>
    open({ ...configured(config), 'model.safetensors': rawSafetensors(tinyLlama(changes)) })

  test('of a tied model the embedding is the output, whatever else lies there', async () => {
    expect((await changed({}, { tie_word_embeddings: true })).tensors.has('output.weight')).toBe(false)
    expect((await changed({})).tensors.has('output.weight')).toBe(true)
  })

  test('that other engines compute from are passed over', async () => {
    const inverse = { 'model.layers.0.self_attn.rotary_emb.inv_freq': floats([2], [1, 2]) }
    expect((await changed(inverse)).tensors.size).toBe(Object.keys(tinyLlama()).length)
  })

  test('of a type that torchless lacks, or that no LLaMA has', async () => {
    const wide = { dtype: 'F64', shape: [8], bytes: new Uint8Array(64) }
    const error = await rejection(changed({ 'model.norm.weight': wide }))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/"model.norm.weight".*expected one of F32, F16, BF16, found F64/)
    const foreign = await rejection(changed({ 'model.layers.0.mixer.weight': floats([1], [0]) }))
    expect(foreign).toBeInstanceOf(UnsupportedModelError)
    expect(String(foreign)).toMatch(/"model.layers.0.mixer.weight": expected one that a llama model has/)
  })

  test('without elements', async () => {
    const none = { dtype: 'F32', shape: [0], bytes: new Uint8Array(0) }
    expect(await rejection(changed({ 'model.norm.weight': none }))).toBeInstanceOf(ModelFormatError)
  })
})

describe('experts', () => {
  const layer = 'model.layers.0.block_sparse_moe.'
  const mixtral = (experts: readonly number[], shape = [16, 8]) => {
    const entries = experts.flatMap(expert =>
      ['w1', 'w3', 'w2'].map(name => [
        `${layer}experts.${expert}.${name}.weight`,
        floats(
          name === 'w2' ? shape.toReversed() : shape,
          new Float32Array(shape[0]! * shape[1]!).fill(expert),
        ),
      ]),
    )
    const none = Object.fromEntries(
      ['gate', 'up', 'down'].map(n => [`model.layers.0.mlp.${n}_proj.weight`, undefined]),
    )
    const tensors = { ...none, [`${layer}gate.weight`]: floats([2, 8], new Float32Array(16)) }
    return open({
      'model.safetensors': rawSafetensors(tinyLlama({ ...tensors, ...Object.fromEntries(entries) })),
      'config.json': { ...tinyConfig, model_type: 'mixtral', num_local_experts: 2 },
    })
  }

  test('stay where they are, and are one tensor', async () => {
    const file = await mixtral([1, 0])
    const tensor = file.tensors.get('blk.0.ffn_gate_exps.weight')!
    expect(tensor.shape).toEqual([2, 16, 8])
    expect(tensor.places?.map(({ source }) => source)).toEqual([file.sources[0], file.sources[0]])
    expect(await vectorOf(file, 'blk.0.ffn_gate_exps.weight')).toEqual([
      ...new Array<number>(128).fill(0),
      ...new Array<number>(128).fill(1),
    ])
  })

  test('of which one is missing, or one too many', async () => {
    expect(String(await rejection(mixtral([0])))).toMatch(/ffn_\w+_exps.weight, expert 1.*found nothing/)
    expect(String(await rejection(mixtral([0, 1, 2])))).toMatch(/experts.2.*one of 2 experts, found 2/)
  })
})

describe('what lies beside the weights', () => {
  const { metadata } = storedValues(vocabularies.bpe().metadata)
  const files = Object.fromEntries(
    Object.entries(hfTokenizerFiles(metadata)).map(([name, text]) => [
      name,
      JSON.parse(text as string) as unknown,
    ]),
  )
  const config = files['tokenizer_config.json'] as Record<string, unknown>
  const withFiles = (more: RawFolder) => open({ ...configured({}), ...files, ...more })

  test('the tokenizer, and all ids that end a generation', async () => {
    const file = await withFiles({
      'generation_config.json': { eos_token_id: [4, 5], temperature: 0.5, top_k: 7 },
    })
    const tokenizer = tokenizerOf(file)!
    expect(tokenizer.encode('Hello world')).toEqual(tokenizerFromGguf(metadata, 'm').encode('Hello world'))
    expect([4, 5].every(id => tokenizer.endOfGeneration.has(id))).toBe(true)
    expect(file.metadata.get('general.sampling.temp')).toBe(0.5)
    expect(file.metadata.get('general.sampling.top_k')).toBe(7)
    const ends = ['eos', 'eot', 'eom'].map(name => file.metadata.get(`tokenizer.ggml.${name}_token_id`))
    expect(ends).toEqual(expect.arrayContaining([4, 5]))
  })

  test('chat templates, of which a file of its own comes first', async () => {
    const both = [
      { name: 'default', template: 'A' },
      { name: 'tool_use', template: 'B' },
    ]
    const settings = { 'tokenizer_config.json': { ...config, chat_template: both } }
    const one = await withFiles(settings)
    expect(one.metadata.get('tokenizer.chat_template')).toBe('A')
    expect(one.metadata.get('tokenizer.chat_template.tool_use')).toBe('B')
    const other = await withFiles({ ...settings, 'chat_template.jinja': new TextEncoder().encode('C') })
    expect(other.metadata.get('tokenizer.chat_template')).toBe('C')
  })

  test('a token that is said not to be there is not taken from config.json', async () => {
    const settings = { 'tokenizer_config.json': { ...config, bos_token: null, pad_token: undefined } }
    const ids = { ...tinyConfig, bos_token_id: 3, pad_token_id: 4 }
    const file = await withFiles({ ...settings, 'config.json': ids })
    expect(file.metadata.has('tokenizer.ggml.bos_token_id')).toBe(false)
    expect(file.metadata.get('tokenizer.ggml.padding_token_id')).toBe(4)
  })

  test('files that are no JSON', async () => {
    for (const name of ['config.json', 'tokenizer.json', 'generation_config.json']) {
      const error = await rejection(withFiles({ [name]: new TextEncoder().encode('{"a": ') }))
      expect(error).toBeInstanceOf(ModelFormatError)
      expect(String(error)).toMatch(new RegExp(`${name}: the file: expected JSON in UTF-8`))
    }
  })

  test('no tokenizer: ids go in and come out', async () => {
    expect(tokenizerOf(await open(configured({})))).toBeUndefined()
  })
})

test('a folder of nothing', async () => {
  const path = join(folder, 'empty')
  await mkdir(path)
  const error = await rejection(loadModel(path))
  expect(error).toBeInstanceOf(SourceError)
  expect(String(error)).toMatch(/is a folder: expected model.safetensors/)
})
