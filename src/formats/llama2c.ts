// The checkpoints of llama2.c (https://github.com/karpathy/llama2.c, `legacy_export` in export.py): seven integers, then the
// weights of a LLaMA in F32 without names, then tables of angles, which some writers leave zero and torchless computes itself.
import { ModelFormatError, TorchlessError, UnsupportedModelError } from '../errors.ts'
import type { Source } from '../io/source.ts'
import { f32, storedValues, u32, type WritableValue } from './gguf/values.ts'
import { llama2cTokenizer } from './llama2c/tokenizer.ts'
import type { ModelFile, TensorInfo } from './model-file.ts'

export { llama2cTokenizer } from './llama2c/tokenizer.ts'

/** What lies beside a file. */
export interface Neighbours {
  /** Opens a file in the same folder; a typed error if there is none, or no folder. */
  open(name: string): Promise<Source>
  /** Names of all files there; none where they cannot be known. */
  names(): Promise<readonly string[]>
}

const HEADER_BYTES = 28
/** "ak42", in the newer versions of the format. */
const MAGIC = 0x616b_3432
/** No model is near; what says more is no such file. */
const MOST_LAYERS = 4096
/** No tokenizer is near. */
const MOST_TOKENIZER_BYTES = 2 ** 26
/** As many files called tok*.bin are looked at. */
const MOST_TOKENIZERS = 16

interface Header {
  readonly dim: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly vocabulary: number
  /** Whether the output matrix is the embedding. */
  readonly tied: boolean
  readonly context: number
}

/** Whether a file of `size` bytes that starts like this is one: it has no mark, but its size follows from its header. */
export function looksLlama2c(start: Uint8Array, size: number): boolean {
  if (start.length < HEADER_BYTES) return false
  const view = new DataView(start.buffer, start.byteOffset)
  if (view.getUint32(0, true) === MAGIC) return true
  const header = readHeader(view)
  return problemOf(header) === undefined && layoutOf(header).size === size
}

/**
 * Reads a checkpoint of version 0; tensors stay where they are. The tokenizer is the tokenizer.bin beside it, or else the only
 * tok*.bin, if it has as many pieces as the model. Throws a ModelFormatError or, for later versions, an UnsupportedModelError.
 */
export async function openLlama2c(source: Source, beside: Neighbours): Promise<ModelFile> {
  const fail = (field: string, expected: string, found: string) => {
    throw new ModelFormatError({ file: source.name, field, expected, found })
  }
  if (source.size < HEADER_BYTES) fail('header', `${HEADER_BYTES} bytes`, `a file of ${source.size}`)
  const start = await source.read(0, HEADER_BYTES)
  const view = new DataView(start.buffer, start.byteOffset)
  if (view.getUint32(0, true) === MAGIC)
    throw new UnsupportedModelError(
      `${source.name}: version: expected a llama2.c checkpoint of version 0, found ${view.getInt32(4, true)}`,
    )
  const header = readHeader(view)
  const problem = problemOf(header)
  if (problem) fail(...problem)
  const { size, tensors } = layoutOf(header)
  if (size > source.size) fail('size', `${size} bytes, as the header says`, `${source.size}`)
  const tokenizer = await tokenizerBeside(beside, header.vocabulary)
  return {
    format: 'llama2c',
    sources: [source],
    ...storedValues({ ...metadataOf(header), ...tokenizer }),
    tensors: new Map(tensors.map(tensor => [tensor.name, { ...tensor, source }])),
    close: () => source.close(),
  }
}

function readHeader(view: DataView): Header {
  const [dim, hidden, layers, heads, kvHeads, vocabulary, context] = Array.from({ length: 7 }, (_, i) =>
    view.getInt32(4 * i, true),
  ) as [number, number, number, number, number, number, number]
  return {
    ...{ dim, hidden, layers, heads, kvHeads, context },
    vocabulary: Math.abs(vocabulary),
    // A negative number says that the output matrix is another.
    tied: vocabulary > 0,
  }
}

