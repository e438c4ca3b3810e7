// Checkpoints and tokenizers of llama2.c, put together here as its own scripts write them.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { llama2cTokenizer, looksLlama2c } from '../../src/formats/llama2c.ts'
import {
  inspectModel,
  loadModel,
  loadTokenizer,
  ModelFormatError,
  UnsupportedModelError,
} from '../../src/index.ts'
import { rejection } from '../api/tiny.ts'
import type { FixtureModel } from '../fixtures/builder.ts'
import { llamaGoldens } from '../fixtures/load.ts'
import { fixtureBytes, fixtures, tinyLlama } from '../fixtures/models.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { best, nmse } from '../support/numbers.ts'

const folder = temporaryFolder()

/** In the order of the file. */
const stems = [
  'attn_norm',
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_output',
  'ffn_norm',
  'ffn_gate',
  'ffn_down',
  'ffn_up',
]

/** As `legacy_export` writes it, the tables of angles filled with `angles`. */
function checkpoint({ metadata, tensors }: FixtureModel, angles = 0): Uint8Array {
  const number = (key: string) => metadata[`llama.${key}`] as number
  const data = (name: string) => tensors.find(tensor => tensor.name === `${name}.weight`)?.data
  const [dim, layers, heads] = ['embedding_length', 'block_count', 'attention.head_count'].map(number) as [
    number,
    number,
    number,
  ]
  const output = data('output')
  const header = Int32Array.of(
    dim,
    number('feed_forward_length'),
    layers,
    heads,
    number('attention.head_count_kv'),
    (output ? -1 : 1) * number('vocab_size'),
    number('context_length'),
  )
  const range = Array.from({ length: layers }, (_, i) => i)
  return new Uint8Array(
    Buffer.concat([
      new Uint8Array(header.buffer),
      data('token_embd')!,
      ...stems.flatMap(stem => range.map(i => data(`blk.${i}.${stem}`)!)),
      data('output_norm')!,
      new Uint8Array(new Float32Array((number('context_length') * dim) / heads).fill(angles).buffer),
      output ?? new Uint8Array(0),
    ]),
  )
}

/** As tokenizer.py writes it. */
function tokenizerFile({ metadata }: FixtureModel, count = Infinity): Uint8Array {
  const pieces = (metadata['tokenizer.ggml.tokens'] as string[]).slice(0, count)
  const scores = metadata['tokenizer.ggml.scores'] as Float32Array
  const encoded = pieces.map((piece, id) =>
    Buffer.from(id === 1 || id === 2 ? `\n${piece}\n` : piece.replaceAll('▁', ' ')),
  )
  const longest = Buffer.alloc(4)
  longest.writeUInt32LE(Math.max(...encoded.map(piece => piece.length)))
  const entries = encoded.flatMap((piece, id) => {
    const head = Buffer.alloc(8)
    head.writeFloatLE(scores[id]!)
    head.writeUInt32LE(piece.length, 4)
    return [head, piece]
  })
  return new Uint8Array(Buffer.concat([longest, ...entries]))
}

// Its tensors are all F32, as the format has them, and its vocabulary is SentencePiece's.
const fixture = tinyLlama(fixtures.F32)
const tied: FixtureModel = {
  ...fixture,
  tensors: fixture.tensors.filter(({ name }) => name !== 'output.weight'),
}
const golden = llamaGoldens().models.F32
const blob = (bytes: Uint8Array) => new Blob([Uint8Array.from(bytes)])

async function filesIn(name: string, files: Record<string, Uint8Array>): Promise<string> {
  const inner = join(folder, name)
  await mkdir(inner)
  for (const [file, bytes] of Object.entries(files)) await writeFile(join(inner, file), bytes)
  return join(inner, 'model.bin')
}

