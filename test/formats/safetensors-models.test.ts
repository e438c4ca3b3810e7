// Whole models with quantized matrices give the logits of the same models with the numbers that these stand for.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bytesWritten } from '../../src/formats/contents.ts'
import { openGguf } from '../../src/formats/gguf.ts'
import { checkpointFiles, openSafetensors } from '../../src/formats/safetensors.ts'
import { convertModel, loadModel } from '../../src/index.ts'
import { bytesSource } from '../../src/io/source.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { f16ToF32, f32ToF16 } from '../../src/quant/half.ts'
import { fixtureBytes } from '../fixtures/models.ts'
import { temporaryFolder } from '../support/fixture-file.ts'
import { nmse } from '../support/numbers.ts'
import { floats, inFolder, packAwq, packGptq, type RawTensor, rawSafetensors } from './checkpoint.ts'

const folder = temporaryFolder()
const TOKENS = [1, 5, 9, 30, 7, 12]
const GROUP = 64

/** The files of a small LLaMA, its weights as values by name. */
async function checkpoint() {
  const files: Record<string, Uint8Array> = {}
  for (const { name, write } of await checkpointFiles(
    await openGguf(bytesSource('m', await fixtureBytes('Q4_K'))),
  ))
    files[name] = await bytesWritten(sink => write(sink))
  const weights = files['model.safetensors']!
  const size = Number(new DataView(weights.buffer).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + size))) as Record<
    string,
    { dtype: 'F32'; shape: number[]; data_offsets: [number, number] }
  >
  const { __metadata__: _, ...entries } = header
  const tensors = Object.entries(entries).map(([name, { dtype, shape, data_offsets }]) => {
    const [from, to] = data_offsets.map(offset => 8 + size + offset) as [number, number]
    const values = new Float32Array(shape.reduce((a, b) => a * b))
    decodeRows(dtype)(weights, from, values, 0, values.length)
    return { name, shape, values, raw: { dtype, shape, bytes: weights.slice(from, to) } }
  })
  return { files, tensors }
}

/** To 4 bits with a zero point for each group of columns of a row. */
function quantize(values: Float32Array, rows: number, columns: number) {
  const groups = columns / GROUP
  const table = () => Array.from({ length: groups }, () => new Array<number>(rows).fill(0))
  const [zeros, scales] = [table(), table()]
  const numbers = Array.from({ length: rows }, () => new Array<number>(columns).fill(0))
  const meant = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let group = 0; group < groups; group++) {
      const from = row * columns + group * GROUP
      const part = values.subarray(from, from + GROUP)
      const [least, most] = [Math.min(0, ...part), Math.max(0, ...part)]
      const bits = f32ToF16(Math.max(1e-3, (most - least) / 15))
      const scale = f16ToF32(bits)
      const zero = Math.min(15, Math.max(1, Math.round(-least / scale)))
      scales[group]![row] = bits
      zeros[group]![row] = zero
      for (let i = 0; i < GROUP; i++) {
        const number = Math.min(15, Math.max(0, Math.round(part[i]! / scale) + zero))
        numbers[row]![group * GROUP + i] = number
        meant[from + i] = scale * (number - zero)
      }
    }
  return { numbers, zeros, scales, meant }
}

/** A byte for each value, upper bits of its f16: E5M2, times the scale of 128 × 128 of them. */
function quantizeF8(values: Float32Array, rows: number, columns: number) {
  const [height, width] = [Math.ceil(rows / 128), Math.ceil(columns / 128)]
  const scales = Float32Array.from({ length: height * width }, (_, i) => 0.5 + i / 8)
  const bytes = new Uint8Array(values.length)
  const meant = values.map((value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns]
    const scale = scales[Math.floor(row / 128) * width + Math.floor(column / 128)]!
    bytes[i] = f32ToF16(value / scale) >> 8
    return f16ToF32(bytes[i]! << 8) * scale
  })
  return { bytes, meant, scales: floats([height, width], scales) }
}

const packings: Record<
  string,
  (
    name: string,
    values: Float32Array,
    rows: number,
    columns: number,
  ) => [Record<string, RawTensor>, Float32Array]
> = {
  gptq: (name, values, rows, columns) => {
    const quantized = quantize(values, rows, columns)
    return [packGptq(name, quantized), quantized.meant]
  },
  awq: (name, values, rows, columns) => {
    const quantized = quantize(values, rows, columns)
    return [packAwq(name, quantized), quantized.meant]
  },
  fp8: (name, values, rows, columns) => {
    const { bytes, scales, meant } = quantizeF8(values, rows, columns)
    const weight = { dtype: 'F8_E5M2', shape: [rows, columns], bytes }
    return [{ [`${name}.weight`]: weight, [`${name}.weight_scale_inv`]: scales }, meant]
  },
}

async function logits(path: string, backend: 'reference' | 'cpu'): Promise<Float32Array> {
  const model = await loadModel(path, { backend, kvDType: 'f32' })
  const { values } = await model.logits(TOKENS, { rows: 'all' })
  await model.dispose()
  return values
}

test.each(Object.entries(packings))('%s', async (kind, pack) => {
  const { files, tensors } = await checkpoint()
  const packed: Record<string, RawTensor> = {}
  const plain: Record<string, RawTensor> = {}
  for (const { name, shape, values, raw } of tensors) {
    const [rows, columns] = shape as [number, number]
    if (!name.endsWith('_proj.weight')) packed[name] = plain[name] = raw
    else {
      const [parts, meant] = pack(name.replace(/\.weight$/, ''), values, rows, columns)
      Object.assign(packed, parts)
      plain[name] = floats(shape, meant)
    }
  }
  const paths = await Promise.all(
    Object.entries({ packed, plain }).map(async ([which, weights]) => {
      const path = join(folder, `${kind}-${which}`)
      await mkdir(path)
      const written = { ...files, 'model.safetensors': rawSafetensors(weights) }
      for (const [name, bytes] of Object.entries(written)) await writeFile(join(path, name), bytes)
      return path
    }),
  )
  const expected = await logits(paths[1]!, 'reference')
  expect(await logits(paths[0]!, 'reference')).toEqual(expected)
  // Numbers of 4 bits meet activations of 8.
  expect(nmse(await logits(paths[0]!, 'cpu'), expected)).toBeLessThan(kind === 'fp8' ? 1e-9 : 1e-3)
  // Native files hold the parts as they are, GGUF the numbers that they stand for.
  const written = { native: join(folder, `${kind}.bin`), gguf: join(folder, `${kind}.gguf`) }
  for (const to of ['native', 'gguf'] as const) await convertModel(paths[0]!, written[to], { to })
  expect(await logits(written.native, 'cpu')).toEqual(await logits(paths[0]!, 'cpu'))
  expect(nmse(await logits(written.gguf, 'reference'), expected)).toBeLessThan(1e-12)
  const { source, beside } = inFolder({ ...files, m: rawSafetensors(packed) }, 'm')
  const types = [...(await openSafetensors(source, beside)).tensors.values()].map(({ type }) => type)
  expect(types).toContain({ gptq: 'GPTQ_64', awq: 'AWQ_64', fp8: 'F8_E5M2_128' }[kind])
})
