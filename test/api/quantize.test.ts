// Models with smaller weights: what is in the file, and that it runs.
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openModelFile } from '../../src/api/open.ts'
import { ggufBytes } from '../../src/formats/gguf.ts'
import { inRows } from '../../src/formats/rows.ts'
import {
  InvalidOptionError,
  loadModel,
  ModelFormatError,
  type QuantizationName,
  quantizeModel,
} from '../../src/index.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { encodeRows } from '../../src/quant/encode.ts'
import { fixtures, tinyLlama } from '../fixtures/models.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const builtin = 'torchless-tiny'

async function contents(path: string) {
  const file = await openModelFile(path)
  const tensors = new Map<string, { type: string; values: Float32Array; bytes: Uint8Array }>()
  for (const tensor of file.tensors.values()) {
    const { name, type, shape, source, offset, bytes: size } = inRows(tensor)
    const bytes = await source.read(offset, size)
    const values = new Float32Array(shape.reduce((product, dimension) => product * dimension, 1))
    decodeRows(type)(bytes, 0, values, 0, values.length)
    tensors.set(name, { type, values, bytes })
  }
  const answer = { metadata: new Map(file.metadata), types: new Map(file.types), tensors }
  await file.close()
  return answer
}

test('Q4_K_M: every matrix is what its format makes of it, the rest stays', async () => {
  const steps: number[] = []
  await quantizeModel(builtin, at('q4.gguf'), { type: 'Q4_K_M', onProgress: done => steps.push(done) })
  const [before, after] = [await contents(builtin), await contents(at('q4.gguf'))]
  expect(steps.at(-1)).toBe(readFileSync(at('q4.gguf')).length)
  expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()])
  const types = new Map<string, number>()
  for (const [name, { type, bytes }] of after.tensors) {
    const from = before.tensors.get(name)!
    types.set(type, (types.get(type) ?? 0) + 1)
    // Whole rows, as many as take no time in JavaScript.
    if (type === 'Q4_K' || type === 'Q6_K') {
      const some = encodeRows(type, from.values.subarray(0, 4096))
      expect(bytes.subarray(0, some.length), name).toEqual(some)
    } else expect(bytes, name).toEqual(from.bytes)
  }
  // The embedding is the output, too, and layers 2 and 5 of 6 have more bits: the last by its place.
  expect(Object.fromEntries(types)).toEqual({ F32: 13, Q4_K: 38, Q6_K: 5 })
  expect(after.metadata.get('general.file_type')).toBe(15)
  expect(after.metadata.get('general.quantization_version')).toBe(2)
  expect(after.types.get('general.file_type')).toBe('u32')
  expect(after.metadata.get('tokenizer.ggml.tokens')).toEqual(before.metadata.get('tokenizer.ggml.tokens'))
})

test.each<QuantizationName>(['F16', 'Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M', 'IQ4_XS', 'Q4_0', 'Q3_K_M'])(
  'a story in %s begins as a story does',
  async type => {
    await quantizeModel(builtin, at(`${type}.gguf`), { type })
    const model = await loadModel(at(`${type}.gguf`))
    let text = ''
    for await (const piece of model.generate('Once upon a', { maxTokens: 3, temperature: 0 })) text += piece
    await model.dispose()
    expect(text).toMatch(/^ time, there/)
  },
)

test('experts, rows of small blocks, and the native format', async () => {
  const from = await fixtureFile(folder, 'mixtral')
  await quantizeModel(from, at('mixtral.bin'), { type: 'MXFP4_MOE', to: 'native' })
  const { tensors } = await contents(at('mixtral.bin'))
  const before = await contents(from)
  for (const [name, { type }] of tensors) {
    if (name.includes('_exps.')) expect(['MXFP4', 'F16']).toContain(type)
    if (name.includes('ffn_gate_inp')) expect(type).toBe(before.tensors.get(name)!.type)
  }
  const model = await loadModel(at('mixtral.bin'))
  expect(model.architecture).toBe('llama')
  await model.dispose()
})

describe('precision while loading', () => {
  test.each(['full', 'balanced', 'memory', 'gpu'] as const)(
    '%s tells a story on both backends',
    async precision => {
      const logits: Float32Array[] = []
      for (const backend of ['cpu', 'reference'] as const) {
        const model = await loadModel(builtin, { backend, precision })
        const ids = model.tokenizer.encode('Once upon a time', { bos: true })
        logits.push((await model.logits(ids)).values)
        await model.dispose()
      }
      const [cpu, reference] = logits as [Float32Array, Float32Array]
      let [error, power] = [0, 0]
      reference.forEach((value, i) => {
        error += (value - cpu[i]!) ** 2
        power += value ** 2
      })
      // Apart from full, the cpu backend rounds what weights are multiplied with to 8 bits.
      expect(error / power).toBeLessThan(precision === 'full' ? 1e-6 : 1e-3)
      expect(power).toBeGreaterThan(0)
    },
  )

  test('is the same as a file of that type', async () => {
    await quantizeModel(builtin, at('memory.gguf'), { type: 'Q4_K_M' })
    const [a, b] = [await loadModel(builtin, { precision: 'memory' }), await loadModel(at('memory.gguf'))]
    const ids = a.tokenizer.encode('Once upon a time', { bos: true })
    expect((await a.logits(ids)).values).toEqual((await b.logits(ids)).values)
    await a.dispose()
    await b.dispose()
  })
})

describe('a file that is not finished', () => {
  test('is not there after an abort', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const { signal } = controller
    const aborted = quantizeModel(builtin, at('never.gguf'), {
      ...{ type: 'Q4_0', signal },
      onProgress: done => {
        if (done > 1e5) controller.abort(reason)
      },
    })
    await expect(aborted).rejects.toBe(reason)
    expect(readdirSync(folder).filter(name => /never|part/.test(name))).toEqual([])
  })

  test('nor where a weight is not finite; the error names the tensor', async () => {
    const { metadata, tensors } = tinyLlama(fixtures.plain)
    const broken = tensors.map(tensor => {
      if (tensor.name !== 'blk.0.ffn_down.weight') return tensor
      const size = tensor.shape.reduce((product, dimension) => product * dimension, 1)
      const values = new Float32Array(size)
      values[size - 1] = Number.NaN
      return { ...tensor, type: 'F32' as const, data: new Uint8Array(values.buffer) }
    })
    await writeFile(at('nan.gguf'), await ggufBytes({ metadata, tensors: broken }))
    const failed = quantizeModel(at('nan.gguf'), at('nan-q8.gguf'), { type: 'Q8_0' })
    await expect(failed).rejects.toThrow(ModelFormatError)
    await expect(failed).rejects.toThrow(/blk\.0\.ffn_down\.weight: expected finite numbers/)
    expect(readdirSync(folder).filter(name => /nan-q8/.test(name))).toEqual([])
    await expect(loadModel(at('nan.gguf'), { precision: 'balanced' })).rejects.toThrow(ModelFormatError)
  })
})

test('options that are none', async () => {
  for (const options of [
    { type: 'Q9_K' },
    { type: 'Q4_0', to: 'torchless-rs' },
    { type: 'Q4_0', threads: 0 },
    {},
  ])
    await expect(quantizeModel(builtin, at('x'), options as never)).rejects.toThrow(InvalidOptionError)
  await expect(loadModel(builtin, { precision: 'half' as never })).rejects.toThrow(InvalidOptionError)
})
