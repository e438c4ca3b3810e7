// Writes models of well-known shapes with random weights, to measure with: what they say is nonsense, how long they
// take is not.
//
//   npx tsx bench/models.ts llama-1b Q4_0        writes it into the cache folder, once, and prints its path
//   npx tsx bench/models.ts qwen3-0.6b Q4_K_M --out models/
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { cacheFolder } from '../src/ffi/paths.ts'
import { f32, type WritableTensor, type WritableValue, writeGguf } from '../src/formats/gguf.ts'
import { writeWhole } from '../src/io/sink.ts'
import { weightBytes } from '../src/quant/packed.ts'
import { bytesFor, type QuantName, quants } from '../src/quant/quants.ts'
import { randomBlocks } from '../test/fixtures/builder.ts'
import { Random } from '../test/fixtures/random.ts'

interface Shape {
  /** As GGUF calls it. Default: llama. */
  readonly architecture?: string
  readonly dim: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  /** Elements of a head. Default: as many as share `dim` among the heads. */
  readonly headDim?: number
  /** Width of the feed-forward layer, or of each expert. */
  readonly hidden: number
  readonly experts?: { readonly count: number; readonly used: number }
  readonly vocabulary: number
  /** The output matrix is the embedding table. */
  readonly tied?: boolean
  readonly context: number
}

const shapes: Readonly<Record<string, Shape>> = {
  'llama-24m': { dim: 288, layers: 6, heads: 6, kvHeads: 6, hidden: 768, vocabulary: 32_000, context: 2048 },
  'llama-1b': {
    ...{ dim: 2048, layers: 22, heads: 32, kvHeads: 4, hidden: 5632 },
    ...{ vocabulary: 32_000, context: 8192 },
  },
  'mistral-7b': {
    ...{ dim: 4096, layers: 32, heads: 32, kvHeads: 8, hidden: 14_336 },
    ...{ vocabulary: 32_000, context: 32_768 },
  },
  'qwen3-0.6b': {
    ...{ architecture: 'qwen3', dim: 1024, layers: 28, heads: 16, kvHeads: 8, headDim: 128, hidden: 3072 },
    ...{ vocabulary: 151_936, tied: true, context: 40_960 },
  },
  'qwen3-moe-small': {
    ...{ architecture: 'qwen3moe', dim: 1024, layers: 12, heads: 16, kvHeads: 4, headDim: 128, hidden: 512 },
    ...{ experts: { count: 64, used: 8 }, vocabulary: 32_000, context: 8192 },
  },
}

/** llama.cpp's names for files of several formats. */
const mixes = {
  Q4_K_M: { most: 'Q4_K', some: 'Q6_K' },
  Q5_K_M: { most: 'Q5_K', some: 'Q6_K' },
} as const satisfies Record<string, { most: QuantName; some: QuantName }>

/** One format for all matrices, or a mix of two. */
export type ModelType = QuantName | keyof typeof mixes

/** The format of a matrix, as llama.cpp's quantizer chooses it. */
export function tensorType(type: ModelType, name: string, layers: number, tied = false): QuantName {
  if (/\.ffn_gate_inp\./.test(name)) return 'F32'
  if (!isMix(type)) return type
  const { most, some } = mixes[type]
  if (name === 'output.weight' || (tied && name === 'token_embd.weight')) return some
  const [, layer] = /^blk\.(\d+)\.(?:attn_v|ffn_down|ffn_down_exps)\./.exec(name) ?? []
  return layer !== undefined && hasMoreBits(Number(layer), layers) ? some : most
}

function isMix(type: ModelType): type is keyof typeof mixes {
  return type in mixes
}

/** The first eighth of the layers, the last one, and every third between them. */
function hasMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}

/** Elements that are made anew; a longer tensor repeats them, which no kernel notices. */
const DIFFERENT = 2 ** 20

/** Writes the model unless it is there, and answers its path. */
export async function syntheticModel(
  name: string,
  type: ModelType,
  folder = join(cacheFolder(), 'bench'),
): Promise<string> {
  const shape = shapes[name]
  if (!shape) throw new Error(`expected one of ${Object.keys(shapes).join(', ')}, found ${name}`)
  const types = [...Object.keys(quants), ...Object.keys(mixes)]
  if (!types.includes(type)) throw new Error(`expected one of ${types.join(', ')}, found ${type}`)
  const path = join(folder, `${name}-${type}.gguf`)
  if (existsSync(path)) return path
  await mkdir(folder, { recursive: true })
  const tensors = tensorsOf(shape, type)
  const total = tensors.reduce((sum, tensor) => sum + weightBytes(tensor.type, tensor.shape), 0)
  const bar = new SingleBar({ format: `${name} ${type} {bar} {percentage} %`, clearOnComplete: true })
  if (process.stderr.isTTY) bar.start(total, 0)
  try {
    await writeWhole(path, async sink => {
      const write = async (bytes: Uint8Array) => {
        await sink.write(bytes)
        bar.increment(bytes.length)
      }
      await writeGguf({ write }, { metadata: metadataOf(name, shape), tensors })
    })
  } finally {
    bar.stop()
  }
  return path
}