/** The field that cannot be, what it should be, and what it is. */
function problemOf(header: Header): [field: string, expected: string, found: string] | undefined {
  const { dim, layers, heads, kvHeads } = header
  for (const [field, value] of Object.entries(header))
    if (value === 0 || value < 0) return [field, 'a positive number', `${value}`]
  if (layers > MOST_LAYERS) return ['layers', `at most ${MOST_LAYERS}`, `${layers}`]
  if (dim % heads !== 0 || (dim / heads) % 2 !== 0)
    return ['heads', `heads of an even part of ${dim} elements each`, `${heads}`]
  if (heads % kvHeads !== 0) return ['kvHeads', `a divisor of the ${heads} heads`, `${kvHeads}`]
  return undefined
}

/** Where each tensor lies, and the size of the whole file. */
function layoutOf({ dim, hidden, layers, heads, kvHeads, vocabulary, tied, context }: Header) {
  const kvDim = (dim / heads) * kvHeads
  const tensors: Omit<TensorInfo, 'source'>[] = []
  let offset = HEADER_BYTES
  const put = (name: string, shape: readonly number[]) => {
    const bytes = 4 * shape.reduce((product, size) => product * size)
    tensors.push({ name, type: 'F32', shape, offset, bytes })
    offset += bytes
  }
  const putLayers = (name: string, shape: readonly number[]) => {
    for (let i = 0; i < layers; i++) put(`blk.${i}.${name}.weight`, shape)
  }
  put('token_embd.weight', [vocabulary, dim])
  putLayers('attn_norm', [dim])
  putLayers('attn_q', [dim, dim])
  putLayers('attn_k', [kvDim, dim])
  putLayers('attn_v', [kvDim, dim])
  putLayers('attn_output', [dim, dim])
  putLayers('ffn_norm', [dim])
  putLayers('ffn_gate', [hidden, dim])
  putLayers('ffn_down', [dim, hidden])
  putLayers('ffn_up', [hidden, dim])
  put('output_norm.weight', [dim])
  offset += 4 * context * (dim / heads) // cosines and sines
  if (!tied) put('output.weight', [vocabulary, dim])
  return { size: offset, tensors }
}

/** What the file does not say is what llama2.c computes with. */
function metadataOf(header: Header): Record<string, WritableValue> {
  return {
    'general.architecture': 'llama',
    'llama.context_length': u32(header.context),
    'llama.embedding_length': u32(header.dim),
    'llama.block_count': u32(header.layers),
    'llama.feed_forward_length': u32(header.hidden),
    'llama.attention.head_count': u32(header.heads),
    'llama.attention.head_count_kv': u32(header.kvHeads),
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
    'llama.rope.freq_base': f32(10_000),
    'llama.vocab_size': u32(header.vocabulary),
  }
}

async function tokenizerBeside(
  beside: Neighbours,
  vocabulary: number,
): Promise<Record<string, WritableValue> | undefined> {
  const usual = await readTokenizer(beside, 'tokenizer.bin', vocabulary)
  if (usual) return usual
  const names = (await beside.names()).filter(name => /^tok.*\.bin$/s.test(name) && name !== 'tokenizer.bin')
  const found: Record<string, WritableValue>[] = []
  for (const name of names.slice(0, MOST_TOKENIZERS)) {
    const tokenizer = await readTokenizer(beside, name, vocabulary)
    if (tokenizer) found.push(tokenizer)
  }
  return found.length === 1 && names.length <= MOST_TOKENIZERS ? found[0] : undefined
}

/** The tokenizer in a file, if the file is there, is one, and fits. */
async function readTokenizer(beside: Neighbours, name: string, vocabulary: number) {
  let source: Source | undefined
  try {
    source = await beside.open(name)
    if (source.size > MOST_TOKENIZER_BYTES) return undefined
    const tokenizer = llama2cTokenizer(await source.read(0, source.size))
    const pieces = tokenizer?.['tokenizer.ggml.tokens'] as readonly string[] | undefined
    return pieces?.length === vocabulary ? tokenizer : undefined
  } catch (error) {
    if (error instanceof TorchlessError) return undefined
    throw error
  } finally {
    await source?.close()
  }
}
