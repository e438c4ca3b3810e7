// Quantizes a model with llama.cpp's `llama_model_quantize` and with torchless, in turns, and compares what comes out: formats of all
// tensors, root-mean-square errors against the source, and time. Files are written to --out, best a folder in memory.
//
//   npx tsx bench/peers/quantize.ts model-f16.gguf --out /dev/shm                    # every type
//   npx tsx bench/peers/quantize.ts model-f16.gguf --types Q4_K_M,Q6_K --rounds 3 --imatrix imatrix.gguf
import { readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import koffi from 'koffi'
import { type ImportanceMatrix, loadImportance } from '../../src/api/importance.ts'
import { quantizationNames, quantizeModel } from '../../src/api/index.ts'
import { openModelFile } from '../../src/api/open.ts'
import type { ModelFile, TensorInfo } from '../../src/formats/model-file.ts'
import { decodeRows } from '../../src/quant/decode.ts'
import { fileTypeOf, type MixName } from '../../src/quant/mixes.ts'
import { bytesFor } from '../../src/quant/quants.ts'
import { LlamaError, llamaVersion } from './llama.ts'

koffi.struct('llama_model_imatrix_data', { name: 'const char *', data: 'const float *', size: 'size_t' })
koffi.struct('llama_model_quantize_params', {
  nthread: 'int32',
  ftype: 'int32',
  output_tensor_type: 'int32',
  token_embedding_type: 'int32',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: 'const llama_model_imatrix_data *',
  kv_overrides: 'void *',
  tt_overrides: 'void *',
  prune_layers: 'void *',
})

/** The fields that are changed here. */
interface QuantizeParams {
  nthread: number
  ftype: number
  allow_requantize: boolean
  imatrix: readonly { name: string | null; data: Float32Array | null; size: number }[] | null
}

interface QuantizeOptions {
  readonly type: MixName
  readonly threads: number
  readonly importance: ImportanceMatrix | undefined
}

/** `llama_model_quantize`; throws a LlamaError if llama.cpp refuses. */
function llamaQuantize(from: string, to: string, { type, threads, importance }: QuantizeOptions): void {
  const params = functions.defaults()
  params.nthread = threads
  params.ftype = fileTypeOf(type)
  params.allow_requantize = true
  if (importance)
    params.imatrix = [
      ...Array.from(importance.tensors, ([name, { values }]) => ({
        name,
        data: values,
        size: values.length,
      })),
      { name: null, data: null, size: 0 },
    ]
  if (functions.quantize(from, to, params) !== 0)
    throw new LlamaError(`llama.cpp cannot quantize ${from} to ${type}`)
}

function open() {
  // Checks that the release is the one whose structs are above, and silences its log.
  console.log(llamaVersion())
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@node-llama-cpp/linux-x64')),
    '../bins/linux-x64',
  )
  const name = readdirSync(folder).find(file => /^libllama\.v.*\.so$/.test(file))!
  const library = koffi.load(join(folder, name))
  return {
    defaults: library.func(
      'llama_model_quantize_params llama_model_quantize_default_params()',
    ) as () => QuantizeParams,
    quantize: library.func(
      'uint32_t llama_model_quantize(const char *from, const char *to, const llama_model_quantize_params *params)',
    ) as (from: string, to: string, params: QuantizeParams) => number,
  }
}

/** Of each tensor no more are compared: enough for four digits. */
const MOST_COMPARED = 2 ** 20

/** Relative root-mean-square error over the tensors that are of another format than in `source`; by importance, if there is one. */
async function errorOf(
  source: ModelFile,
  file: ModelFile,
  importance: ImportanceMatrix | undefined,
): Promise<number> {
  let [error, power] = [0, 0]
  for (const tensor of source.tensors.values()) {
    const made = file.tensors.get(tensor.name)!
    if (made.type === tensor.type) continue
    const [expected, found] = [await firstValues(tensor), await firstValues(made)]
    const weights = importance?.tensors.get(tensor.name)?.values
    const columns = tensor.shape.at(-1)!
    for (let i = 0; i < found.length; i++) {
      const weight = weights?.[i % columns] ?? 1
      error += weight * (found[i]! - expected[i]!) ** 2
      power += weight * expected[i]! ** 2
    }
  }
  return power === 0 ? 0 : Math.sqrt(error / power)
}

/** The values of the first rows, within the first matrix. */
async function firstValues({ type, shape, source, offset }: TensorInfo): Promise<Float32Array> {
  const columns = shape.at(-1)!
  const rows = Math.min(shape.at(-2) ?? 1, Math.ceil(MOST_COMPARED / columns))
  const values = new Float32Array(rows * columns)
  decodeRows(type)(await source.read(offset, bytesFor(type, values.length)), 0, values, 0, values.length)
  return values
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    types: { type: 'string', default: quantizationNames.join(',') },
    rounds: { type: 'string', default: '1' },
    out: { type: 'string', default: tmpdir() },
    imatrix: { type: 'string' },
    threads: { type: 'string', default: `${availableParallelism()}` },
  },
})
const [path] = positionals
if (path === undefined) throw new Error('expected a model file')
const functions = open()
const source = await openModelFile(path)
const importance = values.imatrix ? await loadImportance(values.imatrix, source.tensors) : undefined
const threads = Number(values.threads)
const out = {
  llama: join(values.out, `llama-${process.pid}.gguf`),
  torchless: join(values.out, `torchless-${process.pid}.gguf`),
}
const seconds = async (work: () => Promise<void> | void) => {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
const median = (list: number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!

console.log(
  '| type | error, llama.cpp | torchless | ratio | seconds, llama.cpp | torchless | times as fast |',
)
console.log('|---|---|---|---|---|---|---|')
try {
  for (const type of values.types.split(',') as MixName[]) {
    const times: Record<keyof typeof out, number[]> = { llama: [], torchless: [] }
    for (let round = 0; round < Number(values.rounds); round++) {
      times.llama.push(await seconds(() => llamaQuantize(path, out.llama, { type, threads, importance })))
      times.torchless.push(
        await seconds(() =>
          quantizeModel(path, out.torchless, {
            type,
            threads,
            ...(values.imatrix && { importance: values.imatrix }),
          }),
        ),
      )
    }
    const files = { llama: await openModelFile(out.llama), torchless: await openModelFile(out.torchless) }
    for (const [name, tensor] of files.llama.tensors) {
      const found = files.torchless.tensors.get(name)?.type
      if (found !== tensor.type)
        console.log(`${type}: ${name}: llama.cpp has ${tensor.type}, torchless ${found}`)
    }
    const errors = [
      await errorOf(source, files.llama, importance),
      await errorOf(source, files.torchless, importance),
    ] as const
    const [theirs, ours] = [median(times.llama), median(times.torchless)]
    const ratio = errors[0] === 0 ? 1 : errors[1] / errors[0]
    console.log(
      `| ${type} | ${errors[0].toPrecision(4)} | ${errors[1].toPrecision(4)} | ${ratio.toFixed(3)} ` +
        `| ${theirs.toFixed(2)} | ${ours.toFixed(2)} | ${(theirs / ours).toFixed(1)} |`,
    )
    await files.llama.close()
    await files.torchless.close()
  }
} finally {
  await source.close()
  for (const file of Object.values(out)) rmSync(file, { force: true })
}
