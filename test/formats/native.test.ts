// Native files: what is written is read again; files of torchless-rs, put together by hand, are read as they are meant; and
// what is wrong with a file is said.
import { describe, expect, test } from 'vitest'
import { bytesWritten, contentsOf } from '../../src/formats/contents.ts'
import {
  array,
  f32,
  f64,
  ggufBytes,
  i8,
  openGguf,
  u8,
  u32,
  u64,
  type WritableValue,
} from '../../src/formats/gguf.ts'
import { looksNative, nativeBytes, openNative, writeReference } from '../../src/formats/native.ts'
import { InvalidOptionError, loadModel, ModelFormatError, UnsupportedModelError } from '../../src/index.ts'
import { bytesSource } from '../../src/io/source.ts'
import { isPacked, type WeightType, weightBytes } from '../../src/quant/packed.ts'
import { quants } from '../../src/quant/quants.ts'
import { rejection } from '../api/tiny.ts'
import { familyGoldens, llamaGoldens } from '../fixtures/load.ts'
import { fixtureBytes, fixtures, tinyLlama } from '../fixtures/models.ts'
import { best, nmse } from '../support/numbers.ts'
import { huggingFaceTensors, rawNative, referenceMetadata, referenceTensors } from './native-raw.ts'

const source = (bytes: Uint8Array) => bytesSource('m.bin', bytes)
const blob = (bytes: Uint8Array) => new Blob([Uint8Array.from(bytes)])

const metadata: Record<string, WritableValue> = {
  'general.architecture': 'llama',
  'llama.block_count': 2,
  'llama.rope.freq_base': f32(10_000),
  'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
  'deep.double': f64(1 / 3),
  'deep.byte': u8(255),
  'deep.negative': i8(-1),
  'deep.large': u64(2n ** 63n),
  'deep.flag': false,
  'deep.flags': [true, false],
  'deep.none': array('f32', []),
  'deep.texts': ['', 'größer', '"\\\u0000', '__proto__', '\u{1F600}'],
  'deep.floats': Float32Array.of(0.1, -0, Number.NaN, Infinity, -Infinity, 1e-45),
  'deep.wide': BigInt64Array.of(-(2n ** 62n), 5n),
  __proto__2: 'a key',
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.scores': Float32Array.of(-1.5, 0),
  'tokenizer.chat_template': '{% for message in messages %}{{ message.content }}{% endfor %}',
}

/** A tensor of every type, each byte of it another. */
const blocks = Object.values(quants).map(({ name, elems }) => ({
  type: name as WeightType,
  shape: [3, elems],
}))
const parts: { type: WeightType; shape: number[] }[] = [
  { type: 'F8_E4M3_128', shape: [3, 130] },
  { type: 'GPTQ_V2_32', shape: [8, 64] },
  { type: 'GPTQ_16_ACT', shape: [2, 8, 32] },
  { type: 'AWQ_64_F32', shape: [16, 64] },
]
const everyType = [...blocks, ...parts].map(({ type, shape }, i) => {
  const data = Uint8Array.from({ length: weightBytes(type, shape) }, (_, at) => (7 * at + i) % 256)
  return { name: `t.${type}`, type, shape, data }
})
const ggufTypes = everyType.filter(({ type }) => !isPacked(type) && quants[type].ggmlId !== undefined)

