// Writes a model as torchless-rs takes it: LLaMA's and Mistral's architecture in HuggingFace's names and order of rows, F32 or
// int8 with scales. Reads the model piece by piece, and knows nothing of where the bytes go.
import { UnsupportedModelError } from '../../errors.ts'
import type { Sink } from '../../io/sink.ts'
import { decodeRows } from '../../quant/decode.ts'
import { bytesFor } from '../../quant/quants.ts'
import { alignUp } from '../gguf/spec.ts'
import type { ModelFile, RowFile, RowTensor } from '../model-file.ts'
import { withRopeLayout } from '../rope-rows.ts'
import { withRows } from '../rows.ts'
import { ALIGNMENT, headerBytes } from './header.ts'
import { encodeGroups, GROUP } from './int8.ts'
import { referenceName } from './reference.ts'

export interface ReferenceOptions {
  /** Of the projections of attention and MLP; all else is F32. Default f32. */
  readonly type?: 'f32' | 'int8'
}

/** Values that are decoded at a time; whole groups of int8 and whole blocks of every format. */
const CHUNK = 2 ** 20

/** Of what the other end would know nothing. */
const FOREIGN = [
  'llama.expert_count',
  'llama.rope.scaling.type',
  'llama.rope.scaling.factor',
  'llama.rope.scale_linear',
]

/** A tensor, what it is called in the file and where it goes, counted from the start of the payload. */
interface Entry {
  readonly name: string
  readonly tensor: RowTensor
  readonly elements: number
  readonly offset: number
  /** Of the scales, if it is int8. */
  readonly scaleOffset: number | undefined
  readonly end: number
}

/** Throws an UnsupportedModelError for what torchless-rs's files cannot hold. */
export async function writeReference(
  sink: Sink,
  model: ModelFile,
  { type = 'f32' }: ReferenceOptions = {},
): Promise<void> {
  const file = withRopeLayout(withRows(model), 'halves', 'adjacent')
  const metadata = referenceMetadataOf(file, type)
  const entries = entriesOf(file, type)
  const tensors = entries.map(({ name, tensor: { shape }, elements, offset, scaleOffset }) => [
    name,
    scaleOffset === undefined
      ? { dtype: 'f32', shape, offset }
      : { dtype: 'int8', shape, offset, scale_offset: scaleOffset, scale_size: elements / GROUP },
  ])
  await sink.write(
    headerBytes({ metadata, tensors: Object.fromEntries(tensors), tokenizer: tokenizerOf(file) }),
  )
  for (const entry of entries) await writeEntry(sink, entry)
}

function fail(file: ModelFile, field: string, expected: string, found: unknown): never {
  throw new UnsupportedModelError(
    `${file.sources[0]!.name}: ${field}: expected ${expected}, as torchless-rs knows no other, found ${String(found)}`,
  )
}

function referenceMetadataOf(file: ModelFile, type: string): Record<string, string> {
  const { metadata } = file
  const architecture = metadata.get('general.architecture')
  if (architecture !== 'llama') fail(file, 'general.architecture', 'llama', architecture)
  for (const key of FOREIGN)
    if (![undefined, 0, 'none'].includes(metadata.get(key) as undefined))
      fail(file, key, 'none', metadata.get(key))
  const number = (key: string, fallback?: number) => {
    const value = metadata.get(`llama.${key}`) ?? fallback
    return typeof value === 'number' ? value : fail(file, `llama.${key}`, 'one number', value)
  }
  const heads = number('attention.head_count')
  const headDim = number('attention.key_length', number('embedding_length') / heads)
  const embedding = file.tensors.get('token_embd.weight')
  const rotated = number('rope.dimension_count', headDim)
  if (rotated !== headDim) fail(file, 'llama.rope.dimension_count', `the head size ${headDim}`, rotated)
  const values = {
    hidden_size: number('embedding_length'),
    intermediate_size: number('feed_forward_length'),
    n_layers: number('block_count'),
    n_heads: heads,
    n_kv_heads: number('attention.head_count_kv', heads),
    vocab_size: embedding?.shape[0] ?? number('vocab_size'),
    max_position_embeddings: number('context_length'),
    sliding_window: number('attention.sliding_window', 0),
    rope_theta: number('rope.freq_base', 10_000),
    norm_eps: number('attention.layer_norm_rms_epsilon'),
    head_dim: headDim,
    act_type: 'silu',
    quant: type,
  }
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]))
}

