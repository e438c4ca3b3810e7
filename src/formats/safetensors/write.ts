// Writes a model as HuggingFace's checkpoint: config.json, generation_config.json, the tokenizer's files and one safetensors file.
// F32, F16 and BF16 stay as they are; values of other types are decoded to F32. Knows nothing of where the bytes go.
import { UnsupportedModelError } from '../../errors.ts'
import type { Sink } from '../../io/sink.ts'
import { decodeRows } from '../../quant/decode.ts'
import type { QuantName } from '../../quant/quants.ts'
import { hfTokenizerFiles } from '../../tokenizer/hf-files.ts'
import { alignUp } from '../gguf/spec.ts'
import type { Family } from '../hf-names.ts'
import type { Metadata, ModelFile, RowFile, RowTensor } from '../model-file.ts'
import { PREFIX_BYTES } from '../native/header.ts'
import { withRopeLayout } from '../rope-rows.ts'
import { withRows } from '../rows.ts'
import { changed, decoded, keysAndValues, rowsOf, sliceOf } from './computed.ts'
import { configOf, familyOf } from './config.ts'
import { hfName } from './names.ts'

/** A file of the folder. */
export interface CheckpointFile {
  readonly name: string
  write(sink: Sink): Promise<void>
}

/** Bytes that are read at a time. */
const CHUNK = 2 ** 24
/** What headers end at a multiple of. */
const ALIGNMENT = 8
/** Numbers that config.json holds. */
const DIVISORS = ['rope_freqs.weight', 'rope_factors_short.weight', 'rope_factors_long.weight']
/** Types by what safetensors files call them. */
const dtypes: Partial<Record<QuantName, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }

/** The files of a checkpoint, the weights last. Throws an UnsupportedModelError for what such a checkpoint cannot hold. */
export async function checkpointFiles(model: ModelFile): Promise<CheckpointFile[]> {
  const family = familyOf(model)
  const rows = withRows(model)
  const file = family.ropeHalves ? withRopeLayout(rows, 'halves', 'adjacent') : rows
  const divisors = await readDivisors(file)
  const tensors = checkpointTensors(file, family)
  const ids = specialIds(file.metadata)
  const config = {
    ...configOf({ ...file, divisors: name => divisors.get(name) }, family),
    ...ids,
    torch_dtype: dtypes[mostCommonType(tensors)],
  }
  return [
    jsonFile('config.json', config),
    jsonFile('generation_config.json', ids),
    ...tokenizerFiles(file),
    { name: 'model.safetensors', write: sink => writeTensors(sink, tensors) },
  ]
}

function jsonFile(name: string, value: unknown): CheckpointFile {
  return textFile(name, `${JSON.stringify(value, undefined, 2)}\n`)
}

function textFile(name: string, text: string | Uint8Array): CheckpointFile {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  return { name, write: async sink => sink.write(bytes) }
}

/** Of a model that was a checkpoint, its own files. */
function tokenizerFiles({ metadata, tokenizer }: ModelFile): CheckpointFile[] {
  if (!tokenizer)
    return Object.entries(hfTokenizerFiles(metadata)).map(([name, text]) => textFile(name, text))
  const { json, sentencePiece, config } = tokenizer
  return [
    ...(json === undefined ? [] : [jsonFile('tokenizer.json', json)]),
    ...(sentencePiece ? [textFile('tokenizer.model', sentencePiece)] : []),
    ...(config === undefined ? [] : [jsonFile('tokenizer_config.json', config)]),
  ]
}

function specialIds(metadata: Metadata): Record<string, unknown> {
  const id = (name: string) => metadata.get(`tokenizer.ggml.${name}_token_id`)
  const ends = [...new Set(['eos', 'eot', 'eom'].map(id).filter(found => found !== undefined))]
  return {
    ...(id('bos') !== undefined && { bos_token_id: id('bos') }),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
  }
}

async function readDivisors({ tensors }: RowFile): Promise<Map<string, readonly number[]>> {
  const found = new Map<string, readonly number[]>()
  for (const name of DIVISORS) {
    const tensor = tensors.get(name)
    if (!tensor) continue
    const values = new Float32Array(tensor.shape.reduce((a, b) => a * b))
    decodeRows(tensor.type)(
      await tensor.source.read(tensor.offset, tensor.bytes),
      0,
      values,
      0,
      values.length,
    )
    found.set(name, Array.from(values))
  }
  return found
}