describe('a file that was written', () => {
  test('holds every type of value and of tensor', async () => {
    const from = source(await nativeBytes({ metadata, tensors: everyType }))
    const file = await openNative(from)
    const gguf = await openGguf(source(await ggufBytes({ metadata, tensors: ggufTypes })))
    expect(file.format).toBe('native')
    const values = (entries: Iterable<readonly [string, unknown]>) => new Map(entries)
    expect(values(file.metadata)).toEqual(values(gguf.metadata))
    expect(values(file.types)).toEqual(values(gguf.types))
    for (const { name, type, shape, data } of everyType) {
      const tensor = file.tensors.get(name)!
      expect(tensor).toMatchObject({ type, shape, bytes: data.length })
      // Where the file lies it is used: nothing stands between.
      expect(tensor.source).toBe(from)
      expect(tensor.offset % 64).toBe(0)
      expect(await tensor.source.read(tensor.offset, tensor.bytes)).toEqual(data)
    }
  })

  test('is, byte by byte, what docs/formats.md says', async () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const found = await nativeBytes({
      metadata: { a: u32(7), 'tokenizer.b': ['x'], c: true },
      tensors: [
        { name: 't', type: 'F32', shape: [2], data },
        { name: 'u', type: 'F16', shape: [2, 1], data: data.subarray(4) },
      ],
    })
    const payload = new Uint8Array(128)
    payload.set(data)
    payload.set(data.subarray(4), 64)
    const header =
      '{"torchless":1,"metadata":{"a":{"u32":7},"c":true},' +
      '"tensors":{"t":{"dtype":"f32","shape":[2],"offset":0},"u":{"dtype":"f16","shape":[2,1],"offset":64}},' +
      '"tokenizer":{"b":{"string":["x"]}}}'
    expect(found).toEqual(rawNative({ header, payload }))
  })

  test.each(['plain', 'mixture', 'gemma2'] as const)('gives the logits of the GGUF file: %s', async name => {
    const gguf = await fixtureBytes(name)
    const native = await nativeBytes(contentsOf(await openGguf(source(gguf))))
    const { tokens } = name === 'gemma2' ? familyGoldens().models[name] : llamaGoldens().models[name]
    const logits = async (bytes: Uint8Array) => {
      const model = await loadModel(blob(bytes), { backend: 'reference' })
      const { values } = await model.logits(tokens.slice(0, 8), { rows: 'all' })
      const text = model.tokenizer.encode('Hello world')
      await model.dispose()
      return { values, text }
    }
    expect(await logits(native)).toEqual(await logits(gguf))
  })

  test('becomes the same GGUF file again', async () => {
    const gguf = await ggufBytes({ metadata, tensors: ggufTypes })
    const native = await nativeBytes(contentsOf(await openGguf(source(gguf))))
    const back = await openNative(source(native))
    // Keys of the tokenizer come last.
    expect(await ggufBytes(contentsOf(back))).toEqual(gguf)
  })

  test('refuses what no reader would take', async () => {
    const tensor = { name: 't', type: 'Q8_0', shape: [31], data: new Uint8Array(34) } as const
    await expect(nativeBytes({ metadata: {}, tensors: [tensor] })).rejects.toThrow(InvalidOptionError)
    await expect(nativeBytes({ metadata: { '': 1 }, tensors: [] })).rejects.toThrow('empty')
    const short = { name: 't', type: 'F32', shape: [2], data: new Uint8Array(4) } as const
    await expect(nativeBytes({ metadata: {}, tensors: [short] })).rejects.toThrow('8 bytes of data, found 4')
  })
})