function tensorsOf(shape: Shape, type: ModelType): WritableTensor[] {
  const { architecture, dim, layers, heads, kvHeads, headDim = dim / heads } = shape
  const { hidden, experts, vocabulary, tied = false } = shape
  const random = new Random(1)
  const matrix = (name: string, ...sizes: [...number[], number]): WritableTensor => {
    const columns = sizes.at(-1)!
    const wanted = tensorType(type, name, layers, tied)
    // Rows must be whole blocks: small models have rows that the K formats cannot hold.
    const fitting = columns % quants[wanted].elems === 0 ? wanted : 'Q8_0'
    const rows = elementsOf(sizes) / columns
    return { name, type: fitting, shape: sizes, data: () => pieces(fitting, rows, columns, random) }
  }
  const norm = (name: string, length = dim): WritableTensor => ({
    name,
    type: 'F32',
    shape: [length],
    data: new Uint8Array(new Float32Array(length).fill(1).buffer),
  })
  const attention = (block: string) => [
    norm(`${block}.attn_norm.weight`),
    matrix(`${block}.attn_q.weight`, heads * headDim, dim),
    matrix(`${block}.attn_k.weight`, kvHeads * headDim, dim),
    matrix(`${block}.attn_v.weight`, kvHeads * headDim, dim),
    matrix(`${block}.attn_output.weight`, dim, heads * headDim),
    // Qwen 3, the only other family here, has norms of its heads.
    ...(architecture ? ['q', 'k'].map(of => norm(`${block}.attn_${of}_norm.weight`, headDim)) : []),
  ]
  const dense = (block: string) => [
    matrix(`${block}.ffn_gate.weight`, hidden, dim),
    matrix(`${block}.ffn_up.weight`, hidden, dim),
    matrix(`${block}.ffn_down.weight`, dim, hidden),
  ]
  const mixture = (block: string, count: number) => [
    matrix(`${block}.ffn_gate_inp.weight`, count, dim),
    matrix(`${block}.ffn_gate_exps.weight`, count, hidden, dim),
    matrix(`${block}.ffn_up_exps.weight`, count, hidden, dim),
    matrix(`${block}.ffn_down_exps.weight`, count, dim, hidden),
  ]
  const layer = (i: number) => {
    const block = `blk.${i}`
    const feedForward = experts ? mixture(block, experts.count) : dense(block)
    return [...attention(block), norm(`${block}.ffn_norm.weight`), ...feedForward]
  }
  return [
    matrix('token_embd.weight', vocabulary, dim),
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
    norm('output_norm.weight'),
    ...(tied ? [] : [matrix('output.weight', vocabulary, dim)]),
  ]
}

async function* pieces(
  type: QuantName,
  rows: number,
  columns: number,
  random: Random,
): AsyncIterable<Uint8Array> {
  const different = Math.max(1, Math.min(rows, Math.floor(DIFFERENT / columns)))
  const made = randomBlocks(type, different * columns, random, 1 / Math.sqrt(columns))
  const rowBytes = bytesFor(type, columns)
  for (let row = 0; row < rows; row += different)
    yield made.subarray(0, Math.min(different, rows - row) * rowBytes)
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** With a vocabulary that other engines accept: bytes, and words without a meaning. */
function metadataOf(name: string, shape: Shape): Record<string, WritableValue> {
  const { architecture = 'llama', dim, layers, heads, kvHeads, headDim = dim / heads } = shape
  const { hidden, experts, vocabulary, context } = shape
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  )
  const words = Array.from({ length: vocabulary - 259 }, (_, i) => `▁${i.toString(36)}`)
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...words]
  const own: Record<string, WritableValue> = {
    context_length: context,
    embedding_length: dim,
    block_count: layers,
    feed_forward_length: hidden,
    'attention.head_count': heads,
    'attention.head_count_kv': kvHeads,
    'attention.key_length': headDim,
    'attention.value_length': headDim,
    'attention.layer_norm_rms_epsilon': f32(1e-5),
    'rope.dimension_count': headDim,
    vocab_size: vocabulary,
    ...(experts && {
      expert_count: experts.count,
      expert_used_count: experts.used,
      expert_feed_forward_length: hidden,
    }),
  }
  return {
    'general.architecture': architecture,
    'general.name': name,
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': new Float32Array(vocabulary),
    'tokenizer.ggml.token_type': Int32Array.from(tokens, (_, id) =>
      id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1,
    ),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
  }
}

if (import.meta.filename === process.argv[1]) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
  const [name = '', type = 'Q8_0'] = positionals
  console.log(await syntheticModel(name, type as ModelType, values.out))
}
