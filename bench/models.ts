// Writes models of well-known shapes with random weights, to measure with: what they say is nonsense, how long they
// take is not.
//
//   npx tsx bench/models.ts llama-1b Q4_0        writes it into the cache folder, once, and prints its path
//   npx tsx bench/models.ts llama-1b F16 --out models/
import { existsSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { cacheFolder } from '../src/ffi/paths.ts'
import { f32, type WritableTensor, type WritableValue, writeGguf } from '../src/formats/gguf.ts'
import { bytesFor, type QuantName, quants } from '../src/quant/quants.ts'
import { randomBlocks } from '../test/fixtures/builder.ts'
import { Random } from '../test/fixtures/random.ts'

interface Shape {
  readonly dim: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly hidden: number
  readonly vocabulary: number
  readonly context: number
}

const shapes: Readonly<Record<string, Shape>> = {
  'llama-24m': { dim: 288, layers: 6, heads: 6, kvHeads: 6, hidden: 768, vocabulary: 32_000, context: 2048 },
  'llama-1b': {
    dim: 2048,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    hidden: 5632,
    vocabulary: 32_000,
    context: 8192,
  },
}

/** Elements that are made anew; a longer tensor repeats them, which no kernel notices. */
const DIFFERENT = 2 ** 20

/** Writes the model unless it is there, and answers its path. */
export async function syntheticModel(
  name: string,
  type: QuantName,
  folder = join(cacheFolder(), 'bench'),
): Promise<string> {
  const shape = shapes[name]
  if (!shape) throw new Error(`expected one of ${Object.keys(shapes).join(', ')}, found ${name}`)
  if (!quants[type]) throw new Error(`expected one of ${Object.keys(quants).join(', ')}, found ${type}`)
  const path = join(folder, `${name}-${type}.gguf`)
  if (existsSync(path)) return path
  await mkdir(folder, { recursive: true })
  const tensors = tensorsOf(shape, type)
  const total = tensors.reduce((sum, tensor) => sum + bytesFor(tensor.type, elementsOf(tensor.shape)), 0)
  const bar = new SingleBar({ format: `${name} ${type} {bar} {percentage} %`, clearOnComplete: true })
  if (process.stderr.isTTY) bar.start(total, 0)
  const handle = await open(`${path}.part`, 'w')
  try {
    const write = async (bytes: Uint8Array) => {
      await handle.write(bytes)
      bar.increment(bytes.length)
    }
    await writeGguf({ write }, { metadata: metadataOf(name, shape), tensors })
  } finally {
    await handle.close()
    bar.stop()
  }
  await rename(`${path}.part`, path)
  return path
}

function tensorsOf(
  { dim, layers, heads, kvHeads, hidden, vocabulary }: Shape,
  type: QuantName,
): WritableTensor[] {
  const headDim = dim / heads
  const random = new Random(1)
  const matrix = (name: string, rows: number, columns: number): WritableTensor => {
    // Rows must be whole blocks: small models have rows that the K formats cannot hold.
    const fitting = columns % quants[type].elems === 0 ? type : 'Q8_0'
    return { name, type: fitting, shape: [rows, columns], data: () => pieces(fitting, rows, columns, random) }
  }
  const norm = (name: string): WritableTensor => ({
    name,
    type: 'F32',
    shape: [dim],
    data: new Uint8Array(new Float32Array(dim).fill(1).buffer),
  })
  const block = (i: number) => [
    norm(`blk.${i}.attn_norm.weight`),
    matrix(`blk.${i}.attn_q.weight`, dim, dim),
    matrix(`blk.${i}.attn_k.weight`, kvHeads * headDim, dim),
    matrix(`blk.${i}.attn_v.weight`, kvHeads * headDim, dim),
    matrix(`blk.${i}.attn_output.weight`, dim, dim),
    norm(`blk.${i}.ffn_norm.weight`),
    matrix(`blk.${i}.ffn_gate.weight`, hidden, dim),
    matrix(`blk.${i}.ffn_up.weight`, hidden, dim),
    matrix(`blk.${i}.ffn_down.weight`, dim, hidden),
  ]
  return [
    matrix('token_embd.weight', vocabulary, dim),
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
    norm('output_norm.weight'),
    matrix('output.weight', vocabulary, dim),
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
  const { dim, layers, heads, kvHeads, hidden, vocabulary, context } = shape
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  )
  const words = Array.from({ length: vocabulary - 259 }, (_, i) => `▁${i.toString(36)}`)
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...words]
  return {
    'general.architecture': 'llama',
    'general.name': name,
    'llama.context_length': context,
    'llama.embedding_length': dim,
    'llama.block_count': layers,
    'llama.feed_forward_length': hidden,
    'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': kvHeads,
    'llama.attention.layer_norm_rms_epsilon': f32(1e-5),
    'llama.rope.dimension_count': dim / heads,
    'llama.vocab_size': vocabulary,
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
  console.log(await syntheticModel(name, type as QuantName, values.out))
}