describe('a file of torchless-rs', () => {
  const fixture = tinyLlama(fixtures.F32)
  const golden = llamaGoldens().models.F32
  const vocab = { '<unk>': 0, '<s>': 1, '</s>': 2, '▁': 3, a: 4, b: 5, '▁a': 6, ab: 7, '▁ab': 8, '<0x63>': 9 }
  const merges = ['a b', '▁ ab', '▁ a']

  function file(int8: boolean, changes: Record<string, string> = {}): Uint8Array {
    const all = huggingFaceTensors(fixture)
    const marked = Object.entries(all).map(([name, tensor]) => [
      name,
      { ...tensor, int8: int8 && name.includes('_proj') },
    ])
    const { tensors, payload } = referenceTensors(Object.fromEntries(marked))
    const header = { metadata: referenceMetadata(fixture, changes), tokenizer: { vocab, merges }, tensors }
    return rawNative({ header, payload })
  }

  async function expectGolden(bytes: Uint8Array, limit: number, backend: 'cpu' | 'reference') {
    const model = await loadModel(blob(bytes), { backend, kvDType: 'f32' })
    const { values, width } = await model.logits(golden.tokens, { rows: 'all' })
    await model.dispose()
    const rows = golden.positions.flatMap(row => [...values.subarray(row * width, (row + 1) * width)])
    expect(nmse(rows, golden.logits.flat())).toBeLessThan(limit)
    if (limit < 1e-5)
      expect(
        golden.argmax.map((_, row) => best(values.subarray(row * width, (row + 1) * width)).index),
      ).toEqual(golden.argmax)
  }

  test.each(['reference', 'cpu'] as const)(
    'has the logits that llama.cpp has of these weights, on %s',
    backend => expectGolden(file(false), 1e-6, backend),
  )

  // Eight bits of each weight are kept.
  test('nearly has them in int8', () => expectGolden(file(true), 1e-3, 'reference'))

  test('has int8 weights that are quotients, read from any byte on', async () => {
    const values = Float32Array.from({ length: 128 }, (_, i) => (i < 64 ? i - 31.5 : (i - 64) / 1000))
    const { tensors, payload } = referenceTensors({
      'lm_head.weight': { shape: [2, 64], values, int8: true },
    })
    const header = { metadata: referenceMetadata(fixture), tokenizer: { vocab: {}, merges: [] }, tensors }
    const opened = await openNative(source(rawNative({ header, payload })))
    const { source: weights, type, bytes } = opened.tensors.get('output.weight')!
    expect([type, bytes]).toEqual(['F32', 512])
    const scales = [Math.fround(127 / 31.5), Math.fround(127 / values[127]!)]
    const expected = Float32Array.from(values, (value, i) => {
      const scale = scales[i >> 6]!
      return Math.round(value * scale) / scale
    })
    expect(new Float32Array((await weights.read(0, 512)).buffer)).toEqual(expected)
    const whole = new Uint8Array(expected.buffer)
    for (const [from, length] of [
      [0, 1],
      [3, 6],
      [250, 12],
      [255, 257],
      [511, 1],
      [64, 0],
    ] as const)
      expect(await weights.read(from, length)).toEqual(whole.slice(from, from + length))
  })

  test('cuts text as its merges do', async () => {
    const model = await loadModel(blob(file(false)), { backend: 'reference' })
    const { tokenizer } = model
    // ab is merged first, then ▁ab; c has a byte only.
    expect(tokenizer.encode('ab a', { bos: true })).toEqual([1, 8, 6])
    expect(tokenizer.encode('abc')).toEqual([8, 9])
    expect(tokenizer.decode([8, 6, 9])).toBe('ab ac')
    expect([tokenizer.bos, [...tokenizer.endOfGeneration]]).toEqual([1, [2]])
    // Ids that the model has, but the vocabulary has not.
    expect(tokenizer.size).toBe(model.vocabularySize)
    await model.dispose()
  })

  test.each([
    [{ act_type: 'gelu' }, UnsupportedModelError, /act_type.*silu.*gelu/],
    [{ n_routed_experts: '8' }, UnsupportedModelError, /n_routed_experts/],
    [{ n_layers: 'many' }, ModelFormatError, /n_layers.*many/],
    [{ n_heads: '-4' }, ModelFormatError, /n_heads/],
    [{ hidden_size: '' }, ModelFormatError, /hidden_size/],
  ])('with metadata %j is refused', async (changes, type, message) => {
    const error = await rejection(openNative(source(file(false, changes as Record<string, string>))))
    expect(error).toBeInstanceOf(type)
    expect(String(error)).toMatch(message)
  })

  test('is written from any model of its architecture', async () => {
    const gguf = await openGguf(source(await fixtureBytes('F32')))
    await expectGolden(await bytesWritten(sink => writeReference(sink, gguf)), 1e-6, 'reference')
    await expectGolden(
      await bytesWritten(sink => writeReference(sink, gguf, { type: 'int8' })),
      1e-3,
      'reference',
    )
  })

  test('is written as its exporter writes it', async () => {
    const gguf = await openGguf(source(await fixtureBytes('F32')))
    for (const int8 of [false, true]) {
      const written = await bytesWritten(sink => writeReference(sink, gguf, { type: int8 ? 'int8' : 'f32' }))
      const found = await openNative(source(written))
      const expected = await openNative(source(file(int8)))
      expect([...found.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
      for (const [name, { source: from, offset, bytes }] of expected.tensors) {
        const tensor = found.tensors.get(name)!
        const values = new Float32Array((await tensor.source.read(tensor.offset, tensor.bytes)).buffer)
        const wanted = new Float32Array((await from.read(offset, bytes)).buffer)
        // Halves are rounded to the other neighbour now and then.
        expect(nmse(values, wanted), name).toBeLessThan(int8 ? 1e-6 : 1e-30)
      }
    }
  })

  test('keeps the tokenizer when it is written', async () => {
    const gguf = await openGguf(source(await fixtureBytes('plain')))
    const before = await loadModel(blob(await fixtureBytes('plain')), { backend: 'reference' })
    const after = await loadModel(blob(await bytesWritten(sink => writeReference(sink, gguf))), {
      backend: 'reference',
    })
    for (const text of [
      'Hello world',
      'once upon the shore, and on the other: 12 x 3',
      'é中文 😀\n\n  \u0001',
    ])
      expect(after.tokenizer.encode(text, { bos: true })).toEqual(
        before.tokenizer.encode(text, { bos: true }),
      )
    await Promise.all([before.dispose(), after.dispose()])
  })

  test.each(['gemma2', 'yarn-rope', 'llama3-rope'] as const)('cannot be written from %s', async name => {
    const gguf = await openGguf(source(await fixtureBytes(name)))
    await expect(bytesWritten(sink => writeReference(sink, gguf))).rejects.toThrow(UnsupportedModelError)
  })
})

describe('detection', () => {
  const looks = (bytes: Uint8Array) => looksNative(bytes.subarray(0, 256), bytes.length)

  test.each([
    ['ours', { torchless: 1, metadata: {}, tensors: {}, tokenizer: {} }],
    ['metadata first', { metadata: { hidden_size: '1' }, tokenizer: {}, tensors: {} }],
    ['tensors first', { tensors: { 'model.norm.weight': { dtype: 'f32' } }, metadata: {} }],
    ['tokenizer first', { tokenizer: { vocab: { a: 0 }, merges: [] }, metadata: {} }],
  ])('takes %s', (_, header) => expect(looks(rawNative({ header }))).toBe(true))

  test.each([
    [
      'safetensors',
      { __metadata__: { format: 'pt' }, w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } },
    ],
    ['safetensors with a strange tensor', { tensors: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }],
    ['other JSON', { model: {} }],
    ['a list', [1]],
  ])('leaves %s', (_, header) => expect(looks(rawNative({ header }))).toBe(false))

  test('leaves what has no room for its header', () => {
    expect(looks(rawNative({ header: { torchless: 1 }, headerSize: 10n ** 9n }))).toBe(false)
    expect(looks(new Uint8Array(8))).toBe(false)
    expect(looks(new Uint8Array(0))).toBe(false)
  })
})

describe('what is wrong is said', () => {
  const own = (changes: Record<string, unknown>) => ({
    header: { torchless: 1, metadata: {}, tensors: {}, tokenizer: {}, ...changes },
  })
  const tensor = (changes: Record<string, unknown>) => ({
    ...own({ tensors: { t: { dtype: 'f32', shape: [4], offset: 0, ...changes } } }),
    payload: new Uint8Array(1024),
  })
  const int8 = (changes: Record<string, unknown>) =>
    tensor({ dtype: 'int8', shape: [2, 64], scale_offset: 128, scale_size: 2, ...changes })
  const value = (json: unknown) => own({ metadata: { key: json } })

  const cases: Record<string, [file: Parameters<typeof rawNative>[0], message: RegExp]> = {
    'a header longer than the file': [
      { header: '{}', headerSize: 1000n },
      /header size.*2 to 56 bytes.*1000/,
    ],
    'an endless header': [{ header: '{}', headerSize: 2n ** 64n - 1n }, /header size/],
    'no header': [{ header: '{}', headerSize: 0n }, /header size/],
    'no JSON': [{ header: '{"torchless":1,' }, /header: expected JSON/],
    'JSON that goes on': [{ header: '{"torchless":1}x' }, /header: expected JSON/],
    'a list': [{ header: [] }, /object with keys/],
    'no tensors': [{ header: { torchless: 1, metadata: {}, tokenizer: {} } }, /tensors: expected an object/],
    'a version that is no number': [own({ torchless: 'x' }), /torchless: expected a whole number/],
    'a value without a type': [value(5), /metadata\.key: expected/],
    'a value of two types': [value({ u8: 1, i8: 1 }), /metadata\.key: expected a text/],
    'a value of no type': [value({ i128: 1 }), /metadata\.key: expected a text/],
    'a value too large': [value({ u8: 256 }), /metadata\.key\.u8: expected a value of type u8, found 256/],
    'a value in an array too large': [value({ i8: [1, 128] }), /metadata\.key\.i8\[1\]/],
    'half a number': [value({ u32: 0.5 }), /metadata\.key\.u32/],
    'a text for a number': [value({ f32: 'one' }), /metadata\.key\.f32/],
    'an array in an array': [value({ u8: [[1]] }), /metadata\.key\.u8\[0\]/],
    null: [value(null), /metadata\.key/],
    'an empty key': [own({ metadata: { '': 'x' } }), /metadata: expected names/],
    'a tensor without a type': [tensor({ dtype: undefined }), /tensors\.t\.dtype: expected a text/],
    'a shape of nothing': [tensor({ shape: [] }), /shape: expected 1 to 4 dimensions/],
    'a shape of zero': [tensor({ shape: [4, 0] }), /shape\[1\]: expected at least 1/],
    'a shape of five': [tensor({ shape: [1, 1, 1, 1, 1] }), /shape: expected 1 to 4/],
    'a shape without end': [tensor({ shape: [2 ** 30, 2 ** 30] }), /shape\[1\]/],
    'a negative offset': [tensor({ offset: -64 }), /offset: expected a whole number/],
    'an odd offset': [tensor({ offset: 4 }), /offset: expected a multiple of 64, found 4/],
    'an offset behind the end': [
      tensor({ offset: 1024 }),
      /offset: expected 16 bytes at \d+, within the file/,
    ],
    'a large offset': [tensor({ offset: 2 ** 53 - 64 }), /offset: expected 16 bytes/],
    'half a block': [tensor({ dtype: 'q8_0', shape: [2, 48] }), /rows of a multiple of 32/],
    'half a group': [int8({ shape: [96] }), /a multiple of 64 elements/],
    'scales that are not there': [int8({ scale_offset: undefined }), /scale_offset/],
    'too few scales': [int8({ scale_size: 1 }), /scale_size: expected 2/],
    'scales behind the end': [int8({ scale_offset: 1024 }), /scale_offset: expected 8 bytes/],
    'scales in the weights': [int8({ scale_offset: 64 }), /scales of t: expected an offset/],
    'two tensors in one place': [
      {
        ...own({
          tensors: {
            t: { dtype: 'f32', shape: [32], offset: 0 },
            u: { dtype: 'f32', shape: [1], offset: 64 },
          },
        }),
        payload: new Uint8Array(256),
      },
      /tensors\.u: expected an offset in the file of at least \d+, where t ends/,
    ],
  }

  test.each(Object.entries(cases))('%s', async (_, [raw, message]) => {
    const error = await rejection(openNative(source(rawNative(raw))))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(message)
    expect(String(error)).toMatch(/^ModelFormatError: m\.bin: /)
  })

  test('a file shorter than its first number', async () => {
    expect(await rejection(openNative(source(new Uint8Array(7))))).toBeInstanceOf(ModelFormatError)
  })

  test('a newer version', async () => {
    const error = await rejection(openNative(source(rawNative(own({ torchless: 2 })))))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/version 1, found 2/)
  })

  test.each(['f8', 'F32', 'toString'])('the type %s', async dtype => {
    const error = await rejection(openNative(source(rawNative(tensor({ dtype })))))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/tensors\.t\.dtype: expected int8, or one of f32, /)
  })

  test('brackets without end', async () => {
    const error = await rejection(openNative(source(rawNative({ header: '['.repeat(2 ** 22) }))))
    expect(error).toBeInstanceOf(ModelFormatError)
    const deep = await rejection(openNative(source(rawNative({ header: '['.repeat(2 ** 20) }))))
    expect(deep).toBeInstanceOf(ModelFormatError)
  })
})
