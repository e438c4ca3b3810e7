// What a llama file must say, may say and must not say. That what is recorded is right is for test/fixtures.
import { describe, expect, test } from 'vitest'
import { recordModel } from '../../src/models/registry.ts'
import { type Changes, configOf, opsOf, record, recordPlainly, tiny } from './tiny.ts'

function unsupported(message: unknown) {
  return expect.objectContaining({ name: 'UnsupportedModelError', message })
}

const model = tiny()

describe('metadata', () => {
  test.each([
    ['block_count', undefined, 'a number, found nothing'],
    ['block_count', 0, 'a whole number from 1 to 4096, found 0'],
    ['block_count', -2, 'a whole number from 1 to 4096, found -2'],
    ['block_count', 1.5, 'a whole number from 1 to 4096, found 1.5'],
    ['block_count', 2 ** 60, 'a whole number from 1 to 4096, found 1152921504606847000'],
    ['block_count', 2n ** 60n, 'a number, found 1152921504606846976'],
    ['block_count', '2', 'a number, found "2"'],
    ['block_count', true, 'a number, found true'],
    ['embedding_length', undefined, 'a number, found nothing'],
    ['embedding_length', 0, 'a whole number from 1, found 0'],
    ['context_length', undefined, 'a number, found nothing'],
    ['context_length', 0, 'a whole number from 1, found 0'],
    ['expert_count', -1, 'a whole number from 0, found -1'],
    ['feed_forward_length', undefined, 'a number, found nothing'],
    ['feed_forward_length', 0, 'a whole number from 1, found 0'],
    ['feed_forward_length', Uint32Array.of(128), '2 whole numbers from 1, found '],
    ['feed_forward_length', Float32Array.of(128, 0.5), '2 whole numbers from 1, found '],
    ['attention.head_count', undefined, 'a number, found nothing'],
    ['attention.head_count', 0, 'a whole number from 1, found 0'],
    ['attention.head_count', Uint32Array.of(4, 4), 'a number, found '],
    ['attention.head_count_kv', 0, 'a whole number from 1, found 0'],
    ['attention.head_count_kv', Uint32Array.of(2, 0), '2 whole numbers from 1, found '],
    ['attention.head_count_kv', BigUint64Array.of(2n, 2n ** 60n), '2 whole numbers from 1, found '],
    ['attention.head_count_kv', new Uint8Array(9), '2 whole numbers from 1, found '],
    ['attention.head_count_kv', [2, 2], 'a number, found [2, 2]'],
    ['attention.key_length', 0, 'a whole number from 1, found 0'],
    ['attention.value_length', '16', 'a number, found "16"'],
    ['attention.layer_norm_rms_epsilon', undefined, 'a number from 0, found nothing'],
    ['attention.layer_norm_rms_epsilon', Number.NaN, 'a number from 0, found NaN'],
    ['attention.sliding_window', -1, 'a whole number from 0, found -1'],
    ['rope.dimension_count', 15, 'an even number up to the head size 16, found 15'],
    ['rope.dimension_count', 18, 'an even number up to the head size 16, found 18'],
    ['rope.dimension_count', 0, 'a whole number from 1, found 0'],
    ['rope.freq_base', 0, 'a positive number, found 0'],
    ['rope.freq_base', -1, 'a positive number, found -1'],
    ['rope.freq_base', Number.POSITIVE_INFINITY, 'a number, found '],
    ['rope.scaling.factor', -4, 'a positive number, found -4'],
    ['rope.scaling.factor', '4', 'a number, found "4"'],
    ['rope.scaling.type', 'ntk', 'none, linear, yarn or longrope, found "ntk"'],
    ['rope.scaling.type', 2, 'a text, found 2'],
  ])('%s that is %s is refused', (key, value, problem) => {
    expect(() => record({ metadata: { [key]: value } })).toThrow(
      unsupported(expect.stringContaining(`metadata llama.${key}: expected ${problem}`)),
    )
  })

  test.each([
    ['original_context_length', 0, 'a whole number from 1, found 0'],
    ['attn_factor', 'x', 'a number, found "x"'],
    ['yarn_beta_fast', 'x', 'a number, found "x"'],
    ['yarn_beta_slow', 'x', 'a number, found "x"'],
  ])('rope.scaling.%s that is %s is refused', (key, value, problem) => {
    const metadata = { 'rope.scaling.type': 'yarn', [`rope.scaling.${key}`]: value }
    expect(() => record({ metadata })).toThrow(
      unsupported(`metadata llama.rope.scaling.${key}: expected ${problem}`),
    )
  })

  test('heads that do not divide the embedding are refused', () => {
    expect(() => record({ metadata: { 'attention.head_count': 3 } })).toThrow(
      unsupported(expect.stringContaining('metadata llama.attention.')),
    )
  })

  test('a tensor that the model has no use for is refused', () => {
    expect(() => record({ tensors: { 'blk.1.attn_sinks.weight': [4] } })).toThrow(
      unsupported(
        'tensor blk.1.attn_sinks.weight: expected one that a llama model has, found 1 that it has not',
      ),
    )
  })

  test.each([
    [{ expert_count: 8 }, 'metadata llama.expert_used_count: expected a number, found nothing'],
    [
      { expert_count: 8, expert_used_count: 9 },
      'metadata llama.expert_used_count: expected a whole number from 1 to 8, found 9',
    ],
    [
      { expert_count: 8, expert_used_count: 2, expert_gating_func: 7 },
      'metadata llama.expert_gating_func: expected 1 (softmax) or 2 (sigmoid), found 7',
    ],
    [
      { expert_count: 8, expert_used_count: 2, expert_weights_norm: 1 },
      'metadata llama.expert_weights_norm: expected true or false, found 1',
    ],
    [
      { expert_count: 8, expert_used_count: 2, expert_group_count: 3 },
      'metadata llama.expert_group_count: expected a divisor of the 8 experts, found 3',
    ],
    [
      { expert_count: 8, expert_used_count: 2, expert_group_count: 4, expert_group_used_count: 5 },
      'metadata llama.expert_group_used_count: expected a whole number from 1 to 4, found 5',
    ],
    [
      { expert_count: 8, expert_used_count: 2 },
      'tensor blk.0.ffn_gate_inp.weight: expected shape [8, 64], found no such tensor in the file',
    ],
  ])('experts as in %o are refused', (metadata, problem) => {
    expect(() => record({ metadata })).toThrow(unsupported(problem))
  })

  test('no experts are no mixture', () => {
    expect(() => record({ metadata: { expert_count: 0 } })).not.toThrow()
  })

  test.each([
    [undefined, 'metadata general.architecture: expected a text, found nothing'],
    ['mamba', expect.stringMatching(/^architecture: expected one of llama, .*, found mamba$/)],
    ['constructor', expect.stringMatching(/^architecture: expected one of llama, .*, found constructor$/)],
  ])('the architecture %s is refused', (name, problem) => {
    const metadata = new Map([...model.metadata, ['general.architecture', name]])
    expect(() => recordModel(metadata, model.tensors)).toThrow(unsupported(problem))
  })

  describe('hostile values are named in a short UnsupportedModelError', () => {
    const kvHeads: Changes = {
      metadata: { 'attention.head_count_kv': 3 },
      tensors: {
        'blk.0.attn_k.weight': [48, 64],
        'blk.0.attn_v.weight': [48, 64],
      },
    }
    test.each<[string, Changes]>([
      ['attention.head_count_kv', kvHeads],
      // Up to 2 ** 32 it is worse: an array of so many elements is filled.
      ['block_count', { metadata: { block_count: 2 ** 32 } }],
      ['block_count', { metadata: { block_count: new Uint8Array(1e5) } }],
      ['context_length', { metadata: { context_length: 'x'.repeat(1e5) } }],
      ['attention.layer_norm_rms_epsilon', { metadata: { 'attention.layer_norm_rms_epsilon': -1 } }],
    ])('%s', (key, changes) => {
      const short = new RegExp(`^.{0,80}llama\\.${key}.{0,200}$`)
      expect(() => record(changes)).toThrow(unsupported(expect.stringMatching(short)))
    })

    test.each([
      ['general.architecture', 42, 'found 42'],
      ['llama.rope.freq_base', Number.POSITIVE_INFINITY, 'found Infinity'],
      ['llama.feed_forward_length', Uint32Array.of(128), 'found [128]'],
      ['llama.attention.head_count', Uint32Array.of(4, 2), 'found [4'],
    ])('%s of %s is shown as it is', (key, value, found) => {
      const metadata = new Map([...model.metadata, [key, value]])
      expect(() => recordModel(metadata, model.tensors)).toThrow(unsupported(expect.stringContaining(found)))
    })
  })
})