/** The tensors under HuggingFace's names, of types that its files have. */
function checkpointTensors(file: RowFile, family: Family): RowTensor[] {
  return [...file.tensors.values()]
    .filter(({ name }) => !DIVISORS.includes(name))
    .flatMap(tensor => inCheckpoint(tensor, file, family))
    .map(tensor => (tensor.type in dtypes ? tensor : decoded(tensor)))
}

function inCheckpoint(tensor: RowTensor, file: RowFile, family: Family): RowTensor[] {
  const { name } = tensor
  const theirs = hfName(family, name)
  if (theirs !== undefined) return named(tensor, theirs, family)
  const [, block, kind] = /^(blk\.\d+\.)attn_qkv\.(weight|bias)$/.exec(name) ?? []
  if (block !== undefined)
    return split(tensor, file, family).map(({ part, from, to }) => {
      const found = hfName(family, `${block}${part}.${kind}`) ?? unknown(name, family)
      return rowsOf(tensor, from, to, found)
    })
  const values = file.tensors.get(name.replace('attn_k_b', 'attn_v_b'))
  const both = hfName(family, name.replace('attn_k_b', 'attn_kv_b'))
  if (name.endsWith('.attn_k_b.weight') && values && both) return [keysAndValues(tensor, values, both)]
  if (name.endsWith('.attn_v_b.weight') && file.tensors.has(name.replace('attn_v_b', 'attn_k_b'))) return []
  return unknown(name, family)
}

function unknown(name: string, { modelType }: Family): never {
  throw new UnsupportedModelError(`tensor ${name}: expected one that a ${modelType} checkpoint has`)
}

function named(tensor: RowTensor, theirs: string, { normsFromOne }: Family): RowTensor[] {
  if (theirs.includes('*'))
    return Array.from({ length: tensor.shape[0]! }, (_, i) => sliceOf(tensor, i, theirs.replace('*', `${i}`)))
  // A gate of one row, which GGUF files have as a vector.
  const shape =
    theirs.endsWith('_gate.weight') && tensor.shape.length === 1 ? [1, ...tensor.shape] : tensor.shape
  const found = { ...tensor, name: theirs, shape }
  return [normsFromOne && /norm\.weight$/.test(theirs) ? changed(found, value => value - 1) : found]
}

/** Rows of queries, keys and values in one matrix. */
function split(tensor: RowTensor, { metadata }: RowFile, { architecture }: Family) {
  const count = (key: string, otherwise: number) =>
    Number(metadata.get(`${architecture}.${key}`) ?? otherwise)
  const heads = count('attention.head_count', 1)
  const kvHeads = count('attention.head_count_kv', heads)
  const size = tensor.shape[0]! / (heads + 2 * kvHeads)
  if (!Number.isInteger(size))
    throw new UnsupportedModelError(
      `tensor ${tensor.name}: expected rows of whole heads, found ${tensor.shape[0]}`,
    )
  const [keys, values] = [heads * size, (heads + kvHeads) * size]
  return [
    { part: 'attn_q', from: 0, to: keys },
    { part: 'attn_k', from: keys, to: values },
    { part: 'attn_v', from: values, to: values + kvHeads * size },
  ]
}

function mostCommonType(tensors: readonly RowTensor[]): QuantName {
  const bytes = new Map<QuantName, number>()
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  return [...bytes].reduce((most, next) => (next[1] > most[1] ? next : most), ['F32', 0] as [
    QuantName,
    number,
  ])[0]
}

async function writeTensors(sink: Sink, tensors: readonly RowTensor[]): Promise<void> {
  await sink.write(headerOf(tensors))
  for (const { source, offset, bytes } of tensors)
    for (let at = 0; at < bytes; at += CHUNK)
      await sink.write(await source.read(offset + at, Math.min(CHUNK, bytes - at)))
}

/** Size, JSON, and spaces so that the data is aligned. */
function headerOf(tensors: readonly RowTensor[]): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, type, shape, bytes }) => {
    end += bytes
    return [name, { dtype: type, shape, data_offsets: [end - bytes, end] }]
  })
  const json = JSON.stringify({ __metadata__: { format: 'pt' }, ...Object.fromEntries(entries) })
  const text = new TextEncoder().encode(json)
  const header = new Uint8Array(PREFIX_BYTES + alignUp(text.length, ALIGNMENT)).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - PREFIX_BYTES), true)
  header.set(text, PREFIX_BYTES)
  return header
}