describe('a checkpoint', () => {
  test.each(['reference', 'cpu'] as const)(
    'has the logits that llama.cpp has of these weights, on %s',
    async backend => {
      const path = await filesIn(backend, { 'model.bin': checkpoint(fixture) })
      const model = await loadModel(path, { backend, kvDType: 'f32' })
      const { values, width } = await model.logits(golden.tokens, { rows: 'all' })
      await model.dispose()
      const row = (index: number) => values.subarray(index * width, (index + 1) * width)
      expect(
        nmse(
          golden.positions.flatMap(index => [...row(index)]),
          golden.logits.flat(),
        ),
      ).toBeLessThan(1e-6)
      expect(golden.argmax.map((_, index) => best(row(index)).index)).toEqual(golden.argmax)
    },
  )

  test('is computed without the angles that it brings', async () => {
    const logits = async (angles: number) => {
      const model = await loadModel(blob(checkpoint(tied, angles)), { backend: 'reference' })
      const { values } = await model.logits(golden.tokens.slice(0, 8), { rows: 'all' })
      await model.dispose()
      return values
    }
    expect(await logits(0)).toEqual(await logits(0.5))
  })

  test('says what it is', async () => {
    const found = await inspectModel(blob(checkpoint(fixture)))
    expect(found).toMatchObject({ format: 'llama2c', architecture: 'llama', contextLength: 256 })
    expect(found.tensors.map(({ name }) => name).sort()).toEqual(
      fixture.tensors.map(({ name }) => name).sort(),
    )
    const shared = await inspectModel(blob(checkpoint(tied)))
    expect(shared.tensors.some(({ name }) => name === 'output.weight')).toBe(false)
  })

  test('is known by its size', () => {
    const whole = checkpoint(fixture)
    expect(looksLlama2c(whole.subarray(0, 256), whole.length)).toBe(true)
    expect(looksLlama2c(whole.subarray(0, 256), whole.length - 1)).toBe(false)
    expect(looksLlama2c(whole.subarray(0, 27), whole.length)).toBe(false)
    expect(looksLlama2c(new Uint8Array(256), 256)).toBe(false)
  })

  const set = (index: number, value: number) => {
    const bytes = checkpoint(tied)
    new DataView(bytes.buffer, bytes.byteOffset).setInt32(4 * index, value, true)
    return bytes
  }
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /header: expected 28 bytes/],
    [
      'a size that is not there',
      checkpoint(tied).subarray(0, -4),
      /size: expected \d+ bytes, as the header says/,
    ],
    ['no width', set(0, 0), /dim: expected a positive number, found 0/],
    ['a negative width', set(1, -5), /hidden/],
    ['layers without end', set(2, 2 ** 31 - 1), /layers: expected at most 4096/],
    ['heads that do not fit', set(3, 7), /heads/],
    ['KV heads that do not fit', set(4, 3), /kvHeads: expected a divisor of the 4 heads, found 3/],
    ['no context', set(6, 0), /context/],
    ['a vocabulary of 2^31', set(5, -(2 ** 31)), /size: expected/],
  ])('with %s is refused, if it is taken for one', async (_, bytes, message) => {
    const error = await rejection(inspectModel(blob(bytes), { format: 'llama2c' }))
    expect(error).toBeInstanceOf(ModelFormatError)
    expect(String(error)).toMatch(message)
  })

  test('of a later version is refused', async () => {
    const bytes = new Uint8Array(300)
    new DataView(bytes.buffer).setUint32(0, 0x616b3432, true)
    new DataView(bytes.buffer).setInt32(4, 2, true)
    const error = await rejection(inspectModel(blob(bytes)))
    expect(error).toBeInstanceOf(UnsupportedModelError)
    expect(String(error)).toMatch(/version 0, found 2/)
  })
})

describe('its tokenizer', () => {
  const tokenizer = tokenizerFile(fixture)
  const texts = ['Hello world', 'once upon the shore: 12 x 3', 'é中文 😀\n\n', '', '  the  ']

  test('finds the ids that the GGUF file finds', async () => {
    const expected = await loadTokenizer(blob(await fixtureBytes('F32')))
    const found = await loadTokenizer(blob(tokenizer))
    for (const text of texts)
      expect(found.encode(text, { bos: true })).toEqual(expected.encode(text, { bos: true }))
    const ids = expected.encode('Hello world', { bos: true })
    expect(found.decode(ids)).toBe('Hello world')
    expect([found.bos, found.piece(1), found.endOfGeneration.has(2)]).toEqual([1, '<s>', true])
  })

  const small = tokenizerFile(fixture, 300)
  const model = checkpoint(fixture)
  test.each<[string, Record<string, Uint8Array>, boolean]>([
    ['tokenizer.bin', { 'tokenizer.bin': tokenizer }, true],
    ['tokenizer.bin before others', { 'tokenizer.bin': tokenizer, 'tok1.bin': tokenizer }, true],
    ['the only tok*.bin', { 'tok512.bin': tokenizer, 'other.bin': tokenizer }, true],
    ['the only one that fits', { 'tok512.bin': tokenizer, 'tok300.bin': small }, true],
    ['none of two', { 'tok512.bin': tokenizer, 'tok513.bin': tokenizer }, false],
    ['none of another size', { 'tokenizer.bin': small }, false],
    ['none that is damaged', { 'tokenizer.bin': tokenizer.subarray(0, -1) }, false],
    ['none where there is none', {}, false],
  ])('beside the model: %s', async (name, files, has) => {
    const path = await filesIn(name.replace(/\W/g, '-'), { 'model.bin': model, ...files })
    const loaded = await loadModel(path, { backend: 'reference' })
    expect(loaded.hasTokenizer).toBe(has)
    if (!has) expect(() => loaded.tokenizer).toThrow(/has no tokenizer/)
    await loaded.dispose()
    if (!has) await expect(loadTokenizer(path)).rejects.toThrow(UnsupportedModelError)
  })

  test('of another name is named', async () => {
    const path = await filesIn('named', { 'model.bin': model, 'x.bin': tokenizer })
    const loaded = await loadModel(path, { backend: 'reference', tokenizer: join(folder, 'named', 'x.bin') })
    expect(loaded.tokenizer.decode(loaded.tokenizer.encode('Hello world'))).toBe('Hello world')
    await loaded.dispose()
  })

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['a number', Uint8Array.of(7, 0, 0, 0)],
    ['half an entry', tokenizer.subarray(0, 30)],
    ['a piece longer than the longest', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 97, 97)],
    ['two pieces', Uint8Array.of(1, 0, 0, 0, ...[0, 1].flatMap(() => [0, 0, 0, 0, 1, 0, 0, 0, 97]))],
    [
      'a score that is no number',
      Uint8Array.of(...tokenizer.subarray(0, 4), 255, 255, 255, 255, ...tokenizer.subarray(8)),
    ],
  ])('is none in %s', (_, bytes) => expect(llama2cTokenizer(bytes)).toBeUndefined())
})