describe('what the metadata leaves out', () => {
  test.each<[string, Changes, object]>([
    [
      'as many KV heads as heads',
      { metadata: { 'attention.head_count_kv': undefined } },
      { kvHeads: [4, 4] },
    ],
    ['heads that share the embedding', {}, { keyDim: 16, valueDim: 16 }],
    ['values as wide as keys', { metadata: { 'attention.key_length': 20 } }, { keyDim: 20, valueDim: 20 }],
    ['no window', {}, { window: undefined }],
    ['a base of 10000', { metadata: { 'rope.freq_base': undefined } }, { rope: { base: 10_000 } }],
    ['all of a head rotated', { metadata: { 'rope.dimension_count': undefined } }, { rope: { rotated: 16 } }],
    ['a vocabulary as large as the table', { metadata: { vocab_size: 7 } }, { vocabulary: 355 }],
  ])('means %s', (_, changes, config) => {
    expect(configOf(changes)).toMatchObject(config)
  })

  test('layers may differ in KV heads and hidden size', () => {
    const { config, program } = record({
      metadata: {
        'attention.head_count_kv': Uint32Array.of(2, 1),
        feed_forward_length: BigUint64Array.of(128n, 32n),
      },
      tensors: {
        'blk.1.attn_k.weight': [16, 64],
        'blk.1.attn_v.weight': [16, 64],
        'blk.1.ffn_gate.weight': [32, 64],
        'blk.1.ffn_up.weight': [32, 64],
        'blk.1.ffn_down.weight': [64, 32],
      },
    })
    expect(config).toMatchObject({ kvHeads: [2, 1], hidden: [128, 32] })
    expect(program.caches.map(({ kvHeads }) => kvHeads)).toEqual([2, 1])
    expect(opsOf(program, 'gate').map(({ outputs }) => outputs[0]!.shape)).toEqual([
      ['T', 128],
      ['T', 32],
    ])
  })
})