function entriesOf(file: RowFile, type: string): Entry[] {
  const tensors = [...file.tensors.values()]
  // torchless-rs has no word for an output that is the embedding.
  const embedding = file.tensors.get('token_embd.weight')
  if (embedding && !file.tensors.has('output.weight')) tensors.push({ ...embedding, name: 'output.weight' })
  let end = 0
  return tensors.map(tensor => {
    const name = referenceName(tensor.name) ?? fail(file, `tensor ${tensor.name}`, 'none', 'one')
    const elements = tensor.shape.reduce((product, size) => product * size)
    const small = type === 'int8' && name.includes('_proj.weight')
    if (small && elements % GROUP !== 0)
      fail(file, `tensor ${tensor.name}`, `a multiple of ${GROUP} elements`, elements)
    const offset = end
    const scaleOffset = small ? alignUp(offset + elements, ALIGNMENT) : undefined
    const bytes = scaleOffset === undefined ? offset + 4 * elements : scaleOffset + 4 * (elements / GROUP)
    end = alignUp(bytes, ALIGNMENT)
    return { name, tensor, elements, offset, scaleOffset, end }
  })
}

/** Pieces by id, and the merges that SentencePiece's scores stand for: higher ones first, of one piece by ids. */
function tokenizerOf(file: ModelFile) {
  const { metadata } = file
  const model = metadata.get('tokenizer.ggml.model')
  if (model === undefined) return { vocab: {}, merges: [] }
  if (model !== 'llama') fail(file, 'tokenizer.ggml.model', 'llama', model)
  const pieces = metadata.get('tokenizer.ggml.tokens') as readonly string[]
  const scores = metadata.get('tokenizer.ggml.scores') as ArrayLike<number> | undefined
  const ids = new Map(pieces.map((piece, id) => [piece, id]))
  const merges: { score: number; left: number; right: number; text: string }[] = []
  for (const [id, piece] of pieces.entries()) {
    const characters = [...piece]
    for (let i = 1; i < characters.length; i++) {
      const halves = [characters.slice(0, i).join(''), characters.slice(i).join('')] as const
      const [left, right] = [ids.get(halves[0]), ids.get(halves[1])]
      if (left !== undefined && right !== undefined)
        merges.push({ score: scores?.[id] ?? 0, left, right, text: halves.join(' ') })
    }
  }
  merges.sort((a, b) => b.score - a.score || a.left - b.left || a.right - b.right)
  return { vocab: Object.fromEntries(ids), merges: merges.map(({ text }) => text) }
}

async function writeEntry(sink: Sink, entry: Entry): Promise<void> {
  const { elements, offset, scaleOffset, end } = entry
  const scales: Float32Array[] = []
  for await (const values of valuesOf(entry)) {
    if (scaleOffset === undefined) await sink.write(bytesOf(values))
    else {
      const encoded = encodeGroups(values)
      await sink.write(bytesOf(encoded.weights))
      scales.push(encoded.scales)
    }
  }
  let written = offset + (scaleOffset === undefined ? 4 * elements : elements)
  if (scaleOffset !== undefined) {
    await sink.write(new Uint8Array(scaleOffset - written))
    for (const part of scales) await sink.write(bytesOf(part))
    written = scaleOffset + 4 * (elements / GROUP)
  }
  await sink.write(new Uint8Array(end - written))
}

async function* valuesOf({ tensor, elements }: Entry): AsyncIterable<Float32Array> {
  for (let at = 0; at < elements; at += CHUNK) yield decode(tensor, at, Math.min(CHUNK, elements - at))
}

/** `count` values from `at`, both whole blocks. */
async function decode({ type, source, offset }: RowTensor, at: number, count: number): Promise<Float32Array> {
  const values = new Float32Array(count)
  const bytes = await source.read(offset + bytesFor(type, at), bytesFor(type, count))
  decodeRows(type)(bytes, 0, values, 0, count)
  return values
}

function bytesOf(values: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
