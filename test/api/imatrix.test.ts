// Importance matrices of models: the sums are right, and errors move to where they matter less.
import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openModelFile, openSource } from '../../src/api/open.ts'
import { ggufBytes } from '../../src/formats/gguf.ts'
import { type ImportanceFile, readImportance } from '../../src/formats/imatrix.ts'
import type { ModelFile } from '../../src/formats/model-file.ts'
import { inRows } from '../../src/formats/rows.ts'
import {
  computeImportance,
  InvalidOptionError,
  loadModel,
  ModelFormatError,
  quantizeModel,
} from '../../src/index.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { fixtureFile, temporaryFolder } from '../support/fixture-file.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const builtin = 'torchless-tiny'
const text =
  'Once upon a time, there was a careful girl named Suki. She lived in a house by the sea. '.repeat(8)

async function importanceOf(path: string): Promise<ImportanceFile> {
  const source = await openSource(path)
  const file = await readImportance(source)
  await source.close()
  return file
}

async function valuesOf(file: ModelFile, name: string): Promise<Float32Array> {
  const { type, shape, source, offset, bytes } = inRows(file.tensors.get(name)!)
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1))
  decodeRows(type)(await source.read(offset, bytes), 0, values, 0, values.length)
  return values
}

describe('sums', () => {
  const size = 32
  let file: ImportanceFile
  beforeAll(async () => {
    await computeImportance(builtin, text, at('tiny.gguf'), { contextLength: size, dataset: 'story' })
    file = await importanceOf(at('tiny.gguf'))
  })

  test('of all matrices of blocks, and of what they were computed', () => {
    expect(file.tensors.size).toBe(6 * 7)
    expect([...file.tensors.keys()].every(name => /^blk\.\d\.(attn|ffn)_\w+\.weight$/.test(name))).toBe(true)
    expect(file.datasets).toEqual(['story'])
    for (const { counts } of file.tensors.values()) expect([...counts]).toEqual([file.chunks!.count * size])
  })

  test('those of the first block follow from the embedding', async () => {
    const model = await loadModel(builtin)
    const ids = model.tokenizer.encode(text, { bos: true })
    await model.dispose()
    const opened = await openModelFile(builtin)
    const [table, gain] = [
      await valuesOf(opened, 'token_embd.weight'),
      await valuesOf(opened, 'blk.0.attn_norm.weight'),
    ]
    await opened.close()
    const width = gain.length
    const expected = new Float64Array(width)
    for (let t = 0; t < file.chunks!.count * size; t++) {
      // Each chunk begins with BOS.
      const id = t % size === 0 ? ids[0]! : ids[t]!
      const row = table.subarray(id * width, (id + 1) * width)
      const mean = row.reduce((sum, value) => sum + value ** 2, 0) / width
      row.forEach((value, i) => {
        expected[i]! += (value * gain[i]!) ** 2 / (mean + 1e-5)
      })
    }
    const found = file.tensors.get('blk.0.attn_q.weight')!.sums
    expected.forEach((sum, i) => void expect(Math.abs(found[i]! / sum - 1)).toBeLessThan(1e-4))
    expect(file.tensors.get('blk.0.attn_k.weight')!.sums).toEqual(found)
  })

  test.each(['plain', 'mixtral', 'qwen2moe', 'deepseek-v2-lite'] as const)(
    '%s: both backends agree',
    async name => {
      const model = await fixtureFile(folder, name)
      const [cpu, reference] = await Promise.all(
        (['cpu', 'reference'] as const).map(async backend => {
          await computeImportance(model, text, at(`${name}-${backend}`), { backend, contextLength: 16 })
          return importanceOf(at(`${name}-${backend}`))
        }),
      )
      expect([...cpu!.tensors.keys()]).toEqual([...reference!.tensors.keys()])
      for (const [tensor, { sums, counts }] of cpu!.tensors) {
        const expected = reference!.tensors.get(tensor)!
        // Rounding may turn a router's tie: the one multiplies with activations in 8 bits, the other with floats.
        counts.forEach(
          (count, i) => void expect(Math.abs(count - expected.counts[i]!), tensor).toBeLessThan(5),
        )
        const total = expected.sums.reduce((a, b) => a + b, 0)
        sums.forEach(
          (sum, i) => void expect(Math.abs(sum - expected.sums[i]!), tensor).toBeLessThan(1e-2 * total),
        )
      }
    },
  )
})

test('by importance, the errors that count are smaller', async () => {
  await computeImportance(builtin, text, at('matrix.gguf'), { contextLength: 64 })
  const importance = await importanceOf(at('matrix.gguf'))
  await quantizeModel(builtin, at('with.gguf'), { type: 'Q3_K_S', importance: at('matrix.gguf') })
  await quantizeModel(builtin, at('without.gguf'), { type: 'Q3_K_S' })
  const [source, ...made] = await Promise.all(
    [builtin, at('with.gguf'), at('without.gguf')].map(path => openModelFile(path)),
  )
  const name = 'blk.3.ffn_up.weight'
  const weights = importance.tensors.get(name)!.sums
  const exact = await valuesOf(source!, name)
  const [withIt, without] = await Promise.all(
    made.map(async file =>
      (await valuesOf(file, name)).reduce(
        (sum, value, i) => sum + weights[i % weights.length]! * (value - exact[i]!) ** 2,
        0,
      ),
    ),
  )
  expect(withIt).toBeLessThan(without!)
  expect(made[0]!.metadata.get('quantize.imatrix.entries_count')).toBe(42)
  for (const file of [source!, ...made]) await file.close()
})

describe('mistakes', () => {
  test('a text shorter than a chunk, and chunks longer than the context', async () => {
    await expect(computeImportance(builtin, 'Once', at('x'))).rejects.toThrow(InvalidOptionError)
    await expect(computeImportance(builtin, text, at('x'), { contextLength: 4096 })).rejects.toThrow(
      InvalidOptionError,
    )
    expect(readdirSync(folder)).not.toContain('x')
  })

  test('an abort leaves nothing', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const onProgress = () => controller.abort(reason)
    const { signal } = controller
    await expect(
      computeImportance(builtin, text, at('x'), { contextLength: 16, signal, onProgress }),
    ).rejects.toBe(reason)
    expect(readdirSync(folder)).not.toContain('x')
  })

  test('the matrix of another model', async () => {
    const floats = (name: string, count: number) => ({
      ...{
        name,
        type: 'F32' as const,
        shape: [1, count],
        data: new Uint8Array(new Float32Array(count).fill(1).buffer),
      },
    })
    const write = async (path: string, tensor: string, columns: number) =>
      writeFile(
        path,
        await ggufBytes({
          metadata: { 'general.type': 'imatrix' },
          tensors: [floats(`${tensor}.in_sum2`, columns), floats(`${tensor}.counts`, 1)],
        }),
      )
    await write(at('wide'), 'blk.0.attn_q.weight', 999)
    const wide = quantizeModel(builtin, at('x'), { type: 'Q4_0', importance: at('wide') })
    await expect(wide).rejects.toThrow(/blk\.0\.attn_q\.weight: expected 256, .* found 999/)
    await write(at('other'), 'blk.99.attn_q.weight', 256)
    const other = quantizeModel(builtin, at('x'), { type: 'Q4_0', importance: at('other') })
    await expect(other).rejects.toThrow(ModelFormatError)
    expect(readdirSync(folder)).not.toContain('x')
  })
})