describe('tensors', () => {
  const names = [...model.tensors.keys()]

  test.each(names.filter(name => name !== 'output.weight'))('%s must be there', name => {
    const { shape } = model.tensors.get(name)!
    expect(() => record({ tensors: { [name]: undefined } })).toThrow(
      unsupported(`tensor ${name}: expected shape [${shape.join(', ')}], found no such tensor in the file`),
    )
  })

  test.each(names)('%s of another shape is refused', name => {
    const { shape } = model.tensors.get(name)!
    const wider = shape.with(-1, shape.at(-1)! + 1)
    for (const found of [wider, shape.slice(1), [2, ...shape], [...shape, 1], shape.with(-1, 0)]) {
      const message = `tensor ${name}: expected shape [${shape.join(', ')}], found [${found.join(', ')}]`
      expect(() => record({ tensors: { [name]: found } })).toThrow(unsupported(message))
    }
  })

  test.each(names)('%s may be padded with dimensions of one', name => {
    const { shape } = model.tensors.get(name)!
    const { program } = record({ tensors: { [name]: [1, 1, ...shape] } })
    expect(program.ops.flatMap(({ weights }) => weights)).toContainEqual({ name, type: 'F32', shape })
  })

  test('a table of no matrix leaves the size of the vocabulary to the metadata', () => {
    expect(configOf({ tensors: { 'token_embd.weight': undefined } }).vocabulary).toBe(355)
    expect(() =>
      record({ metadata: { vocab_size: 7 }, tensors: { 'token_embd.weight': undefined } }),
    ).toThrow(unsupported(expect.stringContaining('token_embd.weight: expected shape [7, 64]')))
  })

  test('without an output matrix, the embedding table is the output', () => {
    const last = (changes: Changes) =>
      opsOf(record(changes).program, 'matmul')
        .at(-1)!
        .weights.map(({ name }) => name)
    expect(last({})).toEqual(['output_norm.weight', 'output.weight'])
    expect(last({ tensors: { 'output.weight': undefined } })).toEqual([
      'output_norm.weight',
      'token_embd.weight',
    ])
  })

  const linears = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down']
  test.each(linears)('a bias of %s is added where the file has one', name => {
    const weight = `blk.1.${name}.weight`
    const bias = `blk.1.${name}.bias`
    const [outer] = model.tensors.get(weight)!.shape as [number]
    const matmuls = opsOf(recordPlainly({ tensors: { [bias]: [outer] } }), 'matmul')
    expect(matmuls.find(({ weights }) => weights[0]!.name === weight)).toMatchObject({
      params: { biases: [true] },
      weights: [{ name: weight }, { name: bias, shape: [outer] }],
    })
    expect(matmuls.filter(({ params }) => params.biases[0])).toHaveLength(1)
    expect(() => record({ tensors: { [bias]: [outer + 1] } })).toThrow(
      unsupported(`tensor ${bias}: expected shape [${outer}], found [${outer + 1}]`),
    )
  })

  // Known gap: such a tensor is passed over in silence, and the model says something else than it learnt.
  test.each(['attn_q_norm', 'attn_k_norm'])('%s is not passed over', name => {
    const weight = `blk.0.${name}.weight`
    const { program } = record({ tensors: { [weight]: [16] } })
    expect(program.ops.flatMap(({ weights }) => weights)).toContainEqual(
      expect.objectContaining({ name: weight }),
    )
  })

  test('rope_freqs divides the frequencies of all rotations', () => {
    const freqs = { name: 'rope_freqs.weight', type: 'F32', shape: [8] }
    const weights = (program: ReturnType<typeof recordPlainly>) =>
      opsOf(program, 'rope').map(({ weights }) => weights)
    expect(weights(recordPlainly())).toEqual([[], [], [], []])
    const program = recordPlainly({ tensors: { 'rope_freqs.weight': [8] } })
    expect(weights(program)).toEqual([[freqs], [freqs], [freqs], [freqs]])
    expect(() => record({ tensors: { 'rope_freqs.weight': [16] } })).toThrow(
      unsupported('tensor rope_freqs.weight: expected shape [8], found [16]'),
    )
  })
})

describe('attention', () => {
  test('keys and values may be of any width, and scores are scaled by that of keys', () => {
    const layer = (i: number) => ({
      [`blk.${i}.attn_q.weight`]: [4 * 24, 64],
      [`blk.${i}.attn_k.weight`]: [2 * 24, 64],
      [`blk.${i}.attn_v.weight`]: [2 * 8, 64],
      [`blk.${i}.attn_output.weight`]: [64, 4 * 8],
    })
    const program = recordPlainly({
      metadata: { 'attention.key_length': 24, 'attention.value_length': 8 },
      tensors: { ...layer(0), ...layer(1) },
    })
    expect(program.caches[1]).toEqual({ group: 0, layer: 1, kvHeads: 2, keyDim: 24, valueDim: 8 })
    const [seen] = opsOf(program, 'attention')
    expect(seen!.params).toMatchObject({ cache: 0, heads: 4 })
    expect(seen!.params.scale).toBeCloseTo(1 / Math.sqrt(24), 15)
    expect(seen!.outputs[0]!.shape).toEqual(['T', 4 * 8])
    // The file says that 16 elements are rotated; the other 8 of a head pass.
    expect(opsOf(program, 'rope')[0]!.params).toMatchObject({ headDim: 24, layout: 'adjacent' })
    expect(opsOf(program, 'rope')[0]!.params.frequencies).toHaveLength(8)
  })

  test.each<[unknown, object]>([
    [undefined, { kind: 'full' }],
    [32, { kind: 'window', window: 32 }],
  ])('with a sliding window of %s, all layers are of one group', (window, group) => {
    const { program } = record({ metadata: { 'attention.sliding_window': window } })
    expect(program.groups).toEqual([group])
    expect(program.caches.map(cache => [cache.group, cache.layer])).toEqual([
      [0, 0],
      [0, 1],
    ])
  })

  test('each layer writes and reads its own cache', () => {
    const { program } = record()
    for (const kind of ['cacheWrite', 'attention'] as const)
      expect(opsOf(program, kind).map(({ layer, params }) => [layer, params.cache])).toEqual([
        [0, 0],
        [1, 1],
      ])
  })
})
